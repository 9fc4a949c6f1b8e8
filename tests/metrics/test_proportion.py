"""The lower bound of a proportion against scipy's interval, and what it does to operating points on few positives."""

import numpy as np
import pytest
from scipy.stats import binomtest

from evoked.metrics.operating_point import operating_point
from evoked.metrics.proportion import wilson_lower_bound


@pytest.mark.parametrize("confidence", [0.6, 0.9, 0.975])
def test_equals_scipys_interval(confidence: float) -> None:
    cases = [(k, n) for n in (1, 2, 3, 5, 17, 400) for k in {0, 1, n // 2, n - 1, n}]
    expected = [
        binomtest(k, n).proportion_ci(confidence_level=2 * confidence - 1, method="wilson").low for k, n in cases
    ]

    bounds = wilson_lower_bound(*np.array(cases).T, confidence)

    np.testing.assert_allclose(bounds, expected, atol=1e-12)


def test_half_a_confidence_is_the_proportion_and_no_trials_bound_nothing() -> None:
    np.testing.assert_allclose(wilson_lower_bound([0, 1.5, 3], [3, 3, 3], 0.5), [0, 0.5, 1])
    assert wilson_lower_bound([0.0], [0.0], 0.9).tolist() == [0.0]


def test_shares_of_raters_lie_between_whole_numbers() -> None:
    low, between, high = wilson_lower_bound([4, 4.5, 5], [6, 6, 6], 0.9)
    assert low < between < high


@pytest.mark.parametrize(
    ("successes", "trials", "confidence", "message"),
    [
        ([4], [3], 0.9, "between 0 and the trials"),
        ([-1], [3], 0.9, "between 0 and the trials"),
        ([1, 2], [3], 0.9, "one for each"),
        ([1], [3], 1.0, r"must lie in \[0\.5, 1\)"),
        ([1], [3], 0.4, r"must lie in \[0\.5, 1\)"),
    ],
)
def test_what_is_no_proportion_is_refused(successes: list, trials: list, confidence: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        wilson_lower_bound(successes, trials, confidence)


def test_three_positives_at_the_top_reach_no_precision_and_five_do() -> None:
    def chosen(positives: int) -> tuple[bool, float]:
        scores = np.linspace(1, 0, 40)
        truth = np.zeros(40)
        truth[:positives] = 1
        truth[20] = 1  # one that the scores miss
        point = operating_point(scores, truth, confidence=0.9)
        assert point is not None
        return point.reached, point.recall

    assert chosen(3) == (False, 0.75)  # best F0.5: the same clips, but nothing is claimed
    assert chosen(4)[0] is False
    assert chosen(5) == (True, 5 / 6)


def test_a_precision_that_was_reached_holds_on_new_scores() -> None:
    random = np.random.default_rng(0)

    def kept(confidence: float) -> float:
        """Share of operating points said to reach .73 that reach it on many new scores."""
        fine = []
        for _ in range(200):
            truth = np.arange(100) < 10
            point = operating_point(random.normal(size=100) + 2.2 * truth, truth, confidence=confidence)
            assert point is not None
            if point.reached:
                on = random.normal(size=(2, 20_000)) + np.array([[2.2], [0.0]]) >= point.threshold
                hits, false = on.mean(axis=1) * (0.1, 0.9)
                fine.append(hits / (hits + false) >= 0.73)
        return float(np.mean(fine))

    assert kept(0.9) > kept(0.5) + 0.15
