"""Regression scores of two series in groups (videos): squared error and Pearson's r, pooled and per video.

A resample of whole videos needs six sums per video, so that the cost of a bootstrap depends on the videos only.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["PairedSeries"]


class PairedSeries:
    """Predictions and ground truth of one quantity.

    Args:
        predicted, truth: shape (n,), finite.
        groups: int, shape (n,): the video of each row, 0 … videos − 1.

    Raises:
        ValueError: if shapes differ, there is no row, or a value is not finite.
    """

    def __init__(self, predicted: ArrayLike, truth: ArrayLike, groups: NDArray[np.integer]) -> None:
        x, y = np.asarray(predicted, dtype=np.float64), np.asarray(truth, dtype=np.float64)
        if x.ndim != 1 or not x.shape == y.shape == groups.shape or not len(x):
            raise ValueError(f"need one or more rows of one shape (n,), got {x.shape}, {y.shape}, {groups.shape}")
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            raise ValueError("a series holds a value that is not finite; leave masked seconds out first")
        self.videos = int(groups.max()) + 1
        x0, y0 = x - x.mean(), y - y.mean()  # r does not depend on it, and the sums below keep their precision
        columns = (np.ones_like(x), x0, y0, x0 * x0, y0 * y0, x0 * y0)
        sums = [np.bincount(groups, weights=c, minlength=self.videos) for c in columns]
        self._sums: NDArray[np.float64] = np.array(sums, dtype=np.float64)  # (6, videos)
        self._errors = np.bincount(groups, weights=(x - y) ** 2, minlength=self.videos)
        self._flat = [np.array([np.ptp(s[groups == g]) == 0 for g in range(self.videos)]) for s in (x, y)]

    def mse(self, weights: NDArray[np.integer] | None = None) -> float:
        """Mean squared error over all rows; `weights` is the count of each video in a resample."""
        w = self._weights(weights)
        return float((self._errors @ w) / (self._sums[0] @ w))

    def pearson(self, weights: NDArray[np.integer] | None = None) -> float | None:
        """Pearson's r over all rows; None where a series is constant."""
        return _r(self._sums @ self._weights(weights))

    def video_mse(self, weights: NDArray[np.integer] | None = None) -> float:
        """Mean over videos of each video's mean squared error."""
        w = self._weights(weights) * (self._sums[0] > 0)
        return float((self._errors / np.maximum(self._sums[0], 1)) @ w / w.sum())

    def video_pearson(self, weights: NDArray[np.integer] | None = None) -> float | None:
        """Mean over videos of each video's r; videos in which a series is constant are left out, not counted as 0."""
        correlations = self.pearson_by_video()
        w = np.where(np.isnan(correlations), 0, self._weights(weights))
        return float(np.nan_to_num(correlations) @ w / w.sum()) if w.sum() else None

    def pearson_by_video(self) -> NDArray[np.float64]:
        """r of each video, shape (videos,); NaN where it is not defined."""
        values = [
            None if fx or fy else _r(self._sums[:, g]) for g, (fx, fy) in enumerate(zip(*self._flat, strict=True))
        ]
        return np.array([np.nan if r is None else r for r in values])

    def _weights(self, weights: NDArray[np.integer] | None) -> NDArray[np.float64]:
        return np.ones(self.videos) if weights is None else np.asarray(weights, dtype=np.float64)


def _r(sums: NDArray[np.float64]) -> float | None:
    n, x, y, xx, yy, xy = sums
    if n < 2:
        return None
    spread_x, spread_y = xx - x * x / n, yy - y * y / n
    if spread_x <= 1e-12 * max(xx, 1e-300) or spread_y <= 1e-12 * max(yy, 1e-300):
        return None
    return float(np.clip((xy - x * y / n) / np.sqrt(spread_x * spread_y), -1, 1))
