"""Read and write labels (labels.parquet): a row per content and second."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import DatasetError
from evoked.core.provenance import Provenance
from evoked.core.table_times import check_unit, has_unit_of_seconds
from evoked.core.tables import read_numbers, read_table, write_table
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track

__all__ = [
    "POSITIVE_FROM",
    "LabelRows",
    "Labels",
    "expression_columns",
    "read_labels",
    "write_labels",
    "write_labels_apart",
]

FIXED = ("video", "second", "valid", "viewers", "ticks", "agreement")
POSITIVE_FROM = 0.5
"""A soft label from here on counts as on, wherever labels are counted or ranked; a setting where they are scored."""
SHARE = "share_"
"""Before an expression's name: the column with the vote share, for training on soft labels."""


class LabelRows(Protocol):
    """Labels of one content as a vote or a table gives them; attributes as those of `Labels`."""

    @property
    def labels(self) -> Track: ...
    @property
    def viewers(self) -> NDArray[np.int64]: ...
    @property
    def ticks(self) -> NDArray[np.int64] | None: ...
    @property
    def agreement(self) -> NDArray[np.float64] | None: ...
    @property
    def share(self) -> Track | None: ...


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels of one content, from a table.

    Attributes:
        labels: 1 Hz from second 0, each 0 or 1 where valid, or in [0, 1] (soft labels).
        viewers: int64, shape (seconds,): number of visible faces.
        ticks: int64, shape (seconds,): number of votes, one per viewer and frame (6 Hz); None without this column.
        agreement: float64, shape (seconds,): share of viewers whose own majority is the label; NaN where not valid;
            None without this column.
        share: 1 Hz, share of the votes for each expression in [0, 1], valid where there was any vote (also
            below the quorum); None without these columns.
    """

    labels: Track
    viewers: NDArray[np.int64]
    ticks: NDArray[np.int64] | None = None
    agreement: NDArray[np.float64] | None = None
    share: Track | None = None


def write_labels(path: Path, labels: Mapping[str, LabelRows], provenance: Provenance) -> None:
    """Write the labels of several contents, in the order of their names.

    Args:
        path: .parquet, .csv or .json.
        labels: content's name → its labels, all with the same expressions, at 1 Hz from second 0.
        provenance: of the labels.

    Raises:
        ValueError: if there are none, or their grids or expressions differ.
        OutputError: if it cannot be written.
    """
    videos = sorted(labels)
    _check({video: labels[video] for video in videos})
    columns: dict[str, Any] = {"video": np.repeat(np.array(videos), [labels[v].labels.grid.steps for v in videos])}
    write_table(path, columns | _columns([labels[v] for v in videos]), provenance)


def write_labels_apart(path: Path, labels: Mapping[str, Mapping[str, LabelRows]], provenance: Provenance) -> None:
    """Write the labels of each viewer separately: as `write_labels`, with a column `viewer` after `video`.

    Args:
        path: .parquet, .csv or .json.
        labels: content's name → viewer's name → the viewer's labels.
        provenance: of the labels.

    Raises:
        ValueError, OutputError: as `write_labels`.
    """
    flat = {(video, viewer): rows for video in sorted(labels) for viewer, rows in labels[video].items()}
    _check({f"{video} {viewer}": rows for (video, viewer), rows in flat.items()})
    steps = [rows.labels.grid.steps for rows in flat.values()]
    columns: dict[str, Any] = {
        name: np.repeat(np.array(keys), steps)
        for name, keys in zip(("video", "viewer"), zip(*flat, strict=True), strict=True)
    }
    write_table(path, columns | _columns(list(flat.values())), provenance)


def _check(labels: Mapping[str, LabelRows]) -> None:
    """ValueError if these cannot share one table."""
    if not labels:
        raise ValueError("there are no labels to write")
    names = next(iter(labels.values())).labels.names
    if reserved := {n for n in names if n in (*FIXED, "viewer") or n.startswith(SHARE)}:
        raise ValueError(f"an expression cannot be called {', '.join(sorted(reserved))}: that is another column")
    for video, rows in labels.items():
        track = rows.labels
        if track.names != names or track.grid != TimeGrid(Fraction(1), track.grid.steps):
            raise ValueError(
                f"labels of {video!r} are {track.names} on {track.grid}; need {names} at 1 Hz from second 0"
            )


def _columns(labels: list[LabelRows]) -> dict[str, Any]:
    """All columns after the names; ticks, agreement and shares only where all of the labels have them."""
    tracks = [rows.labels for rows in labels]
    valid = np.concatenate([t.valid for t in tracks])
    columns: dict[str, Any] = {
        "second": np.concatenate([np.arange(t.grid.steps) for t in tracks]),
        "valid": valid,
        "viewers": np.concatenate([rows.viewers for rows in labels]).astype(np.int64),
    }
    ticks = [rows.ticks for rows in labels if rows.ticks is not None]
    agreement = [rows.agreement for rows in labels if rows.agreement is not None]
    shares = [rows.share.values for rows in labels if rows.share is not None]
    if len(ticks) == len(labels):
        columns["ticks"] = np.concatenate(ticks).astype(np.int64)
    if len(agreement) == len(labels):
        columns["agreement"] = np.concatenate(agreement)
    for k, name in enumerate(tracks[0].names):
        values = np.concatenate([t.values[:, k] for t in tracks])
        present = np.where(valid, values, 0)
        whole = present.astype(np.int64)
        columns[name] = np.ma.masked_array(whole if (whole == present).all() else present, mask=~valid)
    if len(shares) == len(labels):
        for k, name in enumerate(tracks[0].names):
            columns[SHARE + name] = np.concatenate([s[:, k] for s in shares])
    return columns


def read_labels(path: Path) -> dict[str, Labels]:
    """Read a labels table; each column that is neither one of FIXED nor the share of another column is an expression.

    Rows may be in any order; missing seconds are not valid.

    Returns:
        Content's name → its labels, in the order of the names.

    Raises:
        DatasetError: if the table cannot be read, has no expression or no row, or a row is invalid: the first
            such row is named.
    """
    arrays = read_numbers(path)
    if arrays is not None and (labels := _from_columns(arrays)) is not None:
        return labels
    # row by row, which names the invalid one
    columns = read_table(path, required=("video", "second", "valid"), check=lambda names: _check_names(path, names))
    names = expression_columns(columns)
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
    for video, indices in rows.items():
        check_unit(f"{path}, video {video!r}", [columns["second"][i] for i in indices], "second")
    return {video: _from_rows(path, columns, names, rows[video]) for video in sorted(rows)}


def _check_names(path: Path, names: Sequence[str]) -> None:
    """DatasetError unless these columns are those of pooled labels."""
    if "viewer" in names:
        raise DatasetError(f"{path} has labels of each viewer apart; need one row per second: annotate without --apart")
    if not expression_columns(names):
        raise DatasetError(f"{path} has no expression: columns are {', '.join(names)}")


def expression_columns(columns: Iterable[str]) -> tuple[str, ...]:
    """The columns of a labels table that are expressions, in their order: none of FIXED, and no share of another."""
    present = set(columns)
    return tuple(n for n in columns if n not in FIXED and not (n.startswith(SHARE) and n[len(SHARE) :] in present))


def _from_columns(arrays: dict[str, NDArray[Any]]) -> dict[str, Labels] | None:
    """Labels of all contents from columns as `read_numbers` returns them; None if any row is invalid."""
    columns = [n for n in arrays if not n.endswith("=")]
    names = expression_columns(columns)
    complete = all(n in arrays for n in ("video", "video=", "second", "valid")) and "viewer" not in arrays
    if (
        not complete
        or not names
        or len({len(arrays[n]) for n in columns}) != 1
        or not len(arrays["valid"])
        or set(arrays) - set(columns) != {"video="}
    ):
        return None
    video, second, valid = arrays["video"], arrays["second"], arrays["valid"]
    if second.dtype.kind not in "iu" or valid.dtype.kind != "b" or second.min() < 0:
        return None
    order = np.lexsort((second, video))
    if ((np.diff(video[order]) == 0) & (np.diff(second[order]) == 0)).any():
        return None
    if any(arrays[n].dtype.kind == "b" or not _in_unit(arrays[n][valid]) for n in names):
        return None
    shares = [SHARE + n for n in names]
    for name in [n for n in ("ticks", "agreement", *shares) if n in arrays]:
        if (
            arrays[name].dtype.kind == "b"
            or not (
                np.isnan(arrays[name]) | ((arrays[name] >= 0) & (arrays[name] <= (np.inf if name == "ticks" else 1)))
            ).all()
        ):
            return None
    cuts = np.flatnonzero(np.diff(video[order])) + 1
    if not all(has_unit_of_seconds(second[rows]) for rows in np.split(order, cuts)):
        return None
    labels = {str(arrays["video="][video[rows[0]]]): _of_content(arrays, names, rows) for rows in np.split(order, cuts)}
    return {name: labels[name] for name in sorted(labels)}


def _in_unit(values: NDArray[Any]) -> bool:
    return bool(((values >= 0) & (values <= 1)).all())


def _of_content(arrays: dict[str, NDArray[Any]], names: tuple[str, ...], rows: NDArray[np.int64]) -> Labels:
    """Labels of one content from its rows, which are sorted by second."""
    seconds = arrays["second"][rows]
    steps = int(seconds[-1]) + 1
    values, valid = np.full((steps, len(names)), np.nan, dtype=np.float32), np.zeros(steps, dtype=np.bool_)
    valid[seconds] = arrays["valid"][rows]
    for k, name in enumerate(names):
        values[seconds, k] = arrays[name][rows]
    values[~valid] = np.nan
    series = {n: _series(arrays[n][rows], seconds, steps) for n in arrays if n in ("viewers", "ticks", "agreement")}
    shares = [_series(arrays[SHARE + n][rows], seconds, steps) if SHARE + n in arrays else None for n in names]
    grid = TimeGrid(Fraction(1), steps)
    return Labels(
        Track(grid, names, values, valid),
        np.nan_to_num(series.get("viewers", np.zeros(steps))).astype(np.int64),
        np.nan_to_num(series["ticks"]).astype(np.int64) if "ticks" in series else None,
        series.get("agreement"),
        _share_track(grid, names, shares),
    )


def _from_rows(path: Path, columns: dict[str, list[Any]], names: tuple[str, ...], rows: list[int]) -> Labels:
    """Labels of one content row by row; DatasetError names the first invalid row."""
    steps = max(columns["second"][i] for i in rows) + 1
    values = np.full((steps, len(names)), np.nan, dtype=np.float32)
    valid, viewers = np.zeros(steps, dtype=np.bool_), np.zeros(steps, dtype=np.int64)
    present = np.zeros(steps, dtype=np.bool_)
    for i in rows:
        second = columns["second"][i]
        if present[second]:
            raise DatasetError(f"{path} row {i + 1}: second {second} of {columns['video'][i]!r} is in the table twice")
        present[second], valid[second] = True, columns["valid"][i]
        count = columns["viewers"][i] or 0 if "viewers" in columns else 0
        if not isinstance(count, int) or count < 0:
            raise DatasetError(f"{path} row {i + 1}: viewers must be a whole number from 0, got {count!r}")
        viewers[second] = count
        if not valid[second]:
            continue
        for k, name in enumerate(names):
            value = columns[name][i]
            if isinstance(value, str) or value is None or not 0 <= value <= 1:
                raise DatasetError(f"{path} row {i + 1}: {name} must be from 0 to 1 where valid, got {value!r}")
            values[second, k] = value
    grid = TimeGrid(Fraction(1), steps)
    seconds = [columns["second"][i] for i in rows]
    ticks, agreement = _column(path, columns, "ticks", rows), _column(path, columns, "agreement", rows)
    shares = [_column(path, columns, SHARE + n, rows) for n in names]
    return Labels(
        Track(grid, names, values, valid),
        viewers,
        None if ticks is None else np.nan_to_num(_series(ticks, seconds, steps)).astype(np.int64),
        None if agreement is None else _series(agreement, seconds, steps),
        _share_track(grid, names, [None if s is None else _series(s, seconds, steps) for s in shares]),
    )


def _column(path: Path, columns: dict[str, list[Any]], name: str, rows: list[int]) -> NDArray[np.float64] | None:
    """The cells of `rows` in an optional column, NaN where empty; None without this column."""
    if name not in columns:
        return None
    cells = [columns[name][i] for i in rows]
    maximum = np.inf if name == "ticks" else 1.0
    for i, cell in zip(rows, cells, strict=True):
        if cell is not None and (isinstance(cell, bool | str) or not 0 <= cell <= maximum):
            raise DatasetError(f"{path} row {i + 1}: {name} must be a number from 0 to {maximum:g}, got {cell!r}")
    return np.array([np.nan if cell is None else cell for cell in cells], dtype=np.float64)


def _series(values: NDArray[np.float64], seconds: list[int] | NDArray[np.int64], steps: int) -> NDArray[np.float64]:
    """Values at their seconds, shape (steps,); NaN elsewhere."""
    series = np.full(steps, np.nan)
    series[seconds] = values
    return series


def _share_track(grid: TimeGrid, names: tuple[str, ...], shares: list[NDArray[np.float64] | None]) -> Track | None:
    present = [s for s in shares if s is not None]
    if len(present) < len(names):
        return None
    stacked = np.stack(present, axis=1)  # (seconds, names)
    return Track.masked(grid, names, stacked, np.isfinite(stacked.sum(axis=1)))
