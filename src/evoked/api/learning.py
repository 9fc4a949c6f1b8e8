"""Models: train them on features and labels, and score predictions against labels; machine scores against people."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from evoked.agreement.agreement import agree as compare
from evoked.agreement.machine_scores import read_machine_scores, score_names
from evoked.agreement.paired_clips import AgreeConfig
from evoked.agreement.results import Agreement
from evoked.api.arguments import File, as_path, names_of, or_silent, settings_of
from evoked.core.errors import DatasetError
from evoked.core.extras import require_training
from evoked.core.files import sha256
from evoked.core.locks import locked
from evoked.core.progress import Progress
from evoked.core.progress import part as progress_part
from evoked.core.track import Track
from evoked.dataset.labels import LabelRows, read_labels
from evoked.dataset.load_examples import load_examples, split_examples
from evoked.dataset.ratings import read_ratings
from evoked.dataset.result_files import find_result_files
from evoked.dataset.split import read_split, videos_in
from evoked.features.files import SUFFIX
from evoked.learning.evaluation.evaluate import EvaluateConfig
from evoked.learning.evaluation.evaluate import evaluate as score
from evoked.learning.evaluation.prediction_sets import gather_predictions, notes_of, predict_all
from evoked.learning.evaluation.scores import Scores
from evoked.learning.training.config import TrainConfig
from evoked.model.config import ModelSettings
from evoked.prediction.predictor import Model, load_model

__all__ = ["agree", "evaluate", "train", "train_files"]


def train(
    features: File,
    labels: File,
    output: File,
    *,
    validate: Sequence[str] = (),
    split: File | None = None,
    progress: Progress | None = None,
    **settings: object,
) -> Model:
    """Train the content model. Needs the extra `train` (torch).

    After an interruption the same call continues from the last saved state.

    Args:
        features: folder with a feature file per video (`evoked features`, or STUDY/results/features).
        labels: labels.parquet of a study, or such a CSV.
        output: folder for the model.
        validate: names of videos that are scored after each epoch instead of trained on.
        split: instead of `validate`: a table video,part, such as a dataset's manifest; test videos are left out.
        progress: called with the share of the work done, its total and a note.
        **settings: those of `[model]` and `[train]` in study.toml, such as `epochs=5`.

    Returns:
        The model, ready to predict.

    Raises:
        TrainingError: if torch is not installed, or the training fails.
        DatasetError: if features or labels cannot be used.
        BusyError: if another process trains into the same folder.
        TypeError, ValueError: for a setting that does not exist, or a value that is not accepted.
    """
    require_training("train()")
    model, config = settings_of("train", settings, ModelSettings, TrainConfig)
    validate = names_of("validate", validate)
    folder = as_path(output)
    folder.mkdir(parents=True, exist_ok=True)
    shown = or_silent(progress)
    with locked(folder, "evoked train"):
        parts = None if split is None else as_path(split)
        train_files(as_path(features), as_path(labels), folder, validate, model, config, shown, parts)
    return load_model(folder.absolute())


def train_files(
    features: Path,
    labels: Path,
    output: Path,
    validate: Sequence[str],
    model: ModelSettings,
    config: TrainConfig,
    progress: Progress,
    split: Path | None = None,
) -> None:
    """Read features and labels, train, and write the model folder; the caller holds the folder's lock.

    Args:
        features: folder with a feature file per video.
        labels: table of labels.
        output: folder for the model.
        validate: names of videos that are scored after each epoch instead of trained on.
        model: settings of the model.
        config: settings of training.
        progress: called with the share of the work done.
        split: table video,part, or None; then `validate` is not used.

    Raises:
        DatasetError: if features or labels cannot be used, or `validate` names a video that has none.
        TrainingError: if the training fails.
    """
    from evoked.learning.training.model_folder import train_model

    table = read_labels(labels)
    loaded = load_examples(table, features, progress_part(progress, 0, 0.1, "read features"))
    if unknown := set(validate) - {example.video for example in loaded.examples}:
        raise DatasetError(f"validate: no features and labels of {', '.join(sorted(unknown))}")
    tables = [labels]
    if split is not None:
        loaded, validate = split_examples(loaded, read_split(split, list(table)))
        table = {example.video: table[example.video] for example in loaded.examples}
        tables.append(split)
    files = find_result_files(table, features, SUFFIX)
    train_model(
        output,
        loaded,
        model,
        config,
        inputs={path.name: sha256(path) for path in (*tables, *files.values())},
        state=output / "state",
        validate=tuple(validate),
        notes=notes_of(labels),
        progress=progress_part(progress, 0.1, 1, "train"),
    )


def evaluate(
    labels: File | Mapping[str, LabelRows],
    predictions: File | Mapping[str, Track] | None = None,
    *,
    model: File | Model | None = None,
    features: File | None = None,
    split: File | None = None,
    part: str = "test",
    progress: Progress | None = None,
    **settings: object,
) -> Scores:
    """Score predictions against labels: average precision per expression and its mean, with chance and intervals.

    Where labels are soft (in [0, 1]) `Scores.correlation` has Pearson's r over time, the score of the EEV challenge.

    Args:
        labels: labels.parquet of a study, such a CSV, or video → labels (from `read_labels`, `vote` or `label`).
        predictions: folder with a table of predictions per video, or video → Track (from `predict`).
        model: instead of predictions: a model that predicts from `features`.
        features: with `model`: folder with a feature file per video.
        split: a table video,part, such as a dataset's manifest: only the videos of `part` are scored.
        part: with `split`: train, validate or test.
        progress: called with the videos predicted and their number.
        **settings: those of `[evaluate]` in study.toml.

    Returns:
        The scores. Only videos that the model was not trained on show how good it is.

    Raises:
        DatasetError: if labels, features or predictions cannot be used or do not fit each other.
        CheckpointError: if the model cannot be used.
        TypeError, ValueError: for a setting or a combination of arguments that is not accepted.
    """
    (config,) = settings_of("evaluate", settings, EvaluateConfig)
    if (predictions is None) == (model is None) or (model is None) != (features is None):
        raise ValueError("evaluate() takes either predictions, or model with features")
    table = labels if isinstance(labels, Mapping) else read_labels(as_path(labels))
    notes = () if isinstance(labels, Mapping) else notes_of(as_path(labels))
    if split is not None:
        table = {video: table[video] for video in videos_in(read_split(as_path(split), list(table)), part)}
    more: tuple[str, ...] = ()
    if isinstance(predictions, Mapping):
        tracks = {video: track for video, track in predictions.items() if split is None or video in table}
    elif predictions is not None:
        tracks, more = gather_predictions(as_path(predictions), table)
    else:
        assert model is not None
        assert features is not None
        opened = model if isinstance(model, Model) else load_model(as_path(model))
        tracks, more = predict_all(opened, as_path(features), table, or_silent(progress))
    return score(tracks, table, config, notes=tuple(dict.fromkeys((*notes, *more))))


def agree(
    machine: File,
    human: File,
    *,
    expressions: Sequence[str] = (),
    groups: Sequence[str] = (),
    **settings: object,
) -> Agreement:
    """Compare machine scores with human ratings, and the raters with each other.

    Args:
        machine: a table that evoked wrote (annotation, labels, prediction), a folder of them, or scores of clips.
        human: a table of ratings, a row per clip and rater (docs/agreement.md).
        expressions: columns of `human` that are expressions, besides the fifteen of EEV and those of `machine`.
        groups: columns of `human` that group people, besides person, ethnicity, gender and age.
        **settings: those of `evoked agree`, such as `target_precision`.

    Returns:
        Precision, recall and correlation per expression, and the agreement of the raters, with intervals.

    Raises:
        DatasetError: if a table cannot be used.
        TypeError, ValueError: for a setting that does not exist, or a value that is not accepted.
    """
    (config,) = settings_of("agree", settings, AgreeConfig)
    more, groupings = names_of("expressions", expressions), names_of("groups", groups)
    names = score_names(as_path(machine))
    ratings = read_ratings(as_path(human), expressions=(*names, *more), groups=groupings)
    return compare(read_machine_scores(as_path(machine)), ratings, config)
