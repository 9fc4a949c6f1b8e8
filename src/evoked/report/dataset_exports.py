"""Labels of a dataset for other programs: subtitles (WebVTT) and ELAN files per video, CSV with a codebook."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from evoked.core.errors import DatasetError
from evoked.core.files import sha256
from evoked.core.names import derived_name
from evoked.core.progress import Progress, silent
from evoked.core.provenance import Provenance
from evoked.core.tables import read_provenance, write_table
from evoked.dataset.labels import POSITIVE_FROM, LabelRows, read_labels, write_labels
from evoked.prediction.writers import write_predictions

__all__ = ["CODEBOOK", "export_per_video", "export_text_table"]

CODEBOOK = "codebook.csv"


def export_per_video(
    labels: Path,
    folder: Path,
    suffix: str,
    *,
    threshold: float = POSITIVE_FROM,
    check: Callable[[Path], None] = lambda path: None,
    progress: Progress = silent,
) -> list[Path]:
    """Write the labels of each video as a file of its own.

    Args:
        labels: table of labels at 1 Hz.
        folder: for VIDEO + suffix.
        suffix: ".vtt" or ".eaf".
        threshold: soft labels are shown as on from here.
        check: called with each file before the first is written; what it raises ends the export.
        progress: called with the videos that are done.

    Returns:
        The files; videos without a valid second have none.

    Raises:
        DatasetError: if the labels cannot be read.
        OutputError: if a file cannot be written.
    """
    rows = {video: one for video, one in read_labels(labels).items() if one.labels.valid.any()}
    made = _provenance(labels, suffix.removeprefix("."), threshold)
    paths = {video: folder / derived_name(video, suffix) for video in rows}
    for video, path in paths.items():
        if path.parent != folder:
            raise DatasetError(f"{video!r} cannot be a file's name: it has a slash")
        check(path)
    for done, (video, one) in enumerate(rows.items()):
        progress(done, len(rows), video)
        write_predictions(paths[video], one.labels, made, threshold=threshold)
    return list(paths.values())


def export_text_table(labels: Path, output: Path) -> list[Path]:
    """Write all labels as one CSV, and a codebook that says what each column holds, for R and SPSS.

    Args:
        labels: table of labels at 1 Hz.
        output: the CSV file; codebook.csv is written beside it.

    Returns:
        Both files.

    Raises:
        DatasetError: if the labels cannot be read.
        OutputError: if a file cannot be written.
    """
    rows = read_labels(labels)
    made = _provenance(labels, "csv", POSITIVE_FROM)
    write_labels(output, rows, made)
    beside = output.with_name(CODEBOOK)
    write_table(beside, _codebook(rows), made)
    return [output, beside]


def _provenance(labels: Path, form: str, threshold: float) -> Provenance:
    notes = tuple(str(note) for note in (read_provenance(labels) or {}).get("notes", ()))
    settings = {"format": form, "label_threshold": threshold}
    return Provenance("dataset export", settings, {labels.name: sha256(labels)}, notes=notes)


def _codebook(rows: Mapping[str, LabelRows]) -> dict[str, list[str]]:
    """Column, type, values and meaning of each column of the CSV."""
    first = next(iter(rows.values()))
    soft = any(not np.isin(one.labels.values[one.labels.valid], (0, 1)).all() for one in rows.values())
    kind, values = ("number", "0 to 1") if soft else ("integer", "0 = off, 1 = on")
    lines = [
        ("video", "text", "", "name of the video"),
        ("second", "integer", "from 0", "second of the video; a row describes [second, second + 1)"),
        ("valid", "boolean", "true, false", "false: no label; the expressions are empty, not 0"),
        ("viewers", "integer", "from 0", "visible viewers"),
    ]
    if all(one.ticks is not None for one in rows.values()):
        lines.append(("ticks", "integer", "from 0", "votes: visible frames at 6 Hz of all viewers"))
    if all(one.agreement is not None for one in rows.values()):
        lines.append(("agreement", "number", "0 to 1", "share of viewers whose own majority is the label"))
    lines += [(name, kind, values, f"expression: {name}") for name in first.labels.names]
    if all(one.share is not None for one in rows.values()):
        lines += [(f"share_{n}", "number", "0 to 1", f"share of the votes for {n}") for n in first.labels.names]
    columns = zip(*lines, strict=True)
    return {name: list(own) for name, own in zip(("column", "type", "values", "meaning"), columns, strict=True)}
