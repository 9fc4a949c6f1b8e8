"""How well a score ranks the seconds that have an expression before those that have not."""

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
    """One class's scores, sorted once, so that many weightings and truths can be scored cheaply.

    Args:
        scores: shape (n,), all finite; higher means more likely. Equal scores are one threshold.
        truth: shape (n,), 0 or 1 (or bool).
        groups: shape (n,), number of the group (video) each row belongs to, from 0; None = each row
            is a group of its own.

    Raises:
        ValueError: if shapes differ, a score is not finite, or the truth holds anything but 0 and 1.
    """

    def __init__(self, scores: ArrayLike, truth: ArrayLike, groups: NDArray[np.integer] | None = None) -> None:
        values, wanted = checked_scores(scores, truth)
        if groups is not None and groups.shape != values.shape:
            raise ValueError(f"need a group for each of {values.shape} scores, got {groups.shape}")
        self._order = np.argsort(-values, kind="stable")  # best first
        best_first = values[self._order]
        # last place of each run of equal scores: a threshold can only cut there
        self._ends = np.flatnonzero(np.append(best_first[1:] != best_first[:-1], [True] * (len(values) > 0)))
        self._hit = wanted[self._order]
        self._group = self._order if groups is None else groups[self._order].astype(np.intp)
        # Only thresholds that gain a positive count; for a rare class that is a tenth of the work.
        places = np.flatnonzero(self._hit)
        run = np.searchsorted(self._ends, places)
        last = np.flatnonzero(np.append(run[1:] != run[:-1], [True] * (len(run) > 0)))
        self._hit_group, self._last_hit, self._cuts = self._group[places], last, self._ends[run[last]]

    def average_precision(self, weights: NDArray[np.integer] | None = None) -> float | None:
        """Σ (R_n − R_{n−1}) P_n over thresholds, best first: not interpolated, as scikit-learn has it.

        Args:
            weights: shape (groups,), how often each group counts; None = once each.

        Returns:
            A number in (0, 1]; None where no weight falls on a positive: undefined, which is not 0.
        """
        if weights is None:
            return _average(self._last_hit + 1, self._cuts + 1)
        narrow = weights.astype(np.int32)  # half the bytes to gather
        taken = np.cumsum(narrow.take(self._group), dtype=np.int64)
        found = np.cumsum(narrow.take(self._hit_group), dtype=np.int64)
        return _average(found[self._last_hit], taken[self._cuts])

    def against(self, truth: NDArray[np.bool_]) -> float | None:
        """Average precision of the same scores against another truth, shape (n,), in the order given."""
        return _average(np.cumsum(truth[self._order], dtype=np.int64)[self._ends], self._ends + 1)

    def roc_auc(self) -> float | None:
        """Chance that a positive is scored above a negative, a tie counting half; None without both kinds."""
        positives = int(self._hit.sum())
        negatives = len(self._hit) - positives
        if not positives or not negatives:
            return None
        true = np.concatenate([[0], np.cumsum(self._hit)[self._ends]])
        false = np.concatenate([[0], np.cumsum(~self._hit)[self._ends]])
        area = float((np.diff(false) * (true[1:] + true[:-1])).sum()) / 2  # trapezes: ties count half
        return area / (positives * negatives)


def _average(found: NDArray[np.integer], taken: NDArray[np.integer]) -> float | None:
    """From how many positives and how many rows lie at or above each threshold, best first."""
    if not len(found) or not found[-1]:
        return None
    gained = np.diff(found, prepend=0)
    # a threshold where nothing is drawn gains nothing; its precision 0/0 must not spoil the sum
    return float((gained * (found / np.maximum(taken, 1))).sum() / found[-1])


def average_precision(scores: ArrayLike, truth: ArrayLike) -> float | None:
    """Average precision of one class: see Ranked.average_precision.

    Args:
        scores: shape (n,), all finite.
        truth: shape (n,), 0 or 1.

    Returns:
        A number in (0, 1]; None where there is no positive.

    Raises:
        ValueError: as Ranked does.

    >>> average_precision([0.9, 0.8, 0.1], [1, 0, 1])
    0.8333333333333333
    """
    return RankedScores(scores, truth).average_precision()


def roc_auc(scores: ArrayLike, truth: ArrayLike) -> float | None:
    """Area under the ROC curve of one class; None unless there are positives and negatives."""
    return RankedScores(scores, truth).roc_auc()


def chance_level(truth: ArrayLike) -> float | None:
    """Prevalence: the expected average precision of a random ranking. None where there are no seconds."""
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
        """The classes without positives: left out of the mean, and named."""
        return tuple(name for name, value in self.each.items() if value is None)


def mean_average_precision(scores: ArrayLike, truth: ArrayLike, names: Sequence[str]) -> MeanAP:
    """MAP: average precision per class, pooled over all seconds, then the plain mean.

    Args:
        scores: shape (n, K), all finite.
        truth: shape (n, K), 0 or 1.
        names: K names.

    Raises:
        ValueError: if shapes do not fit, or as Ranked does.
    """
    values, wanted = np.asarray(scores), np.asarray(truth)
    if values.ndim != 2 or values.shape != wanted.shape or values.shape[1] != len(names):
        raise ValueError(
            f"need scores and truth of one shape (n, {len(names)} names), got {values.shape} and {wanted.shape}"
        )
    each = {name: average_precision(values[:, k], wanted[:, k]) for k, name in enumerate(names)}
    defined = [k for k, name in enumerate(names) if each[name] is not None]
    if not defined:
        return MeanAP(None, None, each)
    found = [value for value in each.values() if value is not None]
    return MeanAP(float(np.mean(found)), float(np.mean([wanted[:, k].mean() for k in defined])), each)


def checked_scores(scores: ArrayLike, truth: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The two as float64 and bool of one shape (n,); ValueError with the first place that is wrong."""
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
