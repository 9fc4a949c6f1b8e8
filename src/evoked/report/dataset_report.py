"""Statistics of a dataset from its files, and a folder of them: statistics.json, a CSV per table, figures, a page."""

import json
from collections import Counter
from pathlib import Path

from evoked.core.errors import DatasetError
from evoked.core.files import sha256, write_text
from evoked.core.provenance import Provenance
from evoked.core.tables import Columns, read_provenance, read_table, write_table
from evoked.dataset.dataset_statistics import DatasetStatistics, dataset_statistics, read_label_columns
from evoked.dataset.manifest import read_manifest
from evoked.report.dataset_figures import draw_dataset_figures
from evoked.report.dataset_page import write_dataset_page

__all__ = ["STATISTICS", "describe_dataset", "statistics_tables", "write_dataset_report"]

STATISTICS = "statistics.json"


def describe_dataset(
    labels: Path, manifest: Path | None, pairs: Path | None, threshold: float
) -> tuple[DatasetStatistics, Provenance]:
    """Compute the statistics of a dataset from its tables.

    Args:
        labels: table of labels at 1 Hz.
        manifest: of the dataset; None: without parts and themes.
        pairs: table reaction,content; None: without reactions per video.
        threshold: soft labels are on from here.

    Returns:
        The statistics, and their provenance with the notes of the labels.

    Raises:
        DatasetError: if a table cannot be read, or labels and manifest have no video in common.
    """
    columns = read_label_columns(labels, threshold)
    entries = read_manifest(manifest) if manifest else None
    if entries is not None and not any(video in entries for video in columns.videos):
        raise DatasetError(f"{manifest} lists none of the {len(columns.videos)} videos of {labels}")
    reactions = Counter(map(str, read_table(pairs, required=("reaction", "content"))["content"])) if pairs else None
    inputs = {path.name: sha256(path) for path in (labels, manifest, pairs) if path is not None}
    notes = tuple(str(note) for note in (read_provenance(labels) or {}).get("notes", ()))
    statistics = dataset_statistics(columns, entries, reactions=reactions, threshold=threshold)
    return statistics, Provenance("dataset stats", {"label_threshold": threshold}, inputs, notes=notes)


def write_dataset_report(folder: Path, statistics: DatasetStatistics, provenance: Provenance) -> None:
    """Write statistics.json, a CSV per table, each figure as SVG and PNG, and index.html.

    Args:
        folder: created where missing.
        statistics: of the dataset.
        provenance: of the statistics; in every table and in the page.

    Raises:
        EvokedError: if matplotlib is not installed.
        OutputError: if a file cannot be written.
    """
    body = statistics.as_dict() | {"provenance": provenance.as_dict()}
    for name, columns in statistics_tables(statistics).items():
        write_table(folder / f"{name}.csv", columns, provenance)
    figures = draw_dataset_figures(statistics, folder)
    write_dataset_page(folder / "index.html", statistics, figures, provenance)
    write_text(folder / STATISTICS, json.dumps(body, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def statistics_tables(statistics: DatasetStatistics) -> dict[str, Columns]:
    """The tables of the statistics as columns; those without rows are left out.

    Returns:
        Name of the table → its columns. Shares are in [0, 1].
    """
    names = list(statistics.expressions)
    parts = {f"share_{part}": [own.shares[n] for n in names] for part, own in statistics.parts.items()}
    tables: dict[str, Columns] = {
        "expressions": {
            "expression": names,
            "seconds": [statistics.positives[n] for n in names],
            "share": [statistics.shares[n] for n in names],
            **parts,
        },
        "labels_per_second": {
            "labels": list(range(len(names) + 1)),
            "seconds": list(statistics.labels_per_second),
        },
        "co_occurrence": {
            "expression": names,
            **{name: [row[k] for row in statistics.co_occurrence] for k, name in enumerate(names)},
        },
        "coverage": {
            "position": [i / len(statistics.coverage) for i in range(len(statistics.coverage))],
            "valid_share": list(statistics.coverage),
        },
    }
    if statistics.themes:
        rows = statistics.expressions_by_theme
        by_theme = {name: [None if row is None else row[k] for row in rows.values()] for k, name in enumerate(names)}
        tables["themes"] = {"theme": list(statistics.themes), "videos": list(statistics.themes.values())}
        tables["expressions_by_theme"] = {"theme": list(rows), **by_theme}
    return tables
