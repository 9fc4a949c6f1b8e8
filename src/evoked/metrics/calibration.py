"""Calibration of scores as probabilities: reliability curve, Platt scaling."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Reliability", "log_odds", "platt", "reliability"]

LIMIT = 1e-6
"""Scores are clipped to this distance from 0 and 1 before their log-odds are computed."""


@dataclass(frozen=True, eq=False)
class Reliability:
    """A reliability curve: mean score and share of positives per bin. Arrays of shape (bins,).

    Attributes:
        low, high: each bin's bounds; a score belongs to the bin with low <= score < high (the last holds 1).
        count: number of scores in it.
        score: their mean; NaN where there are none.
        share: mean of the truth; NaN where there are none.
        error: expected calibration error: mean over scores of |share − score| of their bin.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    count: NDArray[np.int64]
    score: NDArray[np.float64]
    share: NDArray[np.float64]
    error: float


def reliability(scores: ArrayLike, truth: ArrayLike, bins: int = 10) -> Reliability:
    """The reliability curve over bins of equal width, and the expected calibration error (Naeini et al. 2015).

    Args:
        scores: shape (n,), in [0, 1], n at least 1.
        truth: shape (n,), in [0, 1]: 0 or 1, or the share of raters who said yes.
        bins: number of bins.

    Returns:
        The curve with its expected calibration error.

    Raises:
        ValueError: for shapes that differ, no scores, or numbers outside [0, 1].
    """
    p, t = _unit(scores, truth)
    if bins < 1:
        raise ValueError(f"bins must be 1 or more, got {bins}")
    index = np.minimum((p * bins).astype(np.int64), bins - 1)
    count = np.bincount(index, minlength=bins)
    full = np.maximum(count, 1)
    empty = np.where(count > 0, 1.0, np.nan)
    score = np.bincount(index, p, bins) / full * empty
    share = np.bincount(index, t, bins) / full * empty
    error = float(np.nansum(count * np.abs(share - score)) / len(p))
    edges = np.arange(bins + 1) / bins
    return Reliability(edges[:-1], edges[1:], count, score, share, error)


def platt(scores: ArrayLike, truth: ArrayLike, steps: int = 100) -> tuple[float, float]:
    """Slope and intercept of a logistic regression of the truth on the log-odds of the score (Platt 1999).

    Newton's method; the truth is smoothed towards one half as in Platt's paper, so that perfectly separating scores
    give finite parameters.

    Args:
        scores: shape (n,), in [0, 1].
        truth: shape (n,), in [0, 1].
        steps: largest number of Newton steps.

    Returns:
        (slope, intercept). The slope is above 0, so that the ranking of scores does not change; (1, 0) where the
        truth does not vary, or the ranking would be reversed.

    Raises:
        ValueError: as `reliability`.
    """
    p, t = _unit(scores, truth)
    yes, no = float(t.sum()), float((1 - t).sum())
    if min(yes, no) <= 0:
        return 1.0, 0.0
    wanted = t * (yes + 1) / (yes + 2) + (1 - t) / (no + 2)
    x = np.stack([log_odds(p), np.ones(len(p))], axis=1)
    parameters, smallest = np.array([1.0, 0.0]), np.inf
    for _ in range(steps):
        q = 1 / (1 + np.exp(-x @ parameters))
        gradient = x.T @ (wanted - q)
        hessian = (x * (q * (1 - q))[:, None]).T @ x + 1e-9 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        size = float(np.abs(step).max())
        parameters = parameters + step * min(1.0, 2.0 / max(size, 1e-12))  # limited step size
        if size < 1e-9 or (size >= smallest and size < 1e-6):
            break
        smallest = size
    return (float(parameters[0]), float(parameters[1])) if parameters[0] > 0 else (1.0, 0.0)


def log_odds(p: ArrayLike) -> NDArray[np.float64]:
    """log(p / (1 − p)), finite also for 0 and 1."""
    inside = np.clip(np.asarray(p, dtype=np.float64), LIMIT, 1 - LIMIT)
    return np.asarray(np.log(inside) - np.log1p(-inside))


def _unit(scores: ArrayLike, truth: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    p, t = np.asarray(scores, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if p.ndim != 1 or p.shape != t.shape or not len(p):
        raise ValueError(f"need scores and truth of one shape (n,), n at least 1, got {p.shape} and {t.shape}")
    if not (((p >= 0) & (p <= 1)).all() and ((t >= 0) & (t <= 1)).all()):
        raise ValueError("scores and truth must lie within 0 … 1; leave masked ones out first")
    return p, t
