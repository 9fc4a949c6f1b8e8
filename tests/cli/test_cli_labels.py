"""evoked annotate --labels: thresholds, who voted, and each viewer apart."""

import json
from pathlib import Path

import pytest

from evoked.core.tables import read_provenance, read_table

pytestmark = pytest.mark.nets


def test_each_viewer_apart_at_thresholds_of_ones_own(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    out = tmp_path / "labels.csv"
    ran = evoked(
        "annotate", media["plain"], "--labels", "--apart", "--thresholds", "surprise=0", "--merge", "viewer", "-o", out
    )
    assert ran.code == 0, ran.err
    table = read_table(out)
    assert set(table["video"]) == {"plain.mp4"}
    assert set(table["viewer"]) == {"plain.mp4/v1"}
    assert set(table["surprise"]) == {1}  # every score is at 0 or above
    assert set(table["amusement"]) == {1}
    assert set(table["agreement"]) == {1}
    assert max(table["ticks"]) == 18
    made = read_provenance(out)
    assert made is not None
    assert made["config"]["votes"]["thresholds"] == ["surprise=0"]


def test_json_tells_of_each_reaction_and_nothing_else_is_on_stdout(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    out, drawn = tmp_path / "tables", tmp_path / "drawn"
    ran = evoked("annotate", media["plain"], media["text"], media["one_frame"], "-o", out, "--blur", drawn, "--json")

    assert ran.code == 1
    told = json.loads(ran.out)
    assert told["labels"] is None
    plain, text, frame = told["reactions"]
    assert (plain["state"], plain["seconds"], plain["notes"]) == ("done", 6.0, [])
    assert (plain["file"], plain["previews"]) == (str(out / "plain.mp4.parquet"), [str(drawn / "plain.mp4.mp4")])
    (viewer,) = plain["viewers"]
    table = read_table(out / "plain.mp4.parquet")
    assert viewer["seen_s"] == sum(table["valid"]) / 6
    amused = [score > 0.5 for score in table["amusement"] if score is not None]
    assert viewer["shares"]["amusement"] == pytest.approx(sum(amused) / len(amused), abs=1e-4)
    assert text["state"] == "failed"
    assert "is no media file" in text["reason"]
    assert frame["viewers"] == []
    assert frame["notes"] == ["no viewer was seen in it"]

    ran = evoked("annotate", media["plain"], "--labels", "-o", tmp_path / "labels.csv", "--json")
    assert (ran.code, json.loads(ran.out)["labels"]) == (0, str(tmp_path / "labels.csv"))


def test_the_summary_counts_one_as_one(evoked, media) -> None:  # type: ignore[no-untyped-def]
    ran = evoked("annotate", media["plain"], "--content", media["content"])

    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[0] == f"{media['plain']}: 6.0 s, 1 viewer"
    assert "1 people" not in ran.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--labels", "--thresholds", "joy=0.3"], "no expression 'joy' to set a threshold for; there are: amusement"),
        (["--labels", "--thresholds", "awe"], "thresholds must be like amusement=0.4"),
        (["--labels", "--merge", "mean"], "merge must be one of pool, any, viewer"),
        (["--apart"], "--apart goes with --labels"),
    ],
)
def test_wrong_use_is_told_before_the_work(evoked, tmp_path: Path, words: list[str], message: str) -> None:  # type: ignore[no-untyped-def]
    ran = evoked("annotate", tmp_path / "not there.mp4", *words, "-o", tmp_path / "x.csv")
    assert ran.code == 2
    assert message in ran.err
