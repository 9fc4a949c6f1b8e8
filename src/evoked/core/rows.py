"""Rows of numbers that need not be in memory: an array, or something on disk that is read slice by slice."""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

BLOCK = 4096
"""Rows that are taken at a time where all have to be seen: 35 MB of 4,224 float16."""


class Rows(Protocol):
    """A matrix (T, D) of floats as far as numpy's own has it: shape, type, length and slices of rows."""

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
