"""The score of the EEV challenge: Pearson's r over time of each video and expression, then the mean.

A constant series counts 0, and so does a video of which nothing is predicted. The mean over expressions is taken
first, then that over videos. Chance is 0; intervals resample whole videos.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evoked.core.text_table import MISSING, text_table
from evoked.metrics.bootstrap import bootstrap
from evoked.metrics.correlation import pearson

__all__ = ["CorrelationRow", "CorrelationScores", "correlation_from", "correlation_scores", "correlation_table"]

MEAN = "mean"


@dataclass(frozen=True)
class CorrelationRow:
    """One expression, or their mean.

    Attributes:
        name: of the expression; "mean" for the score of the challenge.
        r: mean over the videos; in [−1, 1]. Chance is 0.
        low, high: interval over whole videos; None for one video.
        constant: videos in which the prediction or the truth does not change: they count 0.
    """

    name: str
    r: float
    low: float | None
    high: float | None
    constant: int


@dataclass(frozen=True)
class CorrelationScores:
    """The score of the challenge.

    Attributes:
        rows: one per expression, then the mean.
        videos: number of videos.
        level: share of the bootstrap resamples inside the intervals.
    """

    rows: tuple[CorrelationRow, ...]
    videos: int
    level: float = 0.95

    @property
    def mean(self) -> float:
        """The score of the challenge."""
        return self.rows[-1].r


def correlation_scores(
    series: Mapping[str, tuple[NDArray[np.floating], NDArray[np.floating]]],
    names: Sequence[str],
    *,
    resamples: int,
    seed: int,
    level: float,
) -> CorrelationScores:
    """Correlate predictions with truth, video by video.

    Args:
        series: video → predictions and truth, each of shape (n, K) and finite.
        names: the K expressions.
        resamples, seed, level: of the bootstrap over videos.

    Returns:
        The scores.

    Raises:
        ValueError: if there is no video.
    """
    if not series:
        raise ValueError("there is no video to score")
    found = np.array(
        [[pearson(p[:, k], q[:, k]) for k in range(len(names))] for p, q in series.values()]
    )  # (videos, K)
    constant = np.isnan(found)
    r = np.nan_to_num(found)
    table = np.concatenate([r, r.mean(axis=1, keepdims=True)], axis=1)

    def means(weights: NDArray[np.int64]) -> list[float | None]:
        return list(weights @ table / weights.sum())

    intervals = bootstrap(len(table), means, resamples=resamples, seed=seed, level=level)
    counts = [*constant.sum(axis=0).tolist(), int(constant.all(axis=1).sum())]
    rows = [
        CorrelationRow(name, float(value), interval.low, interval.high, int(count))
        for name, value, interval, count in zip([*names, MEAN], table.mean(axis=0), intervals, counts, strict=True)
    ]
    return CorrelationScores(tuple(rows), len(table), level)


def correlation_from(body: Mapping[str, Any]) -> CorrelationScores:
    """Scores from the JSON values of a file; ValueError, KeyError or TypeError where they are none."""
    rows = tuple(
        CorrelationRow(str(row["name"]), float(row["r"]), row["low"], row["high"], int(row["constant"]))
        for row in body["rows"]
    )
    if not rows:
        raise ValueError("there are no correlations")
    return CorrelationScores(rows, int(body["videos"]), float(body["level"]))


def correlation_table(scores: CorrelationScores) -> str:
    """The scores as lines of text, with intervals; chance is 0 in each row."""
    lines = [("", "r", f"{100 * scores.level:g} % interval", "chance", "constant")]
    for row in scores.rows:
        span = MISSING if row.low is None or row.high is None else f"{row.low:.4f} … {row.high:.4f}"
        lines.append((row.name, f"{row.r:.4f}", span, "0", str(row.constant)))
    tail = f"Pearson's r over time, mean over {scores.videos} videos; constant: videos that count 0"
    return "\n".join([text_table(lines), tail])
