"""evoked dataset build: studies joined into one dataset."""

import json
from functools import partial
from pathlib import Path

import click

from evoked.cli.messages import tell
from evoked.cli.outputs import check_folder, claim, force_option
from evoked.cli.paths import InputPath, OutputPath
from evoked.cli.progress import bar
from evoked.core.files import sha256
from evoked.core.locks import locked
from evoked.core.study_layout import StudyLayout
from evoked.dataset.build_dataset import build_dataset
from evoked.dataset.manifest import MANIFEST

__all__ = ["build"]


@click.command()
@click.argument("studies", metavar="STUDY...", nargs=-1, required=True, type=InputPath(exists=True, file_okay=False))
@click.option("-o", "--output", type=OutputPath(), required=True, help="folder of the dataset")
@click.option("--json", "as_json", is_flag=True, help="print JSON instead of lines")
@force_option
def build(studies: tuple[Path, ...], output: Path, as_json: bool) -> None:
    """Join the results of each STUDY into one dataset: labels, features and a manifest.

    Each study has been run (`evoked run`). Contents that are gone or cut off keep their labels, and the
    manifest says so; the same file in two studies is refused. Parts that the manifest has are kept.
    \f

    Args:
        studies, output, as_json: the arguments and options.

    Raises:
        EvokedError: if studies cannot be joined, or the dataset not be written.
    """
    check_folder(output)
    labels = [StudyLayout(study).labels for study in studies]
    claim(output / MANIFEST, "dataset build", partial(_digests, labels))
    with locked(output, "evoked dataset build"), bar("build") as progress:
        built = build_dataset(list(dict.fromkeys(studies)), output, progress)
    for note in built.notes:
        tell(f"note: {note}")
    seconds = sum(rows.labels.grid.steps for rows in built.labels.values())
    present = sum(entry.state == "present" for entry in built.entries.values())
    if as_json:
        body = {"dataset": str(output), "videos": len(built.entries), "present": present, "seconds": seconds}
        click.echo(json.dumps(body | {"notes": list(built.notes)}, indent=1, ensure_ascii=False))
    else:
        click.echo(f"{len(built.entries)} videos, {present} of them present, {seconds} s")


def _digests(labels: list[Path]) -> dict[str, str]:
    return {f"{path.parent.parent.name}/labels.parquet": sha256(path) for path in labels if path.is_file()}
