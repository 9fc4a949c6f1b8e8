"""Convert an annotation to a table, and a table to Tracks."""

import numpy as np
from numpy.typing import NDArray

from evoked.core.time_grid import ANNOTATION_FPS, TimeGrid
from evoked.core.track import Track
from evoked.faces.landmarks import BLENDSHAPES
from evoked.reactions.viewers.annotation import Annotation
from evoked.reactions.viewers.face_tracks import POSE_SCORE
from evoked.reactions.viewers.measures import BOX_COLUMNS, measured

__all__ = ["annotation_to_table", "table_to_tracks"]


def annotation_to_table(
    annotation: Annotation, names: tuple[str, ...], measures: tuple[str, ...] = ()
) -> dict[str, list[object] | NDArray]:
    """The table of docs/files.md: a row per viewer and frame, viewers in order, frames in order.

    Args:
        annotation: of one reaction.
        names: expressions, in the order of the scores' columns.
        measures: what else is written, of MEASURES; other names are left out.

    Returns:
        `viewer, time_s, valid`, a column per expression, then the measures; no rows where no viewer was visible.
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
        **_measures(annotation, measures),
    }


def _measures(annotation: Annotation, measures: tuple[str, ...]) -> dict[str, NDArray]:
    """The columns of all viewers, one viewer after the other."""
    columns = [measured(v.blendshapes, v.boxes, v.poses, measures) for v in annotation.viewers.values()]
    if not columns:
        nobody = Track.masked(
            TimeGrid(ANNOTATION_FPS, 0), BLENDSHAPES, np.zeros((0, len(BLENDSHAPES))), np.zeros(0, np.bool_)
        )
        boxes, poses = (
            Track.masked(nobody.grid, names, np.zeros((0, len(names))), np.zeros(0, np.bool_))
            for names in (BOX_COLUMNS, POSE_SCORE)
        )
        columns = [measured(nobody, boxes, poses, measures)]
    return {name: np.concatenate([column[name] for column in columns]) for name in columns[0]}


def table_to_tracks(table: dict[str, list], names: tuple[str, ...]) -> dict[str, Track]:
    """Read the scores of each viewer from a table that `annotation_to_table` made.

    Args:
        table: column name → values, one per row.
        names: expressions whose columns are read.

    Returns:
        Viewer → scores at 6 Hz on the reaction's time.

    Raises:
        ValueError: if the rows are not at 6 Hz from second 0, viewer by viewer.
    """
    rows: dict[str, list[int]] = {}
    for i, name in enumerate(table["viewer"]):
        rows.setdefault(str(name), []).append(i)
    tracks = {}
    for name, indices in rows.items():
        grid = TimeGrid(ANNOTATION_FPS, len(indices))
        times = np.array([table["time_s"][i] for i in indices], dtype=np.float64)
        if not np.allclose(times, grid.seconds, atol=1e-3):
            raise ValueError(f"viewer {name!r}: time_s must run from 0 in steps of 1/6 s")
        valid = np.array([bool(table["valid"][i]) for i in indices])
        values = np.array([[table[n][i] if valid[j] else 0.0 for n in names] for j, i in enumerate(indices)])
        tracks[name] = Track.masked(grid, names, values.reshape(len(indices), len(names)), valid)
    return tracks
