"""Coordinate search over a rectangle: its position, its size, then each side alone."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["climb_box"]

BoxArray = NDArray[np.float64]


def climb_box(
    score: Callable[[BoxArray], float],
    box: BoxArray,
    steps: Sequence[float],
    *,
    allowed: Callable[[BoxArray], bool],
    min_gain: float,
    max_sweeps: int,
    relative: bool = False,
) -> tuple[BoxArray, float]:
    """Move and stretch a rectangle while its score grows.

    Args:
        score: function that is maximised.
        box: x, y, width, height to start from, shape (4,).
        steps: lengths of a move, in the order in which they are tried: coarse to fine.
        allowed: whether a rectangle may be tried.
        min_gain: least growth of the score that counts.
        max_sweeps: most rounds of all moves at one step.
        relative: whether steps are shares of the current width of the rectangle.

    Returns:
        The best rectangle, shape (4,), and its score.
    """
    tall = box[3] / box[2]
    moves = np.array(
        [
            [1, 0, 0, 0],
            [0, 1, 0, 0],
            [-0.5, -0.5 * tall, 1, tall],
            [0, 0, 1, 0],
            [0, 0, 0, 1],
            [-1, 0, 1, 0],
            [0, -1, 0, 1],
        ]
    )
    best = score(box)
    for step in steps:
        for _ in range(max_sweeps):
            before = best
            for move in np.concatenate([moves, -moves]):
                trial = box + move * step * (box[2] if relative else 1.0)
                if allowed(trial) and (value := score(trial)) > best + min_gain:
                    best, box = value, trial
            if best == before:
                break
    return box, best
