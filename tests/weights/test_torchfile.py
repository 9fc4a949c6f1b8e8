"""State dictionaries without torch: equal to torch's own reading, and nothing else is let in."""

import os
import pickle
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

from evoked.weights.torchfile import MAGIC, PROTOCOL, read_state


def tensors() -> "OrderedDict[str, torch.Tensor]":
    whole = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    return OrderedDict(
        whole=whole,
        column=whole[:, 2],  # shares its storage, and is not contiguous
        turned=whole.T,
        corner=whole[1:3, 4:],
        counts=torch.tensor([1, -2, 3]),
        one=torch.tensor(7),
        half=torch.tensor([0.5, -1.5], dtype=torch.float16),
        empty=torch.zeros(0, 3),
        parameter=torch.nn.Parameter(torch.ones(2, 2)),
    )


@pytest.mark.parametrize("zipped", [True, False])
def test_reads_what_torch_wrote(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "net.pth"
    torch.save(tensors(), path, _use_new_zipfile_serialization=zipped)

    found = read_state(path)

    assert zipfile.is_zipfile(path) == zipped
    assert list(found) == list(tensors())
    for name, tensor in tensors().items():
        expected = tensor.detach().numpy()
        assert found[name].dtype == expected.dtype
        assert np.array_equal(found[name], expected), name


def test_reads_a_modules_state_with_its_metadata(tmp_path: Path) -> None:
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    torch.save(net.state_dict(), tmp_path / "net.pth")

    assert {n: a.shape for n, a in read_state(tmp_path / "net.pth").items()} == {
        n: tuple(t.shape) for n, t in net.state_dict().items()
    }


class Evil:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_would_run_code_is_refused_and_does_not(tmp_path: Path, zipped: bool) -> None:
    path, mark = tmp_path / "net.pth", tmp_path / "it-ran"
    torch.save({"weight": torch.ones(2), "more": Evil(mark)}, path, _use_new_zipfile_serialization=zipped)

    with pytest.raises(ValueError, match=r"net\.pth .* asks for \w+\.mkdir, and only tensors are let in"):
        read_state(path)

    assert not mark.exists()
    with path.open("rb") as file:  # the very same bytes do run elsewhere: the test can fail
        if not zipped:
            for _ in range(3):
                pickle.load(file)
            with pytest.raises(pickle.UnpicklingError):
                pickle.load(file)  # "persistent_load must be overridden"
    pickle.loads(pickle.dumps(Evil(mark)))
    assert mark.exists()


@pytest.mark.parametrize(("module", "name"), [("builtins", "eval"), ("torch", "load"), ("numpy", "load")])
def test_no_other_name_is_found(tmp_path: Path, module: str, name: str) -> None:
    path = tmp_path / "net.pth"
    path.write_bytes(f"c{module}\n{name}\n(S'1'\ntR.".encode())

    with pytest.raises(ValueError, match=f"asks for {module}.{name}"):
        read_state(path)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_damaged_file_is_said_to_be(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "net.pth"
    torch.save(tensors(), path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    # every 23rd byte: which storage is cut differs from run to run, as their order does
    for keep in {0, 10, *range(20, len(whole) - 20, 23), len(whole) - 40}:
        path.write_bytes(whole[:keep])
        with pytest.raises(ValueError, match=r"net\.pth"):
            read_state(path)


def test_what_is_no_state_dictionary_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    torch.save([torch.ones(1)], path)
    with pytest.raises(ValueError, match="no plain state dictionary"):
        read_state(path)


def test_a_tensor_that_reaches_beyond_its_storage_is_refused(tmp_path: Path) -> None:
    """A forged shape must not read memory that is not the file's."""
    path = tmp_path / "net.pth"
    storage = b"(S'storage'\nctorch\nFloatStorage\nS'0'\nS'cpu'\nI2\nNtQ"
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"I0\n(I1000\nt(I1\ntI00\nNtR"
    rows = [pickle.dumps(v, 2) for v in (MAGIC, PROTOCOL, {"little_endian": True})]
    state = b"(dS'w'\n" + tensor + b"s."
    path.write_bytes(b"".join(rows) + state + pickle.dumps(["0"], 2) + struct.pack("<q2f", 2, 1.0, 2.0))

    with pytest.raises(ValueError, match=r"shape \(1000,\) reaches beyond its storage of 2"):
        read_state(path)


def test_a_zip_of_something_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "net.pth", "w") as packed:
        packed.writestr("readme.txt", "hello")
    with pytest.raises(ValueError, match=r"without data\.pkl"):
        read_state(tmp_path / "net.pth")


def one_storage(path: Path, numbers: int, shape: tuple[int, ...], strides: tuple[int, ...], level: int) -> None:
    """A zip as torch writes it, with one tensor over a storage of float32 zeros."""
    torch.save({"a": torch.zeros(numbers)}, path)
    with zipfile.ZipFile(path) as packed:
        entries = {name: packed.read(name) for name in packed.namelist()}
    (pickled,) = (name for name in entries if name.endswith("data.pkl"))

    class Persistent(pickle.Pickler):
        def persistent_id(self, obj: object) -> object:
            return ("storage", torch.FloatStorage, "0", "cpu", numbers) if isinstance(obj, Storage) else None

    raw = path.with_suffix(".pkl")
    with raw.open("wb") as file:
        Persistent(file, protocol=2).dump({"a": View(shape, strides)})
    entries[pickled] = raw.read_bytes()
    with zipfile.ZipFile(path, "w", level) as packed:
        for name, data in entries.items():
            packed.writestr(name, data)


class Storage:
    pass


class View:
    def __init__(self, shape: tuple[int, ...], strides: tuple[int, ...]) -> None:
        self.shape, self.strides = shape, strides

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return torch._utils._rebuild_tensor_v2, (Storage(), 0, self.shape, self.strides, False, OrderedDict())


def test_a_file_that_says_what_torch_would_is_read(tmp_path: Path) -> None:
    one_storage(tmp_path / "a.pth", 12, (3, 4), (4, 1), zipfile.ZIP_STORED)
    assert read_state(tmp_path / "a.pth")["a"].shape == torch.load(tmp_path / "a.pth")["a"].shape == (3, 4)


def test_a_zip_that_unpacks_to_a_thousand_times_its_size_is_refused(tmp_path: Path) -> None:
    one_storage(tmp_path / "a.pth", 4 << 20, (4 << 20,), (1,), zipfile.ZIP_DEFLATED)
    assert (tmp_path / "a.pth").stat().st_size < 100_000
    with pytest.raises(ValueError, match=r"would unpack to 167\d+, more than 4 times as many"):
        read_state(tmp_path / "a.pth")


def test_a_tensor_that_repeats_its_storage_without_end_is_refused(tmp_path: Path) -> None:
    one_storage(tmp_path / "a.pth", 1, (1 << 15, 1 << 15), (0, 0), zipfile.ZIP_STORED)  # 4 GB of one number
    with pytest.raises(ValueError, match="would unpack to 4294967296"):
        read_state(tmp_path / "a.pth")


def test_an_old_file_that_announces_more_than_it_holds_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    torch.save({"a": torch.zeros(2)}, path, _use_new_zipfile_serialization=False)
    raw = path.read_bytes()
    count = struct.pack("<q", 2)
    where = raw.rindex(count)
    claimed = raw.replace(b"K\x02", b"\x8a\x05" + (1 << 32).to_bytes(5, "little"))  # the storage's announced count
    assert claimed != raw
    path.write_bytes(claimed[: len(claimed) - len(raw) + where] + struct.pack("<q", 1 << 32) + raw[where + 8 :])
    with pytest.raises(ValueError, match="would unpack to 17179869184"):
        read_state(path)
