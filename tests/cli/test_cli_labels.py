"""evoked annotate --labels: thresholds, who voted, and each viewer apart."""

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
    assert made["config"]["thresholds"] == ["surprise=0"]


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
