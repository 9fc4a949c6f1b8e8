"""Features on disk: one safetensors file per video, float16, uncompressed, one key of metadata.

The format was chosen by measurement: a window is read in 0.1 ms, and compression saves at most a third at 30 to 60
times the reading time. Several metadata keys would be written in any order; with one key equal features give equal
bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from evoked.core.errors import DatasetError
from evoked.core.files import parse_json, writing
from evoked.core.provenance import Provenance
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.features.extract import MODALITIES, Features

__all__ = [
    "KEY",
    "SUFFIX",
    "Stored",
    "StoredRows",
    "open_features",
    "read_features",
    "read_features_provenance",
    "write_features",
]

KEY = "evoked"
SUFFIX = ".safetensors"
LARGEST = float(np.finfo(np.float16).max)


def write_features(path: Path, features: Features, provenance: Provenance) -> None:
    """Write a video's features.

    Tensors: `image` (T, D), `face` (T, N·D), `audio` (T, D) in float16, zeros where not valid;
    `image_valid` (T,), `face_valid` (T, N), `audio_valid` (T,) bool. Metadata: `evoked`, the provenance.

    Args:
        path: the file to write.
        features: of a video.
        provenance: settings, versions and input digests.

    Raises:
        OutputError: if it cannot be written.
        DatasetError: if a value is too large for float16.
    """
    tensors: dict[str, NDArray] = {}
    for name, rows in features.filled().items():
        largest = float(np.abs(rows).max(initial=0.0))
        if largest > LARGEST:
            raise DatasetError(
                f"{path}: {name} features reach {largest:.4g}, float16 ends at {LARGEST:.0f}. "
                "The network or its input is wrong: run: evoked weights verify"
            )
        tensors[name] = rows.astype(np.float16)
    tensors["image_valid"], tensors["audio_valid"] = features.image.valid, features.audio.valid
    tensors["face_valid"] = features.face_valid
    plain = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    with writing(path) as temporary:
        temporary.write_bytes(save(plain, metadata={KEY: provenance.as_json()}))  # its save_file hides the OSError


def read_features(path: Path, widths: Mapping[str, int] | None = None) -> Features:
    """Read a video's features and check them.

    Args:
        path: a file that write_features wrote.
        widths: modality → required number of columns, e.g. of a model.

    Returns:
        The features.

    Raises:
        DatasetError: if the file is absent, damaged, incomplete, holds values that are not finite, or
            features of another width.
    """
    tensors = _tensors(path)
    steps = {name: len(tensor) for name, tensor in tensors.items()}
    if len(set(steps.values())) != 1:
        raise _wrong(path, f"its tensors differ in length: {steps}")
    for name in MODALITIES:
        rows = tensors[name]
        _check(path, name, (rows.shape, str(rows.dtype)), tensors[f"{name}_valid"])
        if not np.isfinite(rows).all():
            second = int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
            raise _wrong(path, f"{name} is not finite at second {second}")
        if widths and name in widths and tensors[name].shape[1] != widths[name]:
            raise _wrong(path, f"{name} has {tensors[name].shape[1]} columns, {widths[name]} are wanted")
    grid = TimeGrid(Fraction(1), steps["image"])
    every = np.ones(grid.steps, dtype=np.bool_)
    return Features(
        _track(grid, "image", tensors["image"], tensors["image_valid"]),
        _track(grid, "face", tensors["face"], every),
        tensors["face_valid"],
        _track(grid, "audio", tensors["audio"], tensors["audio_valid"]),
    )


class StoredRows:
    """One modality in a feature file, (T, D): rows are read from disk, and checked, when they are accessed.

    The file is opened for each slice (0.1 ms): a dataset has more videos than a process may have open files,
    and a permanent memory map would count as memory of this process.

    Args:
        path: the feature file.
        name: of the tensor.
        shape: (T, D).
        valid: bool (T,), other rows are zero; None: all are valid.
    """

    dtype = np.dtype(np.float16)
    ndim = 2

    def __init__(self, path: Path, name: str, shape: tuple[int, int], valid: NDArray[np.bool_] | None = None) -> None:
        self.path, self.name, self.shape, self._valid = path, name, shape, valid

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows_wanted: slice) -> NDArray[np.float16]:
        """Rows of a slice of step 1; DatasetError if the file was changed, or values are not finite."""
        start, stop, step = rows_wanted.indices(len(self))
        if step != 1:
            raise ValueError(f"rows on disk are read in order, one by one; got a step of {step}")
        with _opened(self.path) as file:
            try:
                rows: NDArray[np.float16] = file.get_slice(self.name)[start : max(start, stop)]
            except SafetensorError as error:
                raise _wrong(self.path, f"{self.name} is not what it was when it was opened ({error})") from error
        if not np.isfinite(rows).all():
            second = start + int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
            raise _wrong(self.path, f"{self.name} is not finite at second {second}")
        if self._valid is not None and not (seen := self._valid[start:stop]).all():
            rows = np.where(seen[:, None], rows, np.float16(0))
        return rows

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """All rows, for short files."""
        return np.asarray(self[:], dtype=dtype)

    def first(self, steps: int) -> "StoredRows":
        """The first `steps` rows."""
        valid = None if self._valid is None else self._valid[:steps]
        return StoredRows(self.path, self.name, (min(steps, len(self)), self.shape[1]), valid)


@dataclass(frozen=True, eq=False)
class Stored:
    """An opened feature file whose rows have not been read.

    Attributes:
        rows: modality → (T, D).
        pictured: bool (T,), seconds with a video frame.
        present: modalities with at least one valid second.
    """

    rows: Mapping[str, StoredRows]
    pictured: NDArray[np.bool_]
    present: frozenset[str]


def open_features(path: Path) -> Stored:
    """Open a video's features: everything is checked except values, which are checked when they are read.

    Raises:
        DatasetError: if the file is absent, damaged, cut short or incomplete.
    """
    wanted = [*MODALITIES, *(f"{name}_valid" for name in MODALITIES)]
    with _opened(path) as file:
        _provenance(path, file)
        if missing := [name for name in wanted if name not in set(file.keys())]:
            raise _wrong(path, f"it has no {', '.join(missing)}")
        heads = {name: file.get_slice(name) for name in MODALITIES}
        masks = {name: file.get_tensor(f"{name}_valid") for name in MODALITIES}
        shapes = {name: tuple(head.get_shape()) for name, head in heads.items()}
        dtypes = {name: "float16" if head.get_dtype() == "F16" else head.get_dtype() for name, head in heads.items()}
    steps = {name: shape[0] if shape else 0 for name, shape in shapes.items()}
    steps |= {f"{name}_valid": len(mask) for name, mask in masks.items()}
    if len(set(steps.values())) != 1:
        raise _wrong(path, f"its tensors differ in length: {steps}")
    for name in MODALITIES:
        _check(path, name, (shapes[name], dtypes[name]), masks[name])
    rows = {n: StoredRows(path, n, shapes[n], None if n == "face" else masks[n]) for n in MODALITIES}
    return Stored(rows, masks["image"], frozenset(n for n, mask in masks.items() if mask.any()))


def read_features_provenance(path: Path) -> dict[str, Any]:
    """Provenance of a video's features; DatasetError as read_features."""
    with _opened(path) as file:
        return _provenance(path, file)


