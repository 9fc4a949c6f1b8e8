"""Tables of scores at 6 Hz of many contents: DATASET/frames/PART.parquet, read in batches."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evoked.core.column_stream import TextColumn, read_parquet_batches
from evoked.core.errors import DatasetError
from evoked.core.time_grid import ANNOTATION_FPS, TimeGrid
from evoked.core.track import Track
from evoked.dataset.split import PARTS

__all__ = ["FRAMES", "FrameIndex", "VideoFrames", "frame_files", "frames_of_videos", "index_of_table"]

FRAMES = "frames"
"""Folder of a dataset with the tables."""
FIXED = ("video", "time_us", "valid")


@dataclass(frozen=True, eq=False)
class VideoFrames:
    """The rows of one video.

    Attributes:
        video: its name.
        times_us: int64, shape (n,), rising.
        scores: Track at 6 Hz from second 0 with a row for each frame up to the last; not valid where there is no row,
            or nothing was detected.
    """

    video: str
    times_us: NDArray[np.int64]
    scores: Track


class FrameIndex:
    """Which rows of a table are of which video, at which time: 13 bytes a row."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._batches: list[tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.bool_]]] = []

    def __len__(self) -> int:
        return sum(len(codes) for codes, _, _ in self._batches)

    @property
    def names(self) -> list[str]:
        """The videos, in the order of their first rows."""
        return list(self._codes)

    def add(self, video: TextColumn, times_us: NDArray[np.int64], valid: NDArray[np.bool_]) -> None:
        """Add the rows of a batch.

        Args:
            video: the video of each row.
            times_us: microseconds, shape (n,).
            valid: shape (n,).
        """
        own = np.array([self._codes.setdefault(text, len(self._codes)) for text in video.texts], dtype=np.int32)
        self._batches.append((own[video.codes], times_us, valid))

    def columns(self) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.bool_]]:
        """Index of the video in `names`, time in microseconds and valid, each of shape (rows,)."""
        codes, times, valid = zip(*self._batches, strict=True)
        return np.concatenate(codes), np.concatenate(times), np.concatenate(valid)

    def check(self, source: Path, taken: Mapping[str, Any]) -> None:
        """Check that no row is there twice, and no video in another part.

        Args:
            source: the file, for messages.
            taken: video → its entry, those of other parts.

        Raises:
            DatasetError: naming the video.
        """
        if both := [name for name in self._codes if name in taken]:
            raise DatasetError(
                f"{source}: {both[0]} is in the part {taken[both[0]].part} too; a video is in one part. "
                f"{len(both)} such videos"
            )
        codes, times, _ = self.columns()
        runs = int((np.diff(codes) != 0).sum()) + 1
        if runs == len(self._codes) and ((np.diff(codes) != 0) | (np.diff(times) > 0)).all():
            return
        order = np.lexsort((times, codes))
        same = np.flatnonzero((np.diff(codes[order]) == 0) & (np.diff(times[order]) == 0))
        if len(same):
            row = int(order[same + 1].min())
            raise DatasetError(
                f"{source} row {row + 1}: {self.names[codes[row]]} has the time {times[row]} µs twice; keep one row"
            )

    def videos(self) -> Iterator[tuple[str, int, int, int]]:
        """Each video's name, rows, valid rows and last time in microseconds, in the order of their first rows."""
        codes, times, valid = self.columns()
        count = len(self._codes)
        rows = np.bincount(codes, minlength=count)
        valid_rows = np.bincount(codes, weights=valid, minlength=count).astype(np.int64)
        last = np.zeros(count, dtype=np.int64)
        np.maximum.at(last, codes, times)
        for i, name in enumerate(self._codes):
            yield name, int(rows[i]), int(valid_rows[i]), int(last[i])

    def tracks(self, source: Path, scores: NDArray[np.float32], names: tuple[str, ...]) -> dict[str, Track]:
        """The rows of each video as a Track at 6 Hz.

        Args:
            source: the file, for messages.
            scores: of all rows, shape (rows, names).
            names: of the columns.

        Returns:
            Video → Track, in the order of their first rows.

        Raises:
            DatasetError: if two rows of a video are of one frame.
        """
        codes, times, valid = self.columns()
        order = np.argsort(codes, kind="stable")
        ends = np.cumsum(np.bincount(codes, minlength=len(self._codes)))
        rows = dict(zip(self._codes, np.split(order, ends[:-1]), strict=True))
        return {
            video: _video_frames(source, video, times[own], valid[own], scores[own], names).scores
            for video, own in rows.items()
        }


