"""Feature rows that may stay on disk: an array, or a file that is read slice by slice."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["BLOCK", "Rows", "blocks"]

BLOCK = 4096
"""Rows read at a time: 35 MB at 4,224 columns of float16."""


class Rows(Protocol):
    """A matrix (T, D) of floats with numpy's shape, dtype, length and row slices."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def ndim(self) -> int: ...
    @property
    def dtype(self) -> np.dtype[np.floating]: ...
    def __len__(self) -> int: ...
    def __getitem__(self, rows: slice, /) -> NDArray[np.floating]: ...


def blocks(rows: Rows, size: int = BLOCK) -> Iterator[NDArray[np.floating]]:
    """The rows in order, at most `size` at a time.

    Args:
        rows: shape (T, D).
        size: rows in a block, at least 1.

    Yields:
        Arrays of shape (size, D); the last may be shorter.
    """
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
