"""Windows of a clip's descriptors: one at random to train on, all of them to score."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evoked.model.recognition import RecognitionConfig, RecognitionForward

__all__ = ["descriptor_window", "window_scores"]


def descriptor_window(rows: NDArray[np.float32], ticks: int, random: np.random.Generator) -> NDArray[np.float32]:
    """One window of a clip: its end, padded with its first row; of a longer clip a random window.

    Args:
        rows: (T, D) descriptors at 6 Hz.
        ticks: frames in the window.
        random: chooses the window.

    Returns:
        (ticks, D).
    """
    end = len(rows) if len(rows) <= ticks else int(random.integers(ticks, len(rows) + 1))
    taken = rows[max(0, end - ticks) : end]
    return np.concatenate([np.repeat(taken[:1], ticks - len(taken), axis=0), taken])


def window_scores(
    shape: RecognitionConfig, arrays: dict[str, NDArray[np.float32]], clips: Sequence[NDArray[np.float32]]
) -> NDArray[np.float64]:
    """Score each clip as the mean over all windows inside it; a short clip has one window.

    Args:
        shape: the network's shape.
        arrays: its weights, by name.
        clips: (T, D) descriptors of each clip.

    Returns:
        (n, K) in [0, 1].
    """
    windows = [_windows_of(rows, shape.ticks) for rows in clips]
    p = RecognitionForward(shape, arrays).windows(np.concatenate(windows)).astype(np.float64)
    ends = np.cumsum([len(clip_windows) for clip_windows in windows])
    return np.stack([clip_scores.mean(axis=0) for clip_scores in np.split(p, ends[:-1])])


def _windows_of(rows: NDArray[np.float32], ticks: int) -> NDArray[np.float32]:
    """Every window inside a clip, (n, ticks, D); of a short clip one, padded with its first row."""
    short = ticks - len(rows)
    padded = np.concatenate([np.repeat(rows[:1], short, axis=0), rows]) if short > 0 else rows
    return np.lib.stride_tricks.sliding_window_view(padded, ticks, axis=0).transpose(0, 2, 1)
