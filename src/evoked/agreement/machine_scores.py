"""What a machine says of clips that people rated: read from any table that evoked writes.

Four kinds are distinguished by their columns:
- `clip`, or `video, start_s, end_s`: scores of clips;
- `viewer, time_s, valid`: an annotation of one recording, named after it (RECORDING.parquet);
- `video, second, valid`: labels of contents; the shares of votes where the table has them, else 0 or 1;
- `time_s, valid`: a prediction for one content, named after it.
A folder holds several annotations, or several predictions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import DatasetError
from evoked.core.files import sha256
from evoked.core.tables import SUFFIXES, read_table
from evoked.dataset.labels import read_labels
from evoked.dataset.ratings import HALF_WINDOW_S, RatedClip

__all__ = ["KINDS", "SPANS", "MachineScores", "read_machine_scores"]

KINDS = ("clips", "annotation", "labels", "prediction")
SPANS = ("mean", "last")
NO_SCORE = frozenset({"clip", "video", "start_s", "end_s", "viewer", "time_s", "valid"})
WHOLE_S = 1e-6  # times are written as whole microseconds


@dataclass(frozen=True, eq=False)
class ScoreSeries:
    """Scores of one face, or of one content, over time.

    Attributes:
        viewer: whose; "" for a content.
        time_s: shape (n,), rising.
        scores: shape (n, K); NaN where not valid.
    """

    viewer: str
    time_s: NDArray[np.float64]
    scores: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MachineScores:
    """A machine's scores.

    Attributes:
        kind: one of KINDS.
        names: expressions, K.
        clips: key of a clip → its K scores, NaN where not valid; for kind "clips".
        videos: name of a video → its series; for the others.
        inputs: file's name → sha256.
        notes: what a reader must know.
    """

    kind: str
    names: tuple[str, ...]
    clips: Mapping[tuple[object, ...], NDArray[np.float64]]
    videos: Mapping[str, tuple[ScoreSeries, ...]]
    inputs: Mapping[str, str]
    notes: tuple[str, ...] = ()
    _index: dict[str, str | None] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.videos:
            for key in dict.fromkeys((Path(name).name, Path(name).stem)):
                self._index[key] = None if key in self._index else name  # None: stands for more than one
        self._index.update({name: name for name in self.videos})

    def knows(self, clip: RatedClip) -> bool:
        """Whether there is anything about it, valid or not."""
        return _key(clip) in self.clips if self.kind == "clips" else bool(self._series(clip))

    def scores(self, clips: Sequence[RatedClip], span: str = "mean") -> NDArray[np.float64]:
        """The scores of each clip, shape (len(clips), K); NaN where the machine says nothing of it.

        Args:
            clips: what was rated.
            span: of an annotation, over the ticks in the clip at which a face was seen: their mean (over all
                viewers where the clip names none), or the last one's. Labels and predictions stand for the 3 s
                around their second: the mean of those whose 3 s lie within the clip, else the one nearest to
                its middle.

        Raises:
            ValueError: for another span.
            DatasetError: if two rated files are one to the machine, which knows files by their names alone.
        """
        if span not in SPANS:
            raise ValueError(f"span must be one of {', '.join(SPANS)}, got {span!r}")
        self._tell_apart(clips)
        out = np.full((len(clips), len(self.names)), np.nan)
        for i, clip in enumerate(clips):
            if self.kind == "clips":
                out[i] = self.clips.get(_key(clip), np.nan)
            elif self.kind == "annotation":
                out[i] = _of_ticks(self._series(clip), clip, span)
            else:
                out[i] = _of_seconds(self._series(clip), clip)
        return out

    def _series(self, clip: RatedClip) -> list[ScoreSeries]:
        name = self._named(clip.clip or clip.video)
        if name is None:
            return []
        return [s for s in self.videos[name] if clip.viewer in ("", s.viewer) or not s.viewer]

    def _named(self, source: str) -> str | None:
        """The video that a rated file is, by its path, its name or its stem."""
        keys = (source, Path(source).name, Path(source).stem)
        return next((n for k in keys if (n := self._index.get(k))), None)

    def _tell_apart(self, clips: Sequence[RatedClip]) -> None:
        known: dict[str, str] = {}
        for source in dict.fromkeys(clip.clip or clip.video for clip in clips):
            name = self._named(source)
            if name is not None and known.setdefault(name, source) != source:
                raise DatasetError(
                    f"{known[name]} and {source} were both rated, and the machine's table has {name} alone, which may "
                    "be either: give files names of their own, in the ratings and the table"
                )


def read_machine_scores(path: Path) -> MachineScores:
    """Read a table or a folder of tables.

    Raises:
        DatasetError: if there is none, it is of no known kind, or a row is not as it should be.
    """
    paths = [path]
    if path.is_dir():
        paths = sorted(p for p in path.iterdir() if p.suffix in SUFFIXES and not p.name.endswith(".provenance.json"))
        if not paths:
            raise DatasetError(f"{path} holds no table ({', '.join(SUFFIXES)})")
    found = [_read(p) for p in paths]
    first = found[0]
    for one, p in zip(found, paths, strict=True):
        if (one.kind, one.names) != (first.kind, first.names):
            raise DatasetError(
                f"{p} holds {one.kind} of {', '.join(one.names)}, {paths[0].name} {first.kind} of "
                f"{', '.join(first.names)}; put tables of one make into the folder"
            )
    if len(found) > 1 and first.kind in ("clips", "labels"):
        raise DatasetError(f"{path} holds {len(found)} tables of {first.kind}; name one of them")
    places: dict[str, Path] = {}
    for one, p in zip(found, paths, strict=True):
        for name in one.videos:
            if name in places:
                raise DatasetError(f"{p} and {places[name].name} both hold {name}; keep one of the two in the folder")
            places[name] = p
    videos = {name: series for one in found for name, series in one.videos.items()}
    inputs = {p.name: sha256(p) for p in paths}
    return MachineScores(first.kind, first.names, first.clips, videos, inputs, first.notes)


def _read(path: Path) -> MachineScores:
    columns = read_table(path)
    kind = _kind(path, columns)
    if kind == "labels":
        return _labels(path)
    names = tuple(n for n in columns if n not in NO_SCORE)
    if not names:
        raise DatasetError(f"{path} has no expression: columns are {', '.join(columns)}")
    scores = _scores(path, columns, names)
    if kind == "clips":
        return MachineScores(kind, names, _clips(path, columns, scores), {}, {})
    times = _times(path, columns)
    viewers = np.array([str(v) for v in columns["viewer"]] if kind == "annotation" else [""] * len(times))
    series = []
    for viewer in dict.fromkeys(viewers.tolist()):
        rows = viewers == viewer
        if (np.diff(times[rows]) <= 0).any():
            raise DatasetError(f"{path}: time_s must rise{f' for viewer {viewer}' if viewer else ''}")
        series.append(ScoreSeries(viewer, times[rows], scores[rows]))
    return MachineScores(kind, names, {}, {path.stem: tuple(series)}, {})


def _kind(path: Path, columns: Mapping[str, Any]) -> str:
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
    found = read_labels(path)
    first = next(iter(found.values()))
    soft = all(own.share is not None for own in found.values())
    videos = {}
    for video, own in found.items():
        track = own.share if soft and own.share is not None else own.labels
        values = np.where(own.labels.valid[:, None], track.values.astype(np.float64), np.nan)
        videos[video] = (ScoreSeries("", np.arange(len(values), dtype=np.float64), values),)
    what = "shares of votes" if soft else "labels of 0 or 1, the table has no shares of votes"
    return MachineScores("labels", first.labels.names, {}, videos, {}, (f"the machine's scores are {what}",))


def _scores(path: Path, columns: Mapping[str, list[Any]], names: Sequence[str]) -> NDArray[np.float64]:
    """Shape (rows, K); NaN where not valid; DatasetError unless each is within 0 … 1 elsewhere."""
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


def _times(path: Path, columns: Mapping[str, list[Any]]) -> NDArray[np.float64]:
    for i, value in enumerate(columns["time_s"]):
        if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
            raise DatasetError(f"{path} row {i + 1}: time_s must be a number of seconds, got {value!r}")
    return np.array(columns["time_s"], dtype=np.float64)


def _clips(
    path: Path, columns: Mapping[str, list[Any]], scores: NDArray[np.float64]
) -> dict[tuple[object, ...], NDArray[np.float64]]:
    found: dict[tuple[object, ...], NDArray[np.float64]] = {}
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
        if not clip.clip and not (clip.video and clip.end_s > clip.start_s):
            raise DatasetError(f"{path} row {i + 1}: need a clip, or a video with start_s < end_s")
        if _key(clip) in found:
            raise DatasetError(f"{path} row {i + 1}: {clip} is scored twice; keep one row")
        found[_key(clip)] = row
    return found


def _key(clip: RatedClip) -> tuple[object, ...]:
    """What makes a clip the same in two tables: its file as written, or the video, the span in ms and the viewer."""
    if clip.clip:
        return (clip.clip, clip.viewer)
    return (clip.video, round(clip.start_s * 1000), round(clip.end_s * 1000), clip.viewer)


def _of_ticks(series: Sequence[ScoreSeries], clip: RatedClip, span: str) -> NDArray[np.float64] | float:
    whole = clip.end_s <= clip.start_s
    found = []
    for one in series:
        inside = (one.time_s >= clip.start_s - WHOLE_S) & (one.time_s < clip.end_s - WHOLE_S)
        rows = one.scores if whole else one.scores[inside]
        rows = rows[~np.isnan(rows).any(axis=1)]
        found.append(rows if span == "mean" else rows[-1:])
    every = np.concatenate(found) if found else np.zeros((0, 1))
    return np.asarray(every.mean(axis=0)) if len(every) else np.nan


def _of_seconds(series: Sequence[ScoreSeries], clip: RatedClip) -> NDArray[np.float64] | float:
    if not series:
        return np.nan
    (one,) = series
    if not len(one.time_s):
        return np.nan
    if clip.end_s <= clip.start_s:
        inside = np.ones(len(one.time_s), dtype=np.bool_)
    else:
        first, last = clip.start_s + HALF_WINDOW_S, clip.end_s - HALF_WINDOW_S
        inside = (one.time_s >= first - WHOLE_S) & (one.time_s <= last + WHOLE_S)
        if not inside.any():
            middle = (clip.start_s + clip.end_s) / 2
            if not one.time_s[0] - 0.5 <= middle <= one.time_s[-1] + 0.5:
                return np.nan
            inside[np.argmin(np.abs(one.time_s - middle))] = True
    rows = one.scores[inside]
    rows = rows[~np.isnan(rows).any(axis=1)]
    return np.asarray(rows.mean(axis=0)) if len(rows) else np.nan
