"""Atomic file writes, and digests of files and values."""

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from evoked.core.errors import OutputError

__all__ = ["canonical", "check_writable", "digest", "sha256", "write_text", "writing"]


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Hand out a temporary path beside `path`, and rename it into place when the block ends well.

    A reader never sees half a file, and a process killed at any moment leaves the old one. The
    temporary name keeps the suffix, for writers that choose a format by it. Missing folders are made.

    Args:
        path: the file to write.

    Yields:
        The temporary path to write to.

    Raises:
        OutputError: if the folder cannot be made or written, or the disk is full.
    """
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.touch()
        mode = part.stat().st_mode  # as the user's umask has it; some writers (safetensors) make files private
        part.unlink()
        yield part
        part.chmod(mode)
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {_reason(error, path)}") from error
    finally:
        with suppress(OSError):  # what was never created cannot be removed; that error is already raised
            part.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """Whether a file could be written there, before hours of work; missing folders are made.

    Raises:
        OutputError: if the folder cannot be made or written, or the path is a folder.
    """
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        part.touch()
        part.unlink()
    except OSError as error:
        raise OutputError(f"cannot write {path}: {_reason(error, path)}") from error


def _reason(error: OSError, path: Path) -> str:
    """What is wrong and what to do, for a file that cannot be written."""
    what = error.strerror or str(error)
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        part = next((p for p in path.parents if p.exists() and not p.is_dir()), path.parent)
        return f"{part} is a file, not a folder. Move it or choose another place"
    if error.errno == errno.EISDIR:
        return "it is a folder. Name a file in it or choose another place"
    if error.errno == errno.ENAMETOOLONG:
        return f"{what}. Choose a shorter one"
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return f"{what}. Choose a place that can be written"
    return f"{what}. Free some space or choose another place"


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text, whole or not at all; OutputError if it cannot be."""
    with writing(path) as part:
        part.write_text(text, encoding="utf-8")


def sha256(path: Path) -> str:
    """The file's sha256 as 64 hex digits, read in blocks of a mebibyte."""
    hasher = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            hasher.update(block)
    return hasher.hexdigest()


def digest(value: object) -> str:
    """A key for any JSON value: sha256 of its canonical text, 64 hex digits."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def canonical(value: object) -> str:
    """JSON with sorted keys and no spare spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
