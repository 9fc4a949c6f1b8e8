"""evoked dataset audit: videos that belong together and stand in two parts."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from evoked.cli.messages import tell
from evoked.cli.paths import InputPath
from evoked.cli.progress import bar
from evoked.core.locks import locked
from evoked.dataset.audit_dataset import DatasetAudit, audit_dataset

__all__ = ["audit"]


@click.command()
@click.argument("folder", metavar="DATASET", type=InputPath(exists=True, file_okay=False))
@click.option("--videos", type=InputPath(exists=True, file_okay=False), help="folder with the video files, to compare")
@click.option(
    "--by-channel", is_flag=True, help="a channel in two parts is a leak (where the split was made by channel)"
)
@click.option("--json", "as_json", is_flag=True, help="print JSON instead of lines")
def audit(folder: Path, videos: Path | None, by_channel: bool, as_json: bool) -> None:
    """Look for leaks in the split of DATASET: the same video, or one with the same pictures, in two parts.

    Pictures are compared with --videos: copies that were coded again, cropped, mirrored, letterboxed or sped up, and
    excerpts. Exit code 1 if there is a leak.
    \f

    Args:
        folder, videos, by_channel, as_json: the arguments and options.

    Raises:
        EvokedError: if the dataset or the folder cannot be read.
    """
    with locked(folder, "evoked dataset audit"), bar("hash") as progress:
        found = audit_dataset(folder, videos, by_channel=by_channel, progress=progress)
    if as_json:
        body = {"leaks": found.leaks, "compared": found.compared, "notes": list(found.notes)}
        body |= {"findings": [asdict(finding) for finding in found.findings]}
        click.echo(json.dumps(body, indent=1, ensure_ascii=False))
    else:
        _print(found)
    if found.leaks:
        sys.exit(1)


def _print(found: DatasetAudit) -> None:
    for finding in found.findings:
        names = ", ".join(f"{v} ({p or 'no part'})" for v, p in zip(finding.videos, finding.parts, strict=True))
        detail = f": {finding.detail}" if finding.detail else ""
        click.echo(f"{'LEAK  ' if finding.leak else ''}{finding.kind}{detail}: {names}")
    for note in found.notes:
        tell(f"note: {note}")
    compared = f"pictures of {found.compared} videos compared" if found.compared else "pictures not compared (--videos)"
    click.echo(f"{found.leaks} leaks, {len(found.findings) - found.leaks} other findings; {compared}")
