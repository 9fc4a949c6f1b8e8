"""Cross-validation: every video is predicted once, by a model that was trained on the other folds."""

from pathlib import Path
from typing import NamedTuple

from evoked.core.errors import DatasetError
from evoked.core.progress import Progress, silent
from evoked.dataset.folds import Fold, audit
from evoked.dataset.load_examples import LoadedExamples
from evoked.learning.experiments.load_or_train import TrainingJob, load_or_train
from evoked.learning.training.config import TrainConfig
from evoked.model.checkpoint import Checkpoint
from evoked.model.config import ModelSettings

__all__ = ["FoldModel", "train_fold"]

MAKER = "fold"


class FoldModel(NamedTuple):
    """The model of a fold.

    Attributes:
        checkpoint: trained on the fold's training videos alone.
        reused: whether it existed already.
    """

    checkpoint: Checkpoint
    reused: bool


def train_fold(
    loaded: LoadedExamples,
    fold: Fold,
    model: ModelSettings,
    config: TrainConfig,
    folder: Path,
    state: Path | None = None,
    progress: Progress = silent,
) -> FoldModel:
    """Train the model that predicts the held-out videos of a fold. Folds do not depend on each other.

    A model in the folder that was trained on the same examples with the same settings is reused, an interrupted
    training is resumed. The result is the same.

    Args:
        loaded: all videos that the fold names, and how their features were made.
        fold: from `make_folds`; audited again here.
        model: settings of the model.
        config: settings of training; without validation, so that the held-out videos select nothing.
        folder: for the model.
        state: for what an interrupted training resumes from; None: `folder`.
        progress: receives training steps.

    Returns:
        The model.

    Raises:
        DatasetError: if the fold leaks or names a video without features and labels, or as `train` does.
    """
    audit([fold])
    by_name = {example.video: example for example in loaded.examples}
    if missing := sorted({*fold.train, *fold.held_out} - set(by_name)):
        raise DatasetError(f"fold videos without features and labels: {', '.join(missing)}")
    job = TrainingJob(tuple(by_name[video] for video in fold.train), (), model, config)
    details = {"fold": fold.as_dict()}
    trained = load_or_train(job, folder, MAKER, details, features=loaded.made, state=state, progress=progress)
    return FoldModel(*trained)
