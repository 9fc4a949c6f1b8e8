"""Settings are defined once, as fields of frozen dataclasses with a default and a help text.

The command line and study.toml are both derived from these classes.
"""

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, TypeVar, get_type_hints

__all__ = ["Config", "Described", "describe", "from_mapping", "setting"]

Config = TypeVar("Config")


def setting(default: Any, help: str) -> Any:
    """A dataclass field with a default and a help text.

    Args:
        default: of the field.
        help: one line, with the unit where there is one.

    Returns:
        The field; typed Any, as `dataclasses.field` is for the type checker.
    """
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class Described:
    """One setting: its name, type, default and help."""

    name: str
    kind: type
    default: Any
    help: str


def describe(config: type) -> list[Described]:
    """Every setting of a config class, in order."""
    hints = get_type_hints(config)
    return [Described(f.name, hints[f.name], _default(f), f.metadata.get("help", "")) for f in fields(config)]


def from_mapping(config: type[Config], values: Mapping[str, object], where: str) -> Config:
    """Create a config from plain values, as read from TOML or JSON.

    Args:
        config: a frozen dataclass whose fields are bool, int, float, str or tuple[str, ...].
        values: setting name → value; absent settings keep their default.
        where: location named in messages, e.g. "study.toml [model]".

    Returns:
        An instance of `config`.

    Raises:
        ValueError: for an unknown name or a value of another type.
    """
    settings = {s.name: s for s in describe(config)}
    clean: dict[str, Any] = {}
    for name, value in values.items():
        if name not in settings:
            raise ValueError(f"{where}: no setting {name!r}; there are: {', '.join(settings)}")
        clean[name] = _typed(settings[name], value, where)
    return config(**clean)


def _typed(described: Described, value: object, where: str) -> Any:
    if described.kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if described.kind in (bool, int, float, str):
        if type(value) is not described.kind:
            raise ValueError(f"{where}: {described.name} must be {described.kind.__name__}, got {value!r}")
        return value
    if isinstance(value, list | tuple) and all(isinstance(v, str) for v in value):
        return tuple(value)
    raise ValueError(f"{where}: {described.name} must be a list of strings, got {value!r}")


def _default(f: "Field[Any]") -> Any:
    return None if f.default is MISSING else f.default
