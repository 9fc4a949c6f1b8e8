"""Dawid and Skene's estimate of what is true, from ratings of raters who err in ways of their own.

Source: Dawid and Skene 1979, Maximum likelihood estimation of observer error-rates using the EM algorithm,
Applied Statistics 28:20-28; here for two classes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["DawidSkene", "dawid_skene"]

SMALLEST = 1e-10
"""Expected counts below this are raised to it, so that no logarithm is of 0."""


@dataclass(frozen=True, eq=False)
class DawidSkene:
    """The estimate.

    Attributes:
        probability: shape (items,), that the item's class is 1; NaN for an item that nobody rated.
        prevalence: share of items of class 1.
        sensitivity: shape (raters,), probability that the rater says 1 where it is 1; NaN for one without ratings.
        specificity: shape (raters,), probability that the rater says 0 where it is 0; NaN likewise.
        converged: whether no probability changed by more than the tolerance in the last iteration.
    """

    probability: NDArray[np.float64]
    prevalence: float
    sensitivity: NDArray[np.float64]
    specificity: NDArray[np.float64]
    converged: bool


def dawid_skene(
    item: ArrayLike, rater: ArrayLike, mark: ArrayLike, *, iterations: int = 10_000, tolerance: float = 1e-12
) -> DawidSkene:
    """Estimate classes of items and errors of raters together, by expectation and maximisation.

    It starts from the share of raters who said 1. The likelihood may have several maxima; where most raters err less
    often than they are right, that start leads to the one meant.

    Args:
        item, rater: shape (n,), indices from 0.
        mark: shape (n,), 0 or 1; NaN is left out.
        iterations: at most.
        tolerance: it ends when no probability changes by more.

    Returns:
        The estimate.

    Raises:
        ValueError: if shapes differ, a mark is neither 0 nor 1, or there is no mark.
    """
    items, raters = np.asarray(item, dtype=np.int64), np.asarray(rater, dtype=np.int64)
    marks = np.asarray(mark, dtype=np.float64)
    if marks.ndim != 1 or not items.shape == raters.shape == marks.shape:
        raise ValueError(
            f"need item, rater and mark of one shape (n,), got {items.shape}, {raters.shape}, {marks.shape}"
        )
    known = ~np.isnan(marks)
    if not known.any() or not np.isin(marks[known], (0, 1)).all():
        raise ValueError("marks must be 0 or 1, at least one of them: leave out what was not rated")
    shape = int(items.max()) + 1, int(raters.max()) + 1
    items, raters, said = items[known], raters[known], marks[known].astype(np.int64)
    rated = np.bincount(items, minlength=shape[0])
    share = np.divide(np.bincount(items, said, shape[0]), rated, out=np.full(shape[0], np.nan), where=rated > 0)
    converged = False
    for _ in range(iterations):
        prevalence, errors = _maximise(items, raters, said, share, shape[1])
        following = np.where(rated > 0, _expect(items, raters, said, prevalence, errors, shape[0]), np.nan)
        change = np.nanmax(np.abs(following - share))
        share, converged = following, bool(change <= tolerance)
        if converged:
            break
    prevalence, errors = _maximise(items, raters, said, share, shape[1])
    has_rated = np.bincount(raters, minlength=shape[1]) > 0
    right = [np.where(has_rated, errors[:, c, c], np.nan) for c in (1, 0)]
    return DawidSkene(share, prevalence, right[0], right[1], converged)


def _maximise(
    items: NDArray[np.int64],
    raters: NDArray[np.int64],
    marks: NDArray[np.int64],
    share: NDArray[np.float64],
    count: int,
) -> tuple[float, NDArray[np.float64]]:
    """The prevalence, and (raters, class, mark) → probability of the mark given the class."""
    of_class = np.stack([1 - share, share], axis=1)[items]  # (n, class)
    counts = np.zeros((count, 2, 2))
    for c in (0, 1):
        np.add.at(counts[:, c], (raters, marks), of_class[:, c])
    counts = np.maximum(counts, SMALLEST)
    return float(np.nanmean(share)), counts / counts.sum(axis=2, keepdims=True)


def _expect(
    items: NDArray[np.int64],
    raters: NDArray[np.int64],
    marks: NDArray[np.int64],
    prevalence: float,
    errors: NDArray[np.float64],
    count: int,
) -> NDArray[np.float64]:
    """The probability of class 1 of each item, shape (count,)."""
    ratio = np.log(errors[raters, 1, marks]) - np.log(errors[raters, 0, marks])  # (n,)
    prior = np.log(max(prevalence, SMALLEST)) - np.log(max(1 - prevalence, SMALLEST))
    evidence = prior + np.bincount(items, ratio, count)
    probability: NDArray[np.float64] = 0.5 * (1 + np.tanh(evidence / 2))  # the logistic, without overflow
    return probability
