"""evoked dataset themes: themes of videos, from tables and files that other tools saved."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from evoked.cli.messages import tell
from evoked.cli.paths import InputPath
from evoked.core.locks import locked
from evoked.dataset.themes import add_themes

__all__ = ["themes"]


@click.command()
@click.argument("folder", metavar="DATASET", type=InputPath(exists=True, file_okay=False))
@click.argument("sources", metavar="FILE...", nargs=-1, required=True, type=InputPath(exists=True))
@click.option("--again", is_flag=True, help="give up the themes that are there; else new ones are added to them")
@click.option("--json", "as_json", is_flag=True, help="print JSON instead of lines")
def themes(folder: Path, sources: tuple[Path, ...], again: bool, as_json: bool) -> None:
    """Write the themes of videos to the manifest of DATASET.

    FILE is a table video,themes (separated by semicolons), an .info.json of yt-dlp (categories), a saved answer of the
    YouTube Data API's videos.list (topicDetails), or a folder of such JSON. Nothing is fetched. Channels and durations
    that the manifest lacks are taken over too.
    \f

    Args:
        folder, sources, again, as_json: the arguments and options.

    Raises:
        EvokedError: if a file cannot be read, or names no video of the dataset.
    """
    with locked(folder, "evoked dataset themes"):
        found = add_themes(folder, sources, again=again)
    if as_json:
        click.echo(json.dumps(asdict(found), indent=1, ensure_ascii=False))
        return
    click.echo(f"{found.entries} videos have themes; {found.changed} entries changed")
    if found.strangers:
        tell(f"note: {len(found.strangers)} videos are not in the dataset: {', '.join(found.strangers[:5])}")
