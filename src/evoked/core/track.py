"""Named columns of values on a time grid: the type that all modules exchange.

Features, a viewer's expressions, labels and predictions are all Tracks, so the same
functions store, plot and compare them.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from evoked.core.extras import require_module
from evoked.core.time_grid import TimeGrid

if TYPE_CHECKING:
    import matplotlib.axes
    import pandas
    import pyarrow

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

    def __len__(self) -> int:
        """The number of rows."""
        return self.grid.steps

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        """One column, shape (grid.steps,); NaN where not valid. KeyError for a name that it does not have."""
        if name not in self.names:
            raise KeyError(f"no column {name!r}; there are: {', '.join(self.names)}")
        return self.values[:, self.names.index(name)]

    def __repr__(self) -> str:
        rate = self.grid.rate
        start = f" from {float(self.grid.start):g} s" if self.grid.start else ""
        names = ", ".join(self.names[:5]) + (f", … {len(self.names)} columns" if len(self.names) > 5 else "")
        hz = rate if rate.denominator == 1 else f"{float(rate):g}"
        return f"Track({len(self)} steps at {hz} Hz{start}, {int(self.valid.sum())} valid: {names})"

    def to_pandas(self) -> "pandas.DataFrame":
        """A data frame with a column per name; the index is `time_s`, and rows that are not valid are NaN.

        Raises:
            EvokedError: if pandas is not installed.
        """
        require_module("pandas", "to_pandas()")
        import pandas

        index = pandas.Index(self.grid.seconds, name="time_s")
        return pandas.DataFrame(self.values.copy(), index=index, columns=pandas.Index(self.names))

    def to_arrow(self) -> "pyarrow.Table":
        """A table with `time_s`, `valid` and a float column per name, null where not valid."""
        import pyarrow

        absent = ~self.valid
        columns = {name: pyarrow.array(self[name], mask=absent) for name in self.names}
        return pyarrow.table({"time_s": self.grid.seconds, "valid": self.valid, **columns})

    def plot(self, ax: "matplotlib.axes.Axes | None" = None) -> "matplotlib.axes.Axes":
        """Draw a line per column over time, with gaps where not valid.

        Args:
            ax: the axes to draw on; a new figure where None.

        Returns:
            The axes, with units and a legend.

        Raises:
            EvokedError: if matplotlib is not installed.
        """
        require_module("matplotlib", "plot()")
        from matplotlib import pyplot

        axes = pyplot.subplots(figsize=(10, 3.5), layout="constrained")[1] if ax is None else ax
        for name in self.names:
            axes.plot(self.grid.seconds, self[name], label=name, linewidth=1.4)
        axes.set_xlabel("time (s)")
        axes.set_ylabel("score")
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, title=None)
        return axes
