"""evoked dataset export: a dataset in the forms of other programs, hubs and the challenge."""

import json
from functools import cache, partial
from pathlib import Path

import click

from evoked.cli.messages import tell
from evoked.cli.options import config_from_options, config_options
from evoked.cli.outputs import check_folder, claim, digests_of, file_in, force_option
from evoked.cli.paths import InputPath, OutputPath
from evoked.cli.progress import bar
from evoked.core.errors import DatasetError
from evoked.core.tables import SUFFIXES
from evoked.dataset.eev_bridge import BridgeConfig, export_labels
from evoked.dataset.eev_release import RELEASED, export_release
from evoked.dataset.frames import frame_files
from evoked.dataset.hub_export import CROISSANT, export_hub
from evoked.dataset.manifest import MANIFEST
from evoked.dataset.split import PARTS
from evoked.dataset.split_dataset import LABELS
from evoked.learning.evaluation.prediction_sets import export_submission
from evoked.report.dataset_exports import CODEBOOK, export_per_video, export_text_table

__all__ = ["export", "find_labels"]

FORMATS = {
    "eev": "the released CSV files",
    "eev-v1": "five expressions at 1 Hz, 0 or 1",
    "labels": "all scores at 1 Hz",
    "challenge": "--predictions as a submission",
    "huggingface": "Parquet, a card and a Croissant description, as hubs read them",
    "csv": "labels and a codebook",
    "webvtt": "subtitles per video",
    "elan": "an .eaf file per video",
}
PER_VIDEO = {"webvtt": ".vtt", "elan": ".eaf"}


@click.command()
@click.argument("folder", metavar="DATASET", type=InputPath(exists=True, file_okay=False))
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMATS)),
    required=True,
    help="; ".join(f"{name}: {text}" for name, text in FORMATS.items()),
)
@click.option("--labels", "labels_path", type=InputPath(exists=True), help="labels at 1 Hz, if not in DATASET")
@click.option("--predictions", type=InputPath(exists=True), help="challenge: folder with a table per video")
@click.option(
    "--part", type=click.Choice(PARTS), default="test", show_default=True, help="challenge: rows of this part"
)
@click.option("-o", "--output", type=OutputPath(), required=True, help="a table, or a folder for several files")
@click.option("--json", "as_json", is_flag=True, help="print JSON instead of lines")
@force_option
@config_options(BridgeConfig)
def export(
    folder: Path,
    form: str,
    labels_path: Path | None,
    predictions: Path | None,
    part: str,
    output: Path,
    as_json: bool,
    **options: object,
) -> None:
    """Write DATASET in another form.

    eev writes train.csv, val.csv and test.csv as they were imported: all rows, in order. eev-v1 and labels write a
    table that `evoked train --labels` reads; huggingface, csv, webvtt and elan read labels at 1 Hz.
    \f

    Args:
        folder, form, labels_path, predictions, part, output, as_json: the arguments and options.
        **options: fields of BridgeConfig.

    Raises:
        EvokedError: if the dataset cannot be read, or the output not be written.
    """
    config = config_from_options(BridgeConfig, options)
    if form == "challenge" and predictions is None:
        raise click.UsageError("challenge needs --predictions FOLDER: evoked predict writes a table per video")
    if form in ("eev", "eev-v1", "labels"):
        written = _of_frames(folder, form, output, config)
    elif form == "challenge":
        assert predictions is not None
        written = [file_in(output, "submission.csv", (".csv",))]
        claim(written[0], "dataset export", partial(digests_of, *frame_files(folder).values()))
        for note in export_submission(folder, part, predictions, written[0]):
            tell(f"note: {note}")
    else:
        written = _of_labels(folder, form, find_labels(folder, labels_path), output, config.threshold)
    if as_json:
        click.echo(json.dumps({"format": form, "files": [str(path) for path in written]}, ensure_ascii=False))
        return
    for path in written:
        click.echo(path)


def find_labels(folder: Path, labels: Path | None) -> Path:
    """Find the labels of a dataset.

    Args:
        folder: of the dataset.
        labels: what was given; None: labels.parquet of the folder.

    Returns:
        The table.

    Raises:
        DatasetError: if there is none.
    """
    found = labels or folder / LABELS
    if not found.is_file():
        raise DatasetError(
            f"no {LABELS} in {folder}: give --labels FILE (evoked dataset export makes one of a release)"
        )
    return found


def _of_frames(folder: Path, form: str, output: Path, config: BridgeConfig) -> list[Path]:
    tables = frame_files(folder)
    inputs = partial(digests_of, *tables.values())
    if form == "eev":
        check_folder(output)
        for name in tables:
            claim(output / f"{RELEASED[name]}.csv", "dataset export", inputs)
        with bar("export") as progress:
            return list(export_release(folder, output, progress).values())
    path = file_in(output, LABELS, SUFFIXES)
    claim(path, "dataset export", inputs, list(tables.values()))
    with bar("export") as progress:
        for note in export_labels(folder, path, config, soft=form == "labels", progress=progress):
            tell(f"note: {note}")
    return [path]


def _of_labels(folder: Path, form: str, labels: Path, output: Path, threshold: float) -> list[Path]:
    inputs = cache(partial(digests_of, labels))

    def check(path: Path) -> None:
        claim(path, "dataset export", inputs, [labels, folder / MANIFEST])

    if form == "csv":
        path = file_in(output, "labels.csv", (".csv",))
        for own in (path, path.with_name(CODEBOOK)):
            check(own)
        return export_text_table(labels, path)
    check_folder(output)
    if form in PER_VIDEO:
        with bar("export") as progress:
            return export_per_video(
                labels, output, PER_VIDEO[form], threshold=threshold, check=check, progress=progress
            )
    own_manifest = output / MANIFEST
    if not own_manifest.exists():  # the description, which cannot say what made it, goes with the manifest
        check(output / CROISSANT)
    for path in (own_manifest, *(output / "data" / f"{part}.parquet" for part in (*PARTS, "all"))):
        if path.exists() or path == own_manifest:
            check(path)
    return export_hub(folder, labels, output)
