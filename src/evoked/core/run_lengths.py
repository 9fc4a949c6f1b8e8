"""Runs in a sequence: where a mask is True, and where values stay equal."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["equal_runs", "run_lengths"]

Bounds = NDArray[np.int64]


def equal_runs(values: NDArray) -> tuple[Bounds, Bounds]:
    """Cut a sequence wherever its value changes.

    Args:
        values: shape (n,).

    Returns:
        First and past-last index of each run, both shape (runs,), in order; none for an empty sequence.
    """
    changes = np.flatnonzero(values[1:] != values[:-1]) + 1
    starts = np.concatenate([[0], changes]).astype(np.int64)
    ends = np.concatenate([changes, [len(values)]]).astype(np.int64)
    return (starts, ends) if len(values) else (starts[:0], ends[:0])


def run_lengths(mask: NDArray[np.bool_]) -> tuple[Bounds, Bounds]:
    """The runs of True in a mask.

    Args:
        mask: bool, shape (n,).

    Returns:
        First and past-last index of each run, both shape (runs,), in order.
    """
    starts, ends = equal_runs(mask)
    inside = mask[starts]
    return starts[inside], ends[inside]
