"""Options made from config dataclasses, so that a default and its help stand once."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

import click

from evoked.core.settings import describe
from evoked.parallel.executors import EXECUTORS, ExecutorName, open_executor
from evoked.parallel.pool import Pool

__all__ = ["config_from_options", "config_options", "executor_from_options", "executor_options"]

Config = TypeVar("Config")
Command = Callable[..., Any]
NONE: Mapping[str, str] = MappingProxyType({})


def config_options(config: type, renamed: Mapping[str, str] = NONE, /, **also: str) -> Callable[[Command], Command]:
    """Give a click command one option per field of a config dataclass.

    A field `chunk_s` becomes `--chunk-s`; a bool becomes `--name / --no-name`; a tuple of strings may
    be given several times or with commas. The command receives them as keyword arguments; `config_from_options` turns
    them back.

    Args:
        config: the dataclass.
        renamed: field → name of its option where another config of the command has a field of that name.
        also: field → a second name that its option answers to, such as `--model`.
    """

    def add(command: Command) -> Command:
        for known in reversed(describe(config)):
            name = renamed.get(known.name, known.name)
            flag = name.replace("_", "-")
            names = [f"--{flag}", *filter(None, [also.get(known.name)]), name]
            if known.kind is bool:
                option = click.option(f"--{flag}/--no-{flag}", name, default=known.default, help=known.help)
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


def config_from_options(config: type[Config], values: dict[str, Any], renamed: Mapping[str, str] = NONE) -> Config:
    """Take a config's own settings out of a command's keyword arguments and make it.

    Args:
        config: the dataclass.
        values: the command's keyword arguments; those of the config are taken out.
        renamed: as `config_options` was given.

    Raises:
        click.UsageError: if the config refuses a value.
    """
    own = {known.name: values.pop(renamed.get(known.name, known.name)) for known in describe(config)}
    try:
        return config(**own)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def executor_options(command: Command) -> Command:
    """Give a click command the options of where its items run.

    They are --executor, --workers, --threads, --address and --offline; one that the command has already (such as
    the --threads of a config) is left as it is, so this decorator is written above `config_options`.
    """
    options = {
        "executor": click.option(
            "--executor",
            type=click.Choice(EXECUTORS),
            help="where items run  [default: serial for one worker, processes for several]",
        ),
        "workers": click.option(
            "--workers", type=click.IntRange(1), default=1, show_default=True, help="items worked on at once"
        ),
        "threads": click.option(
            "--threads",
            type=click.IntRange(0),
            default=0,
            show_default=True,
            help="threads of the networks of each worker; 0: as many as it may use",
        ),
        "address": click.option("--address", help='of a running Ray cluster, or "auto"; without it Ray starts here'),
        "offline": click.option("--offline", is_flag=True, help="use only networks that the cache holds"),
    }
    present = {parameter.name for parameter in getattr(command, "__click_params__", [])}
    for name, option in reversed(options.items()):
        if name not in present:
            command = option(command)
    return command


def executor_from_options(values: dict[str, Any], *, threads: int = 0) -> Pool:
    """Take `executor`, `workers` and `address` out of a command's keyword arguments and open the executor.

    Args:
        values: the command's keyword arguments; those three are removed.
        threads: threads of each worker; 0 = no limit.

    Returns:
        The executor; where none is named, serial for one worker and processes for several.

    Raises:
        click.UsageError: if the options do not go together, such as several workers with serial.
        WorkerError: if Ray is not installed or the cluster cannot be reached.
    """
    named, workers, address = values.pop("executor"), values.pop("workers"), values.pop("address")
    name: ExecutorName = named or ("serial" if workers == 1 else "processes")
    try:
        return open_executor(name, workers=workers, threads_each=threads, address=address)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