def frame_files(dataset: Path) -> dict[str, Path]:
    """The tables of a dataset.

    Returns:
        Part → table, in the order train, validate, test.

    Raises:
        DatasetError: if there is none.
    """
    files = {name: dataset / FRAMES / f"{name}.parquet" for name in PARTS}
    found = {name: path for name, path in files.items() if path.is_file()}
    if not found:
        raise DatasetError(f"no tables in {dataset / FRAMES}: import a release first: evoked dataset import")
    return found


def index_of_table(table: Path) -> FrameIndex:
    """The index of a table that was written.

    Raises:
        DatasetError: if it cannot be read, or is no table of frames.
    """
    index = FrameIndex()
    for batch in read_parquet_batches(table, ("video", "time_us", "valid")):
        video = batch["video"]
        if not isinstance(video, TextColumn):
            raise DatasetError(f"{table}: video must be text")
        index.add(video, np.asarray(batch["time_us"]), np.asarray(batch["valid"]))
    return index


def frames_of_videos(table: Path) -> Iterator[VideoFrames]:
    """The frames of each video in turn, in the order of their first rows.

    Where the rows of a video lie together, only those of one video and batch are in memory; else all are.

    Args:
        table: of `frame_files`.

    Yields:
        One per video.

    Raises:
        DatasetError: if it cannot be read, or two rows of a video are of one frame (6 Hz).
    """
    index = index_of_table(table)
    codes, times, valid = index.columns()
    names = index.names
    rows = np.bincount(codes, minlength=len(names))
    together = int((np.diff(codes) != 0).sum()) + 1 == len(names)
    order = np.arange(len(codes)) if together else np.argsort(codes, kind="stable")
    blocks = _blocks(table)
    if not together:
        expressions, scores = _joined(blocks)
        blocks = iter([(expressions, scores[order])])
    start, waiting, held = 0, None, np.zeros((0, 0), np.float32)
    for i, name in enumerate(names):
        while len(held) < rows[i]:
            waiting, block = next(blocks)
            held = np.concatenate([held, block]) if len(held) else block
        own, held = held[: rows[i]], held[rows[i] :]
        at = order[start : start + rows[i]]
        start += rows[i]
        yield _video_frames(table, name, times[at], valid[at], own, waiting or ())


def _blocks(table: Path) -> Iterator[tuple[tuple[str, ...], NDArray[np.float32]]]:
    """Names of the expressions, and scores of shape (rows, names), batch by batch."""
    for batch in read_parquet_batches(table):
        names = tuple(name for name in batch if name not in FIXED)
        columns = [np.asarray(batch[name], dtype=np.float32) for name in names]
        count = len(batch["valid"])
        yield names, np.stack(columns, axis=1) if columns else np.zeros((count, 0), np.float32)


def _joined(
    blocks: Iterator[tuple[tuple[str, ...], NDArray[np.float32]]],
) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    names, scores = zip(*blocks, strict=True)
    return names[0], np.concatenate(scores)


def _video_frames(
    table: Path,
    video: str,
    times_us: NDArray[np.int64],
    valid: NDArray[np.bool_],
    scores: NDArray[np.float32],
    names: tuple[str, ...],
) -> VideoFrames:
    """Rows put on the 6 Hz grid: each on the frame nearest to its time."""
    order = np.argsort(times_us, kind="stable")
    frames = np.round(times_us[order] * int(ANNOTATION_FPS) / 1e6).astype(np.int64)
    if len(same := np.flatnonzero(np.diff(frames) == 0)):
        raise DatasetError(
            f"{table}: two rows of {video} are of one frame (6 Hz), at {times_us[order][same[0]]} and "
            f"{times_us[order][same[0] + 1]} µs"
        )
    steps = int(frames[-1]) + 1
    values, present = np.full((steps, len(names)), np.nan, np.float32), np.zeros(steps, np.bool_)
    values[frames], present[frames] = scores[order], valid[order]
    return VideoFrames(video, times_us[order], Track.masked(TimeGrid(ANNOTATION_FPS, steps), names, values, present))
