"""Train a model and write its folder: the model, and how its epochs went."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, fields, replace
from pathlib import Path
from typing import Any

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
    """Train on loaded examples and write the model; the one way from examples to a model folder.

    Args:
        folder: where the model goes, see `write_model`.
        loaded: examples, and what their features were made with.
        model, config: settings.
        inputs: name → sha256 of every file that went in, for provenance.
        state: folder that an interrupted training resumes from.
        validate: videos that are scored after each epoch and not learnt.
        notes: what every result must say; those of the examples and of the training join them.
        progress: reported in training steps.

    Raises:
        DatasetError: if there is nothing to learn from, or examples do not fit each other.
        TrainingError: if the device is not available, or the loss is not a number any more.
        OutputError: if the model or the state cannot be written.
    """
    learnt = [example for example in loaded.examples if example.video not in validate]
    held_out = [example for example in loaded.examples if example.video in validate]
    trained = train(learnt, model, config, validation=held_out, state=state, progress=progress)
    told = {"model": asdict(model), "train": asdict(config)} | ({"validate": list(validate)} if validate else {})
    notes = tuple(dict.fromkeys((*notes, *loaded.notes)))
    write_model(folder, trained, loaded.made, Provenance("train", told, inputs, notes=notes))
    return trained


def write_model(folder: Path, trained: Trained, features: Mapping[str, Any], provenance: Provenance) -> None:
    """Write model.safetensors, model.json and history.csv.

    Args:
        folder: made where missing; a model that stands there is replaced, file by file.
        trained: what training made; its notes join those of the provenance.
        features: what the features were made with (nets and their sha256), for `predict` to make the same.
        provenance: what went into training.

    Raises:
        OutputError: if it cannot be written.
    """
    told = replace(provenance, notes=(*provenance.notes, *trained.notes))
    checkpoint = replace(trained.checkpoint, features=features, provenance=told.as_dict())
    save_checkpoint(folder, checkpoint)
    with writing(folder / HISTORY) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([f.name for f in fields(Epoch)])
        writer.writerows(["" if value is None else value for value in astuple(epoch)] for epoch in trained.history)


def load_if_current(folder: Path, made_by: str, key: str) -> Checkpoint | None:
    """The model in a folder, if it was made by this maker for the work of this key and is whole; else None."""
    if not (folder / ABOUT).is_file():
        return None
    try:
        found = load_checkpoint(folder)
    except EvokedError:  # damaged or of an older format: it is made anew, which costs time and nothing else
        return None
    made = found.provenance
    return found if made.get("made_by") == made_by and made.get("config", {}).get("key") == key else None
