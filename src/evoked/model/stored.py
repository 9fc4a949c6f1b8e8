"""Trained models on disk: a safetensors file of arrays and a JSON file with their description. No torch, no pickle.

The safetensors file holds the arrays and, in its metadata under the key `evoked`, the JSON text; only this file is
read. The JSON file is a copy of that text for people and other programs. Each file is replaced atomically, the arrays
first: an interruption between the two leaves complete new arrays and an old text that is not read.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from evoked.core.errors import CheckpointError
from evoked.core.files import parse_json, write_text, writing

__all__ = ["StoredModel", "read_arrays", "write_arrays"]

KEY = "evoked"
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class StoredModel:
    """How one type of trained model is stored in a folder.

    Attributes:
        name: of its files and in messages, e.g. "model".
        command: command that trains one.
        format: version; raised when an older program cannot read the files any more.
    """

    name: str
    command: str
    format: int

    @property
    def arrays(self) -> str:
        """Name of the file with the arrays."""
        return f"{self.name}.safetensors"

    @property
    def about(self) -> str:
        """Name of the file with their description."""
        return f"{self.name}.json"

    def save(self, folder: Path, about: Mapping[str, object], arrays: Mapping[str, NDArray], shapes: Shapes) -> None:
        """Write a model into a folder; each file is replaced atomically.

        Args:
            folder: created if missing.
            about: description, JSON values including `format`.
            arrays: at least those of `shapes`; written as float32.
            shapes: name → shape of every array of the model.

        Raises:
            OutputError: if a file cannot be written.
            ValueError: if the arrays do not have these shapes.
        """
        for name, shape in shapes.items():
            if name not in arrays or arrays[name].shape != shape:
                raise ValueError(f"array {name} must be there with shape {shape}")
        text = json.dumps(about, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
        float_arrays = {name: np.ascontiguousarray(arrays[name], dtype=np.float32) for name in shapes}
        write_arrays(folder / self.arrays, float_arrays, text)
        write_text(folder / self.about, text)

    def load(self, folder: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Read a model's description and arrays; `check` compares the arrays with their shapes afterwards.

        Raises:
            CheckpointError: if it is missing, damaged, or of a newer format.
        """
        if not (folder / self.arrays).is_file():
            raise CheckpointError(f"no {self.name} in {folder}: {self.arrays} is missing. Train one: {self.command}")
        arrays, text = read_arrays(folder / self.arrays)
        about = self._parsed(text, folder / self.arrays)
        version = about.get("format")
        if not isinstance(version, int):
            raise CheckpointError(f"{folder / self.arrays} has no format number. Train the {self.name} again")
        if version > self.format:
            raise CheckpointError(
                f"the {self.name} in {folder} has format {version}, this program reads up to {self.format}. "
                "Update evoked"
            )
        return about, arrays

    def check(self, folder: Path, arrays: Mapping[str, NDArray[np.generic]], shapes: Shapes) -> None:
        """Check that the arrays are float32, finite, and exactly those of `shapes`.

        Args:
            folder: for messages.
            arrays: as read.
            shapes: name → shape of every array of the model.

        Raises:
            CheckpointError: if they are not.
        """
        for name in sorted(shapes.keys() | arrays.keys()):
            shape = arrays[name].shape if name in arrays else None
            if shape != shapes.get(name):
                raise CheckpointError(
                    f"the {self.name} in {folder} does not fit its own description: {name} is {shape or 'absent'}, "
                    f"expected {shapes.get(name) or 'none such'}. Train it again"
                )
            if arrays[name].dtype != np.float32 or not np.isfinite(arrays[name]).all():
                raise CheckpointError(
                    f"the {self.name} in {folder} holds numbers in {name} that are no weights. Train it again"
                )

    def description_error(self, folder: Path, error: Exception) -> CheckpointError:
        """The error to raise where a model's description is invalid.

        Args:
            folder: of the model.
            error: raised while the description was read.

        Returns:
            A CheckpointError.
        """
        reason = error.args[0] if error.args else error
        return CheckpointError(
            f"{folder / self.arrays} is not a {self.name}'s: {reason}. Train the {self.name} again, or update evoked"
        )

    def _parsed(self, text: str, path: Path) -> dict[str, Any]:
        try:
            about = parse_json(text)
        except ValueError as error:
            raise CheckpointError(f"{path} is damaged: {error}. Train the {self.name} again") from error
        if not isinstance(about, dict):
            raise CheckpointError(f"{path} is not a {self.name}'s description. Train the {self.name} again")
        return about


def write_arrays(path: Path, arrays: Mapping[str, NDArray[np.generic]], text: str) -> None:
    """Write named arrays and a JSON text as one safetensors file, atomically.

    Args:
        path: the file.
        arrays: name → array, of any memory layout.
        text: JSON.

    Raises:
        OutputError: if it cannot be written.
    """
    # safetensors copies the memory as it lies: other layouts (a transpose, every second row) would be wrong numbers
    in_c_order = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    with writing(path) as temporary:
        try:
            temporary.write_bytes(save(in_c_order, metadata={KEY: text}))  # its own writer hides the OSError
        except SafetensorError as error:  # its writer wraps the system's error: disk full, no permission
            raise OSError(str(error)) from error


def read_arrays(path: Path) -> tuple[dict[str, NDArray[Any]], str]:
    """Read a file of `write_arrays`; CheckpointError if it is damaged or from another program."""
    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(KEY)
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
    except (SafetensorError, OSError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"{path} is damaged or cut short: {reason}. Train the model again") from error
    if text is None:
        raise CheckpointError(f"{path} was not written by evoked: it has no {KEY!r} in its metadata. Train a model")
    return arrays, text
