"""Staged media, made once on disk and shared by all test processes and runs.

What a generator makes is kept in `.cache/tests/NAME-KEY`. The key is a digest of everything that decides the bytes:
the generator's file, `evoked.core`, `evoked.media` and the list of clips, the versions of the encoders, and the
generator's arguments. Processes wait for each other at a file lock, and a folder gets its name only when it is whole.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1] / ".cache" / "tests"
SOURCE = Path(__file__).parents[1] / "src" / "evoked"
PACKAGES = ("av", "numpy", "opencv-python-headless")


def staged_folder(name: str, generator: str, make: Callable[[Path], object], *arguments: object) -> Path:
    """The folder that `make` fills, made when it is missing. Read only: a test that writes copies it first.

    Args:
        name: what it holds, for people who look into the folder.
        generator: `__file__` of the module that makes it.
        make: writes into an empty folder.
        arguments: everything else that decides what is made; their repr must be the same in every process.
    """
    digest = hashlib.sha256(_environment())
    digest.update(Path(generator).read_bytes())
    digest.update(repr(arguments).encode())
    target = ROOT / f"{name}-{digest.hexdigest()[:16]}"
    if target.is_dir():
        return target
    ROOT.mkdir(parents=True, exist_ok=True)
    with (ROOT / f"{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.is_dir():
            with tempfile.TemporaryDirectory(dir=ROOT, prefix=f"{target.name}.part") as part:
                made = Path(part) / "made"
                made.mkdir()
                make(made)
                os.rename(made, target)
    return target


def staged_array(name: str, generator: str, make: Callable[[], NDArray], *arguments: object) -> NDArray:
    """The array that `make` returns, kept like a staged folder; read only, and read as it is needed."""

    def write(folder: Path) -> None:
        np.save(folder / "array.npy", make())

    return np.load(staged_folder(name, generator, write, *arguments) / "array.npy", mmap_mode="r")


def staged_file(path: Path, generator: str, make: Callable[[Path], object], *arguments: object) -> Path:
    """Copy to `path` the file that `make` writes, which is kept like a staged folder."""
    kept = f"file{path.suffix}"
    name = Path(generator).stem
    folder = staged_folder(name, generator, lambda folder: make(folder / kept), path.suffix, *arguments)
    shutil.copyfile(folder / kept, path)
    return path


def content_digest(arrays: Iterable[NDArray]) -> str:
    """A digest of the arrays' bytes, for arguments that are too long for a repr."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


@cache
def _environment() -> bytes:
    """What decides an encoder's bytes besides the generator."""
    digest = hashlib.sha256(" ".join(f"{name} {version(name)}" for name in PACKAGES).encode())
    if shutil.which("ffmpeg"):
        digest.update(subprocess.run(["ffmpeg", "-version"], capture_output=True, check=True).stdout)
    rooms = [file for room in ("core", "media") for file in sorted((SOURCE / room).glob("*.py"))]
    for file in (*rooms, SOURCE / "weights" / "clips.py", Path(__file__)):
        digest.update(file.read_bytes())
    return digest.digest()
