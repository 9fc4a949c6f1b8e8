"""labels.parquet: what the viewers of each content expressed, a row per content and second."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import DatasetError
from evoked.core.provenance import Provenance
from evoked.core.tables import read_table, write_table
from evoked.core.timeline import Grid
from evoked.core.track import Track

FIXED = ("video", "second", "valid", "viewers")


class Labelled(Protocol):
    """What a vote makes: labels, and how many viewers stand behind each."""

    @property
    def labels(self) -> Track: ...
    @property
    def viewers(self) -> NDArray[np.int64]: ...


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels of one content, read back.

    Attributes:
        labels: 1 Hz from second 0, each 0 or 1 where valid.
        viewers: int64, shape (seconds,): how many faces were seen.
    """

    labels: Track
    viewers: NDArray[np.int64]


def write_labels(path: Path, labels: Mapping[str, Labelled], provenance: Provenance) -> None:
    """Write the labels of several contents, in the order of their names.

    Args:
        path: .parquet, .csv or .json.
        labels: content's name → its labels, all with the same expressions, at 1 Hz from second 0.
        provenance: what made them.

    Raises:
        ValueError: if there are none, or their grids or expressions are not as said.
        OutputError: if it cannot be written.
    """
    if not labels:
        raise ValueError("there are no labels to write")
    videos = sorted(labels)
    names = labels[videos[0]].labels.names
    if taken := set(names) & set(FIXED):
        raise ValueError(f"an expression cannot be called {', '.join(sorted(taken))}: that is another column")
    for video in videos:
        track = labels[video].labels
        if track.names != names or track.grid != Grid(Fraction(1), track.grid.steps):
            raise ValueError(
                f"labels of {video!r} are {track.names} on {track.grid}; need {names} at 1 Hz from second 0"
            )
    tracks = [labels[v].labels for v in videos]
    valid = np.concatenate([t.valid for t in tracks])
    columns: dict[str, Any] = {
        "video": [v for v, t in zip(videos, tracks, strict=True) for _ in range(t.grid.steps)],
        "second": np.concatenate([np.arange(t.grid.steps) for t in tracks]),
        "valid": valid,
        "viewers": np.concatenate([labels[v].viewers for v in videos]).astype(np.int64),
    }
    for k, name in enumerate(names):
        values = np.concatenate([t.values[:, k] for t in tracks])
        columns[name] = [int(value) if on else None for value, on in zip(values, valid, strict=True)]
    write_table(path, columns, provenance)


def read_labels(path: Path) -> dict[str, Labels]:
    """Read a labels table; whatever is neither video, second, valid nor viewers is an expression.

    Rows may stand in any order; seconds that are missing in between are not valid.

    Returns:
        Content's name → its labels, in the order of the names.

    Raises:
        DatasetError: if the table cannot be read, has no expression or no row, or a row is not as it
            should be: the first one is named.
    """
    columns = read_table(path, required=("video", "second", "valid"))
    names = tuple(name for name in columns if name not in FIXED)
    if not names:
        raise DatasetError(f"{path} has no expression: columns are {', '.join(columns)}")
    if not columns["video"]:
        raise DatasetError(f"{path} has no rows; annotate some reactions first")
    rows: dict[str, list[int]] = {}
    for i, (video, second, valid) in enumerate(
        zip(columns["video"], columns["second"], columns["valid"], strict=True), start=1
    ):
        if not isinstance(second, int) or second < 0 or not isinstance(valid, bool) or video is None:
            raise DatasetError(
                f"{path} row {i}: need a video, a whole second from 0 and true or false for valid, "
                f"got {video!r}, {second!r}, {valid!r}"
            )
        rows.setdefault(str(video), []).append(i - 1)
    return {video: _one(path, columns, names, rows[video]) for video in sorted(rows)}


def _one(path: Path, columns: dict[str, list[Any]], names: tuple[str, ...], rows: list[int]) -> Labels:
    steps = max(columns["second"][i] for i in rows) + 1
    values = np.full((steps, len(names)), np.nan, dtype=np.float32)
    valid, viewers = np.zeros(steps, dtype=np.bool_), np.zeros(steps, dtype=np.int64)
    met = np.zeros(steps, dtype=np.bool_)
    for i in rows:
        second = columns["second"][i]
        if met[second]:
            raise DatasetError(f"{path} row {i + 1}: second {second} of {columns['video'][i]!r} stands there twice")
        met[second], valid[second] = True, columns["valid"][i]
        viewers[second] = columns["viewers"][i] or 0 if "viewers" in columns else 0
        if not valid[second]:
            continue
        for k, name in enumerate(names):
            value = columns[name][i]
            if value not in (0, 1):  # None too
                raise DatasetError(f"{path} row {i + 1}: {name} must be 0 or 1 where valid, got {value!r}")
            values[second, k] = value
    return Labels(Track(Grid(Fraction(1), steps), names, values, valid), viewers)
