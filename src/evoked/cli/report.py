"""evoked report: a page of a study's results, or of one predicted video."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import click

from evoked.cli.messages import tell
from evoked.cli.options import config_from_options, config_options
from evoked.cli.outputs import claim, digests_of, file_in, force_option, picture_note, sign_page
from evoked.cli.paths import InputPath, OutputPath
from evoked.cli.progress import bar
from evoked.core.files import digest
from evoked.core.names import derived_name, printable
from evoked.core.provenance import unique_names
from evoked.report.config import ReportConfig
from evoked.report.load_results import load_prediction, load_study
from evoked.report.page import default_place, kept_previews, write_page
from evoked.report.page_data import PageData
from evoked.report.picture import PICTURES, write_picture
from evoked.study.build_records import StepRecords
from evoked.study.passed_over import is_video

__all__ = ["File", "report"]

File = InputPath()
_SUFFIXES = (".html", ".htm", *PICTURES)
UNSIGNED = (".png", ".pdf")
"""Pictures that are no text; their note is in their metadata."""


class _Chosen(NamedTuple):
    """What is shown, where it is written, name → sha256 of what it is made of, and the folder of kept previews."""

    data: PageData
    target: Path
    inputs: Mapping[str, str]
    previews: Path | None


@click.command()
@click.argument("study", required=False, type=File)
@click.option(
    "-o",
    "--output",
    type=OutputPath(),
    help="the page to write, or a picture of the curves: .png, .svg, .pdf  [default: STUDY/results/report.html]",
)
@click.option("--prediction", type=File, help="a table written by evoked predict: show this video, without a study")
@click.option("--video-file", type=File, help="with --prediction: the video that was predicted")
@click.option("--content", help="with a picture of a study: the content that it shows  [default: all, four at most]")
@click.option("--json", "as_json", is_flag=True, help="print JSON: path of the page, and what it does not show")
@force_option
@config_options(ReportConfig)
def report(
    study: Path | None,
    output: Path | None,
    prediction: Path | None,
    video_file: Path | None,
    content: str | None,
    as_json: bool,
    **options: object,
) -> None:
    """Write a page that opens in any browser: one file, no network. Or a picture of the curves.

    Its path is printed on stdout; what it does not show, on stderr.
    \f

    Args:
        study, output, prediction, video_file, content, as_json: the arguments and options.
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
    is_picture = output is not None and not output.is_dir() and output.suffix.lower() in PICTURES
    if content is not None and not is_picture:
        raise click.UsageError(f"--content goes with a picture: end -o in {', '.join(PICTURES)}")
    if prediction is not None:
        chosen = _of_prediction(prediction, video_file, output)
    else:
        assert study is not None
        chosen = _of_study(study, output)
    if is_picture:
        write_picture(chosen.data, chosen.target, content, picture_note("report", chosen.inputs))
    else:
        with bar("previews") as progress:
            write_page(chosen.data, chosen.target, config, chosen.previews, progress)
    if (output or prediction) and chosen.target.suffix.lower() not in UNSIGNED:
        sign_page(chosen.target, "report", chosen.inputs)
    _tell_result(chosen, as_json=as_json)


def _of_study(study: Path, output: Path | None) -> _Chosen:
    target = file_in(output, "report.html", _SUFFIXES) if output else default_place(study)
    inputs = _study_inputs(study) if output else {}
    if output:
        claim(target, "report", lambda: inputs)
    return _Chosen(load_study(study), target, inputs, kept_previews(study))


def _of_prediction(prediction: Path, video_file: Path | None, output: Path | None) -> _Chosen:
    inputs = digests_of(prediction, video_file)
    name = derived_name(prediction.stem, ".html")
    target = file_in(output, name, _SUFFIXES) if output else prediction.with_name(name)
    claim(target, "report", lambda: inputs, [prediction, *([video_file] if video_file else [])])
    return _Chosen(load_prediction(prediction, video_file), target, inputs, None)


def _tell_result(chosen: _Chosen, *, as_json: bool) -> None:
    """Print the path; on stderr what is not shown."""
    for section, sentences in chosen.data.missing.items():
        for sentence in sentences:
            tell(f"{section}: {sentence}")
    if as_json:
        missing = {section: list(sentences) for section, sentences in chosen.data.missing.items()}
        click.echo(json.dumps({"page": str(chosen.target), "missing": missing}, indent=1, ensure_ascii=False))
    else:
        click.echo(str(chosen.target))


def _study_inputs(study: Path) -> dict[str, str]:
    """Which study a page shows: the name of its folder, and its videos, by digests that the last run recorded."""
    name = study.resolve().name
    records = StepRecords(study / "results", read_only=True)
    folders = [study / folder for folder in ("contents", "reactions")]
    videos = [path for folder in folders if folder.is_dir() for path in sorted(folder.iterdir()) if is_video(path)]
    digests: dict[Path, str] = {}
    for path in videos:
        with suppress(OSError):  # it does not change what the results say
            digests[path] = records.content_digest(path)
    return {f"study {printable(name)}": digest(printable(name)), **unique_names(digests)}
