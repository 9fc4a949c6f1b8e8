"""Hold out, evaluate, train and report as tasks that can run in any process (features: features.jobs).

As in jobs.py a task is frozen and picklable and contains paths; the function beside it does the work and writes the
output. The trainer takes seconds to import, so only a process that trains imports it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evoked.core.progress import Progress, silent
from evoked.core.provenance import Provenance
from evoked.dataset.folds import Fold
from evoked.dataset.labels import read_labels
from evoked.dataset.load_examples import LoadedExamples, load_examples
from evoked.learning.evaluation.evaluate import EvaluateConfig, evaluate
from evoked.learning.evaluation.scores import write_scores
from evoked.learning.training.config import TrainConfig
from evoked.model.config import ModelSettings
from evoked.prediction.forward import Forward
from evoked.prediction.jobs import predict_and_write
from evoked.prediction.writers import read_predictions
from evoked.report.config import ReportConfig
from evoked.report.page import write_report

__all__ = [
    "EvaluateTask",
    "FoldTask",
    "ReportTask",
    "TrainTask",
    "VideoFile",
    "load_study_examples",
    "run_evaluate_task",
    "run_fold_task",
    "run_report_task",
    "run_train_task",
]

VideoFile = tuple[str, Path]
"""A content's name, and the file of its prediction."""


@dataclass(frozen=True)
class FoldTask:
    """A fold of the cross-validation: a training, and the predictions of the contents that it holds out.

    Attributes:
        fold: which contents are trained on, and which are predicted.
        labels: the labels of all contents.
        features: the folder of the features.
        model, train: settings.
        folder: for the model.
        state: folder that an interrupted training resumes from.
        predictions: the held-out contents, with the file of each.
        provenance: of the predictions.
    """

    fold: Fold
    labels: Path
    features: Path
    model: ModelSettings
    train: TrainConfig
    folder: Path
    state: Path
    predictions: tuple[VideoFile, ...]
    provenance: Provenance


@dataclass(frozen=True)
class EvaluateTask:
    """The scores of held-out predictions.

    Attributes:
        labels: the labels of all contents.
        predictions: the contents that are scored, with the file of each.
        folds: names of the contents that each fold held out.
        config: settings.
        output: the file of the scores.
        provenance: of the scores.
    """

    labels: Path
    predictions: tuple[VideoFile, ...]
    folds: tuple[tuple[str, ...], ...]
    config: EvaluateConfig
    output: Path
    provenance: Provenance


@dataclass(frozen=True)
class TrainTask:
    """The model that is trained on every content.

    Attributes:
        contents: names of the contents with features.
        labels: the labels of all contents.
        features: the folder of the features.
        model, train: settings.
        folder: for the model.
        state: folder that an interrupted training resumes from.
        inputs: file name → sha256, for the provenance.
        notes: go into every result.
    """

    contents: tuple[str, ...]
    labels: Path
    features: Path
    model: ModelSettings
    train: TrainConfig
    folder: Path
    state: Path
    inputs: Mapping[str, str]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class ReportTask:
    """The page of a study.

    Attributes:
        study: the study's folder.
        config: settings.
        output: the HTML file.
    """

    study: Path
    config: ReportConfig
    output: Path


def run_fold_task(task: FoldTask, progress: Progress = silent) -> None:
    """Train on the contents of a fold, and predict those that it holds out.

    Args:
        task: the fold, the places of its files and the settings.
        progress: called with the steps of training.

    Raises:
        DatasetError, TrainingError, OutputError: if a file cannot be used or written, or nothing can be learnt.
    """
    from evoked.learning.experiments.cross_validation import train_fold

    loaded = load_study_examples(task.labels, task.features, (*task.fold.train, *task.fold.held_out))
    checkpoint, _ = train_fold(loaded, task.fold, task.model, task.train, task.folder, task.state, progress)
    forward = Forward(checkpoint.config, checkpoint.arrays, threads=task.train.threads or 0)
    rows = {example.video: example.features for example in loaded.examples}
    for video, output in task.predictions:
        predict_and_write(forward, rows[video], None, output, task.provenance)


def run_evaluate_task(task: EvaluateTask, progress: Progress = silent) -> None:
    """Score predictions against the labels, and write the scores.

    Args:
        task: the files and the settings.
        progress: not called: it takes seconds.

    Raises:
        DatasetError, OutputError: if a file cannot be used or written.
    """
    labels = read_labels(task.labels)
    predictions = {name: read_predictions(path) for name, path in task.predictions}
    own_labels = {name: labels[name] for name in predictions}
    scores = evaluate(predictions, own_labels, task.config, folds=task.folds, notes=task.provenance.notes)
    write_scores(task.output, scores, task.provenance)


def run_train_task(task: TrainTask, progress: Progress = silent) -> None:
    """Train on every content, and write the model's folder.

    Args:
        task: the files and the settings.
        progress: called with the steps of training.

    Raises:
        DatasetError, TrainingError, OutputError: if a file cannot be used or written, or nothing can be learnt.
    """
    from evoked.learning.training.model_folder import train_model

    train_model(
        task.folder,
        load_study_examples(task.labels, task.features, task.contents),
        task.model,
        task.train,
        inputs=task.inputs,
        state=task.state,
        notes=task.notes,
        progress=progress,
    )


def run_report_task(task: ReportTask, progress: Progress = silent) -> None:
    """Write the page.

    Args:
        task: the study and the settings.
        progress: called with the number of previews that are done.

    Raises:
        OutputError: if it cannot be written.
    """
    write_report(task.study, task.config, task.output, progress)


def load_study_examples(labels: Path, features: Path, contents: Sequence[str]) -> LoadedExamples:
    """The examples of some contents of a study.

    Args:
        labels: the labels of all contents.
        features: the folder of the features.
        contents: names of the contents with features.

    Returns:
        An example per content, with a note on labelled contents that are left out.

    Raises:
        DatasetError: if a file cannot be used, see `load_examples`.
    """
    labelled = read_labels(labels)
    wanted = {name: rows for name, rows in labelled.items() if name in set(contents)}
    loaded = load_examples(wanted, features)
    missing = sorted(labelled.keys() - wanted.keys())
    note = f"labelled but without features, left out: {', '.join(missing)}"
    return replace(loaded, notes=(*loaded.notes, note)) if missing else loaded
