"""What is in a study's folders and is not used: each thing is named, none is touched."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from evoked.core.names import is_utf8, printable, special_file
from evoked.core.study_layout import MEDIA

__all__ = ["LeftAlone", "is_video", "passed_over"]

SYSTEM_FILES = {".ds_store", ".directory", ".gitkeep", ".gitignore", "thumbs.db", "desktop.ini", "ehthumbs.db"}
"""Written by file managers and such, in lower case; not worth a line."""
FOLDERS = ("contents", "reactions")
KNOWN = {"pairs.csv", "participants.csv", "study.toml", "truth.json"}
READ = {"pairs": "pairs.csv", "participants": "participants.csv", "study": "study.toml"}
"""Stem → the only file of that stem that a study reads."""


class LeftAlone(NamedTuple):
    """Something that a study does not use.

    Attributes:
        role: "content" or "reaction"; "study" for a file beside the folders.
        name: printable; a folder ends in "/".
        why: one line: what it is, and what to do to have it used.
        failed: whether it is a video that cannot be used because of its name.
    """

    role: str
    name: str
    why: str
    failed: bool = False


def is_video(path: Path) -> bool:
    """Whether a file in contents/ or reactions/ is used: by its suffix; not hidden ones, nor names beyond UTF-8."""
    hidden = path.name.startswith(".")  # left by killed programs or by file managers
    return path.suffix.lower() in MEDIA and not hidden and is_utf8(path.name) and path.is_file()


def passed_over(root: Path) -> Iterator[LeftAlone]:
    """Everything in contents/ and reactions/ that is not used, and files that look like a misnamed pairs.csv."""
    for folder in FOLDERS:
        for path in sorted((root / folder).iterdir(), key=lambda p: os.fsencode(p.name)):
            if not is_video(path) and path.name.lower() not in SYSTEM_FILES:
                why = _reason(path, folder)
                yield LeftAlone(folder[:-1], _name(path), why, failed=not is_utf8(path.name) and path.is_file())
    for path in sorted(root.iterdir(), key=lambda p: os.fsencode(p.name)):
        if path.is_file() and path.name not in KNOWN and (right := READ.get(path.stem.lower())):
            yield LeftAlone("study", _name(path), f"only {right} is read: save it under that name if it is meant")


def _name(path: Path) -> str:
    return printable(path.name) + ("/" if path.is_dir() else "")


def _reason(path: Path, folder: str) -> str:
    if path.is_dir():
        videos = sum(is_video(p) for p in path.rglob("*"))
        inside = f" with {videos} video{'' if videos == 1 else 's'}" if videos else ""
        return f"a folder{inside} is passed over: put videos into {folder}/ itself"
    if kind := special_file(path):
        return f"{kind} is passed over: only files are read"
    if not path.exists():
        return "a link to nothing is passed over: link or copy the video again"
    if not is_utf8(path.name):
        return "its name is not UTF-8, which results cannot hold: rename it"
    if path.name.startswith("."):
        return "a hidden file is passed over: rename it if it is meant"
    what = f"a file that ends in {path.suffix}" if path.suffix else "a file without a suffix"
    return f"{what} is passed over: if it is a video, convert it to MP4 or Matroska"
