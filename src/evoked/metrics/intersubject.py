"""Inter-subject correlation: how much the series of different participants rise and fall together."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evoked.metrics.correlation import CONSTANT
from evoked.metrics.participant_means import FEWEST, resample_weights

__all__ = ["IntersubjectCorrelation", "intersubject_correlation"]

SHORTEST = 10
"""Samples; two participants with fewer in common are no pair."""
LARGEST = 0.999999
"""Greatest correlation whose Fisher z is taken; that of 1 is not finite."""


@dataclass(frozen=True)
class IntersubjectCorrelation:
    """The mean correlation of pairs of participants.

    Attributes:
        value: in [−1, 1]; None where there is no pair.
        low, high: bounds of the interval; None under three participants with a pair.
        participants: those with at least one pair.
        pairs: pairs whose correlation is defined: at least 10 samples in common, neither constant there.
    """

    value: float | None
    low: float | None
    high: float | None
    participants: int
    pairs: int


def intersubject_correlation(
    series: NDArray[np.floating], *, resamples: int = 1000, seed: int = 0, level: float = 0.95
) -> IntersubjectCorrelation:
    """The mean of Pearson's r over all pairs of participants, averaged as Fisher's z.

    In the bootstrap whole participants are resampled. A participant who is drawn twice makes no pair with themselves:
    that correlation of 1 would raise the interval.

    Args:
        series: shape (participants, n); NaN where a participant has no value.
        resamples: number of resamples.
        seed: equal seeds give equal intervals.
        level: share of the resamples between the bounds.

    Returns:
        The correlation with its interval.

    Source: Nastase, Gazzola, Hasson and Keysers 2019 (pairwise inter-subject correlation); Chen et al. 2016
        (subject-wise bootstrap without pairs of one subject).
    """
    z = _pairs(series)
    known = np.isfinite(z)
    pairs, people = int(known.sum()) // 2, int(known.any(axis=1).sum())
    if not pairs:
        return IntersubjectCorrelation(None, None, None, 0, 0)
    value = float(np.tanh(z[known].mean()))
    if people < FEWEST:
        return IntersubjectCorrelation(value, None, None, people, pairs)
    paired = known.any(axis=1)
    z, known = z[np.ix_(paired, paired)], known[np.ix_(paired, paired)]
    weights = resample_weights([0] * people, resamples, seed)
    total = ((weights @ np.where(known, z, 0.0)) * weights).sum(axis=1)
    count = ((weights @ known.astype(np.float64)) * weights).sum(axis=1)
    drawn = np.tanh(total[count > 0] / count[count > 0])
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return IntersubjectCorrelation(value, float(low), float(high), people, pairs)


def _pairs(series: NDArray[np.floating]) -> NDArray[np.float64]:
    """Fisher's z of each pair, shape (participants, participants); NaN where not defined, and on the diagonal."""
    known = np.isfinite(series).astype(np.float64)
    x = np.where(known > 0, series - series[known > 0].mean() if known.any() else 0.0, 0.0)  # centred: sums keep digits
    count = known @ known.T
    total, square = x @ known.T, (x * x) @ known.T  # [i, j]: of i, over the samples that i and j have in common
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = square - total * total / count
        r = (x @ x.T - total * total.T / count) / np.sqrt(spread * spread.T)
    defined = (count >= SHORTEST) & (spread > CONSTANT * square) & (spread.T > CONSTANT * square.T)
    np.fill_diagonal(defined, val=False)
    return np.where(defined, np.arctanh(np.clip(np.nan_to_num(r), -LARGEST, LARGEST)), np.nan)
