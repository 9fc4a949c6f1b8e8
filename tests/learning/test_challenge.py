"""The challenge's score equals scipy's r; soft labels are accepted as targets and as truth."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import pearsonr
from sklearn.metrics import average_precision_score

from evoked.core.errors import DatasetError
from evoked.core.expressions import EEV15
from evoked.core.provenance import Provenance
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.dataset.eev_release import import_release, release_files
from evoked.dataset.labels import Labels
from evoked.dataset.submission import labels_at_6_hz, read_submission, write_submission
from evoked.learning.evaluation.evaluate import EvaluateConfig, evaluate, evaluate_challenge
from evoked.learning.evaluation.scores import read_scores, scores_table, write_scores
from staging.eev_release import ReleaseShape, write_release

NAMES = ("awe", "doubt", "pain")
QUICK = EvaluateConfig(resamples=50, time_shifts=0)


def track(values: np.ndarray, valid: np.ndarray | None = None, names: tuple[str, ...] = NAMES) -> Track:
    seen = np.ones(len(values), bool) if valid is None else valid
    return Track.masked(TimeGrid(Fraction(1), len(values)), names, values, seen)


@pytest.fixture
def soft() -> tuple[dict[str, Track], dict[str, Labels]]:
    """Predictions and soft labels of four videos; doubt is constant in one of them."""
    random = np.random.default_rng(5)
    predictions, labels = {}, {}
    for i in range(4):
        values = random.random((30, 3))
        if i == 2:
            values[:, 1] = 0.5
        valid = random.random(30) < 0.8
        predictions[f"v{i}"] = track(0.5 * values + 0.5 * random.random((30, 3)))
        labels[f"v{i}"] = Labels(track(values, valid), valid.astype(np.int64))
    return predictions, labels


def test_the_score_equals_scipys(soft: tuple[dict[str, Track], dict[str, Labels]]) -> None:
    predictions, labels = soft
    scores, notes = evaluate_challenge(predictions, labels, QUICK)
    expected = []
    for video, one in labels.items():
        seen = one.labels.valid
        pairs = [(predictions[video].values[seen, k], one.labels.values[seen, k]) for k in range(3)]
        expected.append([0.0 if np.ptp(q) == 0 else pearsonr(p.astype(float), q.astype(float))[0] for p, q in pairs])
    by_name = np.mean(expected, axis=0)
    assert [row.r for row in scores.rows] == pytest.approx([*by_name, np.mean(expected)], abs=1e-12)
    assert [row.name for row in scores.rows] == [*NAMES, "mean"]
    assert [row.constant for row in scores.rows] == [0, 1, 0, 0]
    assert scores.mean == scores.rows[-1].r
    low, high = scores.rows[-1].low, scores.rows[-1].high
    assert low is not None
    assert high is not None
    assert low < scores.mean < high
    assert notes == ()


def test_soft_labels_are_ranked_at_a_stated_threshold(
    soft: tuple[dict[str, Track], dict[str, Labels]], tmp_path: Path
) -> None:
    predictions, labels = soft
    scores = evaluate(predictions, labels, EvaluateConfig(resamples=50, time_shifts=0, label_threshold=0.7))
    seen = [(predictions[v].values[one.labels.valid], one.labels.values[one.labels.valid]) for v, one in labels.items()]
    p, q = (np.concatenate(part) for part in zip(*seen, strict=True))
    for k, row in enumerate(scores.rows):
        assert row.ap == pytest.approx(average_precision_score(q[:, k] >= 0.7, p[:, k]), abs=1e-9)
    assert scores.correlation == evaluate_challenge(predictions, labels, QUICK)[0]
    assert "soft labels: average precision counts a label of 0.7 or above as on" in scores.notes
    write_scores(tmp_path / "scores.json", scores, Provenance("evaluate"))
    assert read_scores(tmp_path / "scores.json") == scores
    assert "Pearson's r over time, mean over 4 videos" in scores_table(scores)


def test_hard_labels_are_scored_as_before(soft: tuple[dict[str, Track], dict[str, Labels]]) -> None:
    predictions, labels = soft
    hard = {
        v: Labels(track((np.nan_to_num(one.labels.values) >= 0.5).astype(float), one.labels.valid), one.viewers)
        for v, one in labels.items()
    }
    scores = evaluate(predictions, hard, QUICK)
    assert scores.correlation is None
    assert "correlation" not in scores.as_dict()
    assert scores.rows == evaluate(predictions, labels, QUICK).rows


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    release, folder = tmp_path_factory.mktemp("EEV"), tmp_path_factory.mktemp("dataset")
    write_release(release, ReleaseShape({"train": [12], "val": [25, 40], "test": [15]}, absent=0.2), seed=1)
    import_release(release_files([release]), folder)
    return folder


def test_a_submission_is_read_as_it_was_written(dataset: Path, tmp_path: Path) -> None:
    table = dataset / "frames" / "validate.parquet"
    labels = labels_at_6_hz(table)
    predictions = {}
    for video, one in labels.items():  # the truth of each second's first frame
        predictions[video] = track(np.nan_to_num(one.labels.values[::6]), names=EEV15)
    out = tmp_path / "submission.csv"
    assert write_submission(dataset, "validate", predictions, out) == ()
    read = read_submission(out)
    assert list(read) == list(labels)
    video = next(iter(read))
    assert len(read[video]) == len(labels[video].labels) == 25
    np.testing.assert_array_equal(read[video].values, np.repeat(predictions[video].values, 6, axis=0)[:25])
    scores, _ = evaluate_challenge(read, labels, QUICK)
    assert 0.3 < scores.mean < 1
    exact = {v: Track.masked(o.labels.grid, EEV15, np.nan_to_num(o.labels.values), o.labels.valid | True)
             for v, o in labels.items()}  # fmt: skip
    rows = evaluate_challenge(exact, labels, QUICK)[0].rows[:-1]
    assert [row.r + row.constant / 2 for row in rows] == pytest.approx([1] * 15)  # of two videos; constant counts 0


def test_what_a_submission_lacks_is_said(dataset: Path, tmp_path: Path) -> None:
    video = next(iter(labels_at_6_hz(dataset / "frames" / "validate.parquet")))
    short = {video: track(np.full((2, 15), 0.5), names=EEV15)}
    notes = write_submission(dataset, "validate", short, tmp_path / "s.csv")
    assert notes[0].startswith("1 videos have no prediction and get zeros")
    assert notes[1] == "13 rows lie beyond the end of the prediction and get zeros"
    with pytest.raises(DatasetError, match="do not have the dataset's 15 expressions; only one of both has"):
        write_submission(dataset, "test", {"x": track(np.zeros((2, 3)))}, tmp_path / "s.csv")
    with pytest.raises(DatasetError, match="has no scores, so nothing can be scored"):
        labels_at_6_hz(dataset / "frames" / "test.parquet")
