"""Trained things on disk: a safetensors file of arrays and a JSON file that says what they are. No torch, no pickle.

The safetensors file holds the arrays and, as its metadata under the key `evoked`, the whole JSON text: it alone is
read. The JSON file is that text again, for people and other programs. Each file is written whole or not at all, the
arrays first: an interruption between the two leaves the new arrays whole, beside an old text that nothing reads.
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
from evoked.core.files import write_text, writing

__all__ = ["StoredModel", "read_arrays", "write_arrays"]

KEY = "evoked"
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class StoredModel:
    """How one kind of trained thing is kept in a folder.

    Attributes:
        what: its name in messages, e.g. "model".
        command: what makes one.
        format: raised when an older program could not read the files any more.
    """

    what: str
    command: str
    format: int

    @property
    def arrays(self) -> str:
        """Name of the file with the arrays."""
        return f"{self.what}.safetensors"

    @property
    def about(self) -> str:
        """Name of the file that says what they are."""
        return f"{self.what}.json"

    def save(self, folder: Path, about: Mapping[str, Any], arrays: Mapping[str, NDArray], shapes: Shapes) -> None:
        """Write one into a folder; each file is whole or the old one.

        Args:
            folder: made where it is not there.
            about: JSON values, `format` among them.
            arrays: at least those of `shapes`; they are written as float32.
            shapes: of every array that belongs to it.

        Raises:
            OutputError: if it cannot be written.
            ValueError: if the arrays do not have these shapes.
        """
        for name, shape in shapes.items():
            if name not in arrays or arrays[name].shape != shape:
                raise ValueError(f"array {name} must be there with shape {shape}")
        text = json.dumps(about, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
        kept = {name: np.ascontiguousarray(arrays[name], dtype=np.float32) for name in shapes}
        write_arrays(folder / self.arrays, kept, text)
        write_text(folder / self.about, text)

    def load(self, folder: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Read one: what it says of itself, and its arrays, which `check` is still to hold against their shapes.

        Raises:
            CheckpointError: if it is missing, damaged, or of a newer format.
        """
        if not (folder / self.arrays).is_file():
            raise CheckpointError(f"no {self.what} in {folder}: {self.arrays} is missing. Train one: {self.command}")
        arrays, text = read_arrays(folder / self.arrays)
        about = self._parsed(text, folder / self.arrays)
        version = about.get("format")
        if not isinstance(version, int):
            raise CheckpointError(f"{folder / self.arrays} does not say its format. Train the {self.what} again")
        if version > self.format:
            raise CheckpointError(
                f"the {self.what} in {folder} has format {version}, this program reads up to {self.format}. "
                "Update evoked"
            )
        return about, arrays

    def check(self, folder: Path, arrays: Mapping[str, NDArray[Any]], shapes: Shapes) -> None:
        """CheckpointError unless these arrays, float32 and finite, are all of these shapes and no more."""
        for name in sorted(shapes.keys() | arrays.keys()):
            found = arrays[name].shape if name in arrays else None
            if found != shapes.get(name):
                raise CheckpointError(
                    f"the {self.what} in {folder} does not fit what it says of itself: {name} is {found or 'absent'}, "
                    f"expected {shapes.get(name) or 'none such'}. Train it again"
                )
            if arrays[name].dtype != np.float32 or not np.isfinite(arrays[name]).all():
                raise CheckpointError(
                    f"the {self.what} in {folder} holds numbers in {name} that are no weights. Train it again"
                )

    def strange(self, folder: Path, error: Exception) -> CheckpointError:
        """What to raise where `error` came of reading what one says of itself."""
        said = error.args[0] if error.args else error
        return CheckpointError(
            f"{folder / self.arrays} is not a {self.what}'s: {said}. Train the {self.what} again, or update evoked"
        )

    def _parsed(self, text: str, path: Path) -> dict[str, Any]:
        try:
            found = json.loads(text)
        except json.JSONDecodeError as error:
            raise CheckpointError(f"{path} is damaged: {error}. Train the {self.what} again") from error
        if not isinstance(found, dict):
            raise CheckpointError(f"{path} is not a {self.what}'s description. Train the {self.what} again")
        return found


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
