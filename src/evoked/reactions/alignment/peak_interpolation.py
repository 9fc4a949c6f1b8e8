"""Position of a peak between samples."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["parabolic_peak"]


def parabolic_peak(values: NDArray[np.floating], at: int) -> float:
    """Position of the peak of the parabola through a local maximum and its two neighbours.

    Args:
        values: shape (n,).
        at: index of the maximum.

    Returns:
        The shift from `at`, in [−0.5, 0.5] samples; 0 at either end of the values, and where they are flat.
    """
    if not 0 < at < len(values) - 1:
        return 0.0
    before, peak, after = (float(v) for v in values[at - 1 : at + 2])
    curvature = before - 2 * peak + after
    return float(np.clip(0.5 * (before - after) / curvature, -0.5, 0.5)) if curvature < 0 else 0.0
