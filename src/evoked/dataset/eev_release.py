"""The released EEV: three CSV files of scores at 6 Hz, read into a dataset and written back without loss.

What is known of the files: the first column is `YouTube ID` or, in the test file, `Video ID`; times are microseconds
although their column says milliseconds; a row of zeros means that nothing was detected; the test file has no scores.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from evoked.core.column_stream import (
    Batch,
    CsvHeader,
    TextColumn,
    csv_rows,
    read_csv_batches,
    read_csv_header,
    read_parquet_batches,
    write_csv_batches,
    write_parquet_batches,
)
from evoked.core.errors import DatasetError
from evoked.core.expressions import EEV15
from evoked.core.files import parse_json, sha256
from evoked.core.progress import Progress, part, silent
from evoked.core.provenance import Provenance
from evoked.core.settings import setting, settings
from evoked.core.table_times import LONGEST_S
from evoked.core.tables import read_provenance
from evoked.dataset.frames import FRAMES, FrameIndex, frame_files, index_of_table
from evoked.dataset.manifest import MANIFEST, VideoEntry, write_manifest
from evoked.dataset.split import PARTS, SYNONYMS

__all__ = ["RELEASED", "ImportConfig", "check_release_header", "export_release", "import_release", "release_files"]

VIDEO_COLUMNS = ("youtube id", "video id")
TIME_COLUMNS = ("timestamp (milliseconds)", "timestamp (microseconds)")
MADE_BY = "dataset import"
RELEASED = {"train": "train", "validate": "val", "test": "test"}
"""Part → name of its released file."""
UNITS = {"us": 1, "ms": 1000}
SUFFIXES = (".csv", ".csv.gz", ".csv.zip", ".zip", ".gz", ".tsv")
WATCH_URL = "https://www.youtube.com/watch?v="


@settings
class ImportConfig:
    """How the files are read."""

    expressions: tuple[str, ...] = setting((), "columns of scores, or `any` for those of the file; none: EEV's fifteen")
    time_unit: Literal["us", "ms"] = setting(
        "us", "unit of the timestamps: EEV has microseconds (us) under a header that says milliseconds"
    )


def release_files(places: Sequence[Path]) -> dict[str, Path]:
    """Find the files of a release by their names: train, val (validation, dev), test.

    Args:
        places: files, or folders with them; CSV, also packed by gzip or zip.

    Returns:
        Part → file, in the order train, validate, test.

    Raises:
        DatasetError: if there is none, a name says no part, or two files are of one part.
    """
    paths: list[Path] = []
    for place in places:
        if place.is_dir():
            paths += [p for p in sorted(place.iterdir()) if p.name.lower().endswith(SUFFIXES) and _part_of(p)]
        elif place.is_file():
            paths.append(place)
        else:
            raise DatasetError(f"no file or folder {place}")
    found: dict[str, Path] = {}
    for path in paths:
        name = _part_of(path)
        if name is None:
            raise DatasetError(f"{path.name} says no part: name it train.csv, val.csv or test.csv")
        if name in found:
            raise DatasetError(f"{found[name]} and {path} are both of the part {name}; give one of them")
        found[name] = path
    if not found:
        raise DatasetError(f"no train.csv, val.csv or test.csv in {', '.join(map(str, places))}")
    return {name: found[name] for name in PARTS if name in found}


def import_release(
    files: Mapping[str, Path], folder: Path, config: ImportConfig | None = None, progress: Progress = silent
) -> dict[str, VideoEntry]:
    """Read a release into a dataset: FOLDER/frames/PART.parquet and FOLDER/manifest.parquet.

    A part that is there already, made from the same file with the same settings, is kept.

    Args:
        files: part → CSV file, of `release_files`.
        folder: of the dataset.
        config: how the files are read.
        progress: called with the rows that are done.

    Returns:
        Video → its entry in the manifest.

    Raises:
        DatasetError: naming the file, the row and the cell that is wrong.
        OutputError: if it cannot be written.
    """
    config = config or ImportConfig()
    headers = {name: read_csv_header(path) for name, path in files.items()}
    for name, path in files.items():
        check_release_header(path, name, headers[name], config)
    _check_columns(files, headers)
    digests = {path.name: sha256(path) for path in files.values()}
    entries: dict[str, VideoEntry] = {}
    sizes = np.cumsum([0, *(path.stat().st_size for path in files.values())]) / sum(
        path.stat().st_size for path in files.values()
    )
    for i, (name, path) in enumerate(files.items()):
        shown = part(progress, float(sizes[i]), float(sizes[i + 1]), f"read {path.name}")
        settings_of_part = asdict(config) | {"part": name, "columns": list(headers[name].names)}
        provenance = Provenance(MADE_BY, settings_of_part, {path.name: digests[path.name]})
        table = folder / FRAMES / f"{name}.parquet"
        if table.is_file() and read_provenance(table) == parse_json(provenance.as_json()):
            index = index_of_table(table)
        else:
            reader = _Reader(path, headers[name], config, entries)
            write_parquet_batches(table, reader.batches(shown), provenance)
            index = reader.index
        index.check(path, entries)
        entries |= {entry.video: entry for entry in _entries(index, name, scored=len(headers[name].names) > 2)}
    write_manifest(folder / MANIFEST, entries.values(), Provenance(MADE_BY, asdict(config), digests))
    return entries


def export_release(dataset: Path, folder: Path, progress: Progress = silent) -> dict[str, Path]:
    """Write a dataset back as the CSV files that it was read from: all rows, in order, zeros where not valid.

    Args:
        dataset: folder with frames/PART.parquet.
        folder: for train.csv, val.csv and test.csv.
        progress: called with the parts that are done.

    Returns:
        Part → file.

    Raises:
        DatasetError: if there are no such tables.
        OutputError: if a file cannot be written.
    """
    tables = frame_files(dataset)
    written = {}
    for i, (name, table) in enumerate(tables.items()):
        progress(i, len(tables), f"write {RELEASED[name]}.csv")
        made = (read_provenance(table) or {}).get("config", {})
        path = folder / f"{RELEASED[name]}.csv"
        names = made.get("columns")
        if not names:
            raise DatasetError(f"{table} was not imported from CSV files: its provenance names no columns")
        provenance = Provenance("dataset export", {"format": "eev", "part": name}, {table.name: sha256(table)})
        write_csv_batches(path, names, _released(table, UNITS[made.get("time_unit", "us")]), provenance)
        written[name] = path
    return written


def _released(table: Path, unit: int) -> Iterator[Batch]:
    for batch in read_parquet_batches(table):
        columns = dict(batch)
        times, valid = columns.pop("time_us"), columns.pop("valid", None)
        assert isinstance(times, np.ndarray)
        released: dict[str, Any] = {"video": columns.pop("video"), "time": times // unit}
        for name, scores in columns.items():
            released[name] = scores if np.asarray(valid).all() else np.nan_to_num(scores)  # type: ignore[arg-type]
        yield released


class _Reader:
    """Reads one CSV file, and checks each row.

    Attributes:
        index: of the rows that were read.
    """

    def __init__(self, path: Path, header: CsvHeader, config: ImportConfig, taken: Mapping[str, VideoEntry]) -> None:
        self._path, self._header, self._taken = path, header, taken
        self._video, self._time, *self._scores = header.names
        self._unit = UNITS[config.time_unit]
        self.index = FrameIndex()

    def batches(self, progress: Progress) -> Iterator[Batch]:
        """The rows as the table of frames has them; DatasetError names the first that is wrong."""
        size = self._path.stat().st_size
        try:
            for batch in read_csv_batches(self._path, self._header, (self._video,), (self._time,)):
                yield self._frames(batch)
                progress(min(len(self.index) * 9.0 * len(self._header.names), size), size)
        except DatasetError as error:
            raise DatasetError(self._first_wrong() or str(error)) from error
        if not len(self.index):
            raise DatasetError(f"{self._path} has a header and no rows. Get the file again")
        self.index.check(self._path, self._taken)

    def _frames(self, batch: Batch) -> Batch:
        """A batch of the table of frames."""
        video, times = batch[self._video], np.asarray(batch[self._time])
        scores = [np.asarray(batch[name]) for name in self._scores]
        assert isinstance(video, TextColumn)
        if times.dtype.kind != "i" or (video.codes < 0).any() or times.min() < 0:
            raise DatasetError("a row without a video or a time")
        if times.max() * self._unit > LONGEST_S * 1_000_000:
            raise DatasetError("a time beyond a week")
        if any(not (column.min() >= 0 and column.max() <= 1) for column in scores):
            raise DatasetError("a score outside [0, 1]")
        valid = np.logical_or.reduce([column != 0 for column in scores]) if scores else np.zeros(len(times), bool)
        self.index.add(video, times * self._unit, valid)
        frames: dict[str, NDArray[Any] | TextColumn] = {"video": video, "time_us": times * self._unit, "valid": valid}
        for name, column in zip(self._scores, scores, strict=True):
            frames[name] = column if valid.all() else np.where(valid, column, np.nan)
        return frames

    def _first_wrong(self) -> str | None:
        """What is wrong in the first row that is, read line by line."""
        names = self._header.names
        for row, cells in csv_rows(self._path, self._header):
            place = f"{self._path} row {row}"
            if len(cells) != len(names):
                return f"{place} has {len(cells)} cells under {len(names)} columns"
            if not cells[0].strip():
                return f"{place}: {names[0]} is empty"
            if not cells[1].isdecimal():
                return f"{place}: {names[1]} must be a whole number from 0, got {cells[1]!r}"
            if int(cells[1]) * self._unit > LONGEST_S * 1_000_000:
                return f"{place}: {names[1]} is {cells[1]}, more than a week; need microseconds (or --time-unit ms)"
            for name, cell in zip(names[2:], cells[2:], strict=True):
                if problem := _wrong_score(cell):
                    return f"{place}: {name} {problem}"
        return None


def _wrong_score(cell: str) -> str | None:
    if not cell.strip():
        return "is empty; EEV has zeros where nothing was detected"
    try:
        value = float(cell)
    except ValueError:
        return f"must be a number in [0, 1], got {cell!r}"
    return None if 0 <= value <= 1 else f"must be in [0, 1], got {cell}"


def _part_of(path: Path) -> str | None:
    """The part that a file name says."""
    stem = path.name.lower().split(".")[0]
    for word in (stem, *stem.replace("-", "_").split("_")):
        if (name := SYNONYMS.get(word, word)) in PARTS:
            return name
    return None


def check_release_header(path: Path, name: str, header: CsvHeader, config: ImportConfig) -> None:
    """Check the header of a released file.

    Args:
        path: the file, for messages.
        name: its part; a test file may be without scores.
        header: of `read_csv_header`.
        config: which expressions are expected.

    Raises:
        DatasetError: if it is not that of a release.
    """
    names = [column.lower() for column in header.names]
    if repeated := [n for i, n in enumerate(names) if n in names[:i]]:
        raise DatasetError(f"{path} has the column {repeated[0]!r} twice; keep one")
    if len(names) < 2 or names[0] not in VIDEO_COLUMNS or names[1] not in TIME_COLUMNS:
        raise DatasetError(
            f"{path} does not begin with the columns YouTube ID (or Video ID) and Timestamp (milliseconds); "
            f"its header is: {', '.join(header.names[:4])}"
        )
    scores = list(header.names[2:])
    expected = list(scores if config.expressions == ("any",) else config.expressions or EEV15)
    if not scores and name == "test":
        return
    if absent := [n for n in expected if n not in scores]:
        raise DatasetError(f"{path} has no column {', '.join(absent)}; --expressions names others")
    if strange := [n for n in scores if n not in expected]:
        raise DatasetError(f"{path} has the column {strange[0]!r}, none of {', '.join(expected)}; see --expressions")
    if not scores:
        raise DatasetError(f"{path} has no scores: only a test file may be without")


def _check_columns(files: Mapping[str, Path], headers: Mapping[str, CsvHeader]) -> None:
    """DatasetError unless all files with scores have the same."""
    scored = {name: set(header.names[2:]) for name, header in headers.items() if header.names[2:]}
    for name, names in scored.items():
        first = next(iter(scored))
        if names != scored[first]:
            odd = sorted(names ^ scored[first])
            raise DatasetError(f"{files[first].name} and {files[name].name} have different columns: {', '.join(odd)}")


def _entries(index: FrameIndex, name: str, *, scored: bool) -> Iterator[VideoEntry]:
    for video, frames, valid, end_us in index.videos():
        yield VideoEntry(
            video,
            name,
            source_id=video,
            url=WATCH_URL + video,
            licence="labels: CC BY 4.0 (EEV); videos: not part of the release",
            frames=frames,
            valid_frames=valid if scored else None,
            end_s=end_us / 1e6,
            labels=f"{FRAMES}/{name}.parquet",
            made_by="EEV release",
        )
