"""Average precision, MAP, chance and AUC against scikit-learn and against plain counting."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from evoked.metrics.average_precision import (
    RankedScores,
    average_precision,
    chance_level,
    mean_average_precision,
    roc_auc,
)

RANDOM = np.random.default_rng(7)


def drawn(n: int, levels: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """n scores of so many different values, and a truth that has at least one of each kind."""
    truth = RANDOM.random(n) < share
    truth[0], truth[1] = True, False
    return RANDOM.integers(levels, size=n) / levels + 0.1 * truth, truth


@pytest.mark.parametrize("levels", [1, 2, 5, 100, 10**9])
@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.95])
def test_equals_scikit_learn_ties_and_all(levels: int, share: float) -> None:
    scores, truth = drawn(400, levels, share)
    assert average_precision(scores, truth) == pytest.approx(average_precision_score(truth, scores), abs=1e-12)
    assert roc_auc(scores, truth) == pytest.approx(roc_auc_score(truth, scores), abs=1e-12)


@pytest.mark.parametrize("levels", [2, 7, 10**9])
def test_weighted_equals_scikit_learn_and_equals_writing_rows_out(levels: int) -> None:
    scores, truth = drawn(300, levels, 0.2)
    weights = RANDOM.integers(0, 4, size=300)
    weights[0] = 1
    score = RankedScores(scores, truth).average_precision(weights)
    assert score == pytest.approx(average_precision_score(truth, scores, sample_weight=weights), abs=1e-12)
    rows = np.repeat(np.arange(300), weights)
    assert score == pytest.approx(average_precision(scores[rows], truth[rows]), abs=1e-12)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=12), st.randoms())
@settings(max_examples=200, deadline=None)
def test_laws(rows: list[tuple[int, bool]], random: object) -> None:
    scores, truth = np.array([r[0] for r in rows], float), np.array([r[1] for r in rows])
    score = average_precision(scores, truth)
    if not truth.any():
        assert score is None
        return
    assert score is not None
    # by hand, from the definition: every distinct score is one threshold
    total, recall = 0.0, 0.0
    for cut in sorted(set(scores), reverse=True):
        on = scores >= cut
        reached = (on & truth).sum() / truth.sum()
        total, recall = total + (reached - recall) * (on & truth).sum() / on.sum(), reached
    assert score == pytest.approx(total)
    assert truth.sum() / len(truth) ** 2 <= score <= 1
    turned = np.random.default_rng(random.randrange(99)).permutation(len(rows))  # type: ignore[attr-defined]
    assert average_precision(scores[turned], truth[turned]) == pytest.approx(score)  # order does not matter
    assert average_precision(np.exp(scores), truth) == pytest.approx(score)  # only the ranking does


def test_another_truth_and_groups_of_rows() -> None:
    scores, truth = drawn(300, 20, 0.2)
    second_truth = RANDOM.random(300) < 0.4
    assert RankedScores(scores, truth).against(second_truth) == pytest.approx(
        average_precision_score(second_truth, scores), abs=1e-12
    )
    groups, weights = RANDOM.integers(9, size=300), RANDOM.integers(1, 5, size=9)
    expected = average_precision_score(truth, scores, sample_weight=weights[groups])
    assert RankedScores(scores, truth, groups).average_precision(weights) == pytest.approx(expected, abs=1e-12)
    with pytest.raises(ValueError, match="a group for each"):
        RankedScores(scores, truth, groups[:3])


def test_all_scores_equal_is_chance() -> None:
    truth = np.array([1, 0, 0, 1, 0])
    assert average_precision(np.full(5, 0.3), truth) == pytest.approx(0.4)
    assert chance_level(truth) == 0.4
    assert roc_auc(np.full(5, 0.3), truth) == 0.5


def test_a_ranking_by_lot_tends_to_chance() -> None:
    truth = RANDOM.random(200_000) < 0.1
    assert average_precision(RANDOM.random(200_000), truth) == pytest.approx(chance_level(truth), abs=0.005)


def test_no_positives_is_undefined_and_not_zero() -> None:
    assert average_precision([0.1, 0.2], [0, 0]) is None
    assert roc_auc([0.1, 0.2], [0, 0]) is None
    assert roc_auc([0.1, 0.2], [1, 1]) is None
    assert average_precision([], []) is None
    assert chance_level([]) is None
    assert RankedScores([0.1, 0.2], [1, 0]).average_precision(np.array([0, 3])) is None


def test_map_leaves_out_and_names_the_class_without_positives() -> None:
    scores = np.array([[0.9, 0.5, 0.2], [0.1, 0.5, 0.8], [0.4, 0.5, 0.9]])
    truth = np.array([[1, 0, 0], [0, 0, 1], [1, 0, 1]])
    result = mean_average_precision(scores, truth, ("amusement", "surprise", "interest"))
    assert result.each == {"amusement": 1.0, "surprise": None, "interest": 1.0}
    assert result.value == 1.0  # not 2/3
    assert result.undefined == ("surprise",)
    assert result.chance == pytest.approx(2 / 3)  # of the same two classes
    nothing = mean_average_precision(scores, np.zeros((3, 3)), ("a", "b", "c"))
    assert (nothing.value, nothing.chance, nothing.undefined) == (None, None, ("a", "b", "c"))


def test_map_equals_scikit_learns_macro_mean() -> None:
    truth = RANDOM.random((500, 5)) < 0.2
    scores = RANDOM.random((500, 5)).round(2)
    score = mean_average_precision(scores, truth, tuple("abcde")).value
    assert score == pytest.approx(average_precision_score(truth, scores, average="macro"), abs=1e-12)


@pytest.mark.parametrize(
    ("scores", "truth", "message"),
    [
        ([0.1, np.nan], [0, 1], "score 1 is not finite"),
        ([0.1, np.inf], [0, 1], "score 1 is not finite"),
        ([0.1], [0, 1], r"one shape \(n,\), got \(1,\) and \(2,\)"),
        ([0.1, 0.2], [0, 2], "truth must be 0 or 1"),
        ([0.1, 0.2], [0, np.nan], "truth must be 0 or 1"),
        ([[0.1], [0.2]], [[0], [1]], "one shape"),
    ],
)
def test_what_cannot_be_ranked_is_refused(scores: list, truth: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        average_precision(scores, truth)


def test_map_refuses_another_number_of_names() -> None:
    with pytest.raises(ValueError, match=r"\(n, 2 names\), got \(3, 3\)"):
        mean_average_precision(np.zeros((3, 3)), np.zeros((3, 3)), ("a", "b"))
