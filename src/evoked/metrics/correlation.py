"""Pearson's correlation coefficient, also from summed terms for a bootstrap."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["CONSTANT", "correlation_sums", "pearson", "pearson_from_sums"]

CONSTANT = 1e-12
"""A variance below this share of the mean square is rounding error: the series counts as constant."""


def pearson(a: ArrayLike, b: ArrayLike) -> float:
    """Pearson's r of two series.

    Args:
        a: shape (n,), all finite.
        b: the same shape, all finite.

    Returns:
        A number in [−1, 1]; NaN where it is not defined: fewer than two values, or a constant series.
        (The EEV challenge counts a constant series as 0; that belongs to its score, not to r.)

    Raises:
        ValueError: if the shapes differ or a value is not finite.
    """
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"need two series of one shape (n,), got {x.shape} and {y.shape}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("a series holds a value that is not finite; leave masked seconds out first")
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    # scaled to unit range first: values of 1e-200 or 1e200 would underflow or overflow when squared
    x, y = (x - x.mean()) / np.ptp(x), (y - y.mean()) / np.ptp(y)
    return float(np.clip((x @ y) / np.sqrt((x @ x) * (y @ y)), -1.0, 1.0))


def correlation_sums(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """The terms that `pearson_from_sums` needs, a row per pair of values: a bootstrap then only weights sums.

    Args:
        a, b: shape (n,), all finite. Both are centred first: sums of squares would lose precision otherwise.

    Returns:
        Shape (n, 6): 1, a, b, a², b², ab.
    """
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if len(x):
        x, y = x - x.mean(), y - y.mean()
    return np.stack([np.ones(len(x)), x, y, x * x, y * y, x * y], axis=1)


def pearson_from_sums(sums: ArrayLike) -> float | None:
    """Pearson's r from (weighted) sums of `correlation_sums`; None where `pearson` is NaN."""
    n, x, y, xx, yy, xy = np.asarray(sums, dtype=np.float64)
    if n < 2:
        return None
    spread_x, spread_y = xx - x * x / n, yy - y * y / n
    if spread_x <= CONSTANT * xx or spread_y <= CONSTANT * yy:
        return None
    return float(np.clip((xy - x * y / n) / np.sqrt(spread_x * spread_y), -1.0, 1.0))
