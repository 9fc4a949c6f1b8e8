"""Open a study folder, and parse study.toml."""

import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from evoked.core.errors import StudyError
from evoked.core.expressions import EEV5
from evoked.core.names import is_utf8, printable
from evoked.core.settings import from_mapping, setting, settings
from evoked.core.study_layout import MEDIA, StudyLayout
from evoked.study.passed_over import is_video

__all__ = ["StudyHeader", "config_values", "open_study", "parse_sections", "read_toml", "read_toml_file"]


@settings
class StudyHeader:
    """The keys of study.toml before its first section."""

    name: str = setting("", "title of the report; the folder's name where empty")
    note: str = setting("", "one sentence shown with all results, e.g. that the data is staged")
    preset: Literal["none", "paper"] = setting(
        "none", "paper: every setting of the paper at once, where study.toml says nothing else; none: the defaults"
    )
    staged: bool = setting(False, "true where the people did not really watch these contents")
    match: Literal["all", "listed"] = setting(
        "all", "reactions without a line in pairs.csv: all: their content is searched among all; listed: left out"
    )
    expressions: tuple[str, ...] = setting(EEV5, "the expressions that are scored, labelled and predicted")


def open_study(root: Path) -> StudyLayout:
    """List the videos of a study folder.

    Raises:
        StudyError: if it does not exist, or has no contents/ or no reactions/ with videos.
    """
    if root.is_file():
        raise StudyError(f"{root} is a file; a study is a folder. Make one with: evoked init mystudy")
    if not root.is_dir():
        near = _similar(root.name, root.parent)
        raise StudyError(f"no study folder at {root}{near}. Make one with: evoked init {shlex.quote(str(root))}")
    if not is_utf8(root):
        raise StudyError(f"{printable(root)} has a name that is not UTF-8, which results cannot hold: rename it")
    names = {}
    for subfolder in ("contents", "reactions"):
        folder = root / subfolder
        if not folder.is_dir():
            near = _similar(subfolder, root)
            raise StudyError(f"{root} has no folder {subfolder}/{near}. Put the {_description(subfolder)} there")
        names[subfolder] = tuple(sorted(p.name for p in folder.iterdir() if is_video(p)))
        if not names[subfolder]:
            videos = _description(subfolder)
            raise StudyError(f"{folder} holds no video. Put the {videos} there ({', '.join(sorted(MEDIA))})")
    return StudyLayout(root, names["contents"], names["reactions"])


def read_toml(root: Path) -> dict[str, object]:
    """The values of study.toml; empty where there is no such file, since every key has a default.

    Raises:
        StudyError: if it cannot be read.
    """
    path = root / "study.toml"
    return read_toml_file(path) if path.exists() else {}


def read_toml_file(path: Path) -> dict[str, object]:
    """The values of a TOML file.

    Raises:
        StudyError: if it cannot be read.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise StudyError(f"{path} cannot be read: {error}") from error


def parse_sections(
    values: Mapping[str, object], config_classes: Mapping[str, type]
) -> tuple[StudyHeader, dict[str, Any]]:
    """Turn the values of study.toml into configs.

    Args:
        values: from `read_toml`.
        config_classes: section name → the config class it fills.

    Returns:
        The keys before any section, and section name → a config, for sections that are absent as well.

    Raises:
        StudyError: for an unknown section or key, or a value of the wrong type; it lists those that are known.
    """
    top = {k: v for k, v in values.items() if not isinstance(v, dict)}
    sections = {k: v for k, v in values.items() if isinstance(v, dict)}
    unknown = [k for k in sections if k not in config_classes]
    if unknown:
        raise StudyError(f"study.toml: no section [{unknown[0]}]; there are: {', '.join(config_classes)}")
    try:
        about = from_mapping(StudyHeader, top, "study.toml")
        configs: dict[str, Any] = {
            name: from_mapping(config_class, sections.get(name, {}), f"study.toml [{name}]")
            for name, config_class in config_classes.items()
        }
    except ValueError as error:
        raise StudyError(str(error)) from error
    if not about.expressions or len(set(about.expressions)) != len(about.expressions):
        raise StudyError("study.toml: expressions must be one or more different names")
    if strange := [name for name in about.expressions if not name.isprintable() or name != name.strip() or not name]:
        raise StudyError(f"study.toml: {strange[0]!r} is no name of an expression: no line breaks, no spaces around it")
    return about, configs


def config_values(config: Any) -> dict[str, Any]:
    """A config, any frozen dataclass of settings, as plain JSON values, for keys and provenance."""
    return {f.name: list(v) if isinstance(v := getattr(config, f.name), tuple) else v for f in fields(config)}


def _similar(name: str, parent: Path) -> str:
    """A hint at a folder of a similar name; "" where there is none."""
    folders = [path.name for path in parent.iterdir() if path.is_dir()] if parent.is_dir() else []
    near = get_close_matches(name, folders, n=1)
    return f", but {near[0]}/: is that meant?" if near else ""


def _description(subfolder: str) -> str:
    return "videos that were watched" if subfolder == "contents" else "recordings of the people who watched"
