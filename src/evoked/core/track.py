"""Named columns of values on a time grid: the type that all modules exchange.

Features, a viewer's expressions, labels and predictions are all Tracks, so the same
functions store, plot and compare them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evoked.core.time_grid import TimeGrid

__all__ = ["Track"]


@dataclass(frozen=True, eq=False)  # == of arrays is not one bool
class Track:
    """Values over time, and where they are valid.

    Attributes:
        grid: the time of each row.
        names: of the columns, in order.
        values: float32, shape (grid.steps, len(names)); NaN exactly where not valid.
        valid: bool, shape (grid.steps,); False where there is no measurement (no face, no sound).
            Zero is a score and never means "missing".

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
        """A Track from values that may be anything where not valid; those become NaN.

        Args:
            grid: the time of each row.
            names: of the columns.
            values: shape (grid.steps, len(names)).
            valid: shape (grid.steps,).

        Returns:
            The Track, its values float32.

        Raises:
            ValueError: if shapes do not fit together, or a valid value is not finite.
        """
        masked = np.array(values, dtype=np.float32)
        masked[~valid] = np.nan
        return cls(grid, names, masked, np.asarray(valid, dtype=np.bool_))
