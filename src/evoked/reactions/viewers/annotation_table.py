"""An annotation as a table, and back."""

import numpy as np
from numpy.typing import NDArray

from evoked.core.time_grid import ANNOTATION_FPS, TimeGrid
from evoked.core.track import Track
from evoked.reactions.viewers.annotation import Annotation

__all__ = ["annotation_to_table", "table_to_tracks"]


def annotation_to_table(annotation: Annotation, names: tuple[str, ...]) -> dict[str, list[object] | NDArray]:
    """The table of docs/files.md: a row per viewer and frame, viewers in order, frames in order.

    Returns:
        `viewer, time_s, valid`, then a column per expression; no rows where nobody was seen.
    """
    viewers = annotation.viewers
    steps = annotation.grid.steps
    seconds = np.round(annotation.grid.seconds, 6)
    scores = [v.scores.values for v in viewers.values()]
    stacked = np.concatenate(scores) if scores else np.zeros((0, len(names)), np.float32)
    return {
        "viewer": [name for name in viewers for _ in range(steps)],
        "time_s": np.tile(seconds, len(viewers)),
        "valid": np.concatenate([v.scores.valid for v in viewers.values()]) if viewers else np.zeros(0, np.bool_),
        **{name: stacked[:, k] for k, name in enumerate(names)},
    }


def table_to_tracks(table: dict[str, list], names: tuple[str, ...]) -> dict[str, Track]:
    """Turn a table of `columns` back: viewer → scores at 6 Hz on the reaction's time.

    Raises:
        ValueError: if the rows are not at 6 Hz from second 0, viewer by viewer.
    """
    rows: dict[str, list[int]] = {}
    for i, name in enumerate(table["viewer"]):
        rows.setdefault(str(name), []).append(i)
    out = {}
    for name, places in rows.items():
        grid = TimeGrid(ANNOTATION_FPS, len(places))
        times = np.array([table["time_s"][i] for i in places], dtype=np.float64)
        if not np.allclose(times, grid.seconds, atol=1e-3):
            raise ValueError(f"viewer {name!r}: time_s must run from 0 in steps of 1/6 s")
        valid = np.array([bool(table["valid"][i]) for i in places])
        values = np.array([[table[n][i] if valid[j] else 0.0 for n in names] for j, i in enumerate(places)])
        out[name] = Track.masked(grid, names, values.reshape(len(places), len(names)), valid)
    return out
