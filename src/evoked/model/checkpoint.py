"""A trained model on disk: `model.safetensors` and `model.json` in one folder. No torch, no pickle.

The safetensors file holds the arrays and, as its metadata under the key `evoked`, the whole JSON text;
`model.json` is that text again, for people and other programs. Each file is written whole or not at all,
and loading asks that the two agree, so a mixture of two models is never used.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from evoked.core.errors import CheckpointError
from evoked.core.files import write_text, writing
from evoked.model.config import ModelConfig, config_from, shapes

FORMAT = 1
"""Raised when an older program could not read the files any more."""
ARRAYS, ABOUT = "model.safetensors", "model.json"
KEY = "evoked"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A model and what is known about it.

    Attributes:
        config: its shape.
        arrays: every array of `shapes(config)`, float32.
        features: what the features were made with, e.g. nets and their sha256; JSON values only.
        training: how it was trained and how that went; JSON values only.
        provenance: as `Provenance.as_dict` gives it.
    """

    config: ModelConfig
    arrays: Mapping[str, NDArray[np.float32]]
    features: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def about(self) -> dict[str, Any]:
        """What stands in model.json."""
        return (
            {"format": FORMAT}
            | self.config.as_dict()
            | {
                "features": dict(self.features),
                "training": dict(self.training),
                "provenance": dict(self.provenance),
            }
        )


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a model into a folder; each file is whole or the old one.

    Raises:
        OutputError: if it cannot be written.
        ValueError: if the arrays do not fit the config.
    """
    for name, shape in shapes(checkpoint.config).items():
        if name not in checkpoint.arrays or checkpoint.arrays[name].shape != shape:
            raise ValueError(f"array {name} must be there with shape {shape}")
    text = json.dumps(checkpoint.about(), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    arrays = {n: np.ascontiguousarray(checkpoint.arrays[n], dtype=np.float32) for n in shapes(checkpoint.config)}
    write_arrays(folder / ARRAYS, arrays, text)
    write_text(folder / ABOUT, text)


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read a model.

    Raises:
        CheckpointError: if a file is missing or damaged, of a newer format, or does not fit its own config.
    """
    for name in (ARRAYS, ABOUT):
        if not (folder / name).is_file():
            raise CheckpointError(f"no model in {folder}: {name} is missing. Train one: evoked train")
    arrays, text = read_arrays(folder / ARRAYS)
    about, again = _parsed(text, folder / ARRAYS), _parsed(_text(folder / ABOUT), folder / ABOUT)
    if about != again:
        raise CheckpointError(f"{folder / ABOUT} is not of the same model as {ARRAYS} beside it. Train it again")
    version = about.get("format")
    if not isinstance(version, int):
        raise CheckpointError(f"{folder / ABOUT} does not say its format. Train the model again")
    if version > FORMAT:
        raise CheckpointError(
            f"the model in {folder} has format {version}, this program reads up to {FORMAT}. Update evoked"
        )
    try:
        config = config_from(about)
    except (KeyError, TypeError, ValueError) as error:
        said = error.args[0] if error.args else error
        raise CheckpointError(f"{folder / ABOUT} is not a model's: {said}. Train the model again") from error
    _check_fit(folder, config, arrays)
    parts = {name: about.get(name, {}) for name in ("features", "training", "provenance")}
    return Checkpoint(config, arrays, **parts)


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], text: str) -> None:
    """Write named arrays and a JSON text as one safetensors file, whole or not at all; OutputError if it cannot be."""
    with writing(path) as part:
        try:
            part.write_bytes(save(dict(arrays), metadata={KEY: text}))  # its own writer hides the OSError
        except SafetensorError as error:  # its writer wraps the system's error: disk full, no permission
            raise OSError(str(error)) from error


def read_arrays(path: Path) -> tuple[dict[str, NDArray[Any]], str]:
    """Read what write_arrays wrote; CheckpointError if the file is damaged or not ours."""
    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(KEY)
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
    except (SafetensorError, OSError, ValueError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"{path} is damaged or cut short: {first}. Train the model again") from error
    if text is None:
        raise CheckpointError(f"{path} was not written by evoked: it has no {KEY!r} in its metadata. Train a model")
    return arrays, text


def _check_fit(folder: Path, config: ModelConfig, arrays: Mapping[str, NDArray[Any]]) -> None:
    expected = shapes(config)
    for name in expected.keys() | arrays.keys():
        found = arrays[name].shape if name in arrays else None
        if found != expected.get(name):
            raise CheckpointError(
                f"the model in {folder} does not fit its {ABOUT}: {name} is {found or 'absent'}, "
                f"expected {expected.get(name) or 'none such'}. Train it again"
            )
        if arrays[name].dtype != np.float32 or not np.isfinite(arrays[name]).all():
            raise CheckpointError(f"the model in {folder} holds numbers in {name} that are no weights. Train it again")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}. Train the model again") from error


def _parsed(text: str, path: Path) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise CheckpointError(f"{path} is damaged: {error}. Train the model again") from error
    if not isinstance(found, dict):
        raise CheckpointError(f"{path} is not a model's description. Train the model again")
    return found
