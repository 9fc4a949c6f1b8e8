"""evoked rate: people rate clips of viewers' faces in a browser."""

import json
from pathlib import Path
from typing import Any

import click

from evoked.apps.rating.config import PlanConfig, RateServerConfig
from evoked.cli.messages import tell
from evoked.cli.options import config_from_options, config_options
from evoked.cli.outputs import check_folder, claim, digests_of, force_option
from evoked.cli.paths import InputPath, OutputPath
from evoked.cli.progress import bar
from evoked.core.errors import EvokedError, OutputError
from evoked.core.extras import require_serving
from evoked.core.files import write_text
from evoked.core.provenance import Provenance
from evoked.core.study_layout import StudyLayout
from evoked.core.tables import check_suffix, write_csv_provenance
from evoked.core.text_table import MISSING, text_table

__all__ = ["rate"]

_STUDY = InputPath(exists=True, file_okay=False)
_database = click.option(
    "--database",
    envvar="EVOKED_RATING_DATABASE",
    help="address of the rating store, such as postgresql+psycopg://USER@HOST/NAME  "
    "[default: STUDY/rating/ratings.sqlite]",
)
_public_url = click.option(
    "--public-url", default="http://127.0.0.1:8081", show_default=True, help="where raters find the page"
)


@click.group()
def rate() -> None:
    """Let people rate clips of the viewers of a STUDY in a browser: which expressions are on the face.

    new draws the clips, serve shows them, invite makes links, export writes the table that `evoked agree` and
    `evoked recogniser train` read. See docs/howto/rate.md.
    """


@rate.command()
@click.argument("study", type=_STUDY)
@click.option("--expressions", type=InputPath(), help="TOML: what is ticked, each with a name and a definition")
@click.option("--consent", type=InputPath(), help="text to which raters consent, instead of the page's own")
@click.option("--training", type=InputPath(), help="table of clips with known expressions, for a training round")
@_database
@config_options(PlanConfig)
def new(
    study: Path,
    expressions: Path | None,
    consent: Path | None,
    training: Path | None,
    database: str | None,
    **options: object,
) -> None:
    """Draw the clips that are rated: spans of the viewers of STUDY, each with the probability of its draw.

    \f

    Args:
        study, expressions, consent, training, database: the argument and options.
        **options: fields of PlanConfig.

    Raises:
        EvokedError: if the study cannot be rated, or has a plan.
    """
    config = config_from_options(PlanConfig, options)
    require_serving("evoked rate")
    from evoked.apps.rating.new_plan import make_plan
    from evoked.apps.rating.open_store import open_store
    from evoked.apps.web.database import GroupWriter

    writer = GroupWriter(open_store(study, database))
    try:
        made = make_plan(writer, study, config, expressions=expressions, consent=consent, training=training)
    finally:
        writer.close()
    click.echo(
        f"{made.clips} of {made.candidates} clips of {config.seconds} s, {made.repeats} raters each, "
        f"{made.training} in the training round: {', '.join(made.expressions)}"
    )
    tell(f"next: evoked rate serve {study}, and evoked rate invite {study} 3")


@rate.command()
@click.argument("study", type=_STUDY)
@click.option("--host", default="127.0.0.1", show_default=True, help="address to listen at; 0.0.0.0: from anywhere")
@click.option("--port", type=click.IntRange(0, 65535), default=8081, show_default=True, help="0: any that is free")
@click.option("--allow-host", "hosts", multiple=True, help="a further name by which the server is reached")
@_public_url
@_database
@config_options(RateServerConfig)
def serve(
    study: Path,
    host: str,
    port: int,
    hosts: tuple[str, ...],
    public_url: str,
    database: str | None,
    **options: object,
) -> None:
    """Show the clips to invited raters, until it is interrupted. Prints its address once it accepts requests.

    \f

    Args:
        study, host, port, hosts, public_url, database: the argument and options.
        **options: fields of RateServerConfig.

    Raises:
        EvokedError: if there is no plan, or the address cannot be used.
    """
    require_serving("evoked rate serve")
    from evoked.apps.rating.app import rating_app
    from evoked.apps.rating.open_store import store_address
    from evoked.apps.web.server import run_server

    config = config_from_options(RateServerConfig, options)
    address = store_address(study, database)
    app = rating_app(study, config, database=address, public_url=public_url, hosts=(host, *hosts))
    try:
        run_server(app, host, port, started=click.echo)
    except KeyboardInterrupt:  # how a server is meant to end
        tell("stopped")


