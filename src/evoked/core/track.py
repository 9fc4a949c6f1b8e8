"""Named columns of values on a time grid: the type that all stages exchange.

Features, a viewer's expressions, labels and predictions are all Tracks, so each stage can be
stored, plotted and compared by the same few functions.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evoked.core.time_grid import TimeGrid

__all__ = ["Track"]


@dataclass(frozen=True, eq=False)  # == on arrays has no single truth
class Track:
    """Values over time, and where there are any.

    Attributes:
        grid: when each row is played.
        names: what each column is, in order.
        values: float32, shape (grid.steps, len(names)); NaN exactly where not valid.
        valid: bool, shape (grid.steps,); False where nothing was seen (no face, no sound). Zero is
            a score like any other and never means "nothing".

    Raises:
        ValueError: if shapes, types or the mask do not fit together.
    """

    grid: TimeGrid
    names: tuple[str, ...]
    values: NDArray[np.float32]
    valid: NDArray[np.bool_]

    def __post_init__(self) -> None:
        shape = (self.grid.steps, len(self.names))
        if self.values.shape != shape:
            raise ValueError(f"values must have shape (steps, names) = {shape}, got {self.values.shape}")
        if self.values.dtype != np.float32:
            raise ValueError(f"values must be float32, got {self.values.dtype}")
        if self.valid.shape != shape[:1] or self.valid.dtype != np.bool_:
            raise ValueError(f"valid must be bool of shape {shape[:1]}, got {self.valid.dtype} {self.valid.shape}")
        if len(set(self.names)) != len(self.names):
            raise ValueError(f"names must differ from each other, got {self.names}")
        finite = np.isfinite(self.values)
        if not finite[self.valid].all():
            step = int(np.flatnonzero(self.valid & ~finite.all(axis=1))[0])
            raise ValueError(f"values at step {step} are marked valid but not all finite")
        if not np.isnan(self.values[~self.valid]).all():
            raise ValueError("values must be NaN wherever valid is False")

    @classmethod
    def masked(
        cls, grid: TimeGrid, names: tuple[str, ...], values: NDArray[np.floating], valid: NDArray[np.bool_]
    ) -> "Track":
        """A Track from values that may hold anything where not valid; those become NaN."""
        out = np.array(values, dtype=np.float32)
        out[~valid] = np.nan
        return cls(grid, names, out, np.asarray(valid, dtype=np.bool_))
