"""A trained model on disk: `model.safetensors` and `model.json` in one folder. See stored.py."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import CheckpointError
from evoked.model.config import ModelConfig, config_from, shapes
from evoked.model.stored import StoredModel

__all__ = ["ABOUT", "ARRAYS", "Checkpoint", "load_checkpoint", "save_checkpoint"]

STORED = StoredModel("model", "evoked train", format=1)
ARRAYS, ABOUT = STORED.arrays, STORED.about


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A trained model and its description.

    Attributes:
        config: its shape.
        arrays: every array of `shapes(config)`, float32.
        features: settings of the features and SHA-256 of their networks; JSON values only.
        training: settings and course of the training; JSON values only.
        provenance: as `Provenance.as_dict` gives it.
    """

    config: ModelConfig
    arrays: Mapping[str, NDArray[np.float32]]
    features: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def about(self) -> dict[str, object]:
        """The content of model.json."""
        return (
            {"format": STORED.format}
            | self.config.as_dict()
            | {
                "features": dict(self.features),
                "training": dict(self.training),
                "provenance": dict(self.provenance),
            }
        )


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a model into a folder; each file is replaced atomically.

    Args:
        folder: created if missing.
        checkpoint: the model.

    Raises:
        OutputError: if it cannot be written.
        ValueError: if the arrays do not fit the config.
    """
    STORED.save(folder, checkpoint.about(), checkpoint.arrays, shapes(checkpoint.config))


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read a model.

    Raises:
        CheckpointError: if a file is missing or damaged, of a newer format, or does not fit its own config.
    """
    about, arrays = STORED.load(folder)
    try:
        config = config_from(about)
    except (KeyError, TypeError, ValueError) as error:
        raise STORED.description_error(folder, error) from error
    STORED.check(folder, arrays, shapes(config))
    for name, array in arrays.items():
        minimum = {"deviation": 1e-30, "variance": 0.0}.get(name.rpartition(".")[2])
        if minimum is not None and (array < minimum).any():
            raise CheckpointError(f"the model in {folder} holds numbers in {name} that are no spread. Train it again")
    description = {name: about.get(name, {}) for name in ("features", "training", "provenance")}
    return Checkpoint(config, arrays, **description)
