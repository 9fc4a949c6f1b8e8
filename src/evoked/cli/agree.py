"""evoked agree: agreement of machine scores with human ratings, and of raters with each other."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from evoked.agreement.agreement import agree as compare
from evoked.agreement.machine_scores import read_machine_scores, score_names
from evoked.agreement.paired_clips import AgreeConfig
from evoked.agreement.results import as_text, write_agreement
from evoked.cli.options import config_from_options, config_options
from evoked.cli.outputs import claim, file_in, force_option, sign_page
from evoked.cli.paths import InputPath, OutputPath
from evoked.cli.progress import bar
from evoked.core.files import check_writable, sha256
from evoked.core.provenance import Provenance
from evoked.dataset.ratings import read_ratings
from evoked.report.agreement import write_agreement_page

__all__ = ["File", "agree"]

File = InputPath()
_SUFFIXES = (".html", ".json")


@click.command()
@click.argument("machine", type=File)
@click.argument("human", type=File)
@click.option("-o", "--output", type=OutputPath(), help=f"also write a page or a JSON file ({', '.join(_SUFFIXES)})")
@click.option("--json", "as_json", is_flag=True, help="print JSON instead of tables")
@click.option("--expression", multiple=True, help="a column of HUMAN that is an expression, besides the fifteen of EEV")
@click.option("--group", multiple=True, help="a column of HUMAN that groups people, besides ethnicity, gender and age")
@force_option
@config_options(AgreeConfig)
def agree(
    machine: Path,
    human: Path,
    output: Path | None,
    as_json: bool,
    expression: tuple[str, ...],
    group: tuple[str, ...],
    **options: object,
) -> None:
    """Compare MACHINE with HUMAN: precision, recall, correlation, and rater agreement.

    MACHINE is a table written by evoked (annotation, labels, prediction), a folder of them, or scores of clips with
    a column clip. HUMAN is a table of ratings: clip, or video with start_s,end_s or second; rater; expressions as 0
    or 1; optional: viewer, person, ethnicity, gender, age. Thresholds are chosen on other videos than those scored.
    \f

    Args:
        machine, human, output, as_json, expression, group: the arguments and options.
        **options: fields of AgreeConfig.

    Raises:
        click.UsageError: if a setting is rejected.
        EvokedError: if a table or the output cannot be used.
    """
    config = config_from_options(AgreeConfig, options)
    if output is not None:
        output = file_in(output, "agreement.html", _SUFFIXES)
        check_writable(output)
    names = score_names(machine)  # from the header: a wrong table of ratings is refused before the scores are read
    ratings = read_ratings(human, expressions=(*names, *expression), groups=group)
    scores = read_machine_scores(machine)
    inputs = {**scores.inputs, human.name: sha256(human)}
    if output is not None:
        claim(output, "agree", lambda: inputs, (machine, human))
    with bar("intervals"):
        agreement = compare(scores, ratings, config)
    provenance = Provenance("agree", {**asdict(config), "group": list(group)}, inputs, notes=agreement.notes)
    if output is not None and output.suffix.lower() == ".json":
        write_agreement(output, agreement, provenance)
    elif output is not None:
        write_agreement_page(output, agreement, provenance)
        sign_page(output, "agree", inputs)
    click.echo(json.dumps(agreement.as_dict(), indent=1, ensure_ascii=False) if as_json else as_text(agreement))