@rate.command("invite")
@click.argument("study", type=_STUDY)
@click.argument("count", type=click.IntRange(1, 10_000))
@_public_url
@_database
def invite_raters(study: Path, count: int, public_url: str, database: str | None) -> None:
    """Make COUNT invitations: a pseudonym and a link each. A link cannot be shown again: only its digest is kept.

    \f

    Args:
        study, count, public_url, database: the arguments and options.

    Raises:
        EvokedError: if there is no plan.
    """
    require_serving("evoked rate invite")
    from evoked.apps.rating.invitations import invite
    from evoked.apps.rating.open_store import open_store
    from evoked.apps.rating.store import read_plan

    with open_store(study, database).connect().execution_options(writes=True) as connection, connection.begin():
        read_plan(connection)
        made = invite(connection, count)
    for pseudonym, token in made:
        click.echo(f"{pseudonym}\t{public_url.rstrip('/')}/#{token}")


@rate.command()
@click.argument("study", type=_STUDY)
@click.option("--json", "as_json", is_flag=True, help="print JSON")
@_database
def status(study: Path, as_json: bool, database: str | None) -> None:
    """How far the rating is: clips, raters, and the agreement so far.

    \f

    Args:
        study, as_json, database: the argument and options.

    Raises:
        EvokedError: if there is no plan.
    """
    require_serving("evoked rate status")
    from dataclasses import asdict

    from evoked.apps.rating.export import rating_status
    from evoked.apps.rating.open_store import open_store

    with open_store(study, database).connect() as connection:
        found = rating_status(connection)
    if as_json:
        click.echo(json.dumps(asdict(found), indent=1))
        return
    wanted = found.clips * found.repeats
    click.echo(
        f"{found.ratings} of {wanted} ratings, {found.complete} of {found.clips} clips complete, "
        f"{found.cannot_tell} cannot tell\n"
    )
    people = [(name, str(n), MISSING if s is None else f"{s:.1f}") for name, (n, s) in found.raters.items()]
    click.echo(text_table([("rater", "ratings", "median s"), *people]))
    rows = [(n, *(MISSING if v is None else f"{v:.3f}" for v in pair)) for n, pair in found.expressions.items()]
    click.echo("\n" + text_table([("expression", "share", "alpha"), *rows]))


@rate.command()
@click.argument("study", type=_STUDY)
@click.option("-o", "--output", type=OutputPath(), required=True, help="table (.csv; labels also .parquet), or folder")
@click.option(
    "--merge",
    type=click.Choice(("majority", "any", "mean", "dawid-skene")),
    help="a row per clip instead of one per clip and rater: what its raters say together",
)
@click.option("--labels", is_flag=True, help="labels of the contents, once a second, as evoked evaluate reads them")
@click.option("--clips", is_flag=True, help="a folder of clips and their ratings, for evoked recogniser train")
@_database
@force_option
def export(study: Path, output: Path, merge: str | None, labels: bool, clips: bool, database: str | None) -> None:
    """Write the ratings: the table that `evoked agree` and `evoked recogniser train` read.

    \f

    Args:
        study, output, merge, labels, clips, database: the argument and options.

    Raises:
        click.UsageError: if two of --merge, --labels and --clips are given.
        EvokedError: if nothing was rated, or the table cannot be written.
    """
    require_serving("evoked rate export")
    if (merge is not None) + labels + clips > 1:
        raise click.UsageError("give one of --merge, --labels and --clips")
    from evoked.apps.rating.open_store import open_store

    with open_store(study, database).connect() as connection:
        if labels:
            _export_labels(connection, study, output)
        elif clips:
            from evoked.apps.rating.clips_export import TABLE, export_clips

            check_folder(output)
            claim(output / TABLE, "rate export", dict)
            with bar("clips") as progress:
                output = export_clips(connection, study, output, progress)
            write_csv_provenance(output, Provenance("rate export", {"clips": True}))
        else:
            _export_table(connection, study, output, merge)
    click.echo(output)


