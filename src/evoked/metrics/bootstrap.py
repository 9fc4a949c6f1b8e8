"""How sure a score is: whole videos are drawn again, because the seconds of one video are no separate evidence."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Interval", "Statistic", "bootstrap", "circular_shifts", "group_resamples"]

Statistic = Callable[[NDArray[np.int64]], Sequence[float | None]]
"""Weights of the groups, shape (groups,) → the numbers of interest; None where one is not defined."""

NO_WIDTH = 5e-4
"""An interval narrower than is shown (three decimals) is no certainty: the draws had nothing to differ by."""


@dataclass(frozen=True)
class Interval:
    """Between which bounds the middle of the resampled values lies.

    Attributes:
        low, high: the bounds; None where they cannot be known (one group only, or never defined).
        resamples: how often was drawn.
        undefined: in how many draws the value was not defined (a class without positives); those are left out.
        mean: of the draws in which it was; away from the value itself, resampling has a bias of its own.
    """

    low: float | None
    high: float | None
    resamples: int
    undefined: int
    mean: float | None = None

    @property
    def span(self) -> tuple[float, float] | None:
        """Both bounds; None where they cannot be known, or the draws gave one number (NO_WIDTH)."""
        if self.low is None or self.high is None or self.high - self.low < NO_WIDTH:
            return None
        return self.low, self.high

    def centred(self, value: float) -> "Interval":
        """The same width, moved so that the draws have `value` as their mean.

        For a number that is biased where there is little to count (kappas of pairs who share few clips): a draw
        repeats clips and so has less to count than the data; its bias, seen against the value, is taken out once.

        Source: Efron and Tibshirani 1993, ch. 10 (the bootstrap estimate of bias).
        """
        if self.low is None or self.high is None or self.mean is None:
            return self
        shift = value - self.mean
        return Interval(self.low + shift, self.high + shift, self.resamples, self.undefined, value)


def bootstrap(
    groups: int, statistic: Statistic, *, resamples: int = 1000, seed: int = 0, level: float = 0.95
) -> list[Interval]:
    """Percentile intervals of some numbers, by drawing whole groups with replacement.

    Args:
        groups: how many there are (videos).
        statistic: called once per draw with how often each group was drawn, shape (groups,), summing
            to `groups`; returns the numbers, the same count each time.
        resamples: how many draws.
        seed: equal seeds give equal intervals.
        level: share of the draws between the bounds.

    Returns:
        One Interval per number. With few groups (under about 20) percentile intervals are too
        narrow; with one group there is none.

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
    )  # (resamples, numbers)
    return [_interval(drawn[:, k], level) for k in range(drawn.shape[1])]


def group_resamples(groups: int, resamples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """How often each group is drawn, one array of shape (groups,) per resample."""
    random = np.random.default_rng(seed)
    for _ in range(resamples):
        yield np.bincount(random.integers(groups, size=groups), minlength=groups)


def circular_shifts(groups: NDArray[np.integer], resamples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Rows that turn each group's own series round by a random amount: a null for "the timing matters".

    Each series keeps its level, its rhythm and its place in its group; only what happens when is lost.

    Args:
        groups: shape (n,), group number of each row; rows of a group in time order.
        resamples: how many.
        seed: equal seeds, equal shifts.

    Yields:
        `rows`, shape (n,): `truth[rows]` is the shifted truth.
    """
    random = np.random.default_rng(seed)
    members = [np.flatnonzero(groups == g) for g in np.unique(groups)]
    for _ in range(resamples):
        rows = np.empty(len(groups), dtype=np.int64)
        for own in members:
            rows[own] = np.roll(own, int(random.integers(len(own))))
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
