"""State dictionaries in PyTorch's own files, read without torch and without running their code.

A .pth is a pickle, and a pickle may call any function. This reader allows only what a state dictionary needs
(an ordered dictionary, tensors and their storages) and refuses everything else. Both formats are read: the zip
of torch ≥ 1.6 and the older sequence of pickles. What is unpacked is bounded by the size of the file: torch does
not compress, so that a file that unpacks to much more than it weighs was not written by it. Source of the formats:
torch/serialization.py.
"""

import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

__all__ = ["MAGIC", "PROTOCOL", "read_state"]

MAGIC = 0x1950A86A20F9469CFC6C  # first pickle of the older format
PROTOCOL = 1001
TIMES = 4
"""How much more than the file weighs may be unpacked from it; weights that several layers share count for each."""
SPARE = 1 << 20
DTYPES: dict[str, type[np.generic]] = {
    "DoubleStorage": np.float64,
    "FloatStorage": np.float32,
    "HalfStorage": np.float16,
    "LongStorage": np.int64,
    "IntStorage": np.int32,
    "ShortStorage": np.int16,
    "CharStorage": np.int8,
    "ByteStorage": np.uint8,
    "BoolStorage": np.bool_,
}


def read_state(path: Path) -> dict[str, NDArray]:
    """The tensors of a state dictionary, by name, in order.

    Raises:
        ValueError: if it is not such a file, is damaged, or contains anything other than tensors.
    """
    path.stat()  # a missing file is not a damaged one: the system's error is raised
    try:
        state = _read_zip(path) if zipfile.is_zipfile(path) else _read_sequence(path)
        if not isinstance(state, dict) or not all(isinstance(v, _Tensor) for v in state.values()):
            raise ValueError("it holds no plain state dictionary (names and tensors)")
        _check_size(sum(tensor.bytes for tensor in state.values()), path)
        return {str(name): tensor.array() for name, tensor in state.items()}
    except Exception as e:  # a damaged pickle or zip raises nearly anything: 14 types were seen
        raise ValueError(f"{path.name} is no state dictionary that can be read: {e}") from e


def _check_size(count: int, path: Path) -> None:
    """ValueError if so many bytes would be unpacked from a file as none that torch wrote holds."""
    size = path.stat().st_size
    if count > TIMES * size + SPARE:
        raise ValueError(f"its {size} bytes would unpack to {count}, more than {TIMES} times as many")


@dataclass
class _Storage:
    """A contiguous array, read after the pickle that refers to it."""

    dtype: type[np.generic]
    count: int
    data: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class _Tensor:
    """A view of a storage; all sizes in elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def bytes(self) -> int:
        """Size of the array."""
        return math.prod((abs(n) for n in self.shape), start=np.dtype(self.storage.dtype).itemsize)

    def array(self) -> NDArray:
        dtype = np.dtype(self.storage.dtype)
        flat = np.frombuffer(self.storage.data, dtype=dtype.newbyteorder("<"))
        if len(flat) != self.storage.count:
            raise ValueError(f"a storage holds {len(flat)} numbers and says {self.storage.count}")
        steps = list(zip(self.shape, self.strides, strict=True))
        last = self.offset + sum((n - 1) * s for n, s in steps)
        if min([self.offset, *self.shape, *self.strides], default=0) < 0 or (0 not in self.shape and last >= len(flat)):
            raise ValueError(f"a tensor of shape {self.shape} reaches beyond its storage of {len(flat)} numbers")
        view = np.lib.stride_tricks.as_strided(
            flat[self.offset :], self.shape, [s * dtype.itemsize for s in self.strides], writeable=False
        )
        return np.array(view, dtype=dtype)


def _rebuild(storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object) -> _Tensor:
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


def _parameter(tensor: _Tensor, *_: object) -> _Tensor:
    return tensor


ALLOWED: dict[tuple[str, str], Callable[..., object]] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor"): _rebuild,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    **{("torch", name): dtype for name, dtype in DTYPES.items()},
}


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: IO[bytes], fill: Callable[[str], bytes] | None = None) -> None:
        super().__init__(file, encoding="utf-8")
        self.storages: dict[str, _Storage] = {}
        self._fill = fill

    def find_class(self, module: str, name: str) -> Callable[..., object]:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, and only tensors are let in")
        return ALLOWED[module, name]

    def persistent_load(self, pid: object) -> _Storage:
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage" or pid[1] not in DTYPES.values():
            raise pickle.UnpicklingError(f"an unknown kind of storage, {str(pid)[:60]}")
        if len(pid) > 5 and pid[5] is not None:
            raise pickle.UnpicklingError("views of storages are not read")
        key = str(pid[2])
        if key not in self.storages:
            data = self._fill(key) if self._fill else b""
            self.storages[key] = _Storage(pid[1], int(pid[4]), data)
        return self.storages[key]


def _read_zip(path: Path) -> object:
    with zipfile.ZipFile(path) as packed:
        names = packed.namelist()
        _check_size(sum(entry.file_size for entry in packed.infolist()), path)
        stem = next((n.removesuffix("data.pkl") for n in names if n.endswith("/data.pkl")), None)
        if stem is None:
            raise ValueError("it is a zip without data.pkl")
        if f"{stem}byteorder" in names and packed.read(f"{stem}byteorder") != b"little":
            raise ValueError("it is big-endian, which is not read")
        with packed.open(f"{stem}data.pkl") as file:
            return _Unpickler(file, lambda key: packed.read(f"{stem}data/{key}")).load()


def _read_sequence(path: Path) -> object:
    with path.open("rb") as file:
        if _Unpickler(file).load() != MAGIC or _Unpickler(file).load() != PROTOCOL:
            raise ValueError("it is no file of PyTorch's")
        system = _Unpickler(file).load()
        if isinstance(system, dict) and not system.get("little_endian", True):
            raise ValueError("it is big-endian, which is not read")
        unpickler = _Unpickler(file)
        state = unpickler.load()
        for key in _Unpickler(file).load():
            storage = unpickler.storages[str(key)]
            count = int.from_bytes(file.read(8), "little")
            if count != storage.count:
                raise ValueError(f"storage {key} has {count} numbers, {storage.count} were announced")
            _check_size(count * np.dtype(storage.dtype).itemsize, path)
            storage.data = file.read(count * np.dtype(storage.dtype).itemsize)
    return state
