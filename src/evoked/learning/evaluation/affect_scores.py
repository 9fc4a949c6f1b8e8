"""Scores of predicted valence and arousal: squared error and Pearson's r, pooled and per video (spec §8)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import DatasetError
from evoked.core.settings import setting, settings
from evoked.metrics.bootstrap import Interval, bootstrap
from evoked.metrics.regression import PairedSeries

__all__ = ["FEW", "AffectConfig", "AffectScore", "Series", "VideoScore", "low_pass", "score_affect", "score_videos"]

Series = NDArray[np.floating]
"""Values of one video, (T, K)."""
FEW = 20
"""With fewer videos, percentile intervals cover less than their nominal level."""
ORDER = 2
"""Of the Butterworth filter; it is applied forwards and backwards, which doubles it."""
SCORES = ("mse", "r", "video_mse", "video_r")


@settings
class AffectConfig:
    """Settings of the scores of valence and arousal."""

    lowpass_hz: float = setting(
        0.0,
        "low-pass filter the predictions of each video at this frequency (Butterworth, zero phase); 0: no filter",
        ge=0,
        lt=0.5,
    )
    resamples: int = setting(1000, "bootstrap resamples of whole videos for the intervals", ge=1)
    bootstrap_seed: int = setting(0, "seed of the bootstrap")
    confidence_level: float = setting(0.95, "confidence level of the intervals", gt=0, lt=1)


@dataclass(frozen=True)
class AffectScore:
    """One score of one variant, for one quantity.

    Attributes:
        way: name of the variant, e.g. "transfer".
        quantity: valence or arousal.
        score: one of SCORES: over all seconds, or `video_…`, the mean over videos.
        value: mean over seeds; None where it is undefined (r of a constant).
        low, high: interval over videos; None with a single video.
        gain, gain_low, gain_high: value − value of the baseline and its interval, computed in each bootstrap resample;
            None for the baseline itself.
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


@dataclass(frozen=True)
class VideoScore:
    """Scores of one variant for one quantity of one video.

    Attributes:
        video: its name.
        way: name of the variant.
        quantity: valence or arousal.
        seconds: how many were scored.
        mse: mean squared error.
        r: Pearson's r over time; None where it is undefined (a constant).
    """

    video: str
    way: str
    quantity: str
    seconds: int
    mse: float
    r: float | None


def score_videos(
    predictions: Mapping[str, Mapping[str, Series]], truth: Mapping[str, Series], quantities: Sequence[str]
) -> tuple[VideoScore, ...]:
    """Score each video by itself.

    Args:
        predictions: variant → video → (T, K).
        truth: video → (T, K); rows that are NaN anywhere are not scored.
        quantities: names of the K columns.

    Returns:
        A score per video, variant and quantity, in that order; none of a video without a second to score.
    """
    scores = []
    for video, values in truth.items():
        valid = np.isfinite(values).all(axis=1)
        for variant, videos in predictions.items():
            for k, quantity in enumerate(quantities if valid.any() else ()):
                groups = np.zeros(int(valid.sum()), dtype=np.int64)
                paired = PairedSeries(videos[video][valid, k], values[valid, k], groups)
                scores.append(
                    VideoScore(video, variant, quantity, len(groups), paired.video_mse(), paired.video_pearson())
                )
    return tuple(scores)


def low_pass(series: Series, lowpass_hz: float) -> Series:
    """Low-pass filter each column with zero phase, so without a delay.

    A series that is too short for the padding of the filter (10 rows) is not filtered.

    Args:
        series: (T, K) at 1 Hz.
        lowpass_hz: cut-off frequency; 0: no filter.

    Returns:
        The filtered series, (T, K).

    Source: scipy.signal.butter and sosfiltfilt.
    """
    if not lowpass_hz or len(series) <= 10:
        return series
    from scipy.signal import butter, sosfiltfilt

    sections = butter(ORDER, lowpass_hz, fs=1.0, output="sos")
    out: Series = sosfiltfilt(sections, np.asarray(series, dtype=np.float64), axis=0)
    return out


def score_affect(
    variants: Mapping[str, Sequence[Mapping[str, Series]]],
    truth: Mapping[str, Series],
    quantities: Sequence[str],
    config: AffectConfig,
    baseline: str,
) -> tuple[AffectScore, ...]:
    """Score the predictions of several variants for the same videos.

    Args:
        variants: name → one or more runs (seeds); each video → (T, K), as long as its truth.
        truth: video → (T, K); rows that are NaN anywhere are not scored.
        quantities: names of the K columns.
        config: of the intervals; predictions are not filtered here.
        baseline: the variant that the others are compared with.

    Returns:
        A line per variant, quantity and score, in that order.

    Raises:
        DatasetError: if no second can be scored.
    """
    valid = {video: np.isfinite(values).all(axis=1) for video, values in sorted(truth.items())}
    videos = [video for video in valid if valid[video].any()]
    if not videos:
        raise DatasetError("no second of the test videos can be scored: none has valence and arousal")
    groups = np.repeat(np.arange(len(videos)), [int(valid[video].sum()) for video in videos])
    lines: list[AffectScore] = []
    for k, quantity in enumerate(quantities):
        true = np.concatenate([truth[video][valid[video], k] for video in videos])
        paired = {
            name: [PairedSeries(np.concatenate([run[v][valid[v], k] for v in videos]), true, groups) for run in runs]
            for name, runs in variants.items()
        }
        lines += _lines(paired, quantity, baseline, len(videos), config)
    order = {name: i for i, name in enumerate(variants)}
    return tuple(sorted(lines, key=lambda line: order[line.way]))


def _lines(
    paired: Mapping[str, Sequence[PairedSeries]], quantity: str, baseline: str, videos: int, config: AffectConfig
) -> list[AffectScore]:
    """All scores of all variants for one quantity."""
    keys = [(name, score) for name in paired for score in SCORES]

    def values_and_gains(weights: NDArray[np.int64]) -> list[float | None]:
        values = {(name, score): _mean(runs, score, weights) for name, runs in paired.items() for score in SCORES}
        gains = (_difference(values[name, score], values[baseline, score]) for name, score in keys)
        return [*(values[key] for key in keys), *gains]

    intervals = bootstrap(
        videos, values_and_gains, resamples=config.resamples, seed=config.bootstrap_seed, level=config.confidence_level
    )
    estimates = values_and_gains(np.ones(videos, dtype=np.int64))
    lines = []
    for i, (name, score) in enumerate(keys):
        value, gain = estimates[i], None if name == baseline else estimates[len(keys) + i]
        of_gain = Interval(None, None, 0, 0) if name == baseline else intervals[len(keys) + i]
        low, high = (None, None) if value is None else (intervals[i].low, intervals[i].high)
        lines.append(AffectScore(name, quantity, score, value, low, high, gain, of_gain.low, of_gain.high))
    return lines


def _mean(runs: Sequence[PairedSeries], score: str, weights: NDArray[np.int64]) -> float | None:
    """Mean of a score over runs; None where a run has none."""
    method = {
        "mse": PairedSeries.mse,
        "r": PairedSeries.pearson,
        "video_mse": PairedSeries.video_mse,
        "video_r": PairedSeries.video_pearson,
    }[score]
    values = [method(run, weights) for run in runs]
    return None if any(v is None for v in values) else float(np.mean([v for v in values if v is not None]))


def _difference(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b
