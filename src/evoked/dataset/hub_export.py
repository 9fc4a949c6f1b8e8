"""A dataset in the layout of dataset hubs: data/PART.parquet, README.md (the card) and croissant.json."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from evoked.core.files import sha256, write_text
from evoked.core.provenance import Provenance
from evoked.core.tables import read_provenance
from evoked.dataset.dataset_card import card_text, croissant
from evoked.dataset.dataset_statistics import DatasetStatistics, dataset_statistics, read_label_columns
from evoked.dataset.labels import LabelRows, read_labels, write_labels
from evoked.dataset.manifest import VideoEntry, read_manifest, write_manifest
from evoked.dataset.split import PARTS

__all__ = ["CARD", "CROISSANT", "export_hub", "write_card"]

CARD, CROISSANT = "README.md", "croissant.json"
FIXED = {"video": "text", "second": "integer", "valid": "boolean", "viewers": "integer"}


def export_hub(dataset: Path, labels: Path, folder: Path) -> list[Path]:
    """Write a dataset as hubs read it; videos are named only.

    Args:
        dataset: folder with manifest.parquet.
        labels: table of labels at 1 Hz.
        folder: for data/PART.parquet, manifest.parquet, README.md and croissant.json. A card that is there is kept,
            for people fill it in.

    Returns:
        The files.

    Raises:
        DatasetError: if manifest or labels cannot be read.
        OutputError: if it cannot be written.
    """
    entries, rows = read_manifest(dataset), read_labels(labels)
    made = Provenance("dataset export", {"format": "huggingface"}, {labels.name: sha256(labels)}, notes=_notes(labels))
    files: dict[str, list[str]] = {}
    written: list[Path] = []
    for part, own in _by_part(rows, entries).items():
        path = folder / "data" / f"{part}.parquet"
        write_labels(path, own, made)
        files[part] = [f"data/{part}.parquet"]
        written.append(path)
    manifest = folder / "manifest.parquet"
    write_manifest(manifest, entries.values(), made)
    statistics = dataset_statistics(read_label_columns(labels), entries)
    name = dataset.resolve().name
    if not (folder / CARD).exists():
        write_text(folder / CARD, card_text(name, statistics, entries, files, _notes(labels)))
    body = croissant(name, _sentence(statistics), folder, files, _columns(rows), _licence(entries))
    write_text(folder / CROISSANT, json.dumps(body, indent=1, ensure_ascii=False) + "\n")
    return [*written, manifest, folder / CARD, folder / CROISSANT]


def write_card(dataset: Path, labels: Path, output: Path) -> str:
    """Write the card of a dataset.

    Args:
        dataset: folder with manifest.parquet.
        labels: table of labels at 1 Hz.
        output: the Markdown file.

    Returns:
        Its text.

    Raises:
        DatasetError: if manifest or labels cannot be read.
        OutputError: if it cannot be written.
    """
    entries = read_manifest(dataset)
    statistics = dataset_statistics(read_label_columns(labels), entries)
    files = {part: [f"data/{part}.parquet"] for part in PARTS if any(e.part == part for e in entries.values())}
    text = card_text(
        dataset.resolve().name, statistics, entries, files or {"all": ["data/all.parquet"]}, _notes(labels)
    )
    write_text(output, text)
    return text


def _notes(labels: Path) -> tuple[str, ...]:
    return tuple(str(note) for note in (read_provenance(labels) or {}).get("notes", ()))


def _by_part(rows: Mapping[str, LabelRows], entries: Mapping[str, VideoEntry]) -> dict[str, dict[str, LabelRows]]:
    """Part → labels of its videos; "all" where no video has a part; videos in no part are left out otherwise."""
    part_of = {video: entries[video].part for video in rows if video in entries}
    if not any(part_of.values()):
        return {"all": dict(rows)}
    found = {part: {v: rows[v] for v, own in part_of.items() if own == part} for part in PARTS}
    return {part: own for part, own in found.items() if own}


def _columns(rows: Mapping[str, LabelRows]) -> dict[str, str]:
    first = next(iter(rows.values())).labels
    soft = any(not np.isin(r.labels.values[r.labels.valid], (0, 1)).all() for r in rows.values())
    return FIXED | dict.fromkeys(first.names, "float" if soft else "integer")


def _sentence(statistics: DatasetStatistics) -> str:
    return (
        f"Expressions that {statistics.videos} videos evoke in viewers, once a second: "
        f"{', '.join(statistics.expressions)}; {statistics.valid_seconds} labelled seconds."
    )


def _licence(entries: Mapping[str, VideoEntry]) -> str:
    return "; ".join(sorted({entry.licence for entry in entries.values() if entry.licence})) or "not stated"
