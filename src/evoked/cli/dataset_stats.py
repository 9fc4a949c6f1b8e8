"""evoked dataset stats: the statistics and figures of a dataset."""

import json
from functools import partial
from pathlib import Path

import click

from evoked.cli.dataset_export import find_labels
from evoked.cli.messages import tell
from evoked.cli.outputs import check_folder, claim, digests_of, force_option
from evoked.cli.paths import InputPath, OutputPath
from evoked.cli.progress import bar
from evoked.core.text_table import text_table
from evoked.dataset.dataset_statistics import DatasetStatistics
from evoked.dataset.labels import POSITIVE_FROM
from evoked.dataset.manifest import MANIFEST
from evoked.report.dataset_page import statistics_numbers
from evoked.report.dataset_report import STATISTICS, describe_dataset, write_dataset_report

__all__ = ["stats"]


@click.command()
@click.argument("folder", metavar="DATASET", type=InputPath(exists=True))
@click.option("--labels", "labels_path", type=InputPath(exists=True), help="labels at 1 Hz, if not in DATASET")
@click.option(
    "--pairs", "pairs_path", type=InputPath(exists=True), help="a table reaction,content: reactions per video"
)
@click.option(
    "--label-threshold",
    type=click.FloatRange(0, 1, min_open=True),
    default=POSITIVE_FROM,
    show_default=True,
    help="soft labels are on from here",
)
@click.option("-o", "--output", type=OutputPath(), help="folder for tables, figures (SVG, PNG) and a page")
@click.option("--json", "as_json", is_flag=True, help="print JSON instead of a table")
@force_option
def stats(
    folder: Path,
    labels_path: Path | None,
    pairs_path: Path | None,
    label_threshold: float,
    output: Path | None,
    as_json: bool,
) -> None:
    """Describe DATASET: shares of expressions, labels per second, co-occurrence, lengths, parts, themes.

    DATASET is a folder with labels.parquet (or give --labels) and, if there is one, manifest.parquet; or a table of
    labels. With -o also as CSV, as figures and as a page, index.html.
    \f

    Args:
        folder, labels_path, pairs_path, label_threshold, output, as_json: the arguments and options.

    Raises:
        EvokedError: if labels or manifest cannot be read, or the output not be written.
    """
    labels = folder if folder.is_file() and labels_path is None else find_labels(folder, labels_path)
    manifest = folder / MANIFEST if (folder / MANIFEST).is_file() else None
    tables = [path for path in (labels, manifest, pairs_path) if path is not None]
    if output is not None:
        check_folder(output)
        claim(output / STATISTICS, "dataset stats", partial(digests_of, *tables), tables)
    statistics, provenance = describe_dataset(labels, manifest, pairs_path, label_threshold)
    if output is not None:
        with bar("figures"):
            write_dataset_report(output, statistics, provenance)
        tell(f"page: {output / 'index.html'}")
    click.echo(
        json.dumps(statistics.as_dict(), indent=1, ensure_ascii=False) if as_json else _statistics_text(statistics)
    )


def _statistics_text(statistics: DatasetStatistics) -> str:
    rows = [("", "seconds", "share, %")]
    for name in statistics.expressions:
        share = statistics.shares[name]
        rows.append((name, str(statistics.positives[name]), "" if share is None else f"{100 * share:.2f}"))
    return "\n".join([text_table(rows), *(f"{name}: {value}" for name, value in statistics_numbers(statistics))])
