"""Two series in groups (films): squared error and Pearson's r, pooled over all rows and film by film.

What a draw of whole films needs are six sums per film, so that a bootstrap costs no more than the films.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["PairedSeries"]


class PairedSeries:
    """What was predicted beside what is true, for one quantity.

    Args:
        predicted, truth: shape (n,), finite.
        groups: int, shape (n,): the film of each row, 0 … films − 1.

    Raises:
        ValueError: if shapes differ, there is no row, or a value is not finite.
    """

    def __init__(self, predicted: ArrayLike, truth: ArrayLike, groups: NDArray[np.integer]) -> None:
        x, y = np.asarray(predicted, dtype=np.float64), np.asarray(truth, dtype=np.float64)
        if x.ndim != 1 or not x.shape == y.shape == groups.shape or not len(x):
            raise ValueError(f"need one or more rows of one shape (n,), got {x.shape}, {y.shape}, {groups.shape}")
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            raise ValueError("a series holds a value that is not finite; leave masked seconds out first")
        self.films = int(groups.max()) + 1
        x0, y0 = x - x.mean(), y - y.mean()  # r does not see it, and the sums below keep their digits
        columns = (np.ones_like(x), x0, y0, x0 * x0, y0 * y0, x0 * y0)
        sums = [np.bincount(groups, weights=c, minlength=self.films) for c in columns]
        self._sums: NDArray[np.float64] = np.array(sums, dtype=np.float64)  # (6, films)
        self._errors = np.bincount(groups, weights=(x - y) ** 2, minlength=self.films)
        self._flat = [np.array([np.ptp(s[groups == g]) == 0 for g in range(self.films)]) for s in (x, y)]

    def mse(self, weights: NDArray[np.integer] | None = None) -> float:
        """Mean squared error over all rows; `weights` says how often each film was drawn."""
        w = self._weights(weights)
        return float((self._errors @ w) / (self._sums[0] @ w))

    def pearson(self, weights: NDArray[np.integer] | None = None) -> float | None:
        """Pearson's r over all rows; None where a series is constant."""
        return _r(self._sums @ self._weights(weights))

    def film_mse(self, weights: NDArray[np.integer] | None = None) -> float:
        """Mean over films of each film's mean squared error."""
        w = self._weights(weights) * (self._sums[0] > 0)
        return float((self._errors / np.maximum(self._sums[0], 1)) @ w / w.sum())

    def film_pearson(self, weights: NDArray[np.integer] | None = None) -> float | None:
        """Mean over films of each film's r; films in which a series is constant are left out, not counted as 0."""
        each = self.each_pearson()
        w = np.where(np.isnan(each), 0, self._weights(weights))
        return float(np.nan_to_num(each) @ w / w.sum()) if w.sum() else None

    def each_pearson(self) -> NDArray[np.float64]:
        """r of each film, shape (films,); NaN where it is not defined."""
        found = [None if fx or fy else _r(self._sums[:, g]) for g, (fx, fy) in enumerate(zip(*self._flat, strict=True))]
        return np.array([np.nan if r is None else r for r in found])

    def _weights(self, weights: NDArray[np.integer] | None) -> NDArray[np.float64]:
        return np.ones(self.films) if weights is None else np.asarray(weights, dtype=np.float64)


def _r(sums: NDArray[np.float64]) -> float | None:
    n, x, y, xx, yy, xy = sums
    if n < 2:
        return None
    across, along = xx - x * x / n, yy - y * y / n
    if across <= 1e-12 * max(xx, 1e-300) or along <= 1e-12 * max(yy, 1e-300):
        return None
    return float(np.clip((xy - x * y / n) / np.sqrt(across * along), -1, 1))
