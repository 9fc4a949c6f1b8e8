"""Locks that keep two processes from writing to one folder at the same time.

The lock is the operating system's, on a file in the folder, so it is gone with its process, however that ended. The
file stays; it names the process while the lock is held.
"""

import errno
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from evoked.core.errors import BusyError, OutputError

__all__ = ["LOCK", "locked"]

LOCK = ".evoked.lock"
"""Name of the file, in the folder that it is the lock of."""


@contextmanager
def locked(
    folder: Path, command: str, *, waiting: Callable[[str], None] | None = None, name: str = LOCK
) -> Iterator[None]:
    """Keep other processes of evoked out of a folder while a block runs.

    On a disk that cannot be written there is no lock, and nothing that it could protect.

    Args:
        folder: created where it does not exist.
        command: what the block does, for the messages of others, e.g. "evoked run".
        waiting: called with one line before waiting for another process; None: it is refused instead.
        name: of the file.

    Yields:
        Once, while the lock is held.

    Raises:
        BusyError: if another process has the lock, and it is not waited for.
        OutputError: if the folder cannot be made, or the file cannot be opened.
    """
    path = folder / name
    lock = FileLock(path, thread_local=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _acquire(lock, folder, path, waiting)
    except OSError as error:
        if error.errno != errno.EROFS and (error.errno not in (errno.EACCES, errno.EPERM) or path.exists()):
            raise OutputError(f"cannot lock {path}: {error.strerror or error}") from error
    try:
        if lock.is_locked:
            _write(path, _this_process(command))
        yield
    finally:
        if lock.is_locked:
            _write(path, "")
            lock.release()


def _acquire(lock: FileLock, folder: Path, path: Path, waiting: Callable[[str], None] | None) -> None:
    try:
        lock.acquire(blocking=False)
    except Timeout:
        line = f"{folder} is in use by {_holder(path)}"
        if waiting is None:
            raise BusyError(f"{line}. Wait until it has ended, then run the command again") from None
        waiting(f"{line}: waiting for it")
        lock.acquire()


def _this_process(command: str) -> str:
    started = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    return json.dumps({"process": os.getpid(), "host": socket.gethostname(), "command": command, "since": started})


def _write(path: Path, text: str) -> None:
    """In place: another file would be another lock. Without it only the name in the message is missing."""
    with suppress(OSError):
        path.write_text(text, encoding="utf-8")


def _holder(path: Path) -> str:
    """The process that has the lock, as far as the file says."""
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        where = "" if held["host"] == socket.gethostname() else f" on {held['host']}"
        return f"process {held['process']}{where} ({held['command']}, since {held['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process of evoked"
