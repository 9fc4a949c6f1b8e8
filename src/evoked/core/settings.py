"""Settings: a frozen dataclass holds the type, default, range and help of each once; pydantic checks the values.

The command line, study.toml and its JSON Schema are made from these classes; nothing repeats a default.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, dataclass_transform, get_args, get_origin

import pydantic
import pydantic.dataclasses
from pydantic.fields import FieldInfo

__all__ = ["Config", "Setting", "Share", "describe", "from_mapping", "setting", "settings"]

Config = TypeVar("Config")
Share = Annotated[float, pydantic.Field(ge=0, le=1)]
"""A share, probability or score: a number within 0 … 1."""

STRICT = pydantic.ConfigDict(strict=True, arbitrary_types_allowed=True, allow_inf_nan=False, extra="forbid")


def setting(default: Any = ..., help: str = "", **limits: Any) -> Any:
    """A field with its default, one line of help (units in it) and its range.

    Args:
        default: value of the field where none is given; none: the field must be given.
        help: one line, shown by the command line and in the docs.
        limits: as pydantic's `Field`: ge, gt, le, lt, min_length.

    Returns:
        The field, for the body of a class decorated with `settings`.
    """
    return pydantic.Field(default, description=help, **limits)


@dataclass_transform(frozen_default=True, kw_only_default=True)
def settings(cls: type[Config]) -> type[Config]:
    """Make a class a frozen dataclass with keyword arguments, whose values are checked when it is made.

    A value of another type or out of its range is a ValueError of one line. Whole numbers are taken for
    floats, lists for tuples; nothing else is converted. Limits that need two fields go into `__post_init__`.

    Args:
        cls: a class whose annotated fields are made by `setting`.

    Returns:
        The dataclass.
    """
    settings_class: Any = pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)(cls)
    check: Callable[..., None] = settings_class.__init__

    @wraps(check)
    def init(self: object, *values: object, **named: object) -> None:
        try:
            check(self, *values, **named)
        except pydantic.ValidationError as error:
            raise ValueError(_one_line(error)) from None

    settings_class.__init__ = init
    return settings_class  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Setting:
    """One setting, as the command line and the docs show it.

    Attributes:
        name: of the field.
        type: bool, int, float or str; tuple for a list of strings, dict for names with numbers.
        choices: the strings that are accepted; () where any is.
        optional: whether None is accepted, which stands for a value that depends on the data.
        default: value where none is given.
        help: one line.
    """

    name: str
    type: type
    choices: tuple[str, ...]
    optional: bool
    default: Any
    help: str


def describe(config: type) -> list[Setting]:
    """Every setting of a config class, in order."""
    fields: Mapping[str, FieldInfo] = config.__pydantic_fields__  # type: ignore[attr-defined]
    return [_described(name, field) for name, field in fields.items()]


def from_mapping(config: type[Config], values: Mapping[str, object], where: str) -> Config:
    """Make a config from plain values, as TOML or JSON gives them.

    Args:
        config: a class decorated with `settings`.
        values: setting name → value; what is left out keeps its default.
        where: named in messages, e.g. "study.toml [model]".

    Returns:
        The config.

    Raises:
        ValueError: for an unknown name, or a value of another type or out of its range; says which are accepted.
    """
    known = {s.name: s for s in describe(config)}
    for name in values:
        if name not in known:
            raise ValueError(f"{where}: no setting {name!r}; there are: {', '.join(known)}")
    try:
        return config(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


WANTED = {
    "bool_type": "true or false",
    "dict_type": "a table of names and numbers",
    "finite_number": "a finite number",
    "float_type": "a number",
    "greater_than": "above {gt}",
    "greater_than_equal": "at least {ge}",
    "int_type": "a whole number",
    "less_than": "below {lt}",
    "less_than_equal": "at most {le}",
    "literal_error": "one of {expected}",
    "string_type": "text",
    "unexpected_keyword_argument": "left out: there is no such setting",
    "too_short": "a list of {min_length} or more",
    "tuple_type": "a list",
}
"""What each of pydantic's errors asks for, in words."""


def _described(name: str, field: FieldInfo) -> Setting:
    annotation: Any = field.annotation
    members = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    optional = NoneType in members
    (member,) = (m for m in members if m is not NoneType)
    choices = get_args(member) if get_origin(member) is Literal else ()
    return Setting(
        name,
        str if choices else get_origin(member) or member,
        choices,
        optional,
        field.get_default(call_default_factory=True, validated_data={}),
        field.description or "",
    )


def _one_line(error: pydantic.ValidationError) -> str:
    """The first mistake: which setting, what it must be, what was given."""
    first = error.errors(include_url=False)[0]
    name = ".".join(str(step) for step in first["loc"])
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    limits = dict(first.get("ctx", {}))
    if first["type"] == "literal_error":
        limits["expected"] = limits["expected"].replace("'", "").replace(" or ", ", ")
    wanted = WANTED[first["type"]].format(**limits) if first["type"] in WANTED else first["msg"]
    return f"{name} must be {wanted}, got {first['input']!r}"
