"""evoked agree: a machine's scores against what people saw, and people against each other."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from evoked.agreement.agreement import agree as compare
from evoked.agreement.machine_scores import read_machine_scores
from evoked.agreement.paired_clips import AgreeConfig
from evoked.agreement.results import as_text, write_agreement
from evoked.cli.options import config_from_options, config_options
from evoked.cli.progress import bar
from evoked.core.errors import OutputError
from evoked.core.files import check_writable, sha256
from evoked.core.provenance import Provenance
from evoked.dataset.ratings import read_ratings
from evoked.report.agreement import write_agreement_page

File = click.Path(path_type=Path)
PLACES = (".html", ".json")


@click.command()
@click.argument("machine", type=File)
@click.argument("human", type=File)
@click.option("-o", "--output", type=File, help=f"write a page or a file, too ({', '.join(PLACES)})")
@click.option("--json", "as_json", is_flag=True, help="print JSON instead of tables")
@click.option("--expression", multiple=True, help="a column of HUMAN that is an expression beside the fifteen of EEV")
@click.option("--group", multiple=True, help="a column of HUMAN that groups people, beside ethnicity, gender and age")
@config_options(AgreeConfig)
def agree(
    machine: Path,
    human: Path,
    output: Path | None,
    as_json: bool,
    expression: tuple[str, ...],
    group: tuple[str, ...],
    **own: Any,
) -> None:
    """Compare MACHINE with HUMAN: precision, recall, correlation, and how far people agree.

    MACHINE is a table made by evoked (annotation, labels, prediction), a folder of them, or scores of clips with a
    column clip. HUMAN is a table of ratings: clip, or video with start_s,end_s or second; rater; expressions as 0
    or 1; perhaps viewer, person, ethnicity, gender, age. Thresholds are chosen on other videos than those scored.
    """
    config = config_from_options(AgreeConfig, own)
    if output is not None:
        if output.suffix.lower() not in PLACES:
            raise OutputError(f"cannot tell what to write from {output.name!r}: end it in {', '.join(PLACES)}")
        check_writable(output)
    scores = read_machine_scores(machine)
    ratings = read_ratings(human, expressions=(*scores.names, *expression), groups=group)
    with bar("intervals"):
        found = compare(scores, ratings, config)
    inputs = {**scores.inputs, human.name: sha256(human)}
    provenance = Provenance("agree", {**asdict(config), "group": list(group)}, inputs, notes=found.notes)
    if output is not None and output.suffix.lower() == ".json":
        write_agreement(output, found, provenance)
    elif output is not None:
        write_agreement_page(output, found, provenance)
    click.echo(json.dumps(found.as_dict(), indent=1, ensure_ascii=False) if as_json else as_text(found))
