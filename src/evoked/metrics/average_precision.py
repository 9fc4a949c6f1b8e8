"""Ranking metrics: average precision, ROC AUC and their chance level, with ties handled."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "MeanAP",
    "RankedScores",
    "average_precision",
    "chance_level",
    "checked_scores",
    "mean_average_precision",
    "roc_auc",
]


class RankedScores:
    """The scores of one class, sorted once, to compute metrics for many weightings and truths cheaply.

    Args:
        scores: shape (n,), all finite; higher means more likely. Equal scores are one threshold.
        truth: shape (n,), 0 or 1 (or bool).
        groups: shape (n,), number of the group (video) of each row, from 0; None: each row
            is a group of its own.

    Raises:
        ValueError: if shapes differ, a score is not finite, or truth has values other than 0 and 1.
    """

    def __init__(self, scores: ArrayLike, truth: ArrayLike, groups: NDArray[np.integer] | None = None) -> None:
        values, wanted = checked_scores(scores, truth)
        if groups is not None and groups.shape != values.shape:
            raise ValueError(f"need a group for each of {values.shape} scores, got {groups.shape}")
        self._order = np.argsort(-values, kind="stable")  # best first
        best_first = values[self._order]
        # last index of each run of equal scores: the possible thresholds
        self._ends = np.flatnonzero(np.append(best_first[1:] != best_first[:-1], [True] * (len(values) > 0)))
        self._hit = wanted[self._order]
        self._group = self._order if groups is None else groups[self._order].astype(np.intp)
        # Only thresholds that add a positive matter; for a rare class that is a tenth of the work.
        positives_at = np.flatnonzero(self._hit)
        run = np.searchsorted(self._ends, positives_at)
        last = np.flatnonzero(np.append(run[1:] != run[:-1], [True] * (len(run) > 0)))
        self._hit_group, self._last_hit, self._cuts = self._group[positives_at], last, self._ends[run[last]]

    def average_precision(self, weights: NDArray[np.integer] | None = None) -> float | None:
        """Σ (R_n − R_{n−1}) P_n over thresholds, best first: not interpolated, as in scikit-learn.

        Args:
            weights: shape (groups,), weight of each group; None: 1 each.

        Returns:
            A number in (0, 1]; None where all positives have weight 0: undefined, which is not 0.
        """
        if weights is None:
            return _average(self._last_hit + 1, self._cuts + 1)
        narrow = weights.astype(np.int32)  # half the bytes to gather
        ranked = np.cumsum(narrow.take(self._group), dtype=np.int64)
        positives = np.cumsum(narrow.take(self._hit_group), dtype=np.int64)
        return _average(positives[self._last_hit], ranked[self._cuts])

    def against(self, truth: NDArray[np.bool_]) -> float | None:
        """Average precision of the same scores for another truth, shape (n,), rows in the order of the scores."""
        return _average(np.cumsum(truth[self._order], dtype=np.int64)[self._ends], self._ends + 1)

    def roc_auc(self) -> float | None:
        """Probability that a positive is scored above a negative, ties counting half; None without both classes."""
        positives = int(self._hit.sum())
        negatives = len(self._hit) - positives
        if not positives or not negatives:
            return None
        true = np.concatenate([[0], np.cumsum(self._hit)[self._ends]])
        false = np.concatenate([[0], np.cumsum(~self._hit)[self._ends]])
        area = float((np.diff(false) * (true[1:] + true[:-1])).sum()) / 2  # trapezoids: ties count half
        return area / (positives * negatives)


def _average(positives: NDArray[np.integer], ranked: NDArray[np.integer]) -> float | None:
    """Average precision from the number of positives and of rows at or above each threshold, best first."""
    if not len(positives) or not positives[-1]:
        return None
    gained = np.diff(positives, prepend=0)
    # a threshold without rows gains nothing; its precision 0/0 must not enter the sum
    return float((gained * (positives / np.maximum(ranked, 1))).sum() / positives[-1])


def average_precision(scores: ArrayLike, truth: ArrayLike) -> float | None:
    """Average precision of one class: see RankedScores.average_precision.

    Args:
        scores: shape (n,), all finite.
        truth: shape (n,), 0 or 1.

    Returns:
        A number in (0, 1]; None where there is no positive.

    Raises:
        ValueError: as RankedScores.

    >>> average_precision([0.9, 0.8, 0.1], [1, 0, 1])
    0.8333333333333333
    """
    return RankedScores(scores, truth).average_precision()


def roc_auc(scores: ArrayLike, truth: ArrayLike) -> float | None:
    """Area under the ROC curve of one class.

    Args:
        scores: shape (n,), all finite.
        truth: shape (n,), 0 or 1.

    Returns:
        A number in [0, 1]; None unless there are positives and negatives.

    Raises:
        ValueError: as RankedScores.
    """
    return RankedScores(scores, truth).roc_auc()


def chance_level(truth: ArrayLike) -> float | None:
    """Prevalence: the expected average precision of a random ranking. None where there are no rows."""
    values = _binary(truth)
    return float(values.mean()) if len(values) else None


@dataclass(frozen=True)
class MeanAP:
    """Average precision of several classes and their plain mean.

    Attributes:
        value: the mean over classes that have positives; None where no class has any.
        chance: the mean prevalence of the same classes.
        each: name → average precision, None where the class has no positive.
    """

    value: float | None
    chance: float | None
    each: dict[str, float | None]

    @property
    def undefined(self) -> tuple[str, ...]:
        """Names of the classes without positives; they are left out of the mean."""
        return tuple(name for name, value in self.each.items() if value is None)


def mean_average_precision(scores: ArrayLike, truth: ArrayLike, names: Sequence[str]) -> MeanAP:
    """MAP: average precision per class, pooled over all seconds, then the plain mean.

    Args:
        scores: shape (n, K), all finite.
        truth: shape (n, K), 0 or 1.
        names: K names.

    Returns:
        The mean over classes with positives, and each class.

    Raises:
        ValueError: if shapes do not fit, or as RankedScores.
    """
    values, wanted = np.asarray(scores), np.asarray(truth)
    if values.ndim != 2 or values.shape != wanted.shape or values.shape[1] != len(names):
        raise ValueError(
            f"need scores and truth of one shape (n, {len(names)} names), got {values.shape} and {wanted.shape}"
        )
    by_class = {name: average_precision(values[:, k], wanted[:, k]) for k, name in enumerate(names)}
    defined = [k for k, name in enumerate(names) if by_class[name] is not None]
    if not defined:
        return MeanAP(None, None, by_class)
    defined_values = [value for value in by_class.values() if value is not None]
    return MeanAP(float(np.mean(defined_values)), float(np.mean([wanted[:, k].mean() for k in defined])), by_class)


def checked_scores(scores: ArrayLike, truth: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Check scores and truth, and convert them.

    Args:
        scores: shape (n,), all finite.
        truth: shape (n,), 0 or 1 (or bool).

    Returns:
        Scores as float64 and truth as bool.

    Raises:
        ValueError: if shapes differ, a score is not finite, or truth has other values.
    """
    values, wanted = np.asarray(scores, dtype=np.float64), _binary(truth)
    if values.ndim != 1 or values.shape != wanted.shape:
        raise ValueError(f"need scores and truth of one shape (n,), got {values.shape} and {wanted.shape}")
    if not np.isfinite(values).all():
        raise ValueError(
            f"score {int(np.flatnonzero(~np.isfinite(values))[0])} is not finite; leave masked seconds out first"
        )
    return values, wanted


def _binary(truth: ArrayLike) -> NDArray[np.bool_]:
    values = np.asarray(truth)
    if values.dtype == np.bool_:
        return values
    if not np.isin(values, (0, 1)).all():
        raise ValueError("truth must be 0 or 1 (or bool); leave masked seconds out first")
    return values.astype(np.bool_)
