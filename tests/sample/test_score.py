"""The scores of a staged study: against scikit-learn, and on results made up from the truth itself."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.metrics import precision_recall_fscore_support

from evoked.cli.sample import sample
from evoked.core.errors import DatasetError, StudyError
from evoked.core.provenance import Provenance
from evoked.core.tables import write_table
from evoked.sample.ground_truth import CLASSES, truth_of, write_truth
from evoked.sample.plan import SIZES, SamplePlan, make_plan
from evoked.sample.score import LabelScore, OffsetScore, label_scores, offset_score, score_table
from evoked.sample.verify import CODES, check_sample


def segment(start: float, end: float, at: float) -> dict[str, float]:
    return {"content_start_s": start, "content_end_s": end, "reaction_start_s": at}


def test_precision_and_recall_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    truth, predicted = rng.integers(0, 3, 500), rng.integers(0, 3, 500)
    where = rng.random(500) < 0.7
    precision, recall, _, support = precision_recall_fscore_support(truth[where], predicted[where], labels=[0, 1, 2])
    got = label_scores(truth, predicted, where)
    assert [r.name for r in got] == list(CLASSES)
    assert [r.precision for r in got] == pytest.approx(precision)
    assert [r.recall for r in got] == pytest.approx(recall)
    assert [r.planted for r in got] == support.tolist()


def test_a_class_that_is_not_there_is_not_defined_and_does_not_fail() -> None:
    neutral, smile, _ = label_scores(np.zeros(4, int), np.array([0, 0, 0, 1]))
    assert (neutral.precision, neutral.recall) == (1.0, 0.75)
    assert smile.precision == 0.0
    assert np.isnan(smile.recall)
    assert not smile.passes
    assert label_scores(np.zeros(4, int), np.zeros(4, int))[2].passes


def test_scores_refuse_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="must have one shape"):
        label_scores(np.zeros(3, int), np.zeros(4, int))
    with pytest.raises(ValueError, match="results must hold 0 … 2"):
        label_scores(np.zeros(3, int), np.array([0, 1, 3]))
    with pytest.raises(ValueError, match="at least one planted segment"):
        offset_score([], [])


def test_offsets_are_measured_stretch_by_stretch() -> None:
    planted = [segment(0, 20, 3.2), segment(20, 40, 27.7)]
    near = [segment(0.4, 20.6, 3.63), segment(20.6, 40, 28.29)]  # 30 ms and 10 ms late, cut 0.6 s late
    score = offset_score(planted, near)
    assert score.worst_s == pytest.approx(0.03)
    assert score.covered == pytest.approx(39 / 40)  # the second after the cut is on the wrong side
    assert score.passes
    assert not offset_score(planted, [segment(0, 40, 3.2)]).passes
    assert offset_score(planted, [segment(0, 40, 3.2)]).worst_s == pytest.approx(4.5)


def test_a_stretch_that_was_not_found_fails() -> None:
    score = offset_score([segment(0, 20, 3.2), segment(20, 40, 27.7)], [segment(0, 20, 3.2)])
    assert np.isnan(score.worst_s)
    assert score.covered == 0.5
    assert not score.passes
    assert not offset_score([segment(0, 20, 3.2)], []).passes


def test_the_table_says_what_is_below_the_bar() -> None:
    text = score_table("labels", [LabelScore("smile", 10, 10, 0.95, 0.95), LabelScore("neutral", 10, 10, 0.95, 0.79)])
    assert [line.split()[-1] for line in text.splitlines()[2:]] == ["ok", "BAR"]
    assert "BAR" not in score_table("steady", [LabelScore("neutral", 10, 10, 0.5, 0.79)], judged=False)
    assert OffsetScore(0.05, 1).passes
    assert not OffsetScore(0.0501, 1).passes


@pytest.fixture
def study(tmp_path: Path) -> tuple[Path, SamplePlan]:
    """A staged study without media, whose results are the truth itself."""
    rng = np.random.default_rng(1)
    level_db = -40 + 8 * np.convolve(rng.normal(size=640), np.ones(9) / 3, "valid")[:596]
    plan = make_plan(level_db, SIZES["small"], 5, size_name="small")
    truth = truth_of(plan, [])
    write_truth(tmp_path / "truth.json", truth)
    results = tmp_path / "results"
    write_results(results, truth)
    return tmp_path, plan


def write_results(results: Path, truth: dict[str, Any], late_s: float = 0.0) -> None:
    (results / "alignments").mkdir(parents=True, exist_ok=True)
    with (results / "pairs.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["reaction", "content"])
        writer.writerows([name, r["content"]] for name, r in truth["reactions"].items())
    labels: dict[str, list[Any]] = {n: [] for n in ("video", "second", "valid", "amusement")}
    for name, content in truth["contents"].items():
        for second, state in enumerate(content["pooled"]):
            labels["video"].append(name)
            labels["second"].append(second)
            labels["valid"].append(state != "-")
            labels["amusement"].append(None if state == "-" else float(state == "s"))
    write_table(results / "labels.parquet", labels, Provenance("labels"))
    for name, r in truth["reactions"].items():
        moved = [s | {"reaction_start_s": s["reaction_start_s"] + late_s, "score": 20.0} for s in r["segments"]]
        path = results / "alignments" / f"{Path(name).stem}.json"
        path.write_text(json.dumps({"score": 20.0, "segments": moved}))
        write_annotation(results, name, r)


def write_annotation(results: Path, name: str, planted: dict[str, Any]) -> None:
    columns: dict[str, list[Any]] = {n: [] for n in ("viewer", "time_s", "valid", "amusement")}
    for frame in range(int(planted["duration_s"] * 6)):
        state = next(s for a, b, s in planted["on_reaction"] if a <= frame / 6 + 1e-9 < b)
        columns["viewer"].append("1")
        columns["time_s"].append(frame / 6)
        columns["valid"].append(state != "-")
        columns["amusement"].append(None if state == "-" else 0.9 * (state == "s"))
    write_table(results / "annotations" / f"{Path(name).stem}.parquet", columns, Provenance("annotate"))


def test_results_that_are_the_truth_pass_everything(study: tuple[Path, SamplePlan]) -> None:
    folder, plan = study
    result = check_sample(folder)
    assert result.passes
    assert result.wrong == ()
    assert set(result.offsets) == {r.name for r in plan.reactions}
    assert all(s.worst_s < 1e-9 and s.covered == 1 for s in result.offsets.values())
    for lines in (result.labels, result.steady, result.frames):
        assert [(r.precision, r.recall) for r in lines] == [(1.0, 1.0)] * 3
    assert sum(r.planted for r in result.steady) < sum(r.planted for r in result.labels) == 240
    assert "10 of 10 right" in result.text()


def test_offsets_that_are_late_are_seen(study: tuple[Path, SamplePlan]) -> None:
    folder, plan = study
    write_results(folder / "results", truth_of(plan, []), late_s=0.08)
    result = check_sample(folder)
    assert all(s.worst_s == pytest.approx(0.08) for s in result.offsets.values())
    assert not result.passes
    assert "BELOW THE BAR" in result.text()


def test_a_wrong_pair_and_a_missing_annotation_are_seen(study: tuple[Path, SamplePlan]) -> None:
    folder, plan = study
    pairs = folder / "results" / "pairs.csv"
    first, last = plan.reactions[0], plan.reactions[-1]
    pairs.write_text(pairs.read_text().replace(f"{first.name},{first.content}", f"{first.name},{last.content}"))
    (folder / "results" / "annotations" / f"{Path(last.name).stem}.parquet").unlink()
    result = check_sample(folder)
    assert result.wrong == (first.name,)
    assert first.name not in result.offsets
    assert not result.passes
    by_class = {r.name: r for r in result.frames}
    assert by_class["smile"].precision == 1.0
    assert by_class["smile"].recall < 1
    assert by_class["no face"].precision < 1


def test_labels_that_always_say_neutral_fail(study: tuple[Path, SamplePlan]) -> None:
    folder, plan = study
    truth = truth_of(plan, [])
    for content in truth["contents"].values():
        content["pooled"] = "n" * content["seconds"]
    write_results(folder / "results", truth)
    result = check_sample(folder)
    smile = result.labels[CODES["s"]]
    assert (smile.found, smile.recall) == (0, 0.0)
    assert np.isnan(smile.precision)
    assert not result.passes


def test_the_command_prints_the_table_and_says_by_its_exit_code(study: tuple[Path, SamplePlan]) -> None:
    folder, plan = study
    good = CliRunner().invoke(sample, [str(folder), "--check"])
    assert good.exit_code == 0
    assert "labels against the planted truth" in good.output
    assert "staged: these people did not watch this film" in good.output
    write_results(folder / "results", truth_of(plan, []), late_s=0.2)
    bad = CliRunner().invoke(sample, [str(folder), "--check", "--json"])
    assert bad.exit_code == 1
    report = json.loads(bad.output)
    assert report["passes"] is False
    assert report["offsets"][plan.reactions[0].name]["worst_s"] == pytest.approx(0.2)


def test_a_study_that_was_not_run_or_has_broken_results(study: tuple[Path, SamplePlan]) -> None:
    folder, plan = study
    broken = folder / "results" / "alignments" / f"{Path(plan.reactions[0].name).stem}.json"
    broken.write_text("{")
    with pytest.raises(DatasetError, match="cannot be read as an alignment"):
        check_sample(folder)
    (folder / "results" / "labels.parquet").unlink()
    with pytest.raises(StudyError, match="First: evoked run"):
        check_sample(folder)
