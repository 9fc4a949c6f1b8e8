"""What training leaves in a folder: the model, and how its epochs went."""

import csv
from collections.abc import Mapping
from dataclasses import astuple, fields, replace
from pathlib import Path
from typing import Any

from evoked.core.errors import EvokedError
from evoked.core.files import writing
from evoked.core.provenance import Provenance
from evoked.learning.training.config import HISTORY
from evoked.learning.training.resume import Epoch
from evoked.learning.training.train import Trained
from evoked.model.checkpoint import ABOUT, Checkpoint, load_checkpoint, save_checkpoint


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
