"""evoked init: an empty study folder with commented settings."""

from pathlib import Path

import click

from evoked.cli.messages import tell
from evoked.cli.paths import OutputPath
from evoked.study.new_study import new_study

__all__ = ["init"]


@click.command()
@click.argument("study", type=OutputPath())
def init(study: Path) -> None:
    """Make a STUDY folder: contents/, reactions/, a study.toml with every setting explained, a template of pairs.csv.

    What is there already stays as it is.
    \f

    Args:
        study: the folder.

    Raises:
        EvokedError: if it cannot be made.
    """
    for path in new_study(study):
        click.echo(f"{path}/" if path.is_dir() else str(path))
    tell(f"next: put the videos into {study}/contents and {study}/reactions, then: evoked run {study}")
