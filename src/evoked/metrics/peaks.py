"""Peaks of a series: local maxima by prominence."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["find_peaks"]


def find_peaks(
    values: NDArray[np.floating], *, prominence: float, distance: int = 1, most: int | None = None
) -> list[tuple[int, float]]:
    """The most prominent local maxima of a series.

    Args:
        values: shape (n,); NaN where there is none: the series ends there and begins anew behind it.
        prominence: least prominence: how far a peak stands above the higher of the two lowest points between it and
            higher values, or the ends of the series.
        distance: least number of samples between two peaks; of two that are closer the higher one stays.
        most: greatest number of peaks; None: all.

    Returns:
        (index, prominence) of each, in the order of the indices; the middle of a flat top. Ends are no peaks.
    """
    known = np.isfinite(values)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(np.int8)))
    found: list[tuple[int, float]] = []
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        part = np.asarray(values[start:end], dtype=np.float64)
        found += [(int(start) + peak, height) for peak in _maxima(part) if (height := _prominence(part, peak)) > 0]
    kept: list[tuple[int, float]] = []
    for index, height in sorted(found, key=lambda peak: (-values[peak[0]], peak[0])):
        if all(abs(index - other) >= distance for other, _ in kept):
            kept.append((index, height))
    kept = [peak for peak in kept if peak[1] >= prominence]
    kept.sort(key=lambda peak: (-peak[1], peak[0]))
    return sorted(kept[:most])


def _maxima(values: NDArray[np.float64]) -> list[int]:
    """Indices of local maxima; the middle of a flat top, rounded down."""
    found, i = [], 1
    while i < len(values) - 1:
        if values[i] > values[i - 1]:
            end = i
            while end < len(values) - 1 and values[end + 1] == values[i]:
                end += 1
            if end < len(values) - 1 and values[end + 1] < values[i]:
                found.append((i + end) // 2)
            i = end
        i += 1
    return found


def _prominence(values: NDArray[np.float64], peak: int) -> float:
    """How far a peak stands above its surroundings."""
    higher = np.flatnonzero(values > values[peak])
    left, right = higher[higher < peak], higher[higher > peak]
    before = values[(left[-1] + 1 if len(left) else 0) : peak + 1]
    behind = values[peak : (right[0] if len(right) else len(values))]
    return float(values[peak] - max(before.min(), behind.min()))
