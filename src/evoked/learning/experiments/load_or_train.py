"""A training of an experiment, done once: a model that is there already is read, else it is trained and written."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evoked.core.files import digest
from evoked.core.progress import Progress, silent
from evoked.core.provenance import Provenance
from evoked.dataset.examples import Example
from evoked.learning.training.config import TrainConfig
from evoked.learning.training.model_folder import load_if_current, write_model
from evoked.learning.training.resume import FILE, job_key
from evoked.learning.training.train import fitting, train
from evoked.model.checkpoint import Checkpoint, load_checkpoint
from evoked.model.config import ModelSettings

__all__ = ["TrainingJob", "load_or_train", "progress_of_part"]


@dataclass(frozen=True, eq=False)
class TrainingJob:
    """All that decides a model.

    Attributes:
        train: videos to learn from.
        validate: videos that select the epoch; empty: the last epoch is kept.
        model: settings of the model.
        config: settings of training.
    """

    train: tuple[Example, ...]
    validate: tuple[Example, ...]
    model: ModelSettings
    config: TrainConfig

    def key(self) -> str:
        """The training's own key together with how long it runs; DatasetError where the videos do not fit."""
        shape = fitting(self.train, self.validate, self.model)
        own = job_key(self.train, self.validate, shape, self.config)
        return digest([own, self.config.epochs, self.config.patience])


def load_or_train(
    job: TrainingJob,
    folder: Path,
    made_by: str,
    details: Mapping[str, Any],
    *,
    features: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> tuple[Checkpoint, bool]:
    """Read the model of a job from its folder, or train it there; an interrupted training is resumed.

    Args:
        job: what to train, and on what.
        folder: of the model; made where it is missing.
        made_by: name of the experiment, for the provenance.
        details: what its provenance says beside the job's key; JSON values.
        features: what the features were made with, for the model's file.
        progress: receives the steps of training.

    Returns:
        The model, and whether it was there already.

    Raises:
        DatasetError, TrainingError, OutputError: as `train` does.
    """
    key = job.key()
    checkpoint = load_if_current(folder, made_by, key)
    if checkpoint is not None:
        return checkpoint, True
    trained = train(job.train, job.model, job.config, validation=job.validate, state=folder, progress=progress)
    write_model(folder, trained, features or {}, Provenance(made_by, {"key": key, **details}))
    (folder / FILE).unlink(missing_ok=True)  # three times the model's size, and not needed any more
    return load_checkpoint(folder), False


def progress_of_part(progress: Progress, index: int, count: int, label: str) -> Progress:
    """Report the progress of one of several trainings as that of all of them.

    Args:
        progress: receives (parts done, `count`, note).
        index: of this training, from 0.
        count: of trainings.
        label: put before each note.
    """

    def report(done: float, total: float | None, note: str = "") -> None:
        progress(index + (done / total if total else 0), count, f"{label}, {note}")

    return report
