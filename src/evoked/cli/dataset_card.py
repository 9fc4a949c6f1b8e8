"""evoked dataset card: the card of a dataset, and whether it is filled in."""

import sys
from pathlib import Path

import click

from evoked.cli.dataset_export import find_labels
from evoked.cli.messages import tell
from evoked.cli.outputs import claim, force_option
from evoked.cli.paths import InputPath, OutputPath
from evoked.core.errors import OutputError
from evoked.dataset.dataset_card import open_blanks
from evoked.dataset.hub_export import CARD, write_card

__all__ = ["card"]


@click.command()
@click.argument("folder", metavar="DATASET", type=InputPath(exists=True, file_okay=False))
@click.option("--labels", "labels_path", type=InputPath(exists=True), help="labels at 1 Hz, if not in DATASET")
@click.option("-o", "--output", type=OutputPath(), help="the Markdown file  [default: DATASET/README.md]")
@click.option("--check", is_flag=True, help="write nothing; exit code 1 while blanks stand in the card")
@force_option
def card(folder: Path, labels_path: Path | None, output: Path | None, check: bool) -> None:
    """Write the card of DATASET: composition, collection, annotation, limits, ethics, licence.

    What only people can say is left as [TO FILL IN].
    \f

    Args:
        folder, labels_path, output, check: the arguments and options.

    Raises:
        EvokedError: if the dataset cannot be read, or there is a card already.
    """
    path = output or folder / CARD
    if check:
        if not path.is_file():
            raise OutputError(f"no card at {path}: evoked dataset card {folder}")
        text = path.read_text(encoding="utf-8")
    else:
        claim(path, "dataset card", dict)  # a card that is there needs --force: people fill it in
        text = write_card(folder, find_labels(folder, labels_path), path)
        click.echo(path)
    blanks = open_blanks(text)
    for line in blanks:
        tell(f"blank: {line}")
    if check:
        click.echo(f"{len(blanks)} blanks")
        sys.exit(1 if blanks else 0)
