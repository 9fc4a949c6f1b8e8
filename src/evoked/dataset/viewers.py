"""Scores of each viewer on the content's time (viewers.parquet): a row per content, viewer and second."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import DatasetError
from evoked.core.provenance import Provenance
from evoked.core.tables import read_table, write_table
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track

__all__ = ["Selection", "ViewerSeries", "by_participant", "levels", "read_viewers", "write_viewers"]

KEYS = ("video", "recording", "viewer", "participant")


@dataclass(frozen=True, eq=False)
class ViewerSeries:
    """The scores of one viewer of one recording, on the content's time.

    Attributes:
        video: the content's name.
        recording, viewer: which face of which recording.
        participant: name of the person.
        scores: 1 Hz from second 0, in [0, 1]: the mean of the visible frames of the 3 s centred on each second; not
            valid where fewer are visible than the quorum of the vote.
        attributes: group, condition, age, gender and further columns of participants.csv; "" where unknown.
    """

    video: str
    recording: str
    viewer: str
    participant: str
    scores: Track
    attributes: Mapping[str, str] = field(default_factory=dict)


Selection = tuple[str, str] | None
"""A column and one of its values; None: everybody."""


def write_viewers(path: Path, series: Sequence[ViewerSeries], names: tuple[str, ...], provenance: Provenance) -> None:
    """Write the scores of viewers.

    Args:
        path: .parquet.
        series: all with the same attributes; may be empty.
        names: the expressions of every Track.
        provenance: of the scores.

    Raises:
        OutputError: if it cannot be written.
    """
    steps = [len(one.scores) for one in series]
    keys = {key: [getattr(one, key) for one in series] for key in KEYS}
    further = list(series[0].attributes) if series else []
    texts = keys | {name: [one.attributes[name] for one in series] for name in further}
    columns: dict[str, NDArray] = {
        name: np.repeat(np.array(cells, dtype=object), steps) for name, cells in texts.items()
    }
    columns["second"] = np.concatenate([np.arange(n) for n in steps]) if steps else np.zeros(0, np.int64)
    columns["valid"] = np.concatenate([one.scores.valid for one in series]) if steps else np.zeros(0, np.bool_)
    values = np.concatenate([one.scores.values for one in series]) if steps else np.zeros((0, len(names)), np.float32)
    write_table(path, columns | {name: values[:, k] for k, name in enumerate(names)}, provenance)


def read_viewers(path: Path) -> tuple[ViewerSeries, ...]:
    """Read a table that `write_viewers` wrote.

    Columns between `participant` and `second` are attributes, those after `valid` expressions.

    Raises:
        DatasetError: if it cannot be read, or rows of a viewer are not seconds 0, 1, 2, ….
    """
    table = read_table(path, (*KEYS, "second", "valid"))
    order = list(table)
    further = order[order.index("participant") + 1 : order.index("second")]
    names = tuple(order[order.index("valid") + 1 :])
    rows: dict[tuple[str, str, str, str], list[int]] = {}
    for i, (video, recording, viewer, person) in enumerate(zip(*(table[name] for name in KEYS), strict=True)):
        rows.setdefault((str(video), str(recording), str(viewer), str(person)), []).append(i)
    scores = np.array([table[name] for name in names], dtype=np.float64).reshape(len(names), -1)  # None becomes NaN
    valid, second = np.array(table["valid"], dtype=np.bool_), np.array(table["second"], dtype=np.int64)
    series = []
    for key, indices in rows.items():
        if not np.array_equal(second[indices], np.arange(len(indices))):
            raise DatasetError(f"{path}: seconds of {key[1]}/{key[2]} do not run from 0; delete it and run again")
        track = Track.masked(TimeGrid(Fraction(1), len(indices)), names, scores[:, indices].T, valid[indices])
        series.append(ViewerSeries(*key, track, {name: str(table[name][indices[0]] or "") for name in further}))
    return tuple(series)


def by_participant(
    series: Sequence[ViewerSeries], names: Sequence[str], selection: Selection = None
) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """The scores of each participant of one content.

    Args:
        series: of one content.
        names: expressions, in the order of the last axis.
        selection: whose and which recordings count.

    Returns:
        Names of the participants, sorted, and scores, shape (participants, seconds, expressions): the mean of a
        participant's recordings and faces; NaN where none is valid.
    """
    chosen = [one for one in series if selection is None or one.attributes.get(selection[0], "") == selection[1]]
    people = tuple(sorted({one.participant for one in chosen}))
    steps = max((len(one.scores) for one in series), default=0)
    total, count = np.zeros((len(people), steps, len(names))), np.zeros((len(people), steps, 1))
    for one in chosen:
        row, rows = people.index(one.participant), slice(len(one.scores))
        columns = [one.scores.names.index(name) for name in names]
        total[row, rows] += np.nan_to_num(one.scores.values[:, columns])
        count[row, rows, 0] += one.scores.valid
    return people, np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def levels(series: Sequence[ViewerSeries], column: str) -> tuple[str, ...]:
    """The values of an attribute.

    Args:
        series: of one content or several.
        column: name of the attribute.

    Returns:
        Its values, sorted, without "" for unknown.
    """
    return tuple(sorted({value for one in series if (value := one.attributes.get(column, ""))}))
