"""The manifest of a dataset (manifest.parquet): a row per video, with its part, its state and where its files are."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from evoked.core.errors import DatasetError
from evoked.core.provenance import Provenance
from evoked.core.tables import read_table, write_table
from evoked.dataset.split import PARTS

__all__ = ["MANIFEST", "STATES", "VideoEntry", "count_parts", "read_manifest", "write_manifest"]

MANIFEST = "manifest.parquet"
STATES = ("present", "absent", "private", "removed", "replaced", "truncated")
"""Of the video file: here and whole; not here; not public any more; deleted at its source; another file than the one
that was labelled; shorter than its labels."""


@dataclass(frozen=True)
class VideoEntry:
    """A video of a dataset; None is unknown.

    Attributes:
        video: its name, as in all tables of the dataset.
        part: train, validate or test; None: in no part.
        state: of the video file, one of STATES.
        source_id: its id where it comes from, such as a YouTube id.
        url: where it can be seen.
        channel: who published it, for splits that keep a channel in one part.
        licence: of the video or of its labels, in words.
        sha256: of the video file that was labelled.
        duration_s: of the video.
        themes: separated by semicolons.
        frames: rows at 6 Hz.
        valid_frames: those of them with a detection.
        end_s: time of the last row.
        reactions: number of recordings of people who watched it.
        labels, features: files of the dataset that hold them.
        made_by: the command that made its labels.
    """

    video: str
    part: str | None = None
    state: str = "absent"
    source_id: str | None = None
    url: str | None = None
    channel: str | None = None
    licence: str | None = None
    sha256: str | None = None
    duration_s: float | None = None
    themes: str | None = None
    frames: int | None = None
    valid_frames: int | None = None
    end_s: float | None = None
    reactions: int | None = None
    labels: str | None = None
    features: str | None = None
    made_by: str | None = None


COLUMNS = tuple(field.name for field in fields(VideoEntry))
NUMBERS = ("duration_s", "frames", "valid_frames", "end_s", "reactions")


def write_manifest(path: Path, entries: Iterable[VideoEntry], provenance: Provenance) -> None:
    """Write a manifest, in the order of the entries.

    Args:
        path: .parquet, .csv or .json.
        entries: of the videos.
        provenance: stored with the table.

    Raises:
        ValueError: if there are no entries, or a video is in two of them.
        OutputError: if it cannot be written.
    """
    rows = list(entries)
    counts = Counter(entry.video for entry in rows)
    if not rows or max(counts.values()) > 1:
        raise ValueError(f"need one entry per video, got {counts.most_common(1)}")
    write_table(path, {name: [getattr(entry, name) for entry in rows] for name in COLUMNS}, provenance)


def read_manifest(path: Path) -> dict[str, VideoEntry]:
    """Read a manifest; columns that are not those of `VideoEntry` are left out.

    Args:
        path: the table, or the folder of the dataset.

    Returns:
        Video → its entry, in the order of the table.

    Raises:
        DatasetError: if it cannot be read, a video is listed twice, or a state or part is none that there is.
    """
    table = path / MANIFEST if path.is_dir() else path
    columns = read_table(table, required=("video",))
    present = [name for name in COLUMNS if name in columns]
    entries: dict[str, VideoEntry] = {}
    for row, cells in enumerate(zip(*(columns[name] for name in present), strict=True), start=1):
        entry = _entry(table, row, dict(zip(present, cells, strict=True)))
        if entry.video in entries:
            raise DatasetError(f"{table} row {row}: {entry.video!r} is listed twice; keep one row")
        entries[entry.video] = entry
    if not entries:
        raise DatasetError(f"{table} has no rows")
    return entries


def count_parts(entries: Mapping[str, VideoEntry]) -> dict[str, int]:
    """Number of videos in each part, in the order train, validate, test; those in none are left out."""
    counts = Counter(entry.part for entry in entries.values())
    return {part: counts[part] for part in PARTS if counts[part]}


def _entry(table: Path, row: int, cells: dict[str, Any]) -> VideoEntry:
    values = {name: value for name, value in cells.items() if value is not None}
    if "video" not in values:
        raise DatasetError(f"{table} row {row}: the video has no name")
    for name in [n for n in values if n not in NUMBERS]:
        values[name] = str(values[name])
    for name in [n for n in values if n in NUMBERS]:
        if isinstance(values[name], bool | str):
            raise DatasetError(f"{table} row {row}: {name} must be a number, got {values[name]!r}")
    for name, known in (("state", STATES), ("part", PARTS)):
        if values.get(name, known[0]) not in known:
            raise DatasetError(f"{table} row {row}: {name} must be one of {', '.join(known)}, got {values[name]!r}")
    return VideoEntry(**values)