def _export_labels(connection: Any, study: Path, output: Path) -> None:
    from evoked.apps.rating.labels_export import export_labels

    check_suffix(output)
    claim(output, "rate export", lambda: digests_of(*sorted(StudyLayout(study).alignments_folder.glob("*.json"))))
    for note in export_labels(connection, study, output):
        tell(f"note: {note}")


def _export_table(connection: Any, study: Path, output: Path, merge: str | None) -> None:
    from evoked.apps.rating.export import merged_table, rating_rows, table_text

    if output.suffix.lower() != ".csv":
        raise OutputError(f"cannot tell what to write from {output.name!r}: end it in .csv")
    rows = merged_table(connection, merge) if merge else rating_rows(connection)
    if not rows[1]:
        raise EvokedError(f"nothing was rated in {study} so far: evoked rate status {study}")
    claim(output, "rate export", dict)
    write_text(output, table_text(rows))
    write_csv_provenance(output, Provenance("rate export", {"merge": merge or "none", "rows": len(rows[1])}))


@rate.command("import")
@click.argument("study", type=_STUDY)
@click.argument("ratings", type=InputPath())
@_database
def import_table(study: Path, ratings: Path, database: str | None) -> None:
    """Add the answers of RATINGS to clips of the plan: a table, such as another export, or the JSON of Label Studio.

    All of its answers, or none. See docs/howto/rate.md.

    \f

    Args:
        study, ratings, database: the arguments and options.

    Raises:
        EvokedError: if the table cannot be read, or a line is about no clip of the plan or one that is full.
    """
    require_serving("evoked rate import")
    from evoked.apps.rating.import_ratings import import_ratings
    from evoked.apps.rating.open_store import open_store

    with open_store(study, database).connect().execution_options(writes=True) as connection, connection.begin():
        count, people, notes = import_ratings(connection, ratings)
    for note in notes:
        tell(f"note: {note}")
    click.echo(f"{count} answers of {people} raters added")


@rate.command()
@click.argument("study", type=_STUDY)
@click.argument("rater")
@_database
def revoke(study: Path, rater: str, database: str | None) -> None:
    """End the invitation and the sessions of a RATER (a pseudonym); the answers stay.

    \f

    Args:
        study, rater, database: the arguments and options.

    Raises:
        EvokedError: if there is no such rater.
    """
    require_serving("evoked rate revoke")
    from evoked.apps.rating.invitations import revoke_invitation
    from evoked.apps.rating.open_store import open_store

    with open_store(study, database).connect().execution_options(writes=True) as connection, connection.begin():
        revoke_invitation(connection, rater)
    click.echo(f"{rater}: the invitation is not valid any more")


@rate.command()
@click.argument("study", type=_STUDY)
@click.argument("rater")
@_database
def forget(study: Path, rater: str, database: str | None) -> None:
    """Delete a RATER (a pseudonym) with all answers; the clips are handed out again.

    \f

    Args:
        study, rater, database: the arguments and options.

    Raises:
        EvokedError: if there is no such rater.
    """
    require_serving("evoked rate forget")
    from evoked.apps.rating.invitations import forget_rater
    from evoked.apps.rating.open_store import open_store

    with open_store(study, database).connect().execution_options(writes=True) as connection, connection.begin():
        deleted = forget_rater(connection, rater)
    click.echo(f"{rater}: {deleted} answers deleted")
