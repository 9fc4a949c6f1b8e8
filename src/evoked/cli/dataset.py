"""evoked dataset: import, export and describe a dataset of many videos."""

import json
from functools import partial
from pathlib import Path

import click

from evoked.cli.dataset_audit import audit
from evoked.cli.dataset_build import build
from evoked.cli.dataset_split import split
from evoked.cli.dataset_stats import stats
from evoked.cli.messages import tell
from evoked.cli.options import config_from_options, config_options
from evoked.cli.outputs import check_folder, claim, digests_of, file_in, force_option
from evoked.cli.paths import InputPath, OutputPath
from evoked.cli.progress import bar
from evoked.core.locks import locked
from evoked.core.tables import SUFFIXES
from evoked.dataset.eev_bridge import BridgeConfig, export_labels
from evoked.dataset.eev_release import RELEASED, ImportConfig, export_release, import_release, release_files
from evoked.dataset.frames import FRAMES, frame_files
from evoked.dataset.manifest import MANIFEST, VideoEntry, count_parts
from evoked.dataset.split import PARTS
from evoked.learning.evaluation.prediction_sets import export_submission

__all__ = ["dataset"]

_json_option = click.option("--json", "as_json", is_flag=True, help="print JSON instead of lines")


@click.group()
def dataset() -> None:
    """Import, export and describe a dataset of many videos.

    A dataset is a folder: manifest.parquet (a row per video), with labels.parquet (of studies, 1 Hz) or
    frames/PART.parquet (of a release, 6 Hz).

    \b
      evoked dataset build STUDY... -o DATASET
      evoked dataset import RELEASE -o DATASET
      evoked dataset export DATASET --format eev-v1 -o labels.parquet
      evoked dataset split DATASET --labels labels.parquet
      evoked dataset audit DATASET --videos contents/
      evoked dataset stats DATASET --labels labels.parquet -o statistics
    """


dataset.add_command(build)
dataset.add_command(split)
dataset.add_command(audit)
dataset.add_command(stats)


@dataset.command("import")
@click.argument("release", metavar="RELEASE...", nargs=-1, required=True, type=InputPath(exists=True))
@click.option("-o", "--output", type=OutputPath(), required=True, help="folder of the dataset")
@_json_option
@force_option
@config_options(ImportConfig)
def import_(release: tuple[Path, ...], output: Path, as_json: bool, **options: object) -> None:
    """Read the released EEV: RELEASE is the folder of train.csv, val.csv and test.csv, or these files.

    They may be packed by gzip or zip. All rows and values are kept; a row of zeros is not valid. A part that is there
    already, made from the same file, is kept.
    \f

    Args:
        release, output, as_json: the arguments and options.
        **options: fields of ImportConfig.

    Raises:
        EvokedError: naming the file and the row that cannot be used; if the folder cannot be written.
    """
    config = config_from_options(ImportConfig, options)
    check_folder(output)
    files = release_files(release)
    inputs = partial(digests_of, *files.values())
    claim(output / MANIFEST, "dataset import", inputs, list(files.values()))
    for part, path in files.items():
        claim(output / FRAMES / f"{part}.parquet", "dataset import", inputs, [path])
    with locked(output, "evoked dataset import"), bar("import") as progress:
        entries = import_release(files, output, config, progress)
    _print_import(output, files, entries, as_json)


def _print_import(output: Path, files: dict[str, Path], entries: dict[str, VideoEntry], as_json: bool) -> None:
    rows: list[dict[str, object]] = []
    for part, count in count_parts(entries).items():
        own = [entry for entry in entries.values() if entry.part == part]
        valid = [entry.valid_frames for entry in own if entry.valid_frames is not None]
        rows.append(
            {
                "part": part,
                "file": files[part].name,
                "videos": count,
                "rows": sum(entry.frames or 0 for entry in own),
                "valid": sum(valid) if valid else None,
            }
        )
    if as_json:
        click.echo(json.dumps({"dataset": str(output), "parts": rows}, indent=1, ensure_ascii=False))
        return
    for row in rows:
        seen = "no scores" if row["valid"] is None else f"{row['valid']} with a detection"
        click.echo(f"{row['part']}: {row['videos']} videos, {row['rows']} rows, {seen} ({row['file']})")
    tell(f"dataset: {output}. Next: evoked dataset export {output} --format eev-v1 -o labels.parquet")


@dataset.command()
@click.argument("folder", metavar="DATASET", type=InputPath(exists=True, file_okay=False))
@click.option(
    "--format",
    "form",
    type=click.Choice(["eev", "eev-v1", "labels", "challenge"]),
    required=True,
    help="eev: the released CSV files; eev-v1: five expressions at 1 Hz, 0 or 1; labels: all scores, 1 Hz; "
    "challenge: --predictions as a submission",
)
@click.option("--predictions", type=InputPath(exists=True), help="challenge: folder with a table per video")
@click.option(
    "--part", type=click.Choice(PARTS), default="test", show_default=True, help="challenge: rows of this part"
)
@click.option("-o", "--output", type=OutputPath(), required=True, help="a folder (eev), or a table of labels")
@_json_option
@force_option
@config_options(BridgeConfig)
def export(
    folder: Path, form: str, predictions: Path | None, part: str, output: Path, as_json: bool, **options: object
) -> None:
    """Write DATASET in another form.

    eev writes train.csv, val.csv and test.csv as they were imported: all rows, in order. eev-v1 and labels write a
    table that `evoked train --labels` reads.
    \f

    Args:
        folder, form, predictions, part, output, as_json: the arguments and options.
        **options: fields of BridgeConfig.

    Raises:
        EvokedError: if the dataset cannot be read, or the output not be written.
    """
    config = config_from_options(BridgeConfig, options)
    tables = frame_files(folder)
    inputs = partial(digests_of, *tables.values())
    if form == "eev":
        check_folder(output)
        for name in tables:
            claim(output / f"{RELEASED[name]}.csv", "dataset export", inputs)
        with bar("export") as progress:
            written = list(export_release(folder, output, progress).values())
    elif form == "challenge":
        if predictions is None:
            raise click.UsageError("challenge needs --predictions FOLDER: evoked predict writes a table per video")
        written = [file_in(output, "submission.csv", (".csv",))]
        claim(written[0], "dataset export", inputs)
        for note in export_submission(folder, part, predictions, written[0]):
            tell(f"note: {note}")
    else:
        written = [file_in(output, "labels.parquet", SUFFIXES)]
        claim(written[0], "dataset export", inputs, list(tables.values()))
        with bar("export") as progress:
            for note in export_labels(folder, written[0], config, soft=form == "labels", progress=progress):
                tell(f"note: {note}")
    if as_json:
        click.echo(json.dumps({"format": form, "files": [str(path) for path in written]}, ensure_ascii=False))
    else:
        for path in written:
            click.echo(path)
