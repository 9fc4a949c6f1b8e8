"""Settings are defined once: a frozen dataclass owns the default and the help of each.

The command line and study.toml are both made from these classes; nothing repeats a default.
"""

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, TypeVar, get_type_hints

__all__ = ["Config", "Described", "describe", "from_mapping", "setting"]

Config = TypeVar("Config")


def setting(default: Any, help: str) -> Any:
    """A dataclass field with a default and one line of help (units in it)."""
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
    """Make a config from plain values, as TOML or JSON gives them.

    Args:
        config: a frozen dataclass whose fields are bool, int, float, str or tuple[str, ...].
        values: setting name → value; what is left out keeps its default.
        where: named in messages, e.g. "study.toml [model]".

    Raises:
        ValueError: for an unknown name or a value of another type, saying which and what is known.
    """
    known = {s.name: s for s in describe(config)}
    clean: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known:
            raise ValueError(f"{where}: no setting {name!r}; there are: {', '.join(known)}")
        clean[name] = _typed(known[name], value, where)
    return config(**clean)


def _typed(known: Described, value: object, where: str) -> Any:
    if known.kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if known.kind in (bool, int, float, str):
        if type(value) is not known.kind:
            raise ValueError(f"{where}: {known.name} must be {known.kind.__name__}, got {value!r}")
        return value
    if isinstance(value, list | tuple) and all(isinstance(v, str) for v in value):
        return tuple(value)
    raise ValueError(f"{where}: {known.name} must be a list of strings, got {value!r}")


def _default(f: "Field[Any]") -> Any:
    return None if f.default is MISSING else f.default
