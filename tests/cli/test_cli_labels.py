"""evoked annotate --labels: thresholds, votes of all viewers, and votes of each viewer."""

import json
from pathlib import Path

import pytest

from evoked.core.tables import read_provenance, read_table

pytestmark = pytest.mark.nets


def test_votes_of_each_viewer_at_given_thresholds(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    out = tmp_path / "labels.csv"
    result = evoked(
        "annotate", media["plain"], "--labels", "--apart", "--thresholds", "surprise=0", "--merge", "viewer", "-o", out
    )
    assert result.code == 0, result.err
    table = read_table(out)
    assert set(table["video"]) == {"plain.mp4"}
    assert set(table["viewer"]) == {"plain.mp4/v1"}
    assert set(table["surprise"]) == {1}  # every score is at 0 or above
    assert set(table["amusement"]) == {1}
    assert set(table["agreement"]) == {1}
    assert max(table["ticks"]) == 18
    provenance = read_provenance(out)
    assert provenance is not None
    assert provenance["config"]["votes"]["thresholds"] == {"surprise": 0}


def test_json_has_each_reaction_and_is_all_of_stdout(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    out, previews = tmp_path / "tables", tmp_path / "drawn"
    result = evoked(
        "annotate", media["plain"], media["text"], media["one_frame"], "-o", out, "--blur", previews, "--json"
    )

    assert result.code == 1
    printed = json.loads(result.out)
    assert printed["labels"] is None
    assert list(printed["unreliable"]) == ["concentration"]
    plain, text, frame = printed["reactions"]
    assert (plain["state"], plain["seconds"], plain["notes"]) == ("done", 6.0, [])
    assert (plain["file"], plain["previews"]) == (str(out / "plain.mp4.parquet"), [str(previews / "plain.mp4.mp4")])
    (viewer,) = plain["viewers"]
    table = read_table(out / "plain.mp4.parquet")
    assert viewer["seen_s"] == sum(table["valid"]) / 6
    amused = [score > 0.5 for score in table["amusement"] if score is not None]
    assert viewer["shares"]["amusement"] == pytest.approx(sum(amused) / len(amused), abs=1e-4)
    assert text["state"] == "failed"
    assert "is no media file" in text["reason"]
    assert frame["viewers"] == []
    assert frame["notes"] == ["no viewer was seen in it: it lasts 0.2 s. A picture, not a recording?"]

    result = evoked("annotate", media["plain"], "--labels", "-o", tmp_path / "labels.csv", "--json")
    assert (result.code, json.loads(result.out)["labels"]) == (0, str(tmp_path / "labels.csv"))


def test_the_summary_of_a_single_viewer_is_singular(evoked, media) -> None:  # type: ignore[no-untyped-def]
    result = evoked("annotate", media["plain"], "--content", media["content"])

    assert result.code == 0, result.err
    assert result.out.splitlines()[0] == f"{media['plain']}: 6.0 s, 1 viewer"
    assert "1 people" not in result.out
    assert "  concentration is not reliable: light from above lowers brows as well" in result.out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--labels", "--thresholds", "joy=0.3"], "no expression 'joy' to set a threshold for; there are: amusement"),
        (["--labels", "--thresholds", "awe"], "must be like amusement=0.4, got 'awe'"),
        (["--labels", "--merge", "mean"], "'mean' is not one of 'pool', 'any', 'viewer'"),
        (["--apart"], "--apart goes with --labels"),
        (["--quorum", "5"], "--quorum goes with --labels"),
        (["--max-bridge-s", "20"], "--max-bridge-s goes with --content"),
        (["--region-min-score", "0.3"], "--region-min-score goes with --content"),
    ],
)
def test_wrong_usage_is_reported_before_the_work(evoked, tmp_path: Path, options: list[str], message: str) -> None:  # type: ignore[no-untyped-def]
    result = evoked("annotate", tmp_path / "not there.mp4", *options, "-o", tmp_path / "x.csv")
    assert result.code == 2
    assert message in result.err
