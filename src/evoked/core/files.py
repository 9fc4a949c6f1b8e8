"""Atomic file writes, and digests of files and values."""

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from evoked.core.errors import EvokedError, OutputError
from evoked.core.names import LONGEST, special_file

__all__ = ["canonical", "check_writable", "digest", "parse_json", "sha256", "temporary_path", "write_text", "writing"]

DEEPEST = 64
"""Levels of nesting in JSON files that are read."""


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, and rename it into place when the block ends without an error.

    A reader never sees a partial file, and a process killed at any moment leaves the old one. The
    temporary name keeps the suffix, for writers that choose a format by it. Missing folders are created.

    Args:
        path: the file to write.

    Yields:
        The temporary path to write to.

    Raises:
        OutputError: if the folder cannot be created or written, or the disk is full.
    """
    temporary = temporary_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _check_place(path)
        temporary.touch()
        mode = temporary.stat().st_mode  # from the user's umask; some writers (safetensors) make files private
        temporary.unlink()
        yield temporary
        temporary.chmod(mode)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {_reason(error, path)}") from error
    finally:
        with suppress(OSError):  # a file that was never created cannot be removed; that error is already raised
            temporary.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """Check before long work that `path` can be written; missing folders are created.

    Raises:
        OutputError: if the folder cannot be created or written, or the path is a folder.
    """
    temporary = temporary_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _check_place(path)
        temporary.touch()
        temporary.unlink()
    except OSError as error:
        raise OutputError(f"cannot write {path}: {_reason(error, path)}") from error


def temporary_path(path: Path) -> Path:
    """Where a file is written before it is renamed into its place: hidden, beside it, with its suffix."""
    ending = f".{os.getpid()}.part{path.suffix}"
    stem = path.stem
    if len(os.fsencode(f".{stem}{ending}")) > LONGEST:
        stem = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]
    return path.with_name(f".{stem}{ending}")


def _check_place(path: Path) -> None:
    """Check that a file can be put in the place of what stands there."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if len(os.fsencode(path.name)) > LONGEST:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    if file_type := special_file(path):  # a rename would put a file in the place of the device
        raise OutputError(f"cannot write {path}: it is {file_type}, not a file. Choose another place")


def _reason(error: OSError, path: Path) -> str:
    """What is wrong and what to do, for a file that cannot be written."""
    problem = error.strerror or str(error)
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        parent = next((p for p in path.parents if p.exists() and not p.is_dir()), path.parent)
        return f"{parent} is a file, not a folder. Move it or choose another place"
    if error.errno == errno.EISDIR:
        return "it is a folder. Name a file in it or choose another place"
    if error.errno == errno.ENAMETOOLONG:
        return f"{problem}. Choose a shorter one"
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return f"{problem}. Choose a place that can be written"
    return f"{problem}. Free some space or choose another place"


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically.

    Args:
        path: the file to write.
        text: its content.

    Raises:
        OutputError: if the file cannot be written.
    """
    with writing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def sha256(path: Path) -> str:
    """The file's sha256 as 64 hex digits, read in blocks of 1 MiB.

    Raises:
        EvokedError: if it is a pipe or a device, which may never end.
        OSError: if it cannot be read.
    """
    if file_type := special_file(path):
        raise EvokedError(f"{path} is {file_type}, not a file: save what comes out of it as a file and name that")
    hasher = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            hasher.update(block)
    return hasher.hexdigest()


def digest(value: object) -> str:
    """A key for any JSON value: sha256 of its canonical text, 64 hex digits."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def canonical(value: object) -> str:
    """JSON with sorted keys and no unneeded spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def parse_json(text: str | bytes) -> Any:
    """Parse JSON that comes from a file.

    Raises:
        ValueError: if it is no JSON, is not UTF-8, or is nested deeper than DEEPEST: no file of evoked's is, and
            whatever walks through the values would end in a RecursionError.
    """
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    level = [value]
    for _ in range(DEEPEST):
        level = [v for x in level if isinstance(x, dict | list) for v in (x.values() if isinstance(x, dict) else x)]
        if not level:
            return value
    raise ValueError(f"it is nested too deeply, beyond {DEEPEST} levels")
