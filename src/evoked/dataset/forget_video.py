"""Remove a video from a dataset: labels, frames, features, hashes and its row in the manifest; and look for traces.

A byte search alone would miss names in compressed tables, so the texts of Parquet tables are read too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evoked.core.column_stream import Batch, TextColumn, read_parquet_batches, write_parquet_batches
from evoked.core.errors import DatasetError, OutputError
from evoked.core.files import parse_json
from evoked.core.provenance import Provenance
from evoked.core.tables import read_provenance
from evoked.dataset.audit_dataset import HASHES
from evoked.dataset.frames import FRAMES
from evoked.dataset.manifest import MANIFEST, read_manifest, write_manifest
from evoked.dataset.split_dataset import LABELS

__all__ = ["Forgotten", "find_traces", "forget_video"]

BLOCK = 1 << 22


@dataclass(frozen=True)
class Forgotten:
    """What was removed.

    Attributes:
        removed: a line per file: what was deleted, or how many rows were taken out.
        remaining: files that still name the video or its digest, relative to the dataset; models that learnt from it
            are among them: delete them, or train them again.
    """

    removed: tuple[str, ...]
    remaining: tuple[str, ...]


def forget_video(folder: Path, video: str) -> Forgotten:
    """Remove a video from a dataset.

    Args:
        folder: of the dataset.
        video: its name in the manifest.

    Returns:
        What was removed, and what still names it.

    Raises:
        DatasetError: if the dataset has no such video, or no other.
        OutputError: if a file cannot be written or deleted.
    """
    entries = read_manifest(folder)
    if video not in entries:
        raise DatasetError(f"{folder / MANIFEST} lists no video {video!r}")
    if len(entries) == 1:
        raise DatasetError(f"{video} is the only video of {folder}: delete the folder")
    entry = entries.pop(video)
    removed: list[str] = []
    for table in [folder / LABELS, *sorted((folder / FRAMES).glob("*.parquet"))]:
        if table.is_file() and (rows := _take_out(table, video, entry.sha256)):
            emptied = "" if table.is_file() else ", and the file, which held no other video"
            removed.append(f"{table.relative_to(folder)}: {rows} rows{emptied}")
    files = [folder / entry.features] if entry.features else []
    files += [folder / HASHES / f"{entry.sha256}.npy"] if entry.sha256 else []
    for path in files:
        if path.is_file():
            try:
                path.unlink()
            except OSError as error:
                raise OutputError(f"cannot delete {path}: {error.strerror or error}") from error
            removed.append(f"{path.relative_to(folder)}: deleted")
    made = _without(read_provenance(folder / MANIFEST) or {}, video, entry.sha256)
    write_manifest(folder / MANIFEST, entries.values(), made)  # last: an interruption leaves the name to ask again
    removed.append(f"{MANIFEST}: 1 row")
    return Forgotten(tuple(removed), find_traces(folder, [video, *([entry.sha256] if entry.sha256 else [])]))


def find_traces(folder: Path, words: list[str]) -> tuple[str, ...]:
    """Files of a dataset that name one of these words: in their bytes, in their names, or in a text of a table.

    Args:
        folder: of the dataset; all files in it are read.
        words: name and digest of a video.

    Returns:
        Paths relative to the folder, sorted.

    Raises:
        OutputError: if a file cannot be read.
    """
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        try:
            named = any(word in path.name for word in words)
            if named or _in_bytes(path, words) or (path.suffix == ".parquet" and _in_texts(path, words)):
                found.append(str(path.relative_to(folder)))
        except OSError as error:
            raise OutputError(f"cannot search {path}: {error.strerror or error}") from error
    return tuple(found)


def _in_bytes(path: Path, words: list[str]) -> bool:
    patterns, longest = [word.encode() for word in words], max(len(word.encode()) for word in words)
    kept = b""
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            if any(pattern in kept + block for pattern in patterns):
                return True
            kept = block[-longest:]
    return False


def _in_texts(path: Path, words: list[str]) -> bool:
    try:
        for batch in read_parquet_batches(path):
            for column in batch.values():
                if isinstance(column, TextColumn):
                    used = set(np.unique(column.codes).tolist())
                    if any(word in str(column.texts[i]) for i in used if i >= 0 for word in words):
                        return True
    except DatasetError:
        return False  # no table: its bytes were searched
    return False


def _take_out(table: Path, video: str, digest: str | None) -> int:
    """Rewrite a table without a video's rows, or delete it where no other is left; their number."""
    taken = 0

    def others() -> Iterator[Batch]:
        nonlocal taken
        for batch in read_parquet_batches(table):
            names = batch["video"]
            assert isinstance(names, TextColumn)
            kept = np.array([name != video for name in names.texts], dtype=np.bool_)[names.codes]
            taken += int((~kept).sum())
            if kept.any():
                yield {name: _rows(column, kept) for name, column in batch.items()}

    recorded = read_provenance(table) or {}
    temporary = table.with_name(f".{table.name}.forgetting.parquet")
    try:
        write_parquet_batches(temporary, others(), _without(recorded, video, digest), like=table)
    except ValueError:  # no row is left
        table.unlink()
        return taken
    temporary.replace(table)
    return taken


def _rows(column: Any, kept: np.ndarray) -> Any:
    if isinstance(column, TextColumn):
        codes = column.codes[kept]
        used = np.unique(codes[codes >= 0])
        narrow = np.where(codes < 0, -1, np.searchsorted(used, codes))
        return TextColumn(narrow.astype(np.int32), [column.texts[i] for i in used.tolist()])
    return column[kept]


def _without(recorded: dict[str, Any], video: str, digest: str | None) -> Provenance:
    """The provenance of a table, without notes and inputs that name the video."""
    words = [video, *([digest] if digest else [])]

    def silent_of(text: str) -> bool:
        return not any(word in text for word in words)

    inputs = {str(k): str(v) for k, v in recorded.get("inputs", {}).items() if silent_of(f"{k} {v}")}
    notes = tuple(str(note) for note in recorded.get("notes", ()) if silent_of(str(note)))
    config = parse_json(Provenance("", recorded.get("config", {})).as_json())["config"]
    return Provenance(str(recorded.get("made_by", "dataset forget")), config, inputs, notes=notes)
