"""evoked dataset split: which videos train, validate and test."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from evoked.cli.messages import tell
from evoked.cli.options import config_from_options, config_options
from evoked.cli.paths import InputPath
from evoked.core.locks import locked
from evoked.core.text_table import text_table
from evoked.dataset.part_assignment import PartComparison, SplitConfig
from evoked.dataset.split_dataset import split_dataset

__all__ = ["split"]


@click.command()
@click.argument("folder", metavar="DATASET", type=InputPath(exists=True, file_okay=False))
@click.option("--labels", "labels_path", type=InputPath(exists=True), help="to stratify by, and to compare the parts")
@click.option("--groups", type=InputPath(exists=True), help="a table video,group: a group is in one part")
@click.option("--by-channel", is_flag=True, help="a channel of the manifest is in one part")
@click.option("--again", is_flag=True, help="split all videos anew, also those that have a part")
@click.option("--json", "as_json", is_flag=True, help="print JSON instead of lines")
@config_options(SplitConfig)
def split(
    folder: Path,
    labels_path: Path | None,
    groups: Path | None,
    by_channel: bool,
    again: bool,
    as_json: bool,
    **options: object,
) -> None:
    """Assign each video of DATASET to train, validate or test, by whole videos, and write it to the manifest.

    Videos that have a part keep it (such as those of a released split). By hash, an added video moves no other.
    \f

    Args:
        folder, labels_path, groups, by_channel, again, as_json: the arguments and options.
        **options: fields of SplitConfig.

    Raises:
        EvokedError: if the dataset cannot be split so.
    """
    config = config_from_options(SplitConfig, options)
    try:
        _ = config.shares
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    with locked(folder, "evoked dataset split"):
        made = split_dataset(folder, config, labels=labels_path, groups=groups, by_channel=by_channel, again=again)
    if as_json:
        comparison = None if made.comparison is None else asdict(made.comparison)
        body = {"videos": dict(made.counts), "kept": made.kept, "comparison": comparison}
        click.echo(json.dumps(body, indent=1, ensure_ascii=False))
        return
    total = sum(made.counts.values())
    for part, count in made.counts.items():
        click.echo(f"{part}: {count} videos, {100 * count / total:.1f} %")
    if made.comparison is not None:
        click.echo(_comparison_text(made.comparison))
    tell(
        f"{made.kept} of {total} videos had a part and kept it" if made.kept else f"written to the manifest of {folder}"
    )


def _comparison_text(comparison: PartComparison) -> str:
    parts = list(comparison.shares)
    rows = [("", *parts)]
    for name in comparison.shares[parts[0]]:
        values = [comparison.shares[part][name] for part in parts]
        rows.append((name, *("" if v is None else f"{100 * v:.2f}" for v in values)))
    rows.append(("seconds", *(str(comparison.seconds[part]) for part in parts)))
    return "\n".join(
        [
            text_table(rows),
            f"shares in %; largest difference from all: {100 * comparison.largest_difference:.2f} points "
            f"({comparison.expression}, {comparison.part}); as large in {100 * comparison.p:.1f} % of random splits",
        ]
    )
