"""evoked evaluate: score predictions against labels, with chance levels and intervals."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import click

from evoked.cli.options import config_from_options, config_options
from evoked.cli.outputs import claim, digests_of, file_in, force_option
from evoked.cli.paths import InputPath, OutputPath
from evoked.cli.progress import bar
from evoked.core.files import check_writable, sha256, write_text
from evoked.core.provenance import Provenance
from evoked.core.track import Track
from evoked.dataset.frames import frame_files
from evoked.dataset.labels import LabelRows, read_labels
from evoked.dataset.result_files import find_result_files
from evoked.dataset.split import PARTS, read_split, videos_in
from evoked.dataset.submission import labels_at_6_hz, read_submission
from evoked.features.files import SUFFIX
from evoked.learning.evaluation.challenge import CorrelationScores, correlation_table
from evoked.learning.evaluation.evaluate import EvaluateConfig, evaluate_challenge
from evoked.learning.evaluation.evaluate import evaluate as score
from evoked.learning.evaluation.prediction_sets import gather_predictions, notes_of, predict_all, prediction_files
from evoked.learning.evaluation.scores import Scores, scores_table
from evoked.prediction.predictor import load_model

__all__ = ["File", "evaluate"]

File = InputPath()


@click.command()
@click.option("--labels", "labels_path", type=File, required=True, help="labels.parquet of a study, or such a CSV")
@click.option("--predictions", type=File, help="folder with a table of predictions per video")
@click.option("--model", "model_folder", type=File, help="folder of a trained model, to predict from --features")
@click.option("--features", type=File, help="with --model: folder with a feature file per video")
@click.option("-o", "--output", type=OutputPath(), help="also write the scores to this file, as JSON")
@click.option("--json", "as_json", is_flag=True, help="print JSON instead of a table")
@click.option(
    "--score",
    "score_name",
    type=click.Choice(["ap", "challenge"]),
    default="ap",
    show_default=True,
    help="ap: average precision; challenge: Pearson's r over time per video, as in the EEV challenge",
)
@click.option("--split", "split_path", type=File, help="a table video,part, such as a dataset's manifest: score --part")
@click.option(
    "--part", type=click.Choice(PARTS), default="test", show_default=True, help="with --split: what is scored"
)
@force_option
@config_options(EvaluateConfig)
def evaluate(
    labels_path: Path,
    predictions: Path | None,
    model_folder: Path | None,
    features: Path | None,
    output: Path | None,
    as_json: bool,
    score_name: str,
    split_path: Path | None,
    part: str,
    **options: object,
) -> None:
    """Score predictions against the labels of viewers' expressions.

    Give --predictions, or --model with --features. Prints average precision per expression and its mean, the
    chance level of each, bootstrap intervals over whole videos, and the scores of the same predictions when the
    labels are circularly shifted in time. Soft labels (in [0, 1]) are correlated too. Only videos that the model was
    not trained on show how good it is.

    The challenge's score takes the same files, or a submission: --predictions FILE.csv with --labels DATASET (its
    validate part) or DATASET/frames/PART.parquet.
    \f

    Args:
        labels_path, predictions, model_folder, features, output, as_json, score_name, split_path, part: the options.
        **options: fields of EvaluateConfig.

    Raises:
        click.UsageError: if the options cannot be combined.
        EvokedError: if labels, predictions, the model or the output cannot be used.
    """
    config = config_from_options(EvaluateConfig, options)
    if (predictions is None) == (model_folder is None) or (model_folder is None) != (features is None):
        raise click.UsageError("give either --predictions DIR, or --model DIR with --features DIR")
    if output is not None:
        output = file_in(output, "scores.json", (".json",))
        check_writable(output)
    given = _given(labels_path, predictions, model_folder, features, (split_path, part))
    if given.is_submission and score_name != "challenge":
        raise click.UsageError("predictions in one CSV file are a submission: give --score challenge")
    if output is not None:
        claim(output, "evaluate", lambda: given.inputs, [labels_path])
    scores: Scores | CorrelationScores
    with bar("intervals"):
        if score_name == "challenge":
            scores, more = evaluate_challenge(given.tracks, given.labels, config)
            notes = (*given.notes, *more)
        else:
            scores, notes = score(given.tracks, given.labels, config, notes=given.notes), given.notes
    used = asdict(config) | ({"score": score_name} if score_name == "challenge" else {})
    provenance = Provenance("evaluate", used, given.inputs, notes=notes)
    if isinstance(scores, CorrelationScores):
        body = asdict(scores) | {"notes": list(notes)}
        lines = "\n".join([correlation_table(scores), *(f"note: {note}" for note in notes)])
    else:
        body, lines = scores.as_dict(), scores_table(scores)
    if output:
        write_text(output, json.dumps(body | {"provenance": provenance.as_dict()}, indent=1, ensure_ascii=False) + "\n")
    click.echo(json.dumps(body, indent=1, ensure_ascii=False) if as_json else lines)


class _Given(NamedTuple):
    """What is scored: predictions and labels of each video, notes, and name → sha256 of what was read."""

    tracks: Mapping[str, Track]
    labels: Mapping[str, LabelRows]
    notes: tuple[str, ...]
    inputs: Mapping[str, str]
    is_submission: bool = False


def _given(
    labels_path: Path,
    predictions: Path | None,
    model_folder: Path | None,
    features: Path | None,
    chosen: tuple[Path | None, str],
) -> _Given:
    """Read, or predict, what is scored."""
    if predictions is not None and predictions.is_file():
        table = frame_files(labels_path).get("validate", labels_path) if labels_path.is_dir() else labels_path
        inputs = digests_of(table, predictions)
        return _Given(read_submission(predictions), labels_at_6_hz(table), (), inputs, True)
    labels, (split_path, part) = read_labels(labels_path), chosen
    inputs = {labels_path.name: sha256(labels_path)}
    split_notes: tuple[str, ...] = ()
    if split_path is not None:
        split = read_split(split_path, list(labels))
        labels = {video: labels[video] for video in videos_in(split, part)}
        inputs |= digests_of(split_path)
        split_notes = (f"the part {part} of {split_path.name}: {len(labels)} videos",)
    if predictions is not None:
        tracks, more = gather_predictions(predictions, labels)
        inputs |= digests_of(*prediction_files(predictions, labels).values())
    else:
        assert model_folder is not None
        assert features is not None
        with bar("predict") as progress:
            model = load_model(model_folder)
            tracks, more = predict_all(model, features, labels, progress)
        inputs |= digests_of(*find_result_files(labels, features, SUFFIX).values()) | {"model": model.sha256}
    return _Given(tracks, labels, tuple(dict.fromkeys((*notes_of(labels_path), *more, *split_notes))), inputs)
