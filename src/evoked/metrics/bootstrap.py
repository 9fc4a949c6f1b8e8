"""Bootstrap intervals: whole videos are resampled, because the seconds of one video are not independent."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Interval", "Statistic", "bootstrap", "circular_shifts", "group_resamples"]

Statistic = Callable[[NDArray[np.int64]], Sequence[float | None]]
"""Weights of the groups, shape (groups,) → the statistics; None where one is not defined."""

NO_WIDTH = 5e-4
"""Intervals narrower than the three decimals shown are not reported: the resamples did not vary."""


@dataclass(frozen=True)
class Interval:
    """A percentile interval of a statistic.

    Attributes:
        low, high: the bounds; None where undefined (one group only, or no resample with a value).
        resamples: number of resamples.
        undefined: number of resamples in which the value was not defined (a class without positives); left out.
        mean: over the resamples with a value; its difference from the value itself is the bootstrap bias.
    """

    low: float | None
    high: float | None
    resamples: int
    undefined: int
    mean: float | None = None

    @property
    def span(self) -> tuple[float, float] | None:
        """Both bounds; None where undefined or where the resamples did not vary (NO_WIDTH)."""
        if self.low is None or self.high is None or self.high - self.low < NO_WIDTH:
            return None
        return self.low, self.high

    def centred(self, value: float) -> "Interval":
        """The interval shifted so that the mean of the resamples is `value`.

        For statistics that are biased in small samples (kappas of pairs of raters who share few clips): a resample
        repeats clips and so has fewer distinct ones than the data; the estimated bias is subtracted once.

        Source: Efron and Tibshirani 1993, ch. 10 (the bootstrap estimate of bias).
        """
        if self.low is None or self.high is None or self.mean is None:
            return self
        shift = value - self.mean
        return Interval(self.low + shift, self.high + shift, self.resamples, self.undefined, value)


def bootstrap(
    groups: int, statistic: Statistic, *, resamples: int = 1000, seed: int = 0, level: float = 0.95
) -> list[Interval]:
    """Percentile intervals of statistics, by resampling whole groups with replacement.

    Args:
        groups: number of groups (videos).
        statistic: called once per resample with the count of each group, shape (groups,), summing
            to `groups`; returns the statistics, always as many.
        resamples: number of resamples.
        seed: equal seeds give equal intervals.
        level: share of the resamples between the bounds.

    Returns:
        One Interval per statistic. With few groups (under about 20) percentile intervals are too
        narrow; with one group there are none.

    Raises:
        ValueError: for fewer than one group or resample, or a level outside (0, 1).

    Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, ch. 13 (percentile), ch. 8 (clusters).
    """
    if groups < 1 or resamples < 1:
        raise ValueError(f"need at least one group and one resample, got {groups} and {resamples}")
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")
    if groups == 1:
        count = len(statistic(np.ones(1, dtype=np.int64)))
        return [Interval(None, None, 0, 0)] * count
    drawn = np.array(
        [_as_row(statistic(weights)) for weights in group_resamples(groups, resamples, seed)]
    )  # (resamples, statistics)
    return [_interval(drawn[:, k], level) for k in range(drawn.shape[1])]


def group_resamples(groups: int, resamples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Draw groups with replacement.

    Args:
        groups: number of groups.
        resamples: number of resamples.
        seed: equal seeds give equal resamples.

    Yields:
        The count of each group, shape (groups,), once per resample.
    """
    random = np.random.default_rng(seed)
    for _ in range(resamples):
        yield np.bincount(random.integers(groups, size=groups), minlength=groups)


def circular_shifts(groups: NDArray[np.integer], resamples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Circular shifts of each group's series by a random amount: the null hypothesis that timing does not matter.

    Each series keeps its values and its autocorrelation; only its timing is lost.

    Args:
        groups: shape (n,), group number of each row; rows of a group in time order.
        resamples: number of shifts.
        seed: equal seeds give equal shifts.

    Yields:
        `rows`, shape (n,): `truth[rows]` is the shifted truth.
    """
    random = np.random.default_rng(seed)
    members = [np.flatnonzero(groups == g) for g in np.unique(groups)]
    for _ in range(resamples):
        rows = np.empty(len(groups), dtype=np.int64)
        for indices in members:
            rows[indices] = np.roll(indices, int(random.integers(len(indices))))
        yield rows


def _as_row(values: Sequence[float | None]) -> list[float]:
    return [np.nan if v is None else v for v in values]


def _interval(values: NDArray[np.float64], level: float) -> Interval:
    defined = values[~np.isnan(values)]
    undefined = len(values) - len(defined)
    if not len(defined):
        return Interval(None, None, len(values), undefined)
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), len(values), undefined, float(defined.mean()))
