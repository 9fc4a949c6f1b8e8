"""Train a model and write its folder: the model and the losses of its epochs."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, fields, replace
from pathlib import Path

from evoked.core.errors import EvokedError
from evoked.core.files import writing
from evoked.core.progress import Progress, silent
from evoked.core.provenance import Provenance
from evoked.dataset.load_examples import LoadedExamples
from evoked.learning.training.config import HISTORY, TrainConfig
from evoked.learning.training.resume import Epoch
from evoked.learning.training.train import Trained, train
from evoked.model.checkpoint import ABOUT, Checkpoint, load_checkpoint, save_checkpoint
from evoked.model.config import ModelSettings

__all__ = ["load_if_current", "train_model", "write_model"]


def train_model(
    folder: Path,
    loaded: LoadedExamples,
    model: ModelSettings,
    config: TrainConfig,
    *,
    inputs: Mapping[str, str],
    state: Path,
    validate: Sequence[str] = (),
    notes: tuple[str, ...] = (),
    progress: Progress = silent,
) -> Trained:
    """Train on loaded examples and write the model folder.

    Args:
        folder: for the model, see `write_model`.
        loaded: examples, and the networks and settings their features were made with.
        model: settings of the model.
        config: settings of training.
        inputs: name → sha256 of every input file, for the provenance.
        state: folder that an interrupted training resumes from.
        validate: names of videos that are scored after each epoch and not trained on.
        notes: caveats for the provenance; those of the examples and of the training are added.
        progress: receives training steps.

    Returns:
        The trained model, as written.

    Raises:
        DatasetError: if there is nothing to learn from, or examples do not fit each other.
        TrainingError: if the device is not available, or the loss is not a number any more.
        OutputError: if the model or the state cannot be written.
    """
    learnt = [example for example in loaded.examples if example.video not in validate]
    held_out = [example for example in loaded.examples if example.video in validate]
    trained = train(learnt, model, config, validation=held_out, state=state, progress=progress)
    settings = {"model": asdict(model), "train": asdict(config)} | ({"validate": list(validate)} if validate else {})
    notes = tuple(dict.fromkeys((*notes, *loaded.notes)))
    write_model(folder, trained, loaded.made, Provenance("train", settings, inputs, notes=notes))
    return trained


def write_model(folder: Path, trained: Trained, features: Mapping[str, object], provenance: Provenance) -> None:
    """Write model.safetensors, model.json and history.csv.

    Args:
        folder: created where missing; the files of a model in it are replaced.
        trained: the model; its notes are added to those of the provenance.
        features: networks (with sha256) and settings the features were made with, for `predict` to make the same.
        provenance: settings and inputs of training.

    Raises:
        OutputError: if it cannot be written.
    """
    with_notes = replace(provenance, notes=(*provenance.notes, *trained.notes))
    checkpoint = replace(trained.checkpoint, features=features, provenance=with_notes.as_dict())
    save_checkpoint(folder, checkpoint)
    with writing(folder / HISTORY) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([f.name for f in fields(Epoch)])
        writer.writerows(["" if value is None else value for value in astuple(epoch)] for epoch in trained.history)


def load_if_current(folder: Path, made_by: str, key: str) -> Checkpoint | None:
    """Read the model of a folder if it is undamaged and was made for this key.

    Args:
        folder: of the model.
        made_by: maker in the provenance.
        key: of the training, in the provenance.

    Returns:
        The model, or None.
    """
    if not (folder / ABOUT).is_file():
        return None
    try:
        checkpoint = load_checkpoint(folder)
    except EvokedError:  # damaged or of an older format: it is trained again
        return None
    provenance = checkpoint.provenance
    current = provenance.get("made_by") == made_by and provenance.get("config", {}).get("key") == key
    return checkpoint if current else None
