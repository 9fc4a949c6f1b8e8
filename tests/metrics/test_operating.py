"""The operating point against a plain search with scikit-learn's precision and recall."""

import numpy as np
import pytest
from sklearn.metrics import fbeta_score, precision_score, recall_score

from evoked.metrics.operating_point import PrecisionThreshold, operating_point


def searched(scores: np.ndarray, truth: np.ndarray, target: float) -> tuple[float, bool]:
    """The threshold by trying each gap between scores: spec section 5, word by word."""
    tried = []
    levels = sorted(set(scores.tolist()), reverse=True)
    for cut, below in zip(levels, [*levels[1:], levels[-1]], strict=True):
        on = scores >= cut
        tried.append(
            ((cut + below) / 2, precision_score(truth, on), recall_score(truth, on), fbeta_score(truth, on, beta=0.5))
        )
    enough = [t for t in tried if t[1] >= target]
    if enough:
        most = max(t[2] for t in enough)
        return next(t[0] for t in enough if t[2] == most), True
    best = max(t[3] for t in tried)
    return next(t[0] for t in tried if t[3] == best), False


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("target", [0.3, 0.73, 0.95])
def test_equals_a_plain_search(seed: int, target: float) -> None:
    random = np.random.default_rng(seed)
    truth = random.random(120) < 0.25
    scores = np.round(np.clip(0.3 * truth + random.random(120), 0, 1), 2)  # with ties
    chosen = operating_point(scores, truth, target=target)
    assert chosen is not None
    assert (chosen.threshold, chosen.reached) == searched(scores, truth, target)
    on = scores >= chosen.threshold
    assert chosen.precision == pytest.approx(precision_score(truth, on))
    assert chosen.recall == pytest.approx(recall_score(truth, on))


def test_a_share_counts_as_part_of_a_positive() -> None:
    random = np.random.default_rng(2)
    share, scores = random.integers(4, size=200) / 3, np.round(random.random(200), 1)
    chosen = operating_point(scores, share, target=0.55)
    assert chosen is not None
    repeated, truth = np.tile(scores, 2), np.repeat([1, 0], 200)  # each clip twice, weighed
    weights = np.concatenate([share, 1 - share])
    on = repeated >= chosen.threshold
    assert chosen.precision == pytest.approx(precision_score(truth, on, sample_weight=weights))
    assert chosen.recall == pytest.approx(recall_score(truth, on, sample_weight=weights))


def test_the_most_recall_that_the_precision_allows() -> None:
    assert operating_point([0.9, 0.8, 0.7, 0.1], [1, 1, 0, 1], target=0.7) == PrecisionThreshold(0.1, 0.75, 1.0, True)
    assert operating_point([0.9, 0.8, 0.7, 0.1], [1, 1, 0, 1], target=0.8) == PrecisionThreshold(0.75, 1.0, 2 / 3, True)
    missed = operating_point([0.9, 0.8, 0.7], [0, 1, 0], target=0.73)
    assert missed == PrecisionThreshold(0.75, 0.5, 1.0, False)


def test_no_positives_is_undefined() -> None:
    assert operating_point([0.2, 0.4], [0, 0]) is None
    assert operating_point([], []) is None


@pytest.mark.parametrize(
    ("scores", "truth", "message"),
    [
        ([0.1], [0, 1], "of one shape"),
        ([np.nan], [1], "leave unrated rows out first"),
        ([0.1], [np.nan], "leave unrated rows out first"),
        ([0.1], [2], "leave unrated rows out first"),
    ],
)
def test_what_cannot_be_scored_is_refused(scores: list, truth: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        operating_point(scores, truth)
    with pytest.raises(ValueError, match="target must lie in"):
        operating_point([0.1], [1], target=0)


def test_a_weight_counts_as_so_many_equal_ones() -> None:
    scores, truth, weights = [0.9, 0.8, 0.7, 0.6, 0.2], [1, 0, 1, 0, 1], [1, 4, 2, 1, 3]
    repeated = operating_point(np.repeat(scores, weights), np.repeat(truth, weights), target=0.4)
    assert operating_point(scores, truth, target=0.4, weights=weights) == repeated
    assert operating_point(scores, truth, target=0.4) != repeated
    with pytest.raises(ValueError, match="weights must be above zero"):
        operating_point(scores, truth, weights=[1, 1, 1, 1, 0])
