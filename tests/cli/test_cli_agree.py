"""evoked agree on the command line."""

import json
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "agreement"))  # for the rated data sets that its tests use

import rated_truth
import rated_world

from evoked.core.files import sha256
from evoked.core.provenance import Provenance
from evoked.core.tables import write_table
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.dataset.labels import write_labels
from evoked.reactions.alignment.offset_map import OffsetMap, Segment
from evoked.reactions.labelling.majority_vote import majority_vote, onto_content, viewer_grid
from evoked.sample.ground_truth import truth_of
from evoked.sample.plan import SIZES, make_plan


@pytest.fixture(scope="module")
def rated_tables(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return rated_world.write_world(tmp_path_factory.mktemp("world"), videos=8)


def test_tables_json_and_page_agree(evoked, rated_tables: tuple[Path, Path], tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    result = evoked("agree", *rated_tables, "--resamples", 20, "-o", tmp_path / "a.html")
    assert result.code == 0, result.err
    printed = json.loads(evoked("agree", *rated_tables, "--resamples", 20, "--json", "-o", tmp_path / "a.json").out)
    stored = json.loads((tmp_path / "a.json").read_text())
    assert {k: v for k, v in stored.items() if k != "provenance"} == printed
    assert stored["provenance"]["inputs"] == {path.name: sha256(path) for path in rated_tables}
    assert stored["provenance"]["config"]["target_precision"] == 0.73
    amusement = printed["rows"][0]
    lines = result.out.splitlines()
    assert lines[2].split()[:2] == ["amusement", f"{100 * amusement['precision']['value']:.1f}"]
    assert f"{amusement['correlation']['value']:.3f}" in result.out
    for text in ("Fleiss' kappa", "Krippendorff's alpha", "Cohen's kappa", "gender woman", "chance", "one rater"):
        assert text in result.out
    assert "96 of 96 rated clips compared, 8 videos, 5 raters, 3 a clip" in result.out
    page = (tmp_path / "a.html").read_text()
    assert f"{100 * amusement['precision']['value']:.1f}\u00a0%" in page


def test_given_thresholds_and_further_columns(evoked, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "s.csv").write_text("clip,boredom,joy\na,0.9,0.1\nb,0.1,0.2\n")
    (tmp_path / "r.csv").write_text("clip,rater,boredom,joy,bliss,country\na,1,1,0,0,Kenya\nb,1,0,0,1,Chile\n")
    result = evoked("agree", tmp_path / "s.csv", tmp_path / "r.csv", "--thresholds", "boredom=0.5")
    assert result.code == 1
    assert "column 'bliss' is no known expression" in result.err
    options = ("--expression", "bliss", "--group", "country", "--thresholds", "boredom=0.5", "--resamples", 3)
    result = evoked("agree", tmp_path / "s.csv", tmp_path / "r.csv", *options)
    assert result.code == 0, result.err
    assert "at the thresholds given" in result.out
    assert "note: rated but not scored, left out: bliss" in result.out
    assert "country Kenya" in result.out


@pytest.mark.parametrize(
    ("scores", "ratings", "options", "code", "message"),
    [
        (None, "clip,rater,awe\na,1,1\n", [], 1, "no table at"),
        ("clip,awe\na,1\n", None, [], 1, "cannot read"),
        ("clip,awe\na,nan\n", "clip,rater,awe\na,1,1\n", [], 1, "row 1: awe must be a score within"),
        ("clip,awe\na,1\n", "clip,rater,awe\na,1,3\n", [], 1, "line 2: awe must be 0 or 1"),
        ("clip,awe\na,1\n", "clip,rater,awe\nb,1,1\n", [], 1, "no clip in common"),
        ("clip,awe\na,1\n", "clip,rater,awe\na,1,1\n", ["-o", "x.pdf"], 1, "end it in .html, .json"),
        (
            "clip,awe\na,1\n",
            "clip,rater,awe\na,1,1\n",
            ["--merge", "most"],
            2,
            "'most' is not one of 'majority', 'any', 'mean'",
        ),
    ],
)
def test_bad_input_is_one_line(evoked, tmp_path: Path, scores, ratings, options, code: int, message: str) -> None:  # type: ignore[no-untyped-def]
    for name, text in (("s.csv", scores), ("r.csv", ratings)):
        if text is not None:
            (tmp_path / name).write_text(text)
    result = evoked("agree", tmp_path / "s.csv", tmp_path / "r.csv", *options)
    assert result.code == code
    assert message in result.err
    assert code == 2 or len(result.lines) == 1


def write_machine_results(truth: dict, folder: Path) -> None:
    """Write annotations/ and labels.parquet of a machine that is right in nine tenths of the frames (6 Hz)."""
    random, tracks = np.random.default_rng(0), {}
    for name, reaction in truth["reactions"].items():
        grid = TimeGrid.covering(Fraction(reaction["duration_s"]), Fraction(6))
        states = np.full(grid.steps, "-")
        for start, end, state_name in reaction["on_reaction"]:
            states[(grid.seconds >= start) & (grid.seconds < end)] = state_name
        smiles = (states == "s") ^ (random.random(grid.steps) < 0.1)
        track = Track.masked(grid, ("amusement",), smiles[:, None] * 0.8, states != "-")
        columns = {"viewer": ["v1"] * grid.steps, "time_s": grid.seconds, "valid": track.valid}
        write_table(
            folder / "annotations" / f"{name}.parquet",
            columns | {"amusement": track.values[:, 0]},
            Provenance("annotate"),
        )
        offsets = OffsetMap(20.0, tuple(Segment(**segment, score=20.0) for segment in reaction["segments"]))
        content_grid = viewer_grid(TimeGrid(Fraction(1), truth["contents"][reaction["content"]]["seconds"]))
        tracks.setdefault(reaction["content"], []).append(onto_content(track, offsets, content_grid))
    labels = {
        content: majority_vote(votes, TimeGrid(Fraction(1), truth["contents"][content]["seconds"]))
        for content, votes in tracks.items()
    }
    write_labels(folder / "labels.parquet", labels, Provenance("annotate"))


def test_the_ground_truth_of_a_staged_study_as_a_rater(evoked, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Clips of the recordings are compared with annotations, seconds of the contents with votes."""
    truth = truth_of(make_plan(np.sin(np.arange(600.0)) * 10 - 30, SIZES["small"], 0), [])
    spans, seconds = rated_truth.write(truth, tmp_path)
    write_machine_results(truth, tmp_path)
    for machine, human, units, threshold in (("annotations", spans, 10, 0.9), ("labels.parquet", seconds, 5, 0.8)):
        result = evoked("agree", tmp_path / machine, human, "--json", "--resamples", 50)
        assert result.code == 0, result.err
        agreement = json.loads(result.out)
        (row,) = agreement["rows"]
        assert agreement["units"] == units
        assert agreement["rated"] > 50
        # a frame at the edge of the quorum may move to the next sixth of a second
        assert row["clips"] >= agreement["rated"] - 2
        assert row["correlation"]["low"] > threshold
        assert row["precision"]["value"] > threshold
        assert row["recall"]["value"] > threshold
        assert row["fleiss"]["value"] is None
        assert "one rater only: agreement between people is undefined" in agreement["notes"]
