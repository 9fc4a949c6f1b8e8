"""The EEV challenge's submission: a CSV file with a score for each row of test.csv, written and read."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evoked.core.column_stream import (
    Batch,
    TextColumn,
    read_csv_batches,
    read_csv_header,
    read_parquet_batches,
    write_csv_batches,
)
from evoked.core.errors import DatasetError
from evoked.core.expressions import EEV15
from evoked.core.provenance import Provenance
from evoked.core.tables import read_provenance
from evoked.core.track import Track
from evoked.dataset.eev_release import ImportConfig, check_release_header
from evoked.dataset.frames import FrameIndex, frame_files, frames_of_videos
from evoked.dataset.labels import Labels

__all__ = ["dataset_expressions", "labels_at_6_hz", "read_submission", "write_submission"]


def write_submission(dataset: Path, part: str, predictions: Mapping[str, Track], output: Path) -> tuple[str, ...]:
    """Write predictions at 1 Hz as a score for each row of a part: that of the second in which the row is.

    Args:
        dataset: folder with frames/PART.parquet.
        part: train, validate or test.
        predictions: video → probabilities at 1 Hz, all of the dataset's expressions.
        output: the CSV file.

    Returns:
        Notes: rows and videos without a prediction, which get zeros.

    Raises:
        DatasetError: if there is no such part, or the predictions are of other expressions than the dataset.
        OutputError: if it cannot be written.
    """
    tables = frame_files(dataset)
    if part not in tables:
        raise DatasetError(f"{dataset} has no part {part}; it has: {', '.join(tables)}")
    expressions = dataset_expressions(dataset)
    for video, track in predictions.items():
        if set(track.names) != set(expressions):
            odd = sorted(set(track.names) ^ set(expressions))
            raise DatasetError(
                f"the predictions of {video} do not have the dataset's {len(expressions)} expressions; "
                f"only one of both has: {', '.join(odd)}"
            )
    header = (read_provenance(tables[part]) or {}).get("config", {}).get("columns", ["Video ID", "Timestamp"])
    writer = _Submission(predictions, expressions)
    made = Provenance("dataset export", {"format": "challenge", "part": part})
    write_csv_batches(output, [*header[:2], *expressions], writer.batches(tables[part]), made)
    return writer.notes()


def dataset_expressions(dataset: Path) -> tuple[str, ...]:
    """The expressions of the dataset's scores; EEV's fifteen where no part has scores."""
    for table in frame_files(dataset).values():
        columns = (read_provenance(table) or {}).get("config", {}).get("columns", [])
        if len(columns) > 2:
            return tuple(columns[2:])
    return EEV15


class _Submission:
    """Scores of each row, and what had no prediction."""

    def __init__(self, predictions: Mapping[str, Track], expressions: Sequence[str]) -> None:
        self._values = {
            video: np.nan_to_num(track.values[:, [track.names.index(name) for name in expressions]])
            for video, track in predictions.items()
        }
        self._expressions = expressions
        self._absent: set[str] = set()
        self._beyond = 0

    def batches(self, table: Path) -> Iterator[Batch]:
        for batch in read_parquet_batches(table, ("video", "time_us")):
            video, times = batch["video"], np.asarray(batch["time_us"])
            assert isinstance(video, TextColumn)
            scores = np.zeros((len(times), len(self._expressions)), np.float32)
            for code in np.unique(video.codes):
                rows, name = np.flatnonzero(video.codes == code), video.texts[code]
                values = self._values.get(name)
                if values is None:
                    self._absent.add(name)
                    continue
                seconds = times[rows] // 1_000_000
                inside = seconds < len(values)
                self._beyond += int((~inside).sum())
                scores[rows[inside]] = values[seconds[inside]]
            columns: dict[str, Any] = {"video": video, "time_us": times}
            yield columns | dict(zip(self._expressions, np.ascontiguousarray(scores.T), strict=True))

    def notes(self) -> tuple[str, ...]:
        notes = []
        if self._absent:
            first = sorted(self._absent)[0]
            notes.append(f"{len(self._absent)} videos have no prediction and get zeros: {first}, …")
        if self._beyond:
            notes.append(f"{self._beyond} rows lie beyond the end of the prediction and get zeros")
        return tuple(notes)


def read_submission(path: Path) -> dict[str, Track]:
    """Read a submission: every row that is there counts, zeros too.

    Args:
        path: CSV, also packed by gzip or zip.

    Returns:
        Video → scores at 6 Hz.

    Raises:
        DatasetError: if it cannot be read, or its columns are not those of a release.
    """
    header = read_csv_header(path)
    check_release_header(path, "submission", header, ImportConfig(expressions=("any",)))
    index, scores = FrameIndex(), []
    for batch in read_csv_batches(path, header, header.names[:1], header.names[1:2]):
        video = batch[header.names[0]]
        assert isinstance(video, TextColumn)
        times = np.asarray(batch[header.names[1]])
        values = np.stack([np.asarray(batch[name], dtype=np.float32) for name in header.names[2:]], axis=1)
        if times.dtype.kind != "i" or times.min() < 0 or not np.isfinite(values).all():
            raise DatasetError(f"{path}: a row near row {len(index) + 1} has no time, or a score that is no number")
        index.add(video, times, np.ones(len(times), np.bool_))
        scores.append(values)
    index.check(path, {})
    return index.tracks(path, np.concatenate(scores), header.names[2:])


def labels_at_6_hz(table: Path) -> dict[str, Labels]:
    """The scores of a table of frames as the challenge counts them: rows without a detection are left out.

    Returns:
        Video → scores at 6 Hz, as soft labels.

    Raises:
        DatasetError: if it cannot be read, or has no scores.
    """
    tracks = {frames.video: frames.scores for frames in frames_of_videos(table)}
    if not next(iter(tracks.values())).names:
        raise DatasetError(f"{table} has no scores, so nothing can be scored against it")
    return {video: Labels(track, track.valid.astype(np.int64)) for video, track in tracks.items()}
