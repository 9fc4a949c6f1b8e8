"""evoked dataset: import, export and describe a dataset of many videos."""

import json
from functools import partial
from pathlib import Path

import click

from evoked.cli.dataset_audit import audit
from evoked.cli.dataset_build import build
from evoked.cli.dataset_card import card
from evoked.cli.dataset_export import export
from evoked.cli.dataset_forget import forget
from evoked.cli.dataset_split import split
from evoked.cli.dataset_stats import stats
from evoked.cli.dataset_themes import themes
from evoked.cli.messages import tell
from evoked.cli.options import config_from_options, config_options
from evoked.cli.outputs import check_folder, claim, digests_of, force_option
from evoked.cli.paths import InputPath, OutputPath
from evoked.cli.progress import bar
from evoked.core.locks import locked
from evoked.dataset.eev_release import ImportConfig, import_release, release_files
from evoked.dataset.frames import FRAMES
from evoked.dataset.manifest import MANIFEST, VideoEntry, count_parts

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
      evoked dataset themes DATASET themes.csv
      evoked dataset stats DATASET --labels labels.parquet -o statistics
      evoked dataset card DATASET --labels labels.parquet
      evoked dataset forget DATASET VIDEO
    """


dataset.add_command(build)
dataset.add_command(export)
dataset.add_command(split)
dataset.add_command(audit)
dataset.add_command(stats)
dataset.add_command(themes)
dataset.add_command(card)
dataset.add_command(forget)


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
