"""evoked evaluate: score predictions against labels, with chance levels and intervals."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from evoked.cli.options import config_from_options, config_options
from evoked.cli.outputs import claim, digests_of, file_in, force_option
from evoked.cli.paths import InputPath, OutputPath
from evoked.cli.progress import bar
from evoked.core.files import check_writable, sha256
from evoked.core.provenance import Provenance
from evoked.dataset.labels import read_labels
from evoked.dataset.result_files import find_result_files
from evoked.features.files import SUFFIX
from evoked.learning.evaluation.evaluate import EvaluateConfig
from evoked.learning.evaluation.evaluate import evaluate as score
from evoked.learning.evaluation.prediction_sets import gather_predictions, notes_of, predict_all, prediction_files
from evoked.learning.evaluation.scores import scores_table, write_scores
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
@force_option
@config_options(EvaluateConfig)
def evaluate(
    labels_path: Path,
    predictions: Path | None,
    model_folder: Path | None,
    features: Path | None,
    output: Path | None,
    as_json: bool,
    **options: object,
) -> None:
    """Score predictions against the labels of viewers' expressions.

    Give --predictions, or --model with --features. Prints average precision per expression and its mean, the
    chance level of each, bootstrap intervals over whole videos, and the scores of the same predictions when the
    labels are circularly shifted in time. Only videos that the model was not trained on show how good it is.
    \f

    Args:
        labels_path, predictions, model_folder, features, output, as_json: the options.
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
    labels = read_labels(labels_path)
    notes = notes_of(labels_path)
    inputs = {labels_path.name: sha256(labels_path)}
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
    notes = tuple(dict.fromkeys((*notes, *more)))
    if output is not None:
        claim(output, "evaluate", lambda: inputs, [labels_path])
    with bar("intervals"):
        scores = score(tracks, labels, config, notes=notes)
    provenance = Provenance("evaluate", asdict(config), inputs, notes=notes)
    if output:
        write_scores(output, scores, provenance)
    click.echo(json.dumps(scores.as_dict(), indent=1, ensure_ascii=False) if as_json else scores_table(scores))
