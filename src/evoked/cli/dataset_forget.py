"""evoked dataset forget: a video is removed from a dataset, and what still names it is listed."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from evoked.cli.messages import tell
from evoked.cli.paths import InputPath
from evoked.core.locks import locked
from evoked.dataset.forget_video import find_traces, forget_video

__all__ = ["forget"]


@click.command()
@click.argument("folder", metavar="DATASET", type=InputPath(exists=True, file_okay=False))
@click.argument("video")
@click.option("--check", is_flag=True, help="remove nothing; exit code 1 if a file of DATASET still names VIDEO")
@click.option("--json", "as_json", is_flag=True, help="print JSON instead of lines")
def forget(folder: Path, video: str, check: bool, as_json: bool) -> None:
    """Remove VIDEO from DATASET: labels, frames, features, hashes, its row in the manifest.

    What still names it is listed (exports, cards, models that learnt from it), with exit code 1: delete those, or make
    them again. With --check VIDEO may also be a sha256. A viewer is forgotten in the study: delete the recording there,
    run the study, and build the dataset again.
    \f

    Args:
        folder, video, check, as_json: the arguments and options.

    Raises:
        EvokedError: if the dataset has no such video, or a file cannot be changed.
    """
    with locked(folder, "evoked dataset forget"):
        if check:
            removed: tuple[str, ...] = ()
            remaining = find_traces(folder, [video])
        else:
            forgotten = forget_video(folder, video)
            removed, remaining = forgotten.removed, forgotten.remaining
            if as_json:
                click.echo(json.dumps(asdict(forgotten), indent=1, ensure_ascii=False))
    if check and as_json:
        click.echo(json.dumps({"remaining": list(remaining)}, indent=1, ensure_ascii=False))
    if not as_json:
        for line in removed:
            click.echo(line)
        click.echo(f"{len(remaining)} files still name it" if remaining else "no file of the dataset names it")
    for name in remaining:
        tell(f"still named in {name}")
    if remaining:
        sys.exit(1)
