"""Machine scores of rated clips, read from any table that evoked writes.

The columns decide which of four types a table is:
- `clip`, or `video, start_s, end_s`: scores of clips;
- `viewer, time_s, valid`: an annotation of one recording, named after it (RECORDING.parquet);
- `video, second, valid`: labels of contents; vote shares where the table has them, else 0 or 1;
- `time_s, valid`: a prediction for one content, named after it.
A folder holds several annotations, or several predictions.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import DatasetError
from evoked.core.files import sha256
from evoked.core.table_times import check_unit
from evoked.core.tables import SUFFIXES, read_names, read_table
from evoked.dataset.labels import expression_columns, read_labels
from evoked.dataset.ratings import HALF_WINDOW_S, RatedClip
from evoked.dataset.result_files import without_extension
from evoked.reactions.viewers.measures import MEASURE_COLUMNS

__all__ = ["SPANS", "TABLE_TYPES", "MachineScores", "read_machine_scores", "score_names"]

TABLE_TYPES = ("clips", "annotation", "labels", "prediction")
SPANS = ("mean", "last")
NOT_SCORES = frozenset({"clip", "video", "start_s", "end_s", "viewer", "time_s", "valid"}) | MEASURE_COLUMNS
Columns = Mapping[str, Sequence[str | float | bool | None]]
"""A table: column name → cells."""

TOLERANCE_S = 1e-6  # times are written in whole microseconds


@dataclass(frozen=True, eq=False)
class ScoreSeries:
    """Scores of one face, or of one content, over time.

    Attributes:
        viewer: name of the viewer; "" for a content.
        time_s: shape (n,), rising.
        scores: shape (n, K); NaN where not valid.
    """

    viewer: str
    time_s: NDArray[np.float64]
    scores: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MachineScores:
    """Scores of a machine.

    Attributes:
        table_type: one of TABLE_TYPES.
        names: expressions, K.
        clips: key of a clip → its K scores, NaN where not valid; for type "clips".
        videos: name of a video → its series; for the others.
        inputs: file name → SHA-256.
        notes: remarks for the report.
    """

    table_type: str
    names: tuple[str, ...]
    clips: Mapping[tuple[object, ...], NDArray[np.float64]]
    videos: Mapping[str, tuple[ScoreSeries, ...]]
    inputs: Mapping[str, str]
    notes: tuple[str, ...] = ()
    _index: dict[str, str | None] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.videos:
            for key in _keys(name):
                self._index[key] = None if key in self._index else name  # None: ambiguous
        self._index.update({name: name for name in self.videos})

    def contains(self, clip: RatedClip) -> bool:
        """Whether the table contains the clip, with valid scores or not."""
        return _key(clip) in self.clips if self.table_type == "clips" else bool(self._series(clip))

    def scores(self, clips: Sequence[RatedClip], span: str = "mean") -> NDArray[np.float64]:
        """Scores of each clip.

        Args:
            clips: the rated clips.
            span: for an annotation: "mean" over the frames of the clip in which a face was seen (of all viewers
                if the clip names none), or "last", the last such frame. Labels and predictions describe the 3 s
                around their second: the mean of those whose 3 s lie within the clip is taken, else the one
                nearest to its middle.

        Returns:
            (len(clips), K); NaN where the machine has no score.

        Raises:
            ValueError: for another span.
            DatasetError: if two rated files have the same name in the machine's table.
        """
        if span not in SPANS:
            raise ValueError(f"span must be one of {', '.join(SPANS)}, got {span!r}")
        self._check_distinct(clips)
        out = np.full((len(clips), len(self.names)), np.nan)
        for i, clip in enumerate(clips):
            if self.table_type == "clips":
                out[i] = self.clips.get(_key(clip), np.nan)
            elif self.table_type == "annotation":
                out[i] = _annotation_score(self._series(clip), clip, span)
            else:
                out[i] = _label_score(self._series(clip), clip)
        return out

    def _series(self, clip: RatedClip) -> list[ScoreSeries]:
        name = self._named(clip.clip or clip.video)
        if name is None:
            return []
        return [series for series in self.videos[name] if clip.viewer in ("", series.viewer) or not series.viewer]

    def _named(self, source: str) -> str | None:
        """The video of a rated file, found by its path, its name or its name without extension."""
        return next((name for key in (source, *_keys(source)) if (name := self._index.get(key))), None)

    def _check_distinct(self, clips: Sequence[RatedClip]) -> None:
        known: dict[str, str] = {}
        for source in dict.fromkeys(clip.clip or clip.video for clip in clips):
            name = self._named(source)
            if name is not None and known.setdefault(name, source) != source:
                raise DatasetError(
                    f"{known[name]} and {source} were both rated, and the machine's table has {name} alone, which may "
                    "be either: give files names of their own, in the ratings and the table"
                )


def _keys(source: str) -> dict[str, None]:
    """What a file may be called in a table: its name with and without extension, in one Unicode form."""
    name = unicodedata.normalize("NFC", Path(source).name)
    return dict.fromkeys((name, without_extension(name)))


def score_names(path: Path) -> tuple[str, ...]:
    """The expressions of a table, or of the first table of a folder, from its header alone.

    Args:
        path: the table or the folder.

    Returns:
        Their names, in the order of the columns.

    Raises:
        DatasetError: if there is none, or its type is unknown.
    """
    table_path = _tables(path)[0]
    names = read_names(table_path)
    if _table_type(table_path, names) == "labels":
        return expression_columns(names)
    return tuple(n for n in names if n not in NOT_SCORES)


def _tables(path: Path) -> list[Path]:
    """The table, or the tables of a folder."""
    if not path.is_dir():
        return [path]
    paths = sorted(
        table_path
        for table_path in path.iterdir()
        if table_path.suffix in SUFFIXES and not table_path.name.endswith(".provenance.json")
    )
    if not paths:
        raise DatasetError(f"{path} holds no table ({', '.join(SUFFIXES)})")
    return paths


def read_machine_scores(path: Path) -> MachineScores:
    """Read a table or a folder of tables.

    Raises:
        DatasetError: if there is none, its type is unknown, or a row is invalid.
    """
    paths = _tables(path)
    tables = [_read(table_path) for table_path in paths]
    first = tables[0]
    for table, table_path in zip(tables, paths, strict=True):
        if (table.table_type, table.names) != (first.table_type, first.names):
            raise DatasetError(
                f"{table_path} holds {table.table_type} of {', '.join(table.names)}, {paths[0].name} "
                f"{first.table_type} of {', '.join(first.names)}; put tables of one type into the folder"
            )
    if len(tables) > 1 and first.table_type in ("clips", "labels"):
        raise DatasetError(f"{path} holds {len(tables)} tables of {first.table_type}; name one of them")
    path_of: dict[str, Path] = {}
    for table, table_path in zip(tables, paths, strict=True):
        for name in table.videos:
            if name in path_of:
                raise DatasetError(
                    f"{table_path} and {path_of[name].name} both hold {name}; keep one of the two in the folder"
                )
            path_of[name] = table_path
    videos = {name: series for table in tables for name, series in table.videos.items()}
    inputs = {table_path.name: sha256(table_path) for table_path in paths}
    return MachineScores(first.table_type, first.names, first.clips, videos, inputs, first.notes)


def _read(path: Path) -> MachineScores:
    table_type = _table_type(path, read_names(path))
    if table_type == "labels":
        return _labels(path)
    columns = read_table(path, check=lambda names: _check_names(path, names))
    names = tuple(n for n in columns if n not in NOT_SCORES)
    scores = _scores(path, columns, names)
    if table_type == "clips":
        return MachineScores(table_type, names, _clips(path, columns, scores), {}, {})
    times = _times(path, columns)
    viewers = np.array([str(v) for v in columns["viewer"]] if table_type == "annotation" else [""] * len(times))
    series = []
    for viewer in dict.fromkeys(viewers.tolist()):
        rows = viewers == viewer
        if (np.diff(times[rows]) <= 0).any():
            raise DatasetError(f"{path}: time_s must rise{f' for viewer {viewer}' if viewer else ''}")
        check_unit(path, times[rows])
        series.append(ScoreSeries(viewer, times[rows], scores[rows]))
    return MachineScores(table_type, names, {}, {path.stem: tuple(series)}, {})


def _check_names(path: Path, names: Sequence[str]) -> None:
    """DatasetError unless a column is an expression."""
    if not set(names) - NOT_SCORES:
        raise DatasetError(f"{path} has no expression: columns are {', '.join(names)}")


def _table_type(path: Path, columns: Sequence[str]) -> str:
    has = set(columns)
    if "clip" in has or {"video", "start_s", "end_s"} <= has:
        return "clips"
    if {"video", "second", "valid"} <= has:
        return "labels"
    if {"time_s", "valid"} <= has:
        return "annotation" if "viewer" in has else "prediction"
    raise DatasetError(
        f"{path} is no table of scores: need clip, or video,start_s,end_s, or viewer,time_s,valid, or "
        f"video,second,valid, or time_s,valid, then expressions; it has: {', '.join(columns) or 'none'}"
    )


def _labels(path: Path) -> MachineScores:
    labels = read_labels(path)
    first = next(iter(labels.values()))
    soft = all(video_labels.share is not None for video_labels in labels.values())
    videos = {}
    for video, video_labels in labels.items():
        track = video_labels.share if soft and video_labels.share is not None else video_labels.labels
        values = np.where(video_labels.labels.valid[:, None], track.values.astype(np.float64), np.nan)
        videos[video] = (ScoreSeries("", np.arange(len(values), dtype=np.float64), values),)
    label_type = "shares of votes" if soft else "labels of 0 or 1, the table has no shares of votes"
    return MachineScores("labels", first.labels.names, {}, videos, {}, (f"the machine's scores are {label_type}",))


def _scores(path: Path, columns: Columns, names: Sequence[str]) -> NDArray[np.float64]:
    """Shape (rows, K); NaN where not valid; DatasetError if a valid score is not in 0 … 1."""
    valid_cells = columns.get("valid", [True] * len(columns[names[0]]))
    for i, cell in enumerate(valid_cells):
        if not isinstance(cell, bool):
            raise DatasetError(f"{path} row {i + 1}: valid must be true or false, got {cell!r}")
    valid = np.array(valid_cells, dtype=np.bool_)
    numbers = [[cell if type(cell) in (int, float) else np.nan for cell in columns[name]] for name in names]
    scores = np.array(numbers, dtype=np.float64).T  # (rows, K)
    scores[~valid] = np.nan
    wrong = np.argwhere(valid[:, None] & ~((scores >= 0) & (scores <= 1)))  # NaN is neither
    if len(wrong):
        i, k = wrong[0]
        cell = columns[names[k]][i]
        raise DatasetError(f"{path} row {i + 1}: {names[k]} must be a score within 0 … 1, got {cell!r}")
    return scores


def _times(path: Path, columns: Columns) -> NDArray[np.float64]:
    for i, value in enumerate(columns["time_s"]):
        if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
            raise DatasetError(f"{path} row {i + 1}: time_s must be a number of seconds, got {value!r}")
    return np.array(columns["time_s"], dtype=np.float64)


def _clips(path: Path, columns: Columns, scores: NDArray[np.float64]) -> dict[tuple[object, ...], NDArray[np.float64]]:
    scores_of: dict[tuple[object, ...], NDArray[np.float64]] = {}
    for i, row in enumerate(scores):
        cells = {k: columns[k][i] if columns.get(k) else None for k in ("clip", "video", "start_s", "end_s", "viewer")}
        try:
            clip = RatedClip(
                str(cells["video"] or ""),
                str(cells["clip"] if cells["clip"] is not None else ""),
                float(cells["start_s"] or 0),
                float(cells["end_s"] or 0),
                -1,
                str(cells["viewer"] or ""),
            )
        except ValueError as error:
            raise DatasetError(f"{path} row {i + 1}: start_s and end_s must be numbers of seconds ({error})") from error
        if not np.isfinite([clip.start_s, clip.end_s]).all():
            raise DatasetError(f"{path} row {i + 1}: start_s and end_s must be numbers of seconds")
        if not clip.clip and not (clip.video and clip.end_s > clip.start_s):
            raise DatasetError(f"{path} row {i + 1}: need a clip, or a video with start_s < end_s")
        if _key(clip) in scores_of:
            raise DatasetError(f"{path} row {i + 1}: {clip} is scored twice; keep one row")
        scores_of[_key(clip)] = row
    return scores_of


def _key(clip: RatedClip) -> tuple[object, ...]:
    """Key that identifies a clip in two tables: its file as written, or the video, the span in ms and the viewer."""
    if clip.clip:
        return (clip.clip, clip.viewer)
    return (clip.video, round(clip.start_s * 1000), round(clip.end_s * 1000), clip.viewer)


def _annotation_score(series: Sequence[ScoreSeries], clip: RatedClip, span: str) -> NDArray[np.float64] | float:
    whole_file = clip.end_s <= clip.start_s
    parts = []
    for face in series:
        inside = (face.time_s >= clip.start_s - TOLERANCE_S) & (face.time_s < clip.end_s - TOLERANCE_S)
        rows = face.scores if whole_file else face.scores[inside]
        rows = rows[~np.isnan(rows).any(axis=1)]
        parts.append(rows if span == "mean" else rows[-1:])
    every = np.concatenate(parts) if parts else np.zeros((0, 1))
    return np.asarray(every.mean(axis=0)) if len(every) else np.nan


def _label_score(series: Sequence[ScoreSeries], clip: RatedClip) -> NDArray[np.float64] | float:
    if not series:
        return np.nan
    (content,) = series
    if not len(content.time_s):
        return np.nan
    if clip.end_s <= clip.start_s:
        inside = np.ones(len(content.time_s), dtype=np.bool_)
    else:
        first, last = clip.start_s + HALF_WINDOW_S, clip.end_s - HALF_WINDOW_S
        inside = (content.time_s >= first - TOLERANCE_S) & (content.time_s <= last + TOLERANCE_S)
        if not inside.any():
            middle = (clip.start_s + clip.end_s) / 2
            distance_s = np.abs(content.time_s - middle)
            if distance_s.min() > 0.5:  # in a gap, or before the first or after the last
                return np.nan
            inside[np.argmin(distance_s)] = True
    rows = content.scores[inside]
    rows = rows[~np.isnan(rows).any(axis=1)]
    return np.asarray(rows.mean(axis=0)) if len(rows) else np.nan
