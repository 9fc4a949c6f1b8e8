"""Names of files: what cannot be read as a file, names that are not UTF-8, and names too long for a file system."""

import hashlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path

__all__ = ["LONGEST", "derived_name", "is_utf8", "original_name", "printable", "special_file"]

LONGEST = 255
"""Bytes of a file name on common file systems (ext4, XFS, APFS, NTFS hold at least these)."""
DIGITS = 12
KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def special_file(path: Path) -> str | None:
    """What a path is if it is neither a file nor a folder: "a pipe", "a socket" or "a device"; else None.

    Links are followed. Opening a pipe would wait for a writer, and reading it twice gives nothing.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):  # absent, or not to be looked at: whoever opens it says so
        return None
    return next((file_type for is_kind, file_type in KINDS if is_kind(mode)), None)


def is_utf8(name: str | Path) -> bool:
    """Whether a name that the system gave can be written into UTF-8 files; Linux allows any bytes in names."""
    try:
        str(name).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def printable(name: str | Path) -> str:
    r"""A name for messages: bytes that are no UTF-8 as \xff, and line breaks and control characters escaped."""
    text = os.fsencode(str(name)).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def derived_name(name: str, suffix: str) -> str:
    """The name of a file that is made of another: NAME + SUFFIX, shortened where that is too long.

    A shortened name ends in "~" and 12 hex digits of the whole name's sha256 before the suffix, so that two long
    names stay two. Names that fit are not changed.

    Args:
        name: of the file that it is made of, with its suffix.
        suffix: what is added, with its dot.

    Returns:
        At most 255 bytes in UTF-8.
    """
    full_name = f"{name}{suffix}"
    if len(os.fsencode(full_name)) <= LONGEST:
        return full_name
    mark = f"~{hashlib.sha256(os.fsencode(name)).hexdigest()[:DIGITS]}{suffix}"
    shortened = os.fsencode(name)[: LONGEST - len(os.fsencode(mark))].decode("utf-8", "ignore")
    return shortened + mark


def original_name(short: str, names: Iterable[str]) -> str:
    """Find the file that a name was derived from.

    Args:
        short: what `derived_name` gave, without the suffix that it added.
        names: of the files that there are.

    Returns:
        The one of `names` that was shortened to `short`; `short` itself where it is a whole name, or of none of them.
    """
    shortened, mark, digits = short.rpartition("~")
    if not mark or len(digits) != DIGITS:
        return short
    for name in names:
        if name.startswith(shortened) and hashlib.sha256(os.fsencode(name)).hexdigest()[:DIGITS] == digits:
            return name
    return short
