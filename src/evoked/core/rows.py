"""Feature rows that need not be in memory: an array, or a file that is read slice by slice."""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["BLOCK", "Rows", "blocks"]

BLOCK = 4096
"""Rows read at a time where all of them are needed: 35 MB of 4,224 float16."""


class Rows(Protocol):
    """A matrix (T, D) of floats with numpy's shape, dtype, length and row slices."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def ndim(self) -> int: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    def __len__(self) -> int: ...
    def __getitem__(self, part: slice, /) -> NDArray[np.floating]: ...


def blocks(rows: Rows, size: int = BLOCK) -> Iterator[NDArray[np.floating]]:
    """The rows in order, at most `size` at a time."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