def _opened(path: Path) -> Any:
    if not path.is_file():
        raise DatasetError(f"no features at {path}. Make them: evoked features VIDEO -o {path}")
    try:
        return safe_open(path, framework="numpy")
    except (SafetensorError, OSError) as error:
        raise _wrong(path, f"it is not a complete safetensors file ({error})") from error


def _provenance(path: Path, file: Any) -> dict[str, Any]:
    try:
        provenance = parse_json((file.metadata() or {})[KEY])
    except (KeyError, ValueError) as error:
        raise _wrong(path, "it has no provenance") from error
    if not isinstance(provenance, dict):
        raise _wrong(path, "it has no provenance")
    return provenance


def _tensors(path: Path) -> dict[str, NDArray]:
    wanted = [*MODALITIES, *(f"{name}_valid" for name in MODALITIES)]
    with _opened(path) as file:
        _provenance(path, file)
        keys = set(file.keys())
        if missing := [name for name in wanted if name not in keys]:
            raise _wrong(path, f"it has no {', '.join(missing)}")
        return {name: file.get_tensor(name) for name in wanted}


def _check(path: Path, name: str, rows: tuple[tuple[int, ...], str], valid: NDArray) -> None:
    shape, dtype = rows
    if len(shape) != 2 or not shape[1] or dtype != "float16":
        raise _wrong(path, f"{name} must be float16 of shape (T, D), it is {dtype} {shape}")
    if valid.dtype != np.bool_ or valid.ndim != (2 if name == "face" else 1):
        raise _wrong(path, f"{name}_valid must be a mask, it is {valid.dtype} {valid.shape}")
    if name == "face" and (not valid.shape[1] or shape[1] % valid.shape[1]):
        raise _wrong(path, f"face has {shape[1]} columns for {valid.shape[1]} faces")


def _track(grid: TimeGrid, name: str, rows: NDArray, valid: NDArray[np.bool_]) -> Track:
    names = tuple(f"{name}_{i}" for i in range(rows.shape[1]))
    return Track.masked(grid, names, rows.astype(np.float32), valid)


def _wrong(path: Path, reason: str) -> DatasetError:
    return DatasetError(
        f"features in {path} cannot be used: {reason}. Delete the file and make it again: evoked features"
    )
