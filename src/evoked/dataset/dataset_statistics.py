"""Statistics of a whole dataset, as in section 4 of the paper: expressions, lengths, themes, co-occurrence, parts.

Computed from the columns of the table, without a Python object per second: millions of seconds take a few seconds.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import DatasetError
from evoked.core.tables import read_numbers
from evoked.dataset.labels import POSITIVE_FROM, LabelRows, expression_columns, read_labels
from evoked.dataset.manifest import VideoEntry
from evoked.dataset.part_assignment import ExpressionSeconds, PartComparison, compare_parts

__all__ = [
    "DatasetStatistics",
    "LabelColumns",
    "LengthSummary",
    "PartSummary",
    "dataset_statistics",
    "read_label_columns",
]

COVERAGE_BINS = 20
TOP_THEMES = 20
LENGTH_QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)
CHUNK = 1 << 20


@dataclass(frozen=True, eq=False)
class LabelColumns:
    """Labels of all videos as columns.

    Attributes:
        videos: V names, sorted.
        expressions: K names.
        video: int, shape (n,): index of each row's video.
        second: int, shape (n,).
        on: bool, shape (n, K): False where not valid.
        valid: bool, shape (n,).
    """

    videos: tuple[str, ...]
    expressions: tuple[str, ...]
    video: NDArray[np.integer]
    second: NDArray[np.integer]
    on: NDArray[np.bool_]
    valid: NDArray[np.bool_]


@dataclass(frozen=True)
class LengthSummary:
    """Lengths of videos, in seconds.

    Attributes:
        total, mean: of all.
        least, low, median, high, most: quartiles and extremes.
    """

    total: float
    mean: float
    least: float
    low: float
    median: float
    high: float
    most: float


@dataclass(frozen=True)
class PartSummary:
    """A part of a dataset.

    Attributes:
        videos, valid_seconds: numbers.
        shares: expression → share of its valid seconds; None where there are none.
    """

    videos: int
    valid_seconds: int
    shares: Mapping[str, float | None]


@dataclass(frozen=True)
class DatasetStatistics:
    """Statistics of a dataset. Shares are in [0, 1], of valid seconds; None where there are none.

    Attributes:
        expressions: K names.
        threshold: soft labels are on from here.
        videos, seconds, valid_seconds: numbers.
        positives: expression → seconds in which it is on.
        shares: expression → share (the paper's Table 2).
        labels_per_second: seconds with 0, 1, …, K expressions.
        cardinality: mean of that.
        several: share of seconds with more than one.
        co_occurrence: K×K, C[i][j] = #(i and j) / #(i) (Figure 6); a row of None where i is never on.
        lengths: of the videos.
        coverage: share of valid seconds in each twentieth of the videos' lengths.
        parts: part → its videos, seconds and shares; empty without parts.
        comparison: whether the parts are alike; None without parts.
        themes: theme → videos, the 20 most frequent (Figure 2); a video may have several.
        expressions_by_theme: theme → share of each expression among all labels of its videos; rows sum to 1 (Figure 7).
        reactions: reactions per content: mean, least, most; None where not known.
    """

    expressions: tuple[str, ...]
    threshold: float
    videos: int
    seconds: int
    valid_seconds: int
    positives: Mapping[str, int]
    shares: Mapping[str, float | None]
    labels_per_second: tuple[int, ...]
    cardinality: float | None
    several: float | None
    co_occurrence: tuple[tuple[float | None, ...], ...]
    lengths: LengthSummary
    coverage: tuple[float | None, ...]
    parts: Mapping[str, PartSummary]
    comparison: PartComparison | None
    themes: Mapping[str, int]
    expressions_by_theme: Mapping[str, tuple[float, ...] | None]
    reactions: tuple[float, int, int] | None

    def as_dict(self) -> dict[str, object]:
        """Plain JSON values."""
        return asdict(self)


def read_label_columns(path: Path, threshold: float = POSITIVE_FROM) -> LabelColumns:
    """Read a table of labels as columns.

    Args:
        path: labels.parquet, or such a CSV or JSON.
        threshold: soft labels are on from here.

    Returns:
        The columns.

    Raises:
        DatasetError: as `read_labels`: the first invalid row is named.
    """
    arrays = read_numbers(path)
    columns = None if arrays is None else _columns_of(arrays, threshold)
    return columns if columns is not None else _columns_of_labels(read_labels(path), threshold)


def _columns_of(arrays: Mapping[str, NDArray], threshold: float) -> LabelColumns | None:
    """Columns of a table that is plainly valid; None: `read_labels` reads it, and names what is wrong."""
    names = expression_columns([name for name in arrays if not name.endswith("=")])
    if not {"video", "video=", "second", "valid"} <= set(arrays) or "viewer" in arrays or not names:
        return None
    video, second, valid, texts = arrays["video"], arrays["second"], arrays["valid"], arrays["video="]
    if not len(valid) or second.dtype.kind not in "iu" or valid.dtype.kind != "b" or second.min() < 0:
        return None
    rising = (np.diff(video) != 0) | (np.diff(second) > 0)
    if not rising.all() or int((np.diff(video) != 0).sum()) + 1 != len(texts):
        return None  # in another order, which may hide a second that is there twice
    on = np.zeros((len(valid), len(names)), dtype=np.bool_)
    for k, name in enumerate(names):
        values = arrays[name]
        if values.dtype.kind not in "iuf" or not ((values >= 0) & (values <= 1))[valid].all():
            return None
        on[:, k] = (values >= threshold) & valid
    order = np.argsort(texts)
    rank = np.empty(len(texts), dtype=np.int64)
    rank[order] = np.arange(len(texts))
    return LabelColumns(tuple(texts[order].tolist()), names, rank[video], second, on, valid)


def _columns_of_labels(labels: Mapping[str, LabelRows], threshold: float) -> LabelColumns:
    videos = sorted(labels)
    tracks = [labels[video].labels for video in videos]
    if any(track.names != tracks[0].names for track in tracks):
        raise DatasetError("labels of the videos are of different expressions; make all with the same")
    return LabelColumns(
        tuple(videos),
        tracks[0].names,
        np.repeat(np.arange(len(videos)), [len(track) for track in tracks]),
        np.concatenate([np.arange(len(track)) for track in tracks]),
        np.concatenate([track.values >= threshold for track in tracks]),
        np.concatenate([track.valid for track in tracks]),
    )


def dataset_statistics(
    labels: LabelColumns,
    entries: Mapping[str, VideoEntry] | None = None,
    *,
    reactions: Mapping[str, int] | None = None,
    threshold: float = POSITIVE_FROM,
) -> DatasetStatistics:
    """Compute the statistics of a dataset.

    Args:
        labels: of `read_label_columns`, with the same threshold.
        entries: manifest: parts, themes, durations.
        reactions: content → number of its reactions; None: those of the manifest, if it has them.
        threshold: soft labels are on from here.

    Returns:
        The statistics.
    """
    entries, count = entries or {}, len(labels.videos)
    k = len(labels.expressions)
    joint, per_second = _count_together(labels)
    valid_seconds = int(per_second.sum())
    positives = np.diag(joint)
    last = np.zeros(count, dtype=np.int64)
    np.maximum.at(last, labels.video, labels.second)
    by_video = _by_video(labels)
    counts = ExpressionSeconds(
        labels.expressions,
        dict(zip(labels.videos, by_video[:, :k], strict=True)),
        dict(zip(labels.videos, by_video[:, k].astype(int).tolist(), strict=True)),
    )
    parts = {v: part for v in labels.videos if v in entries and (part := entries[v].part)}
    comparison = compare_parts(parts, counts) if any(counts.seconds[v] for v in parts) else None
    themes = _themes(labels.videos, entries)
    reactions = reactions or {v: n for v in labels.videos if v in entries and (n := entries[v].reactions) is not None}
    numbers_of = [reactions.get(video, 0) for video in labels.videos] if reactions else []
    return DatasetStatistics(
        expressions=labels.expressions,
        threshold=threshold,
        videos=count,
        seconds=int((last + 1).sum()),
        valid_seconds=valid_seconds,
        positives={name: int(positives[i]) for i, name in enumerate(labels.expressions)},
        shares={
            n: float(positives[i] / valid_seconds) if valid_seconds else None for i, n in enumerate(labels.expressions)
        },
        labels_per_second=tuple(per_second.tolist()),
        cardinality=float(positives.sum() / valid_seconds) if valid_seconds else None,
        several=float(per_second[2:].sum() / valid_seconds) if valid_seconds else None,
        co_occurrence=tuple(
            tuple(float(c / positives[i]) if positives[i] else None for c in joint[i]) for i in range(k)
        ),
        lengths=_lengths(_durations(labels.videos, last + 1, entries)),
        coverage=_coverage(labels, last + 1),
        parts=_parts(parts, counts),
        comparison=comparison,
        themes=dict(Counter({theme: len(videos) for theme, videos in themes.items()}).most_common(TOP_THEMES)),
        expressions_by_theme=_by_theme(themes, counts),
        reactions=(float(np.mean(numbers_of)), min(numbers_of), max(numbers_of)) if numbers_of else None,
    )


def _count_together(labels: LabelColumns) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Seconds with expressions i and j, (K, K); and seconds with 0, 1, …, K expressions."""
    k = len(labels.expressions)
    joint, per_second = np.zeros((k, k)), np.zeros(k + 1, dtype=np.int64)
    for start in range(0, len(labels.on), CHUNK):
        chunk = labels.on[start : start + CHUNK][labels.valid[start : start + CHUNK]]
        numbers = chunk.astype(np.float32)
        joint += numbers.T @ numbers  # counts below 2²⁴ are exact in float32
        per_second += np.bincount(chunk.sum(axis=1), minlength=k + 1)
    return joint, per_second


def _by_video(labels: LabelColumns) -> NDArray[np.float64]:
    """Seconds of each expression, and valid seconds, shape (V, K + 1)."""
    count = len(labels.videos)
    columns = [np.bincount(labels.video, weights=column, minlength=count) for column in labels.on.T]
    return np.stack([*columns, np.bincount(labels.video, weights=labels.valid, minlength=count)], axis=1)


def _durations(
    videos: Sequence[str], labelled: NDArray[np.int64], entries: Mapping[str, VideoEntry]
) -> NDArray[np.float64]:
    """The manifest's durations; where there is none, the labelled seconds."""
    known = [entries[video].duration_s if video in entries else None for video in videos]
    return np.array([float(n) if d is None else d for d, n in zip(known, labelled, strict=True)])


def _lengths(durations: NDArray[np.float64]) -> LengthSummary:
    values = [float(v) for v in np.quantile(durations, LENGTH_QUANTILES)]
    return LengthSummary(float(durations.sum()), float(durations.mean()), *values)


def _coverage(labels: LabelColumns, lengths: NDArray[np.int64]) -> tuple[float | None, ...]:
    """Share of the seconds of each twentieth that are valid; a second without a row is not."""
    bins = labels.second * COVERAGE_BINS // lengths[labels.video]
    valid = np.bincount(bins, weights=labels.valid, minlength=COVERAGE_BINS)
    edges = -(-np.arange(COVERAGE_BINS + 1)[:, None] * lengths // COVERAGE_BINS)  # first second of each bin
    all_seconds = np.diff(edges, axis=0).sum(axis=1)
    return tuple(float(v / n) if n else None for v, n in zip(valid, all_seconds, strict=True))


def _parts(parts: Mapping[str, str], counts: ExpressionSeconds) -> dict[str, PartSummary]:
    found: dict[str, PartSummary] = {}
    for part in ("train", "validate", "test"):
        own = [video for video, name in parts.items() if name == part]
        if not own:
            continue
        seconds = sum(counts.seconds[video] for video in own)
        on = np.sum([counts.positives[video] for video in own], axis=0)
        shares = {n: float(on[i] / seconds) if seconds else None for i, n in enumerate(counts.expressions)}
        found[part] = PartSummary(len(own), seconds, shares)
    return found


def _themes(videos: Sequence[str], entries: Mapping[str, VideoEntry]) -> dict[str, list[str]]:
    """Theme → its videos."""
    found: dict[str, list[str]] = {}
    for video in videos:
        named = entries[video].themes if video in entries else None
        for theme in dict.fromkeys(text.strip() for text in (named or "").split(";")):
            if theme:
                found.setdefault(theme, []).append(video)
    return found


def _by_theme(themes: Mapping[str, Sequence[str]], counts: ExpressionSeconds) -> dict[str, tuple[float, ...] | None]:
    rows: dict[str, tuple[float, ...] | None] = {}
    for theme in sorted(themes, key=lambda name: (-len(themes[name]), name))[:TOP_THEMES]:
        on = np.sum([counts.positives[video] for video in themes[theme]], axis=0)
        rows[theme] = tuple(float(v) for v in on / on.sum()) if on.sum() else None
    return rows
