"""Arguments of the Python API: paths as text, and settings as keyword arguments."""

from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from evoked.core.progress import Progress, silent
from evoked.core.settings import describe

__all__ = ["File", "as_path", "names_of", "or_silent", "settings_of"]

File = str | PathLike[str]
Config = TypeVar("Config")


def as_path(file: File) -> Path:
    """A path of text or of a Path; `~` is the home folder.

    Raises:
        TypeError: if it is neither.
    """
    return Path(file).expanduser()


def names_of(argument: str, names: Iterable[str]) -> tuple[str, ...]:
    """Names given as a list or another sequence of text.

    Args:
        argument: what they are called, for messages.
        names: the names, in order.

    Returns:
        The same.

    Raises:
        TypeError: if it is one text, whose letters would be taken for names, or holds something else.
    """
    if isinstance(names, str | bytes):
        raise TypeError(f"{argument} are names in a list, such as {[names]!r}; got the text {names!r}")
    values = tuple(names)
    if wrong := [value for value in values if not isinstance(value, str)]:
        raise TypeError(f"{argument} are names, got {wrong[0]!r}")
    return values


def or_silent(progress: Progress | None) -> Progress:
    """The progress callable; one that does nothing where it is None."""
    return progress or silent


def settings_of(
    function: str,
    values: Mapping[str, object],
    *configs: type,
    renamed: Mapping[type, Mapping[str, str]] = MappingProxyType({}),
) -> list[Any]:
    """Make the config objects of a function from its keyword arguments.

    Args:
        function: its name, for messages.
        values: setting → value; the settings that are left out keep their defaults.
        configs: classes decorated with `settings`.
        renamed: class → its setting → name of the keyword argument, where two classes have a setting of one name.

    Returns:
        One object per class, in order.

    Raises:
        TypeError: for a setting that none of the classes has.
        ValueError: for a value of another type or out of its range.
    """
    fields = {
        config: {renamed.get(config, {}).get(setting.name, setting.name): setting.name for setting in describe(config)}
        for config in configs
    }
    known = {name for arguments in fields.values() for name in arguments}
    if len(known) < sum(map(len, fields.values())):
        raise ValueError(f"{function}(): a setting would go to two classes; rename it")
    if unknown := [name for name in values if name not in known]:
        raise TypeError(f"{function}() has no setting {unknown[0]!r}; there are: {', '.join(sorted(known))}")
    return [
        config(**{setting: values[name] for name, setting in fields[config].items() if name in values})
        for config in configs
    ]
