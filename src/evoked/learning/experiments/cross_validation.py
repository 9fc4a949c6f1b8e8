"""Every video held out once: train on the others, predict it, and so on in turn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evoked.core.errors import DatasetError
from evoked.core.files import digest
from evoked.core.progress import Progress, silent
from evoked.core.provenance import Provenance
from evoked.core.track import Track
from evoked.dataset.examples import Example
from evoked.dataset.folds import Fold, audit
from evoked.learning.training.config import TrainConfig
from evoked.learning.training.model_folder import load_if_current, write_model
from evoked.learning.training.resume import FILE, job_key
from evoked.learning.training.train import fitting, train
from evoked.model.checkpoint import load_checkpoint
from evoked.model.config import ModelSettings
from evoked.predict.forward import Forward
from evoked.predict.predictor import prediction_track

MAKER = "fold"


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What the turns made.

    Attributes:
        predictions: video → probabilities, each from a model that never saw it.
        folds: the turns.
        kept: numbers of the turns that were trained in an earlier sitting.
        notes: of the trainings, each once.
    """

    predictions: dict[str, Track]
    folds: tuple[Fold, ...]
    kept: tuple[int, ...]
    notes: tuple[str, ...]


def cross_validate(
    examples: Sequence[Example],
    model: ModelSettings,
    config: TrainConfig,
    folds: Sequence[Fold],
    folder: Path,
    *,
    features: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> HeldOut:
    """Train once per fold and predict what was held out.

    Each fold's model stands in `folder/fold-N`; one that was made from the same examples and settings
    is kept, one that was cut off goes on from where it stood. The result is the same either way.

    Args:
        examples: all videos that the folds name.
        model, config: as for `train`; without validation, so that the held-out videos choose nothing.
        folds: from `make_folds`; audited again here.
        folder: for the models.
        features: what the features were made with, for the models' files.
        progress: told in folds.

    Raises:
        DatasetError: if a fold leaks or names a video that is not there, or as `train` does.
    """
    audit(folds)
    by_name = {example.video: example for example in examples}
    if missing := sorted({v for f in folds for v in (*f.train, *f.held_out)} - set(by_name)):
        raise DatasetError(f"fold videos without features and labels: {', '.join(missing)}")
    predictions: dict[str, Track] = {}
    kept, notes = [], []
    for fold in folds:
        place = folder / f"fold-{fold.number}"
        learnt = [by_name[v] for v in fold.train]
        key = _key(learnt, model, config)
        checkpoint = load_if_current(place, MAKER, key)
        if checkpoint is not None:
            kept.append(fold.number)
        else:

            def tell(done: float, total: float | None, note: str = "", fold: Fold = fold) -> None:
                part = done / total if total else 0.0
                progress(fold.number + part, len(folds), f"fold {fold.number + 1} of {len(folds)}, {note}")

            trained = train(learnt, model, config, state=place, progress=tell)
            made = Provenance(MAKER, {"key": key, "fold": fold.as_dict()})
            write_model(place, trained, features or {}, made)
            (place / FILE).unlink(missing_ok=True)  # three times the model's size, and of no more use
            checkpoint = load_checkpoint(place)
        notes += [str(note) for note in checkpoint.provenance.get("notes", ())]
        forward = Forward(checkpoint.config, checkpoint.arrays, threads=config.threads)
        for video in fold.held_out:
            predictions[video] = prediction_track(forward, by_name[video].features)
        progress(fold.number + 1, len(folds), f"fold {fold.number + 1} of {len(folds)} done")
    return HeldOut(predictions, tuple(folds), tuple(kept), tuple(dict.fromkeys(notes)))


def _key(examples: Sequence[Example], model: ModelSettings, config: TrainConfig) -> str:
    """Of all that decides a fold's model: the training's own key, and how long it goes on."""
    own = job_key(examples, (), fitting(examples, (), model), config)
    return digest([own, config.epochs, config.patience])
