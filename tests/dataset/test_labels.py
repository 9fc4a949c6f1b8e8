"""The labels table: what is written is read back, and a wrong row is named."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evoked.core.errors import DatasetError
from evoked.core.provenance import Provenance
from evoked.core.tables import read_numbers, read_provenance, write_table
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.dataset.labels import Labels, _from_columns, read_labels, write_labels, write_labels_apart
from evoked.reactions.labelling.majority_vote import VoteConfig, majority_vote, majority_vote_each

NAMES = ("amusement", "surprise")
MADE = Provenance("annotate", {"quorum": 9}, {"a.mp4": "00"})


def labels(rows: list[tuple[int, int] | None], rate: int = 1) -> Labels:
    """One row per second; None is a second without a label."""
    values = np.array([row or (np.nan, np.nan) for row in rows], dtype=np.float32).reshape(-1, 2)
    track = Track(
        TimeGrid(Fraction(rate), len(rows)), NAMES, values, np.array([r is not None for r in rows], dtype=bool)
    )
    return Labels(track, np.arange(len(rows)))


TWO = {"b.mp4": labels([(1, 0), None, (1, 1)]), "a.mp4": labels([None, (0, 0)])}


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".json"])
def test_what_is_written_is_read_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"labels{suffix}"
    write_labels(path, TWO, MADE)
    back = read_labels(path)
    assert list(back) == ["a.mp4", "b.mp4"]
    for video, one in TWO.items():
        np.testing.assert_array_equal(back[video].labels.values, one.labels.values)
        np.testing.assert_array_equal(back[video].labels.valid, one.labels.valid)
        np.testing.assert_array_equal(back[video].viewers, one.viewers)
        assert back[video].labels.grid == one.labels.grid
    made = read_provenance(path)
    assert made is not None
    assert made["config"] == {"quorum": 9}


def test_the_table_is_as_the_docs_say(tmp_path: Path) -> None:
    write_labels(tmp_path / "l.parquet", TWO, MADE)
    table = pq.read_table(tmp_path / "l.parquet")  # another reader
    assert table.column_names == ["video", "second", "valid", "viewers", "amusement", "surprise"]
    assert table["amusement"].to_pylist() == [None, 0, 1, None, 1]  # absent where not valid
    assert [str(t) for t in table.schema.types] == ["string", "int64", "bool", "int64", "int64", "int64"]


def test_equal_labels_give_equal_bytes(tmp_path: Path) -> None:
    write_labels(tmp_path / "1.parquet", TWO, MADE)
    write_labels(tmp_path / "2.parquet", dict(reversed(TWO.items())), MADE)
    assert (tmp_path / "1.parquet").read_bytes() == (tmp_path / "2.parquet").read_bytes()


def test_a_vote_can_be_written_as_it_is(tmp_path: Path) -> None:
    six = TimeGrid(Fraction(6), 18)
    face = Track(six, NAMES, np.tile(np.array([0.9, 0.1], np.float32), (18, 1)), np.ones(18, bool))
    write_labels(tmp_path / "l.parquet", {"a": majority_vote([face], TimeGrid(Fraction(1), 3))}, MADE)
    assert read_labels(tmp_path / "l.parquet")["a"].labels.values.tolist() == [[1, 0]] * 3


def crowd() -> list[Track]:
    """Two viewers of four seconds; the second is seen in the first second and a half only."""
    six, random = TimeGrid(Fraction(6), 24), np.random.default_rng(3)
    seen = [np.ones(24, bool), np.arange(24) < 9]
    return [Track.masked(six, NAMES, random.random((24, 2)).astype(np.float32), s) for s in seen]


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".json"])
def test_how_far_a_vote_can_be_trusted_is_kept(tmp_path: Path, suffix: str) -> None:
    votes = majority_vote(crowd(), TimeGrid(Fraction(1), 4), VoteConfig(quorum=20))
    assert not votes.labels.valid.all()
    path = tmp_path / f"l{suffix}"
    write_labels(path, {"a": votes}, MADE)
    back = read_labels(path)["a"]
    np.testing.assert_array_equal(back.ticks, votes.ticks)
    np.testing.assert_allclose(back.agreement, votes.agreement, atol=1e-6)
    assert back.share is not None
    np.testing.assert_allclose(back.share.values, votes.share.values, atol=1e-6)
    assert back.share.valid.all()  # below the quorum, too
    assert back.labels.names == NAMES
    write_labels(tmp_path / "again.parquet", {"a": back}, MADE)  # what was read can be written
    assert read_labels(tmp_path / "again.parquet")["a"].labels.names == NAMES


def test_the_columns_of_a_vote_are_as_the_docs_say(tmp_path: Path) -> None:
    write_labels(tmp_path / "l.parquet", {"a": majority_vote(crowd(), TimeGrid(Fraction(1), 4))}, MADE)
    names = pq.read_table(tmp_path / "l.parquet").column_names
    fixed = ["video", "second", "valid", "viewers", "ticks", "agreement"]
    assert names == [*fixed, *NAMES, *(f"share_{n}" for n in NAMES)]


def test_each_viewer_apart(tmp_path: Path) -> None:
    one, other = majority_vote_each(crowd(), TimeGrid(Fraction(1), 4))
    write_labels_apart(tmp_path / "l.csv", {"a": {"r.mp4/v1": one, "r.mp4/v2": other}}, MADE)
    lines = (tmp_path / "l.csv").read_text().splitlines()
    assert lines[0].startswith("video,viewer,second,valid,viewers,ticks,agreement,amusement,surprise,share_amusement")
    assert [line.split(",")[1:4] for line in lines[5:7]] == [["r.mp4/v2", "0", "true"], ["r.mp4/v2", "1", "true"]]
    with pytest.raises(DatasetError, match="has labels of each viewer apart; need one row per second"):
        read_labels(tmp_path / "l.csv")


def test_a_content_that_nobody_was_seen_watching_keeps_its_seconds(tmp_path: Path) -> None:
    write_labels(tmp_path / "l.parquet", {"a": labels([None, None])}, MADE)
    back = read_labels(tmp_path / "l.parquet")["a"]
    assert back.labels.valid.tolist() == [False, False]


def test_order_of_rows_and_gaps(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    path.write_text("video,second,valid,amusement\na,3,true,1\na,0,true,0\n")
    back = read_labels(path)["a"]
    assert back.labels.valid.tolist() == [True, False, False, True]
    assert back.labels.values[[0, 3], 0].tolist() == [0, 1]
    assert back.viewers.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("video,second,valid\na,0,true\n", "has no expression"),
        ("video,second,valid,amusement\n", "has no rows"),
        ("video,valid,amusement\na,true,1\n", "has no column second"),
        ("video,second,valid,amusement\na,0,true,1\na,0,true,1\n", "row 2: second 0 of 'a' is in the table twice"),
        ("video,second,valid,amusement\na,0,true,1.4\n", "row 1: amusement must be from 0 to 1 where valid, got 1.4"),
        ("video,second,valid,amusement\na,0,true,\n", "row 1: amusement must be from 0 to 1 where valid, got None"),
        ("video,second,valid,ticks,awe\na,0,true,-3,1\n", "row 1: ticks must be a number from 0 to inf, got -3"),
        (
            "video,second,valid,awe,share_awe\na,0,true,1,1.5\n",
            "row 1: share_awe must be a number from 0 to 1, got 1.5",
        ),
        ("video,second,valid,viewers,awe\na,0,true,1.5,1\n", "row 1: viewers must be a whole number from 0, got 1.5"),
        (f"video,second,valid,viewers,awe\na,0,true,{'9' * 400},1\n", "row 1: viewers must be a whole number"),
        ("video,second,valid,agreement,awe\na,0,true,much,1\n", "row 1: agreement must be a number from 0 to 1"),
        ("video,second,valid,amusement\na,0.5,true,1\n", "row 1: need a video, a whole second from 0"),
        ("video,second,valid,amusement\na,-1,true,1\n", "row 1: need a video, a whole second from 0"),
        ("video,second,valid,amusement\na,0,2,1\n", "row 1: need a video, a whole second from 0 and true or false"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "l.csv").write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_labels(tmp_path / "l.csv")


def test_what_cannot_be_one_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no labels to write"):
        write_labels(tmp_path / "l.parquet", {}, MADE)
    with pytest.raises(ValueError, match=r"labels of 'b' are .* need .* at 1 Hz"):
        write_labels(tmp_path / "l.parquet", {"a": labels([(0, 0)]), "b": labels([(0, 0)], rate=6)}, MADE)
    odd = Labels(
        Track(TimeGrid(Fraction(1), 0), ("valid",), np.zeros((0, 1), np.float32), np.zeros(0, bool)), np.zeros(0)
    )
    with pytest.raises(ValueError, match="an expression cannot be called valid"):
        write_labels(tmp_path / "l.parquet", {"a": odd}, MADE)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("rows", ["in order", "mixed"])
def test_a_table_read_by_columns_is_the_one_read_by_rows(tmp_path: Path, rows: str) -> None:
    votes = {
        name: majority_vote(crowd(), TimeGrid(Fraction(1), 4), VoteConfig(quorum=q))
        for name, q in (("b", 20), ("a", 1))
    }
    write_labels(tmp_path / "l.parquet", votes, MADE)
    table = pq.read_table(tmp_path / "l.parquet")
    if rows == "mixed":
        table = table.take([7, 0, 5, 2, 1, 4, 6])  # in any order, and one second is gone
    pq.write_table(table, tmp_path / "l.parquet")
    (tmp_path / "l.json").write_text(json.dumps(table.to_pylist()))  # JSON is read row by row

    assert _from_columns(read_numbers(tmp_path / "l.parquet") or {}) is not None  # the branch under test
    by_columns, by_rows = (read_labels(tmp_path / f"l.{kind}") for kind in ("parquet", "json"))

    assert list(by_columns) == list(by_rows) == ["a", "b"]
    for one, other in ((by_columns[v], by_rows[v]) for v in by_rows):
        assert one.labels.grid == other.labels.grid
        for name in ("viewers", "ticks", "agreement"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        for name in ("labels", "share"):
            np.testing.assert_array_equal(getattr(one, name).values, getattr(other, name).values)
            np.testing.assert_array_equal(getattr(one, name).valid, getattr(other, name).valid)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"second": [0, 0]}, "row 2: second 0 of 'a' is in the table twice"),
        ({"second": [0, -1]}, "row 2: need a video, a whole second from 0"),
        ({"second": [0, None]}, "row 2: need a video, a whole second from 0"),
        ({"video": ["a", None]}, "row 2: need a video"),
        ({"awe": [1, 2]}, "row 2: awe must be from 0 to 1 where valid, got 2"),
        ({"awe": [1, None]}, "row 2: awe must be from 0 to 1 where valid, got None"),
        ({"share_awe": [0.1, 1.5]}, "row 2: share_awe must be a number from 0 to 1, got 1.5"),
        ({"valid": [2, 0]}, "row 1: need a video, a whole second from 0 and true or false"),
    ],
)
def test_a_wrong_row_of_a_parquet_table_is_named(tmp_path: Path, change: dict[str, list[object]], message: str) -> None:
    good = {"video": ["a", "a"], "second": [0, 1], "valid": [True, True], "awe": [1, 0], "share_awe": [0.7, 0.1]}
    pq.write_table(pa.table(good | change), tmp_path / "l.parquet")

    with pytest.raises(DatasetError, match=message):
        read_labels(tmp_path / "l.parquet")


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_labels_that_are_true_or_false(tmp_path: Path, suffix: str) -> None:
    """As R and pandas write a logical column."""
    if suffix == "csv":
        (tmp_path / "l.csv").write_text("video,second,valid,awe\n007,0,TRUE,FALSE\n007,1,TRUE,TRUE\n007,3,FALSE,NA\n")
    else:
        columns = {"video": ["007"] * 3, "second": [0.0, 1.0, 3.0], "valid": [1, 1, 0], "awe": [False, True, None]}
        pq.write_table(pa.table(columns), tmp_path / "l.parquet")

    track = read_labels(tmp_path / f"l.{suffix}")["007"].labels

    assert track.valid.tolist() == [True, True, False, False]
    assert track.values[:2, 0].tolist() == [0, 1]


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_labels_in_milliseconds_are_refused(tmp_path: Path, suffix: str) -> None:
    columns = {"video": ["a"] * 9, "second": [1000 * s for s in range(9)], "valid": [True] * 9, "awe": [1] * 9}
    write_table(tmp_path / f"l.{suffix}", columns, MADE)
    with pytest.raises(DatasetError, match="video 'a': its rows are 1000 apart in second, so it holds milliseconds"):
        read_labels(tmp_path / f"l.{suffix}")
