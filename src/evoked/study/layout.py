"""A study folder: what lies where, and what study.toml may say."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from evoked.core.errors import StudyError
from evoked.core.expressions import EEV5
from evoked.core.settings import from_mapping, setting
from evoked.core.study_layout import StudyLayout

__all__ = ["MEDIA", "StudyHeader", "config_values", "open_study", "parse_sections", "read_toml", "read_toml_file"]

MEDIA = {
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".wmv", ".flv"),
    *(".3gp", ".ogv", ".mxf", ".vob"),
}
"""Suffixes that are taken for videos; other files in the folders are left alone."""


@dataclass(frozen=True)
class StudyHeader:
    """What the study is: the keys of study.toml that stand before any section."""

    name: str = setting("", "shown in the report; the folder's name where empty")
    note: str = setting("", "one sentence shown wherever results are, e.g. that the data is staged")
    staged: bool = setting(False, "true where the people did not really watch these contents")
    expressions: tuple[str, ...] = setting(EEV5, "what is scored, labelled and predicted")


def open_study(root: Path) -> StudyLayout:
    """Look into a study folder.

    Raises:
        StudyError: if it is absent, or holds no contents/ or no reactions/ with videos.
    """
    if not root.is_dir():
        raise StudyError(f"no study folder at {root}. Make one with contents/ and reactions/, or: evoked sample {root}")
    found = {}
    for part in ("contents", "reactions"):
        folder = root / part
        if not folder.is_dir():
            raise StudyError(f"{root} has no folder {part}/. Put the {_what(part)} there")
        found[part] = tuple(sorted(p.name for p in folder.iterdir() if _is_video(p)))
        if not found[part]:
            raise StudyError(f"{folder} holds no video. Put the {_what(part)} there ({', '.join(sorted(MEDIA))})")
    return StudyLayout(root, found["contents"], found["reactions"])


def read_toml(root: Path) -> dict[str, Any]:
    """The values of study.toml; empty where there is none, since every key has a default.

    Raises:
        StudyError: if it cannot be read.
    """
    path = root / "study.toml"
    return read_toml_file(path) if path.exists() else {}


def read_toml_file(path: Path) -> dict[str, Any]:
    """The values of a TOML file.

    Raises:
        StudyError: if it cannot be read.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise StudyError(f"{path} cannot be read: {error}") from error


def parse_sections(values: Mapping[str, Any], kinds: Mapping[str, type]) -> tuple[StudyHeader, dict[str, Any]]:
    """Turn the values of study.toml into configs.

    Args:
        values: what read_toml gave.
        kinds: section name → the config class it fills.

    Returns:
        What stands before any section, and a config for every section, given or not.

    Raises:
        StudyError: for an unknown section or key, or a value of the wrong kind; says which are known.
    """
    top = {k: v for k, v in values.items() if not isinstance(v, dict)}
    unknown = [k for k, v in values.items() if isinstance(v, dict) and k not in kinds]
    if unknown:
        raise StudyError(f"study.toml: no section [{unknown[0]}]; there are: {', '.join(kinds)}")
    try:
        about = from_mapping(StudyHeader, top, "study.toml")
        made: dict[str, Any] = {n: from_mapping(k, values.get(n, {}), f"study.toml [{n}]") for n, k in kinds.items()}
    except ValueError as error:
        raise StudyError(str(error)) from error
    if not about.expressions or len(set(about.expressions)) != len(about.expressions):
        raise StudyError("study.toml: expressions must be one or more different names")
    return about, made


def config_values(config: Any) -> dict[str, Any]:
    """A config as plain JSON values, for keys and provenance."""
    return {f.name: list(v) if isinstance(v := getattr(config, f.name), tuple) else v for f in fields(config)}


def _is_video(path: Path) -> bool:
    """By suffix; hidden files are what a killed program or a file manager left."""
    return path.suffix.lower() in MEDIA and not path.name.startswith(".") and path.is_file()


def _what(part: str) -> str:
    return "videos that were watched" if part == "contents" else "recordings of the people who watched"
