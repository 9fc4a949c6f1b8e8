"""Settings as the text of a study.toml: every key with its help and its default, or the values of a study."""

import json
from collections.abc import Mapping
from typing import Any

from evoked.core.settings import Setting, describe
from evoked.study.layout import StudyHeader
from evoked.study.settings import SECTIONS, Settings

__all__ = ["defaults_toml", "settings_toml", "toml_value"]


def toml_value(value: object) -> str:
    """A setting's value in TOML. ValueError for a type that no setting has."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # TOML has no raw DEL
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml_value, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{json.dumps(str(k))} = {toml_value(v)}' for k, v in value.items())}}}"
    raise ValueError(f"no TOML for {value!r}")


def defaults_toml() -> str:
    """A study.toml that changes nothing: every key with its help, as a comment."""
    lines = ["# Settings of a study. Every key has a default: remove the # before a key to change it.", ""]
    lines += _commented(StudyHeader)
    for section, config in SECTIONS.items():
        lines += ["", f"[{section}]", *_commented(config)]
    return "\n".join(lines) + "\n"


def settings_toml(settings: Settings, changed_only: bool = False) -> str:
    """The settings of a study, with those that differ from their default marked.

    Args:
        settings: of the study.
        changed_only: leave out those that have their default.

    Returns:
        TOML that gives these settings.
    """
    lines = _valued(StudyHeader, settings.about, changed_only)
    for section, config in SECTIONS.items():
        if rows := _valued(config, getattr(settings, section), changed_only):
            lines += ["", f"[{section}]", *rows]
    return "\n".join(lines).lstrip("\n") + "\n"


def _commented(config: type) -> list[str]:
    return [line for setting in describe(config) for line in (f"# {_help(setting)}", f"# {_assigned(setting)}")]


def _help(setting: Setting) -> str:
    choices = f" ({', '.join(setting.choices)})" if setting.choices and not _names_all(setting) else ""
    return f"{setting.help}{choices}"


def _names_all(setting: Setting) -> bool:
    return all(choice in setting.help for choice in setting.choices)


def _assigned(setting: Setting) -> str:
    if setting.default is None:
        return f"{setting.name} =   (without a value it depends on the data)"
    return f"{setting.name} = {toml_value(setting.default)}"


def _valued(config: type, values: Any, changed_only: bool) -> list[str]:
    """`name = value` of each setting; None, which depends on the data, cannot be written and is a comment."""
    rows = []
    for setting in describe(config):
        value = getattr(values, setting.name)
        changed = value != setting.default
        if changed_only and not changed:
            continue
        row = f"# {_assigned(setting)}" if value is None else f"{setting.name} = {toml_value(value)}"
        rows.append(row + (f"  # default: {_default(setting)}" if changed else ""))
    return rows


def _default(setting: Setting) -> str:
    return "depends on the data" if setting.default is None else toml_value(setting.default)
