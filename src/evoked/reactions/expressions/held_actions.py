"""Facial actions that last: what a face shows for a second, not in one frame.

The lips of a speaker pass through the shapes of smiles and of surprise at the rate of syllables, 2 to 8 a second, which
frames at 6 Hz cannot follow. A smile, a dropped jaw of surprise and raised brows of interest last; a vowel does not. An
action therefore counts as far as it is held over a second that contains the frame (an opening by a low quantile
instead of the minimum): what lasts a second counts from its first frame to its last, what is shorter does not.
"""

from fractions import Fraction

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = ["HELD_QUANTILE", "HELD_S", "held_intensities"]

HELD_S = Fraction(1)
"""Seconds for which an action must be held. Two thirds of a second removed half as much
speech from planted talkers; 4/3 s lost the shortest real smiles."""

HELD_QUANTILE = 0.25
"""An action is held at the intensity that three quarters of these frames reach: a blink of the mesh does not end it."""


def held_intensities(intensities: NDArray[np.float64], valid: NDArray[np.bool_], rate: Fraction) -> NDArray[np.float64]:
    """Intensities as far as they were or are held.

    Args:
        intensities: of actions, shape (steps, actions).
        valid: where a face was visible, shape (steps,).
        rate: frames a second.

    Returns:
        Shape of `intensities`, nowhere above it: the largest quantile over the visible frames of a second that contains
        the frame. Seconds with less than half of their frames visible do not count; a frame in none that does keeps
        its intensity, because nothing is known about its duration.
    """
    reach = round(HELD_S * rate)
    shown = np.where(valid[:, None], intensities, np.nan).astype(np.float64)
    hidden = np.full((reach, shown.shape[1]), np.nan)
    seconds = sliding_window_view(np.concatenate([hidden, shown, hidden]), reach + 1, axis=0)
    quantiles = _low_quantiles(seconds, least=reach // 2 + 1)  # (steps + reach, actions)
    best = np.fmax.reduce(sliding_window_view(quantiles, reach + 1, axis=0), axis=-1)  # (steps, actions)
    return np.where(np.isnan(best), intensities, np.minimum(intensities, best))


def _low_quantiles(windows: NDArray[np.float64], least: int) -> NDArray[np.float64]:
    """HELD_QUANTILE along the last axis without NaN, linearly interpolated; NaN where fewer than `least` values are."""
    ordered = np.sort(windows, axis=-1)  # NaN last
    count = np.sum(~np.isnan(ordered), axis=-1)
    position = HELD_QUANTILE * np.maximum(count - 1, 0)
    below = np.floor(position).astype(np.int64)
    above = np.minimum(below + 1, np.maximum(count - 1, 0))
    low, high = (np.take_along_axis(ordered, i[..., None], axis=-1)[..., 0] for i in (below, above))
    quantile = low + (high - low) * (position - below)
    return np.where(count >= least, quantile, np.nan)
