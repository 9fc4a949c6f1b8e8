"""evoked recogniser: train the recogniser of expressions on rated clips, and see what it is worth."""

import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from evoked.cli.options import config_from_options, config_options
from evoked.cli.progress import bar
from evoked.core.errors import EvokedError, TrainingError
from evoked.core.files import check_writable, sha256
from evoked.core.provenance import Provenance
from evoked.dataset.ratings import Ratings, read_ratings
from evoked.learning.recognition.config import RecogniserConfig

File = click.Path(path_type=Path)
FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
STORE, STATE = "faces", "state"


def _torch() -> None:
    if importlib.util.find_spec("torch") is None:
        raise TrainingError("this needs torch, which is not installed. Run: pip install 'evoked[train]'")


@click.group()
def recogniser() -> None:
    """Train a recogniser of expressions on RATINGS of clips, and evaluate one.

    RATINGS is the table that `evoked agree` takes, a row per clip and rater: clip (a video or a still picture), or
    video with start_s and end_s; rater; a column of 0 and 1 per expression; perhaps viewer, person and groups. Paths
    stand against the table's folder, or against --videos FOLDER. The largest face of a clip is learnt from. Exit
    code 1 where clips could not be used, though the rest was. See docs/recogniser.md.
    """


@recogniser.command()
@click.argument("ratings", type=File)
@click.option("-o", "--output", type=File, required=True, help="folder for the recogniser")
@click.option("--faces", type=File, help="folder of faces described before; OUTPUT/faces if not given")
@click.option("--expression", multiple=True, help="a column of the ratings that is no expression of EEV's fifteen")
@click.option("--group", multiple=True, help="a further column that describes the person")
@click.option("--videos", type=FOLDER, help="where the videos are, if not beside the table; by path or file name")
@click.option("--json", "as_json", is_flag=True, help="print the figures as JSON")
@config_options(RecogniserConfig)
def train(
    ratings: Path,
    output: Path,
    faces: Path | None,
    expression: tuple[str, ...],
    group: tuple[str, ...],
    videos: Path | None,
    as_json: bool,
    **own: Any,
) -> None:
    """Train on RATINGS; prints what it is worth on people it did not learn from.

    Faces are described once and kept in OUTPUT/faces, each of the trainings in OUTPUT/state: the same command goes
    on where it was cut off.
    """
    _torch()
    from evoked.learning.recognition.config import recogniser_settings as config_of
    from evoked.learning.recognition.held_out_metrics import metrics_json as plain
    from evoked.learning.recognition.held_out_metrics import metrics_table
    from evoked.learning.recognition.train_recogniser import train_recogniser, write_recogniser
    from evoked.report.reliability_plot import reliability_svg

    config = config_from_options(RecogniserConfig, own)
    read = read_ratings(ratings, expressions=expression, groups=group)
    check_writable(output / "recogniser.json")
    notes = [*read.notes, *_told(read)]
    rated, problems = _described(read, (ratings, videos), config.descriptors, faces or output / STORE)
    notes += [f"left out: {line}" for line in problems]
    for line in notes:  # at once: they often say why what follows fails
        click.echo(f"note: {line}", err=True)
    inputs = {ratings.name: sha256(ratings)} | dict(rated.digests)
    given = Provenance("recogniser train", {"train": config_of(config)}, inputs, notes=tuple(notes))
    with bar("train") as progress:
        recognition, judged = train_recogniser(rated, config, given, progress, state=output / STATE)
    curves = {row.name: row.curve for row in judged}
    write_recogniser(output, recognition, reliability_svg(curves, {row.name: row.error for row in judged}))
    for line in (
        *recognition.provenance["notes"][len(notes) :],
        f"learnt with dropout {recognition.training['dropout']:g}",
    ):
        click.echo(f"note: {line}", err=True)
    click.echo(json.dumps(plain(judged), indent=1) if as_json else f"{metrics_table(judged)}\n{output}")
    _end(problems, len(read.clips), f"{output} learnt from the others")


@recogniser.command()
@click.argument("model")
@click.argument("ratings", type=File)
@click.option("--faces", type=File, help="folder of faces described before; MODEL/faces if not given")
@click.option("--expression", multiple=True, help="a column of the ratings that is no expression of EEV's fifteen")
@click.option("--group", multiple=True, help="a further column that describes the person")
@click.option("--videos", type=FOLDER, help="where the videos are, if not beside the table; by path or file name")
@click.option("--json", "as_json", is_flag=True, help="print the figures as JSON")
def evaluate(
    model: str,
    ratings: Path,
    faces: Path | None,
    expression: tuple[str, ...],
    group: tuple[str, ...],
    videos: Path | None,
    as_json: bool,
) -> None:
    """Score MODEL (a folder, or the word prototype) on RATINGS: average precision with chance and intervals over
    people, precision and recall at its operating points."""
    from evoked.learning.recognition.evaluate import evaluate_recogniser
    from evoked.learning.recognition.held_out_metrics import metrics_json as plain
    from evoked.learning.recognition.held_out_metrics import metrics_table
    from evoked.reactions.expressions.choose import open_recogniser
    from evoked.reactions.expressions.recogniser import PROTOTYPE
    from evoked.reactions.expressions.trained import TrainedRecogniser

    given = open_recogniser(model)
    if faces is None and model == PROTOTYPE:
        raise click.UsageError("--faces FOLDER says where the faces of the clips are kept")
    read = read_ratings(ratings, expressions=(*expression, *given.names), groups=group)
    rated, problems = _described(read, (ratings, videos), given.describes, faces or Path(model) / STORE)
    judged, notes = evaluate_recogniser(given, rated)
    known = given.recognition.provenance.get("inputs", {}) if isinstance(given, TrainedRecogniser) else {}
    learnt = sum(digest in set(known.values()) for digest in rated.digests.values())
    if learnt:
        notes = (*notes, f"{learnt} of {len(rated.digests)} files were learnt from: these figures are too good")
    for line in (*read.notes, *_told(read), *notes, *(f"left out: {p}" for p in problems)):
        click.echo(f"note: {line}", err=True)
    click.echo(json.dumps(plain(judged), indent=1) if as_json else metrics_table(judged))
    _end(problems, len(read.clips), "the figures are of the others")


def _described(
    read: Ratings, places: tuple[Path, Path | None], describes: tuple[str, ...], store: Path
) -> tuple[Any, tuple[str, ...]]:
    """The clips' faces and what could not be used; places: the table, and the folder of the videos if it was given."""
    from evoked.learning.recognition.training_clips import load_rated_clips

    table, videos = places
    with bar("describe faces") as progress:
        return load_rated_clips(
            read, videos or table.parent, describes, store, by_name=videos is not None, progress=progress
        )


def _told(read: Ratings) -> list[str]:
    """What must be known of how the table was understood."""
    lines = []
    if viewers := sum(bool(clip.viewer) for clip in read.clips):
        lines.append(f"{viewers} clips name a viewer: learnt from is the largest face of the picture")
    named = np.array(read.groups.get("person", ("",) * len(read.clips))) != ""
    if not named.all():
        nobody = int((~named).sum())
        lines.append(f"{nobody} clips name no person: a person in several videos may stand on both sides of a split")
    return lines


def _end(problems: Sequence[str], total: int, done: str) -> None:
    """As any batch ends: what could be done is done, and a failure among it makes the exit code 1."""
    if problems:
        raise EvokedError(f"{len(problems)} of {total} clips could not be used, the reasons are above; {done}")
