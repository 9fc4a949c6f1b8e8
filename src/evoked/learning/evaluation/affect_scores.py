"""How well valence and arousal are foreseen: squared error and Pearson's r, pooled and film by film (spec §8)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import DatasetError
from evoked.core.settings import setting
from evoked.metrics.bootstrap import Interval, bootstrap
from evoked.metrics.regression import PairedSeries

__all__ = ["FEW", "AffectConfig", "AffectScore", "Series", "low_pass", "score_affect"]

Series = NDArray[np.floating]
FEW = 20
"""Below about so many films percentile intervals cover less than they say."""
ORDER = 2
"""Of the Butterworth filter; run forth and back it counts twice."""
SCORES = ("mse", "r", "film_mse", "film_r")


@dataclass(frozen=True)
class AffectConfig:
    """How valence and arousal are scored."""

    lowpass_hz: float = setting(
        0.0, "smooth predictions film by film up to this frequency (Butterworth, zero phase); 0: leave them as they are"
    )
    resamples: int = setting(1000, "bootstrap resamples of whole films for the intervals")
    bootstrap_seed: int = setting(0, "seed of the bootstrap")
    confidence_level: float = setting(0.95, "confidence level of the intervals")

    def __post_init__(self) -> None:
        if not 0 <= self.lowpass_hz < 0.5:
            raise ValueError(f"lowpass_hz must lie in [0, 0.5), rows are a second apart, got {self.lowpass_hz}")
        if self.resamples < 1 or not 0 < self.confidence_level < 1:
            raise ValueError(
                "resamples must be 1 or more and confidence_level between 0 and 1, got "
                f"{self.resamples} and {self.confidence_level}"
            )


@dataclass(frozen=True)
class AffectScore:
    """One score of one way of predicting, for one quantity.

    Attributes:
        way: who predicted, e.g. "transfer".
        quantity: valence or arousal.
        score: one of SCORES: over all seconds, or `film_…`, the mean over films.
        value: mean over seeds; None where not defined (r of a constant).
        low, high: interval over films; None with a single film.
        gain, gain_low, gain_high: value − that of the way it is compared with, computed in each draw; None
            for that way itself.
    """

    way: str
    quantity: str
    score: str
    value: float | None
    low: float | None
    high: float | None
    gain: float | None = None
    gain_low: float | None = None
    gain_high: float | None = None


def low_pass(series: Series, lowpass_hz: float) -> Series:
    """Each column of a film's (T, K) without what moves faster; zero phase, so nothing comes late.

    A film too short for the filter's run-up (10 rows) is left as it is.

    Source: scipy.signal.butter and sosfiltfilt.
    """
    if not lowpass_hz or len(series) <= 10:
        return series
    from scipy.signal import butter, sosfiltfilt

    sections = butter(ORDER, lowpass_hz, fs=1.0, output="sos")
    out: Series = sosfiltfilt(sections, np.asarray(series, dtype=np.float64), axis=0)
    return out


def score_affect(
    ways: Mapping[str, Sequence[Mapping[str, Series]]],
    truth: Mapping[str, Series],
    quantities: Sequence[str],
    config: AffectConfig,
    against: str,
) -> tuple[AffectScore, ...]:
    """Score several ways of predicting the same films.

    Args:
        ways: name → one or more runs (seeds); each film → (T, K), as long as its truth.
        truth: film → (T, K); rows that are NaN anywhere are not scored.
        quantities: what the K columns are.
        config: intervals; smoothing is the caller's.
        against: the way that the others are compared with.

    Returns:
        A line per way, quantity and score, in that order.

    Raises:
        DatasetError: if no second can be scored.
    """
    films = sorted(truth)
    kept = {film: np.isfinite(truth[film]).all(axis=1) for film in films}
    films = [film for film in films if kept[film].any()]
    if not films:
        raise DatasetError("no second of the test films can be scored: none has valence and arousal")
    groups = np.repeat(np.arange(len(films)), [int(kept[film].sum()) for film in films])
    lines: list[AffectScore] = []
    for k, quantity in enumerate(quantities):
        true = np.concatenate([truth[film][kept[film], k] for film in films])
        paired = {
            way: [PairedSeries(np.concatenate([run[f][kept[f], k] for f in films]), true, groups) for run in runs]
            for way, runs in ways.items()
        }
        lines += _lines(paired, quantity, against, len(films), config)
    order = {way: i for i, way in enumerate(ways)}
    return tuple(sorted(lines, key=lambda line: order[line.way]))


def _lines(
    paired: Mapping[str, Sequence[PairedSeries]], quantity: str, against: str, films: int, config: AffectConfig
) -> list[AffectScore]:
    names = [(way, score) for way in paired for score in SCORES]

    def numbers(weights: NDArray[np.int64]) -> list[float | None]:
        found = {(way, score): _mean(runs, score, weights) for way, runs in paired.items() for score in SCORES}
        values = [found[name] for name in names]
        return [*values, *(_less(found[way, score], found[against, score]) for way, score in names)]

    spans = bootstrap(
        films, numbers, resamples=config.resamples, seed=config.bootstrap_seed, level=config.confidence_level
    )
    whole = numbers(np.ones(films, dtype=np.int64))
    lines = []
    for i, (way, score) in enumerate(names):
        span, gained = spans[i], spans[len(names) + i]
        other = Interval(None, None, 0, 0) if way == against else gained
        gain = None if way == against else whole[len(names) + i]
        known = whole[i] is not None
        low, high = (span.low, span.high) if known else (None, None)
        lines.append(AffectScore(way, quantity, score, whole[i], low, high, gain, other.low, other.high))
    return lines


def _mean(runs: Sequence[PairedSeries], score: str, weights: NDArray[np.int64]) -> float | None:
    read = {
        "mse": PairedSeries.mse,
        "r": PairedSeries.pearson,
        "film_mse": PairedSeries.film_mse,
        "film_r": PairedSeries.film_pearson,
    }[score]
    values = [read(run, weights) for run in runs]
    return None if any(v is None for v in values) else float(np.mean([v for v in values if v is not None]))


def _less(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other
