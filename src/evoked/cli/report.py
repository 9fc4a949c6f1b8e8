"""evoked report: a page of a study's results, or of one predicted video."""

import json
from pathlib import Path

import click

from evoked.cli.options import config_from_options, config_options
from evoked.cli.progress import bar
from evoked.report.config import ReportConfig
from evoked.report.load_results import load_prediction, load_study
from evoked.report.page import default_place, kept_previews, write_page

__all__ = ["File", "report"]

File = click.Path(path_type=Path)


@click.command()
@click.argument("study", required=False, type=File)
@click.option("-o", "--output", type=File, help="the page to write  [default: STUDY/results/report.html]")
@click.option("--prediction", type=File, help="a table written by evoked predict: show this video, without a study")
@click.option("--video-file", type=File, help="with --prediction: the video that was predicted")
@click.option("--json", "as_json", is_flag=True, help="print JSON: path of the page, and what it does not show")
@config_options(ReportConfig)
def report(
    study: Path | None,
    output: Path | None,
    prediction: Path | None,
    video_file: Path | None,
    as_json: bool,
    **options: object,
) -> None:
    """Write a page that opens in any browser: one file, no network.

    Its path is printed on stdout; what it does not show, on stderr.
    \f

    Args:
        study, output, prediction, video_file, as_json: the arguments and options.
        **options: fields of ReportConfig.

    Raises:
        click.UsageError: if the options cannot be combined.
        EvokedError: if the results or the output cannot be used.
    """
    config = config_from_options(ReportConfig, options)
    if (study is None) == (prediction is None):
        raise click.UsageError("give either a STUDY folder or --prediction TABLE")
    if video_file is not None and prediction is None:
        raise click.UsageError("--video-file goes with --prediction; a study has its videos")
    if study is not None:
        page_data, target, previews = load_study(study), output or default_place(study), kept_previews(study)
    else:
        assert prediction is not None
        page_data, target, previews = (
            load_prediction(prediction, video_file),
            output or prediction.with_suffix(".html"),
            None,
        )
    with bar("previews") as progress:
        path = write_page(page_data, target, config, previews, progress)
    for section, sentences in page_data.missing.items():
        for sentence in sentences:
            click.echo(f"{section}: {sentence}", err=True)
    if as_json:
        missing = {section: list(sentences) for section, sentences in page_data.missing.items()}
        click.echo(json.dumps({"page": str(path), "missing": missing}, indent=1, ensure_ascii=False))
    else:
        click.echo(str(path))
