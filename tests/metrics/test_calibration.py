"""Reliability and Platt's scaling against scikit-learn, and by hand."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression

from evoked.metrics.calibration import log_odds, platt, reliability


def drawn(n: int = 4000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores that are too sure of themselves by a factor of two, and shifted."""
    random = np.random.default_rng(seed)
    z = random.normal(-1, 2, n)
    truth = random.random(n) < 1 / (1 + np.exp(-(0.5 * z + 0.3)))
    return 1 / (1 + np.exp(-z)), truth.astype(float)


def test_the_curve_is_scikit_learn_s() -> None:
    scores, truth = drawn()

    curve = reliability(scores, truth)

    share, score = calibration_curve(truth, scores, n_bins=10)
    filled = curve.count > 0
    np.testing.assert_allclose(curve.share[filled], share)
    np.testing.assert_allclose(curve.score[filled], score)
    assert curve.count.sum() == len(scores)


def test_the_error_by_hand() -> None:
    curve = reliability([0.1, 0.1, 0.9, 1.0], [0, 1, 1, 1], bins=2)

    assert curve.count.tolist() == [2, 2]
    assert curve.error == pytest.approx((2 * 0.4 + 2 * 0.05) / 4)
    assert np.isnan(reliability([0.1], [0], bins=2).share[1])


def test_platt_is_logistic_regression_and_mends() -> None:
    scores, truth = drawn()

    slope, shift = platt(scores, truth)

    regression = LogisticRegression(C=1e9, tol=1e-10).fit(log_odds(scores)[:, None], truth)
    assert slope == pytest.approx(regression.coef_[0, 0], rel=2e-3)  # Platt's targets differ by 1 in n
    assert shift == pytest.approx(regression.intercept_[0], abs=2e-3)
    mended = 1 / (1 + np.exp(-(slope * log_odds(scores) + shift)))
    assert reliability(mended, truth).error < 0.03 < 0.1 < reliability(scores, truth).error


def test_platt_on_shares_of_raters() -> None:
    scores, truth = drawn(2000)
    twice, ratings = np.repeat(scores, 2), np.stack([truth, np.roll(truth, 1)], axis=1)

    soft = platt(scores, ratings.mean(axis=1))
    hard = platt(twice, ratings.reshape(-1))

    assert soft == pytest.approx(hard, abs=5e-3)  # a half-yes is one yes and one no


@pytest.mark.parametrize("truth", [[0, 0, 0], [1, 1, 1]])
def test_nothing_to_learn_from(truth: list[int]) -> None:
    assert platt([0.2, 0.3, 0.4], truth) == (1.0, 0.0)


def test_extremes_stay_finite_and_in_order() -> None:
    slope, shift = platt([0.0, 0.0, 1.0, 1.0], [0, 0, 1, 1])  # parted perfectly
    assert np.isfinite([slope, shift]).all()
    assert slope > 0
    assert platt([0.9, 0.8, 0.2, 0.1], [0, 0, 1, 1]) == (1.0, 0.0)  # would turn the order round


@pytest.mark.parametrize(
    ("scores", "truth"), [([0.5], [0, 1]), ([], []), ([1.5], [1]), ([0.5], [np.nan]), ([[0.5]], [[1]])]
)
def test_what_cannot_be(scores: list[float], truth: list[float]) -> None:
    with pytest.raises(ValueError, match="scores and truth"):
        reliability(scores, truth)
