"""The planted rule: a viewer smiles where the content was loud in the last seconds.

It is simple on purpose: the correct label of every second of every staged reaction is known, and a
model with audio features can learn the rule from other segments of the same video.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from evoked.core.run_lengths import run_lengths
from evoked.core.settings import setting, settings

__all__ = ["QUIETEST_DB", "LabelRule", "runs", "smile_levels", "smiles"]

QUIETEST_DB = -120.0  # the level of silence: 20 log10(1e-6)


@settings
class LabelRule:
    """When a viewer smiles. All lengths are whole seconds."""

    quantile: float = setting(
        0.70, "a second is loud at or above this quantile of the source video's seconds", gt=0, lt=1
    )
    memory_s: int = setting(3, "smiles while one of the last seconds, including the current one, was loud", ge=1)
    shortest_s: int = setting(4, "shortest smile, seconds", ge=1)
    gap_s: int = setting(3, "gaps between smiles shorter than this are filled, seconds", ge=1)
    longest_s: int = setting(10, "longest smile, seconds", ge=1)
    rest_s: int = setting(5, "seconds without a smile after one of the longest", ge=1)

    def __post_init__(self) -> None:
        if self.longest_s < self.shortest_s:
            raise ValueError(f"longest_s must be at least shortest_s, got {self.longest_s} and {self.shortest_s}")


def smile_levels(samples: NDArray[np.float32], hz: int) -> NDArray[np.float64]:
    """Loudness of each whole second.

    Args:
        samples: mono, in [-1, 1], shape (n,).
        hz: samples per second.

    Returns:
        20 log10 of the root mean square, dB, shape (n // hz,); silence is QUIETEST_DB.

    Raises:
        ValueError: if there is not one whole second.
    """
    seconds = len(samples) // hz
    if seconds < 1:
        raise ValueError(f"levels need at least one whole second of sound, got {len(samples)} samples at {hz} Hz")
    squares = samples[: seconds * hz].astype(np.float64).reshape(seconds, hz) ** 2
    floor = 10 ** (QUIETEST_DB / 20)
    loudness: NDArray[np.float64] = 20 * np.log10(np.maximum(np.sqrt(squares.mean(axis=1)), floor))
    return loudness


def smiles(level_db: NDArray[np.float64], threshold_db: float, rule: LabelRule | None = None) -> NDArray[np.bool_]:
    """Which seconds of a content its viewers smile in.

    Only the content itself counts, not the source video before its first second.

    Args:
        level_db: loudness of each second of the content, shape (seconds,).
        threshold_db: loud is at or above this.
        rule: quantile and lengths; default LabelRule().

    Returns:
        bool, shape (seconds,). Every run is at least `shortest_s` long unless the content ends, and
        at most `longest_s`.
    """
    rule = rule or LabelRule()
    loud = level_db >= threshold_db
    smiling = np.array([loud[max(0, t - rule.memory_s + 1) : t + 1].any() for t in range(len(loud))], dtype=np.bool_)
    for start, end in runs(~smiling):
        if start > 0 and end < len(smiling) and end - start < rule.gap_s:
            smiling[start:end] = True
    return _limited(smiling, rule)


def runs(flags: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """(start, end) of each run of True, half open, in order."""
    starts, ends = run_lengths(flags)
    yield from zip(starts.tolist(), ends.tolist(), strict=True)


def _limited(triggered: NDArray[np.bool_], rule: LabelRule) -> NDArray[np.bool_]:
    """Apply the shortest and the longest length of a smile, and the rest after one of the longest."""
    smiling = np.zeros(len(triggered), dtype=np.bool_)
    smiled_s, rest_s = 0, 0  # length of the current smile; seconds of rest that remain
    for t, is_triggered in enumerate(triggered):
        if rest_s > 0:
            rest_s -= 1
        elif is_triggered or 0 < smiled_s < rule.shortest_s:
            smiling[t] = True
            smiled_s += 1
            if smiled_s == rule.longest_s:
                smiled_s, rest_s = 0, rule.rest_s
        else:
            smiled_s = 0
    return smiling
