"""evoked sample: a study from real media, with staged reactions and a known ground truth."""

import json
from pathlib import Path

import click

from evoked.cli.messages import tell
from evoked.cli.paths import OutputPath
from evoked.cli.progress import bar
from evoked.sample.build import make_sample
from evoked.sample.ground_truth import STAGED
from evoked.sample.plan import SIZES
from evoked.sample.verify import check_sample as check_study
from evoked.weights.cache import default_cache

__all__ = ["sample"]


@click.command()
@click.argument("folder", metavar="DIR", type=OutputPath())
@click.option(
    "--size", type=click.Choice(tuple(SIZES)), default="small", show_default=True, help="how much of the source video"
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="of offsets, pauses and absences")
@click.option("--offline", is_flag=True, help="use only files that are in the cache")
@click.option("--check", is_flag=True, help="render nothing: compare the results in DIR with its ground truth")
@click.option("--json", "as_json", is_flag=True, help="print the result as JSON")
def sample(folder: Path, size: str, seed: int, offline: bool, check: bool, as_json: bool) -> None:
    """Make a study in DIR whose correct labels are known.

    Contents are excerpts of Big Buck Bunny; reactions are staged from clips of real people, who did not watch
    this video. After an interruption run the same command again to continue. Exit code 1 if --check finds a
    score below its threshold.
    \f

    Args:
        folder, size, seed, offline, check, as_json: the arguments and options.

    Raises:
        EvokedError: if a source or the folder cannot be used.
        SystemExit: 1 if a score is below its threshold.
    """
    if check:
        result = check_study(folder)
        click.echo(json.dumps(result.as_dict(), allow_nan=False) if as_json else result.text())
        if not result.passes:
            raise SystemExit(1)
        return
    with bar("sample") as progress:
        written = make_sample(folder, size, seed, cache=default_cache(offline=offline), progress=progress)
    plan = written.plan
    if as_json:
        summary = {"folder": str(folder), "note": STAGED, "made": written.made, "kept": written.kept}
        click.echo(json.dumps(summary, ensure_ascii=False))
        return
    click.echo(
        f"{folder}: {len(plan.contents)} contents, {len(plan.reactions)} reactions "
        f"({len(written.made)} made, {len(written.kept)} kept); {STAGED}"
    )
    tell(f"next: evoked run {folder}")
