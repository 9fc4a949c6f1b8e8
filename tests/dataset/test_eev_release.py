"""The released EEV: all rows, order and values come back; what is wrong in a file is named with its row."""

import gzip
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from evoked.core.errors import DatasetError
from evoked.core.expressions import EEV5, EEV15
from evoked.dataset.eev_bridge import BridgeConfig, bridge_labels
from evoked.dataset.eev_release import ImportConfig, export_release, import_release, release_files
from evoked.dataset.manifest import read_manifest
from staging.eev_release import ReleaseShape, draw_rows, read_rows, write_release

HEADER = ["YouTube ID", "Timestamp (milliseconds)", *EEV15]
SHAPE = ReleaseShape({"train": [13, 40], "val": [7], "test": [20]}, absent=0.4)


def row(video: str, time: object, score: object = 0.25) -> str:
    return ",".join([video, str(time), *[str(score)] * 15])


def text(*rows: str, header: list[str] = HEADER) -> str:
    return "\n".join([",".join(header), *rows]) + "\n"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("EEV")
    assert write_release(folder, SHAPE, seed=3) == 80
    return folder


@pytest.fixture(scope="module")
def dataset(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dataset")
    import_release(release_files([release]), folder)
    return folder


def test_the_generator_has_the_true_shape(tmp_path: Path) -> None:
    rows = draw_rows()
    assert [len(rows[split]) for split in ("train", "val", "test")] == [3061, 755, 1337]
    assert sum(map(sum, rows.values())) == pytest.approx(10.98e6, rel=0.05)
    (tmp_path / "rows.csv").write_text("split,video_id,rows_at_6_hz\ntrain,a,12\nval,b,\ntest,c,9\n")
    assert read_rows(tmp_path / "rows.csv") == {"train": [12], "val": [1563], "test": [9]}


def test_what_was_read_is_written_byte_for_byte(release: Path, dataset: Path, tmp_path: Path) -> None:
    written = export_release(dataset, tmp_path)
    assert [path.name for path in written.values()] == ["train.csv", "val.csv", "test.csv"]
    for path in written.values():
        assert path.read_bytes() == (release / path.name).read_bytes()


def test_the_table_equals_what_pandas_reads(release: Path, dataset: Path) -> None:
    ours, theirs = pd.read_parquet(dataset / "frames" / "train.parquet"), pd.read_csv(release / "train.csv")
    scores = theirs[list(EEV15)].to_numpy()
    absent = (scores == 0).all(axis=1)
    assert 0 < absent.sum() < len(absent)
    assert ours["video"].tolist() == theirs["YouTube ID"].tolist()
    assert ours["time_us"].tolist() == theirs["Timestamp (milliseconds)"].tolist()
    assert ours["valid"].tolist() == (~absent).tolist()
    np.testing.assert_array_equal(ours[list(EEV15)].to_numpy(), np.where(absent[:, None], np.nan, scores))


def test_the_manifest_has_each_video_with_its_part(release: Path, dataset: Path) -> None:
    entries = read_manifest(dataset)
    train = pd.read_csv(release / "train.csv")
    assert [e.part for e in entries.values()] == ["train", "train", "validate", "test"]
    first = next(iter(entries.values()))
    assert first.video == train["YouTube ID"][0]
    assert first.url == f"https://www.youtube.com/watch?v={first.video}"
    assert (first.frames, first.end_s, first.state) == (13, 2.0, "absent")
    own = train[train["YouTube ID"] == first.video][list(EEV15)]
    assert first.valid_frames == int((own != 0).any(axis=1).sum())
    assert list(entries.values())[-1].valid_frames is None  # the test file has no scores


def test_a_part_that_is_there_is_kept(release: Path, tmp_path: Path) -> None:
    files = release_files([release])
    first = import_release(files, tmp_path)
    table = tmp_path / "frames" / "train.parquet"
    before = table.stat().st_mtime_ns
    assert import_release(files, tmp_path) == first
    assert table.stat().st_mtime_ns == before
    import_release(files, tmp_path, ImportConfig(expressions=("any",)))
    assert table.stat().st_mtime_ns != before


@pytest.mark.parametrize("packed", ["gz", "zip", "bom", "semicolon", "crlf"])
def test_packed_and_foreign_forms_are_read(release: Path, tmp_path: Path, packed: str) -> None:
    source = (release / "val.csv").read_bytes()
    path = tmp_path / {"gz": "val.csv.gz", "zip": "val.zip"}.get(packed, "val.csv")
    if packed == "gz":
        path.write_bytes(gzip.compress(source))
    elif packed == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("data/val.csv", source)
    else:
        forms = {"bom": b"\xef\xbb\xbf" + source, "semicolon": source.replace(b",", b";")}
        path.write_bytes(forms.get(packed, source.replace(b"\n", b"\r\n")))
    import_release(release_files([tmp_path]), tmp_path / "dataset")
    assert export_release(tmp_path / "dataset", tmp_path / "out")["validate"].read_bytes() == source


LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"
GOOD = text(row("a", 0), row("a", 166666))
WRONG = {
    "empty": ({"train.csv": ""}, r"train.csv is empty: it has no header"),
    "no rows": ({"train.csv": text()}, r"train.csv has a header and no rows"),
    "pointer": ({"train.csv": LFS}, r"train.csv is a Git LFS pointer, .* `git lfs pull`"),
    "header": (
        {"train.csv": text(row("a", 0), header=["id", *HEADER[1:]])},
        r"does not begin with the columns YouTube",
    ),
    "column": ({"train.csv": text(row("a", 0), header=HEADER[:-1])}, r"has no column triumph"),
    "strange": ({"train.csv": text(row("a", 0), header=[*HEADER, "joy"])}, r"has the column 'joy', none of amusement"),
    "text": ({"train.csv": GOOD + row("a", 333333, "high") + "\n"}, r"row 3: amusement must be a number.*'high'"),
    "above 1": ({"train.csv": GOOD + row("a", 333333, 1.5) + "\n"}, r"row 3: amusement must be in \[0, 1\], got 1.5"),
    "below 0": ({"train.csv": GOOD + row("a", 333333, -0.1) + "\n"}, r"row 3: amusement must be in"),
    "nan": ({"train.csv": GOOD + row("a", 333333, "nan") + "\n"}, r"row 3: amusement must be in"),
    "absent": ({"train.csv": GOOD + row("a", 333333, "") + "\n"}, r"row 3: amusement is empty"),
    "negative": ({"train.csv": GOOD + row("a", -5) + "\n"}, r"row 3: Timestamp .* whole number from 0, got '-5'"),
    "huge": ({"train.csv": GOOD + row("a", 10**15) + "\n"}, r"row 3: .* more than a week"),
    "no video": ({"train.csv": GOOD + row("", 333333) + "\n"}, r"row 3: YouTube ID is empty"),
    "cells": ({"train.csv": GOOD + "a,333333,0.5\n"}, r"row 3 has 3 cells under 17 columns"),
    "repeated": ({"train.csv": GOOD + row("b", 0) + "\n" + row("a", 0) + "\n"}, r"row 4: a has the time 0 µs twice"),
    "two splits": ({"train.csv": GOOD, "val.csv": GOOD}, r"val.csv: a is in the part train too"),
    "same part": ({"val.csv": GOOD, "validation.csv": GOOD}, r"are both of the part validate"),
    "nameless": ({"scores.csv": GOOD}, r"no train.csv, val.csv or test.csv in"),
    "damaged": ({"train.csv.gz": "\x1f\x8b\x08"}, r"train.csv.gz is damaged|cannot be read"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_named(tmp_path: Path, case: str) -> None:
    files, message = WRONG[case]
    for name, content in files.items():
        (tmp_path / name).write_bytes(content.encode("latin-1") if case == "damaged" else content.encode())
    with pytest.raises(DatasetError, match=message) as raised:
        import_release(release_files([tmp_path]), tmp_path / "dataset")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "dataset" / "manifest.parquet").exists()


def test_foreign_expressions_and_milliseconds(tmp_path: Path) -> None:
    head = ["Video ID", "Timestamp (milliseconds)", "joy", "awe"]
    (tmp_path / "train.csv").write_text(text("a,0,0.5,0.25", "a,167,0,1", header=head))
    config = ImportConfig(expressions=("any",), time_unit="ms")
    entries = import_release(release_files([tmp_path]), tmp_path / "dataset", config)
    assert entries["a"].end_s == 0.167
    export_release(tmp_path / "dataset", tmp_path / "out")
    assert (tmp_path / "out" / "train.csv").read_text() == (tmp_path / "train.csv").read_text()
    labels = bridge_labels(tmp_path / "dataset", soft=True).labels["a"].labels
    assert labels.values.tolist() == [[0.25, 0.625]]
    with pytest.raises(DatasetError, match="has no expression amusement, concentration"):
        bridge_labels(tmp_path / "dataset")


def plain_vote(table: pd.DataFrame, second: int, name: str, threshold: float, quorum: int) -> float:
    """The label of one second by the words of the paper; NaN where too few frames are valid."""
    frame = (table["time_us"] * 6 / 1e6).round()
    window = table[(frame >= 6 * second - 9) & (frame < 6 * second + 9)]  # [second − 1.5 s, second + 1.5 s)
    seen = window[window["valid"]]
    return float(2 * (seen[name] >= threshold).sum() > len(seen)) if len(seen) >= quorum else np.nan


def test_the_bridge_votes_as_the_paper_says(dataset: Path) -> None:
    config = BridgeConfig(threshold=0.1, thresholds={"surprise": 0.05}, quorum=5)
    labels, notes = bridge_labels(dataset, config)
    assert notes == ("test.parquet has no scores: no labels of its videos",)
    table = pd.read_parquet(dataset / "frames" / "train.parquet")
    video = table["video"].iloc[-1]
    track = labels[video].labels
    assert (track.names, len(track), len(labels)) == (EEV5, 7, 3)
    assert set(np.unique(track.values[track.valid])) == {0.0, 1.0}
    for name in EEV5:
        level = 0.05 if name == "surprise" else 0.1
        # whole windows: those that the video's ends cut short have a quorum of their own
        expected = [plain_vote(table[table["video"] == video], s, name, level, 5) for s in range(1, 5)]
        np.testing.assert_array_equal(track[name][1:5], expected)


@hypothesis_settings(max_examples=10, deadline=None)
@given(order=st.permutations(range(8)), gaps=st.sets(st.integers(0, 7), max_size=5))
def test_rows_in_any_order_with_gaps(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], gaps: set[int]
) -> None:
    folder = tmp_path_factory.mktemp("order")
    rows = [row("ab"[i % 2], (i // 2) * 1_000_000 // 6, round(0.1 + 0.1 * i, 1)) for i in range(8)]
    kept = [rows[i] for i in order if i not in gaps]
    (folder / "train.csv").write_text(text(*kept))
    import_release(release_files([folder]), folder / "dataset")
    export_release(folder / "dataset", folder / "out")
    assert (folder / "out" / "train.csv").read_text() == (folder / "train.csv").read_text()
    soft = bridge_labels(folder / "dataset", soft=True).labels
    for k, video in enumerate("ab"):
        own = [0.1 + 0.1 * i for i in range(8) if i % 2 == k and i not in gaps]
        assert (video in soft) == bool(own)
        if own:
            assert soft[video].labels["awe"][0] == pytest.approx(np.mean(own))
