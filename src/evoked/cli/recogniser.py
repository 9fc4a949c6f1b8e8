"""evoked recogniser: train an expression recogniser on rated clips, and evaluate one."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from evoked.cli.messages import tell
from evoked.cli.options import config_from_options, config_options, preset_option
from evoked.cli.outputs import check_folder, claim, force_option
from evoked.cli.paths import InputPath, OutputPath
from evoked.cli.progress import bar
from evoked.core.errors import EvokedError
from evoked.core.extras import require_training
from evoked.core.files import check_writable, sha256
from evoked.core.locks import locked
from evoked.core.provenance import Provenance
from evoked.dataset.ratings import Ratings, read_ratings
from evoked.learning.recognition.config import RecogniserConfig

if TYPE_CHECKING:
    from evoked.learning.recognition.training_clips import ClipDataset

__all__ = ["File", "recogniser"]

File = InputPath()
_FOLDER = InputPath(exists=True, file_okay=False)
_FACES, _STATE = "faces", "state"


@click.group()
def recogniser() -> None:
    """Train an expression recogniser on RATINGS of clips, and evaluate one.

    RATINGS is a table as for `evoked agree`, a row per clip and rater: clip (a video or an image), or video with
    start_s and end_s; rater; a column of 0 and 1 per expression; optional: viewer, person and groups. Paths are
    relative to the folder of the table, or to --videos FOLDER. The largest face of a clip is used. Exit code 1 if
    some clips could not be used, even though the others were. See docs/recogniser.md.
    """


@recogniser.command()
@click.argument("ratings", type=File)
@click.option("-o", "--output", type=OutputPath(), required=True, help="folder for the recogniser")
@click.option("--faces", type=File, help="folder of face descriptors computed before  [default: OUTPUT/faces]")
@click.option(
    "--expression", multiple=True, help="a column of the ratings that is an expression, besides the fifteen of EEV"
)
@click.option("--group", multiple=True, help="a further column that describes the person")
@click.option("--videos", type=_FOLDER, help="folder of the videos, if not that of the table; by path or file name")
@click.option("--json", "as_json", is_flag=True, help="print the metrics as JSON")
@force_option
@preset_option("recogniser")
@config_options(RecogniserConfig)
def train(
    ratings: Path,
    output: Path,
    faces: Path | None,
    expression: tuple[str, ...],
    group: tuple[str, ...],
    videos: Path | None,
    as_json: bool,
    **options: object,
) -> None:
    """Train on RATINGS; print metrics on people that were held out.

    The result is checked on faces that change: the score must follow them. Where it does not, `evoked annotate` and
    `evoked run` refuse to use it, unless told to.

    Face descriptors are computed once and kept in OUTPUT/faces, the state of training in OUTPUT/state: after an
    interruption run the same command again to continue.
    \f

    Args:
        ratings, output, faces, expression, group, videos, as_json: the arguments and options.
        **options: fields of RecogniserConfig.

    Raises:
        click.UsageError: if a setting is rejected.
        EvokedError: if an input or the output cannot be used, or a clip could not be used.
    """
    require_training("evoked recogniser train")
    from evoked.learning.recognition.config import recogniser_settings
    from evoked.learning.recognition.held_out_metrics import metrics_json, metrics_table
    from evoked.learning.recognition.moving_check import moving_table
    from evoked.learning.recognition.train_recogniser import train_recogniser, write_recogniser
    from evoked.report.reliability_plot import reliability_svg

    config = config_from_options(RecogniserConfig, options)
    rated_clips = read_ratings(ratings, expressions=expression, groups=group)
    check_folder(output)
    check_writable(output / "recogniser.json")
    notes = [*rated_clips.notes, *_rating_notes(rated_clips)]
    dataset, problems = _load_clips(rated_clips, ratings, videos, config.descriptors, faces or output / _FACES)
    notes += [*_damage_notes(dataset), *(f"left out: {line}" for line in problems)]
    for line in notes:  # printed first, because they often explain a failure below
        tell(f"note: {line}")
    inputs = {ratings.name: sha256(ratings)} | dict(dataset.digests)
    claim(output / "recogniser.json", "recogniser train", lambda: inputs, [ratings])
    settings = {"train": recogniser_settings(config)}
    provenance = Provenance("recogniser train", settings, inputs, notes=tuple(notes), damage=dataset.damage)
    with locked(output, "evoked recogniser train"), bar("train") as progress:
        recognition, metrics = train_recogniser(dataset, config, provenance, progress, state=output / _STATE)
    curves = {row.name: row.curve for row in metrics}
    write_recogniser(output, recognition, reliability_svg(curves, {row.name: row.error for row in metrics}))
    for line in (
        *recognition.provenance["notes"][len(notes) :],
        f"trained with dropout {recognition.training['dropout']:g}",
    ):
        tell(f"note: {line}")
    figures = metrics_json(metrics, recognition.moving_faces["expressions"])
    text = f"{metrics_table(metrics)}\n\n{moving_table(recognition.moving_faces)}\n{output}"
    click.echo(json.dumps(figures, indent=1) if as_json else text)
    _end(problems, len(rated_clips.clips), f"{output} was trained on the others")


@recogniser.command()
@click.argument("model")
@click.argument("ratings", type=File)
@click.option("--faces", type=File, help="folder of face descriptors computed before  [default: MODEL/faces]")
@click.option(
    "--expression", multiple=True, help="a column of the ratings that is an expression, besides the fifteen of EEV"
)
@click.option("--group", multiple=True, help="a further column that describes the person")
@click.option("--videos", type=_FOLDER, help="folder of the videos, if not that of the table; by path or file name")
@click.option("--json", "as_json", is_flag=True, help="print the metrics as JSON")
def evaluate(
    model: str,
    ratings: Path,
    faces: Path | None,
    expression: tuple[str, ...],
    group: tuple[str, ...],
    videos: Path | None,
    as_json: bool,
) -> None:
    """Score MODEL (a folder, or the word prototype) on RATINGS.

    Prints average precision with chance level and intervals over people, and precision and recall at its operating
    points.
    \f

    Args:
        model, ratings, faces, expression, group, videos, as_json: the arguments and options.

    Raises:
        click.UsageError: if --faces is needed and not given.
        EvokedError: if an input or a clip could not be used.
    """
    from evoked.learning.recognition.evaluate import evaluate_recogniser
    from evoked.learning.recognition.held_out_metrics import metrics_json, metrics_table
    from evoked.reactions.expressions.choose import open_recogniser
    from evoked.reactions.expressions.recogniser import PROTOTYPE
    from evoked.reactions.expressions.trained import TrainedRecogniser

    opened = open_recogniser(model, allow_unvalidated=True)
    if faces is None and model == PROTOTYPE:
        raise click.UsageError("prototype needs --faces FOLDER, where face descriptors of the clips are kept")
    rated_clips = read_ratings(ratings, expressions=(*expression, *opened.names), groups=group)
    dataset, problems = _load_clips(rated_clips, ratings, videos, opened.describes, faces or Path(model) / _FACES)
    metrics, notes = evaluate_recogniser(opened, dataset)
    training_inputs = opened.recognition.provenance.get("inputs", {}) if isinstance(opened, TrainedRecogniser) else {}
    trained_on = sum(digest in set(training_inputs.values()) for digest in dataset.digests.values())
    if trained_on:
        notes = (*notes, f"{trained_on} of {len(dataset.digests)} files were trained on: these metrics are too high")
    if isinstance(opened, TrainedRecogniser):
        notes = (*notes, *(f"{name}: {reason}" for name, reason in opened.unvalidated().items()))
    notes = (*rated_clips.notes, *_rating_notes(rated_clips), *_damage_notes(dataset), *notes)
    for line in (*notes, *(f"left out: {p}" for p in problems)):
        tell(f"note: {line}")
    click.echo(json.dumps(metrics_json(metrics), indent=1) if as_json else metrics_table(metrics))
    _end(problems, len(rated_clips.clips), "the metrics are of the others")


def _load_clips(
    ratings: Ratings, table: Path, videos: Path | None, descriptors: tuple[str, ...], store: Path
) -> "tuple[ClipDataset, tuple[str, ...]]":
    """The dataset, and a line for each clip that could not be used; `videos`: their folder if not that of the table."""
    from evoked.learning.recognition.training_clips import load_rated_clips

    with bar("describe faces") as progress:
        return load_rated_clips(
            ratings, videos or table.parent, descriptors, store, by_name=videos is not None, progress=progress
        )


def _damage_notes(dataset: "ClipDataset") -> list[str]:
    """A note for each defect of a clip's file."""
    return list(dict.fromkeys(f"{entry.file}: {entry.damage.text}" for entry in dataset.damage))


def _rating_notes(ratings: Ratings) -> list[str]:
    """Notes on how the table is interpreted."""
    lines = []
    if viewers := sum(bool(clip.viewer) for clip in ratings.clips):
        lines.append(f"{viewers} clips name a viewer: the largest face of the frame is used")
    named = np.array(ratings.groups.get("person", ("",) * len(ratings.clips))) != ""
    if not named.all():
        unnamed = int((~named).sum())
        lines.append(f"{unnamed} clips name no person: a person in several videos may be on both sides of a split")
    return lines


def _end(problems: Sequence[str], total: int, result: str) -> None:
    """EvokedError if clips could not be used; the result of the others is written already."""
    if problems:
        raise EvokedError(f"{len(problems)} of {total} clips could not be used, the reasons are above; {result}")
