"""evoked report: one page that shows a study's results, or one predicted video."""

import json
from pathlib import Path
from typing import Any

import click

from evoked.cli.options import config_from_options, config_options
from evoked.cli.progress import bar
from evoked.report.config import ReportConfig
from evoked.report.load_results import load_prediction, load_study
from evoked.report.page import default_place, kept_previews, write_page

File = click.Path(path_type=Path)


@click.command()
@click.argument("study", required=False, type=File)
@click.option("-o", "--output", type=File, help="where to write the page; default STUDY/results/report.html")
@click.option("--prediction", type=File, help="a table made by evoked predict: show this one video, without a study")
@click.option("--video-file", type=File, help="with --prediction: the video that was predicted")
@click.option("--json", "as_json", is_flag=True, help="print JSON: the page, and what it could not show")
@config_options(ReportConfig)
def report(
    study: Path | None,
    output: Path | None,
    prediction: Path | None,
    video_file: Path | None,
    as_json: bool,
    **own: Any,
) -> None:
    """Write a page that opens in any browser: one file, no network.

    Its path goes to stdout; what it could not show goes to stderr.
    """
    config = config_from_options(ReportConfig, own)
    if (study is None) == (prediction is None):
        raise click.UsageError("give either a STUDY folder or --prediction TABLE")
    if video_file is not None and prediction is None:
        raise click.UsageError("--video-file goes with --prediction; a study knows its own videos")
    if study is not None:
        facts, out, keep = load_study(study), output or default_place(study), kept_previews(study)
    else:
        assert prediction is not None
        facts, out, keep = load_prediction(prediction, video_file), output or prediction.with_suffix(".html"), None
    with bar("previews") as progress:
        path = write_page(facts, out, config, keep, progress)
    for part, sentences in facts.missing.items():
        for sentence in sentences:
            click.echo(f"{part}: {sentence}", err=True)
    if as_json:
        told = {"page": str(path), "missing": {part: list(said) for part, said in facts.missing.items()}}
        click.echo(json.dumps(told, indent=1, ensure_ascii=False))
    else:
        click.echo(str(path))
