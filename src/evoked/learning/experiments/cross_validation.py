"""Cross-validation: every video is predicted once, by a model trained on the other folds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evoked.core.errors import DatasetError
from evoked.core.progress import Progress, silent
from evoked.core.track import Track
from evoked.dataset.examples import Example
from evoked.dataset.folds import Fold, audit
from evoked.learning.experiments.load_or_train import TrainingJob, load_or_train, progress_of_part
from evoked.learning.training.config import TrainConfig
from evoked.model.config import ModelSettings
from evoked.prediction.forward import Forward
from evoked.prediction.predictor import prediction_track

__all__ = ["HeldOut", "cross_validate"]

MAKER = "fold"


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Predictions of held-out videos.

    Attributes:
        predictions: video → probabilities, each from a model that did not learn from it.
        folds: the folds.
        reused: numbers of the folds whose model existed already.
        notes: of the trainings, each once.
    """

    predictions: dict[str, Track]
    folds: tuple[Fold, ...]
    reused: tuple[int, ...]
    notes: tuple[str, ...]


def cross_validate(
    examples: Sequence[Example],
    model: ModelSettings,
    config: TrainConfig,
    folds: Sequence[Fold],
    folder: Path,
    *,
    features: Mapping[str, object] | None = None,
    progress: Progress = silent,
) -> HeldOut:
    """Train once per fold and predict the held-out videos.

    Each fold's model is in `folder/fold-N`; one trained on the same examples with the same settings is
    reused, an interrupted training is resumed. The result is the same.

    Args:
        examples: all videos that the folds name.
        model: settings of the model.
        config: settings of training; without validation, so that the held-out videos select nothing.
        folds: from `make_folds`; audited again here.
        folder: for the models.
        features: networks and settings the features were made with, for the model files.
        progress: receives folds done.

    Returns:
        The predictions of every held-out video.

    Raises:
        DatasetError: if a fold leaks or names a video without features and labels, or as `train` does.
    """
    audit(folds)
    by_name = {example.video: example for example in examples}
    if missing := sorted({v for f in folds for v in (*f.train, *f.held_out)} - set(by_name)):
        raise DatasetError(f"fold videos without features and labels: {', '.join(missing)}")
    predictions: dict[str, Track] = {}
    reused, notes = [], []
    for fold in folds:
        label = f"fold {fold.number + 1} of {len(folds)}"
        checkpoint, existed = load_or_train(
            TrainingJob(tuple(by_name[v] for v in fold.train), (), model, config),
            folder / f"fold-{fold.number}",
            MAKER,
            {"fold": fold.as_dict()},
            features=features,
            progress=progress_of_part(progress, fold.number, len(folds), label),
        )
        if existed:
            reused.append(fold.number)
        notes += [str(note) for note in checkpoint.provenance.get("notes", ())]
        forward = Forward(checkpoint.config, checkpoint.arrays, threads=config.threads or 0)
        for video in fold.held_out:
            predictions[video] = prediction_track(forward, by_name[video].features)
        progress(fold.number + 1, len(folds), f"{label} done")
    return HeldOut(predictions, tuple(folds), tuple(reused), tuple(dict.fromkeys(notes)))
