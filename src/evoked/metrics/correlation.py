"""How closely two series move together."""

import numpy as np
from numpy.typing import ArrayLike


def pearson(a: ArrayLike, b: ArrayLike) -> float:
    """Pearson's r of two series.

    Args:
        a: shape (n,), all finite.
        b: the same shape, all finite.

    Returns:
        A number in [−1, 1]; NaN where it is not defined: fewer than two values, or a constant series.
        (The EEV challenge counts a constant series as 0: that is for its score to say, not for r.)

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
    # each is brought to unit size first: values of 1e-200 or 1e200 would vanish or overflow when squared
    x, y = (x - x.mean()) / np.ptp(x), (y - y.mean()) / np.ptp(y)
    return float(np.clip((x @ y) / np.sqrt((x @ x) * (y @ y)), -1.0, 1.0))
