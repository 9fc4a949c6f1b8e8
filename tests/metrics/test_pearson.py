"""Pearson's r against scipy."""

import numpy as np
import pytest
from scipy.stats import pearsonr

from evoked.metrics.correlation import pearson

RANDOM = np.random.default_rng(5)


@pytest.mark.parametrize("scale", [1e-200, 1e-3, 1.0, 1e6, 1e200])
def test_equals_scipy_at_any_scale(scale: float) -> None:
    a = RANDOM.normal(size=50)
    b = 0.4 * a + RANDOM.normal(size=50)
    assert pearson(scale * a, b) == pytest.approx(pearsonr(a, b).statistic, abs=1e-12)


def test_a_line_is_one_and_a_falling_line_minus_one() -> None:
    assert pearson([1, 2, 3], [10, 20, 30]) == pytest.approx(1)
    assert pearson([1, 2, 3], [0.3, 0.2, 0.1]) == pytest.approx(-1)


@pytest.mark.parametrize(("a", "b"), [([1, 1, 1], [1, 2, 3]), ([1, 2, 3], [0.1, 0.1, 0.1]), ([1], [2]), ([], [])])
def test_constant_or_too_short_is_nan(a: list[float], b: list[float]) -> None:
    assert np.isnan(pearson(a, b))


def test_nan_and_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        pearson([1, np.nan], [1, 2])
    with pytest.raises(ValueError, match=r"one shape \(n,\), got \(2,\) and \(3,\)"):
        pearson([1, 2], [1, 2, 3])
