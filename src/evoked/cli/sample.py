"""evoked sample: a study from real media, with staged reactions and a known truth."""

import json
from pathlib import Path

import click

from evoked.cli.progress import bar
from evoked.sample.build import make_sample
from evoked.sample.ground_truth import STAGED
from evoked.sample.plan import SIZES
from evoked.sample.verify import check_sample as check_study
from evoked.weights.cache import default_cache


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--size", type=click.Choice(tuple(SIZES)), default="small", show_default=True, help="how much of the film"
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="offsets, pauses, absences follow it"
)
@click.option("--offline", is_flag=True, help="use only what the cache holds")
@click.option("--check", is_flag=True, help="make nothing: hold DIR's results against its truth")
@click.option("--json", "as_json", is_flag=True, help="say the result as JSON")
def sample(folder: Path, size: str, seed: int, offline: bool, check: bool, as_json: bool) -> None:
    """Make a study in DIR whose answer is known.

    Contents are stretches of Big Buck Bunny; reactions are staged from real people's clips: these people
    did not watch this film. Interrupted, the same command goes on. Exit 1 where a check is below its bars.
    """
    if check:
        result = check_study(folder)
        click.echo(json.dumps(result.as_dict(), allow_nan=False) if as_json else result.text())
        if not result.passes:
            raise SystemExit(1)
        return
    with bar("sample") as progress:
        made = make_sample(folder, size, seed, cache=default_cache(offline=offline), progress=progress)
    plan = made.plan
    if as_json:
        said = {"folder": str(folder), "note": STAGED, "made": made.made, "kept": made.kept}
        click.echo(json.dumps(said, ensure_ascii=False))
        return
    click.echo(
        f"{folder}: {len(plan.contents)} contents, {len(plan.reactions)} reactions "
        f"({len(made.made)} made, {len(made.kept)} kept); {STAGED}"
    )
    click.echo(f"next: evoked run {folder}", err=True)
