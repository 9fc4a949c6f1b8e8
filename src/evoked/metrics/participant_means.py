"""Means over participants with bootstrap intervals: whole participants are resampled."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evoked.metrics.bootstrap import group_resamples

__all__ = ["FEWEST", "MeanBand", "mean_band", "mean_differences", "resample_weights"]

FEWEST = 3
"""Participants; over fewer there is no interval."""
CHUNK = 4000
"""Columns that are resampled at once: 32 MB at 1000 resamples."""


@dataclass(frozen=True, eq=False)
class MeanBand:
    """Means over participants.

    Attributes:
        mean: shape (n,); NaN where no participant has a value.
        low, high: bounds of the interval, shape (n,); NaN where fewer than FEWEST participants have a value.
        count: int64, shape (n,): participants with a value.
    """

    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    count: NDArray[np.int64]


def resample_weights(strata: Sequence[Hashable], resamples: int, seed: int) -> NDArray[np.float64]:
    """How often each participant is drawn, within strata.

    Args:
        strata: of each participant, e.g. the group: each stratum is resampled on its own and keeps its size.
        resamples: number of resamples.
        seed: equal seeds give equal resamples.

    Returns:
        Shape (resamples, participants).
    """
    order = list(dict.fromkeys(strata))
    weights = np.zeros((resamples, len(strata)))
    for number, stratum in enumerate(order):
        members = [i for i, own in enumerate(strata) if own == stratum]
        draws = group_resamples(len(members), resamples, seed + number)
        weights[:, members] = np.array(list(draws), dtype=np.float64).reshape(resamples, len(members))
    return weights


def mean_band(values: NDArray[np.floating], *, resamples: int = 1000, seed: int = 0, level: float = 0.95) -> MeanBand:
    """The mean over participants in each column, with a percentile bootstrap interval.

    Args:
        values: shape (participants, n); NaN where a participant has none. Those without any value are not resampled.
        resamples: number of resamples of whole participants, the same for each column.
        seed: equal seeds give equal intervals.
        level: share of the resamples between the bounds.

    Returns:
        The means and bounds. The interval is pointwise: it holds for one column, not for all at once.

    Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, ch. 13 (percentile).
    """
    known = np.isfinite(values)
    count = known.sum(axis=0)
    mean = _ratio(np.where(known, values, 0.0).sum(axis=0), count)
    low, high = np.full(len(mean), np.nan), np.full(len(mean), np.nan)
    values = values[known.any(axis=1)]  # whoever is in another group changes nothing
    if len(values) >= FEWEST:
        weights = resample_weights([0] * len(values), resamples, seed)
        for start in range(0, len(mean), CHUNK):
            part = slice(start, start + CHUNK)
            low[part], high[part] = _bounds(_resampled(weights, values[:, part]), level)
        low[count < FEWEST] = high[count < FEWEST] = np.nan
    return MeanBand(mean, low, high, count.astype(np.int64))


def mean_differences(
    first: NDArray[np.floating],
    second: NDArray[np.floating],
    *,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> MeanBand:
    """The difference of two means over participants, first minus second.

    Participants with values in both are resampled as pairs; those with values in one only are resampled on their own.

    Args:
        first, second: shape (participants, n): the same participants in both; NaN where one has no value.
        resamples, seed, level: as for `mean_band`.

    Returns:
        Differences of the means, their bounds, and the smaller number of participants with a value.
    """
    known = np.isfinite(first), np.isfinite(second)
    count = np.minimum(known[0].sum(axis=0), known[1].sum(axis=0))
    means = [
        _ratio(np.where(k, v, 0.0).sum(axis=0), k.sum(axis=0)) for k, v in zip(known, (first, second), strict=True)
    ]
    strata = list(zip(known[0].any(axis=1).tolist(), known[1].any(axis=1).tolist(), strict=True))
    weights = resample_weights(strata, resamples, seed)
    low, high = _bounds(_resampled(weights, first) - _resampled(weights, second), level)
    low[count < FEWEST] = high[count < FEWEST] = np.nan
    return MeanBand(means[0] - means[1], low, high, count.astype(np.int64))


def _resampled(weights: NDArray[np.float64], values: NDArray[np.floating]) -> NDArray[np.float64]:
    """The mean of each resample, shape (resamples, n)."""
    known = np.isfinite(values)
    return _ratio(weights @ np.where(known, values, 0.0), weights @ known.astype(np.float64))


def _ratio(total: NDArray, count: NDArray) -> NDArray[np.float64]:
    ratio = np.full(np.shape(total), np.nan)
    np.divide(total, count, out=ratio, where=count > 0)
    return ratio


def _bounds(drawn: NDArray[np.float64], level: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Quantiles of each column over the resamples in which it has a value; NaN where there is none."""
    shares = [(1 - level) / 2, (1 + level) / 2]
    bounds = np.full((2, drawn.shape[1]), np.nan)
    known = np.isfinite(drawn)
    whole, part = known.all(axis=0), known.any(axis=0) & ~known.all(axis=0)
    if whole.any():
        bounds[:, whole] = np.quantile(drawn[:, whole], shares, axis=0)
    if part.any():
        bounds[:, part] = np.nanquantile(drawn[:, part], shares, axis=0)
    return bounds[0], bounds[1]
