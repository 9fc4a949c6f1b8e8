"""Train a model of an experiment once: read it from its folder if it exists, else train and write it.

torch is imported where a training begins, not above: the settings of an experiment are read for a help text, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from evoked.core.files import digest
from evoked.core.progress import Progress, silent
from evoked.core.provenance import Provenance
from evoked.dataset.examples import Example
from evoked.learning.training.config import TrainConfig
from evoked.model.checkpoint import Checkpoint, load_checkpoint
from evoked.model.config import ModelSettings

__all__ = ["TrainingJob", "load_or_train", "progress_of_part"]


@dataclass(frozen=True, eq=False)
class TrainingJob:
    """Data and settings of a training.

    Attributes:
        train: videos to train on.
        validate: videos that select the epoch; empty: the last epoch is kept.
        model: settings of the model.
        config: settings of training.
    """

    train: tuple[Example, ...]
    validate: tuple[Example, ...]
    model: ModelSettings
    config: TrainConfig

    def key(self) -> str:
        """A digest of data and settings, including epochs and patience; DatasetError if the videos do not fit."""
        from evoked.learning.training.resume import job_key
        from evoked.learning.training.train import fitting

        shape = fitting(self.train, self.validate, self.model)
        key = job_key(self.train, self.validate, shape, self.config)
        return digest([key, self.config.epochs, self.config.patience])


def load_or_train(
    job: TrainingJob,
    folder: Path,
    made_by: str,
    details: Mapping[str, object],
    *,
    features: Mapping[str, object] | None = None,
    state: Path | None = None,
    progress: Progress = silent,
) -> tuple[Checkpoint, bool]:
    """Read the model of a job from its folder, or train it there; an interrupted training is resumed.

    Args:
        job: data and settings.
        folder: of the model; created where missing.
        made_by: name of the experiment, for the provenance.
        details: further entries of the provenance; JSON values.
        features: networks and settings the features were made with, for the model file.
        state: folder that an interrupted training resumes from; None: `folder`.
        progress: receives the steps of training.

    Returns:
        The model, and whether it existed already.

    Raises:
        DatasetError, TrainingError, OutputError: as `train` does.
    """
    from evoked.learning.training.model_folder import load_if_current, write_model
    from evoked.learning.training.resume import FILE
    from evoked.learning.training.train import train

    key = job.key()
    checkpoint = load_if_current(folder, made_by, key)
    if checkpoint is not None:
        return checkpoint, True
    state = state or folder
    trained = train(job.train, job.model, job.config, validation=job.validate, state=state, progress=progress)
    write_model(folder, trained, features or {}, Provenance(made_by, {"key": key, **details}))
    (state / FILE).unlink(missing_ok=True)  # three times the size of the model, and no longer needed
    return load_checkpoint(folder), False


def progress_of_part(progress: Progress, index: int, count: int, label: str) -> Progress:
    """Report the progress of one of several trainings as that of all of them.

    Args:
        progress: receives (trainings done, `count`, note).
        index: of this training, from 0.
        count: number of trainings.
        label: precedes each note.

    Returns:
        A progress for this training.
    """

    def report(done: float, total: float | None, note: str = "") -> None:
        progress(index + (done / total if total else 0), count, f"{label}, {note}")

    return report
