"""Options made from config dataclasses, so that a default and its help stand once."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from evoked.core.settings import describe

Config = TypeVar("Config")
Command = Callable[..., Any]


def config_options(config: type, **also: str) -> Callable[[Command], Command]:
    """Give a click command one option per field of a config dataclass.

    A field `chunk_s` becomes `--chunk-s`; a bool becomes `--name / --no-name`; a tuple of strings may
    be given several times or with commas. The command receives them as keyword arguments; `made` turns them back.

    Args:
        config: the dataclass.
        also: field → a second name that its option answers to, such as `--model`.
    """

    def add(command: Command) -> Command:
        for known in reversed(describe(config)):
            flag = known.name.replace("_", "-")
            names = [f"--{flag}", *filter(None, [also.get(known.name)]), known.name]
            if known.kind is bool:
                option = click.option(f"--{flag}/--no-{flag}", known.name, default=known.default, help=known.help)
            elif known.kind in (int, float, str):
                option = click.option(
                    *names, type=known.kind, default=known.default, show_default=True, help=known.help
                )
            else:
                option = click.option(
                    *names, multiple=True, default=known.default, show_default=True, help=known.help, callback=_each
                )
            command = option(command)
        return command

    return add


def _each(_ctx: click.Context, _param: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """`--modalities image,audio` is `--modalities image --modalities audio`."""
    return tuple(part.strip() for value in given for part in value.split(",") if part.strip())


def config_from_options(config: type[Config], values: dict[str, Any]) -> Config:
    """Take a config's own settings out of a command's keyword arguments and make it.

    Raises:
        click.UsageError: if the config refuses a value.
    """
    own = {known.name: values.pop(known.name) for known in describe(config)}
    try:
        return config(**own)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
