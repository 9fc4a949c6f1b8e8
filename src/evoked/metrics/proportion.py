"""Confidence bounds of a proportion."""

from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["wilson_lower_bound"]


def wilson_lower_bound(successes: ArrayLike, trials: ArrayLike, confidence: float = 0.9) -> NDArray[np.float64]:
    """One-sided lower bound of a proportion from its score test: the true one is above it with this confidence.

    Args:
        successes: any shape; from 0 to `trials`, not necessarily whole numbers (shares of raters).
        trials: the same shape; 0 trials give a bound of 0.
        confidence: in [0.5, 1); 0.5 gives the observed proportion itself.

    Returns:
        The bounds, of that shape, in [0, 1].

    Raises:
        ValueError: for values outside these ranges.

    Source: Wilson 1927; recommended for few trials by Brown, Cai and DasGupta 2001.
    """
    s, n = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    if not 0.5 <= confidence < 1:
        raise ValueError(f"the confidence must lie in [0.5, 1), got {confidence}")
    if s.shape != n.shape or not ((s >= 0) & (s <= n + 1e-9) & np.isfinite(n)).all():
        raise ValueError("successes must lie between 0 and the trials, one for each")
    z = NormalDist().inv_cdf(confidence)
    p = np.minimum(np.divide(s, n, out=np.zeros_like(s), where=n > 0), 1)
    spread = z * np.sqrt(p * (1 - p) * n + z * z / 4)
    bound = np.divide(p * n + z * z / 2 - spread, n + z * z, out=np.zeros_like(s), where=n > 0)
    return np.asarray(np.clip(bound, 0, 1))
