"""Command-line options generated from config dataclasses, so that defaults and help texts are defined once."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

import click

from evoked.core.settings import Setting, describe
from evoked.parallel.executors import EXECUTORS, ExecutorName, open_executor
from evoked.parallel.pool import Pool
from evoked.study.presets import PRESETS, preset_values

__all__ = [
    "NO_RENAMES",
    "config_from_options",
    "config_options",
    "executor_from_options",
    "executor_options",
    "offset_options",
    "preset_option",
]

Config = TypeVar("Config")
Command = Callable[..., Any]
NO_RENAMES: Mapping[str, str] = MappingProxyType({})


def config_options(
    config: type, renamed: Mapping[str, str] = NO_RENAMES, /, **aliases: str
) -> Callable[[Command], Command]:
    """Decorator that adds one option per field of a config dataclass to a click command.

    A field `chunk_s` becomes `--chunk-s`; a bool becomes `--name / --no-name`; a tuple of strings may
    be given several times or separated by commas. The command receives them as keyword arguments;
    `config_from_options` makes the config of them.

    Args:
        config: the dataclass.
        renamed: field → name of its option, where another config of the command has a field of that name.
        aliases: field → a second name of its option, such as `--model`.

    Returns:
        The decorator.
    """

    def add(command: Command) -> Command:
        for described in reversed(describe(config)):
            name = renamed.get(described.name, described.name)
            flag = name.replace("_", "-")
            names = [f"--{flag}", *filter(None, [aliases.get(described.name)]), name]
            if described.type is bool:
                names = [f"--{flag}/--no-{flag}", name]
            option = click.option(*names, help=described.help, **_click_type(described))
            command = option(command)
        return command

    return add


def _click_type(described: Setting) -> dict[str, Any]:
    """How click reads the values of a setting."""
    if described.type in (tuple, dict):
        read = _split_commas if described.type is tuple else _split_pairs
        default = () if described.type is dict else described.default
        return {"multiple": True, "default": default, "show_default": True, "callback": read}
    click_type = click.Choice(described.choices) if described.choices else described.type
    shown = described.default is not None and described.type is not bool
    return {"type": click_type, "default": described.default, "show_default": shown}


def _split_commas(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """`--modalities image,audio` is `--modalities image --modalities audio`."""
    return tuple(item.strip() for value in values for item in value.split(",") if item.strip())


def _split_pairs(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, float]:
    """`--thresholds amusement=0.4,surprise=0.5` → {"amusement": 0.4, "surprise": 0.5}; each name once."""
    pairs: dict[str, float] = {}
    for item in _split_commas(ctx, param, values):
        name, _, number = (text.strip() for text in item.partition("="))
        try:
            value = float(number)
        except ValueError:
            raise click.BadParameter(f"must be like amusement=0.4, got {item!r}") from None
        if not name or name in pairs:
            raise click.BadParameter(f"names {name!r} twice; keep one" if name else f"{item!r} names nothing")
        pairs[name] = value
    return pairs


def config_from_options(
    config: type[Config], values: dict[str, object], renamed: Mapping[str, str] = NO_RENAMES
) -> Config:
    """Make a config of a command's keyword arguments.

    Args:
        config: the dataclass.
        values: the command's keyword arguments; those of the config are removed.
        renamed: as given to `config_options`.

    Returns:
        The config.

    Raises:
        click.UsageError: if the config rejects a value.
    """
    fields = {described.name: values.pop(renamed.get(described.name, described.name)) for described in describe(config)}
    try:
        return config(**fields)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def preset_option(*sections: str) -> Callable[[Command], Command]:
    """Decorator that adds --preset, which changes the defaults of a click command's other options.

    Args:
        sections: whose settings are options of the command, see `study.presets`.

    Returns:
        The decorator.
    """

    def use(ctx: click.Context, _param: click.Parameter, preset: str) -> None:
        chosen = {name: value for section in sections for name, value in preset_values(section, preset).items()}
        ctx.default_map = {**(ctx.default_map or {}), **chosen}

    return click.option(
        "--preset",
        type=click.Choice(PRESETS),
        default="none",
        is_eager=True,
        expose_value=False,
        callback=use,
        help="paper: the paper's value of every setting that is not given",
    )


def offset_options(command: Command) -> Command:
    """Decorator that adds --offset-s and --rate, for a recording whose alignment is known, to a click command."""
    rate = click.option(
        "--rate",
        type=float,
        help="with --offset-s: reaction seconds for each content second  [default: 1]",
    )
    offset = click.option(
        "--offset-s",
        type=float,
        help="second of the reaction at which the content begins, where it is known (from a trigger); below 0 where "
        "the recording began later. Nothing is searched then",
    )
    return offset(rate(command))


def executor_options(command: Command) -> Command:
    """Decorator that adds the options of the executor to a click command.

    They are --executor, --workers, --threads, --address and --offline; one that the command already has (such as
    the --threads of a config) is left unchanged, so this decorator is placed above `config_options`.
    """
    options = {
        "executor": click.option(
            "--executor",
            type=click.Choice(EXECUTORS),
            help="where items run  [default: serial for one worker, processes for several]",
        ),
        "workers": click.option(
            "--workers", type=click.IntRange(1), default=1, show_default=True, help="items processed at once"
        ),
        "threads": click.option(
            "--threads",
            type=click.IntRange(0),
            default=0,
            show_default=True,
            help="threads of the networks in each worker; 0: as many as are available",
        ),
        "address": click.option(
            "--address", help='of a running Ray cluster, or "auto"; without it Ray is started on this machine'
        ),
        "offline": click.option("--offline", is_flag=True, help="use only networks that are in the cache"),
    }
    present = {parameter.name for parameter in getattr(command, "__click_params__", [])}
    for name, option in reversed(options.items()):
        if name not in present:
            command = option(command)
    return command


def executor_from_options(
    executor: ExecutorName | None, *, workers: int, address: str | None, threads: int = 0
) -> Pool:
    """Open the executor that the options of `executor_options` choose.

    Args:
        executor: its name; None: serial for one worker, processes for several.
        workers: number of items processed at once.
        address: of a running Ray cluster; None: without one.
        threads: threads of each worker; 0 = no limit.

    Returns:
        The executor.

    Raises:
        click.UsageError: if the options cannot be combined, such as several workers with serial.
        WorkerError: if Ray is not installed or the cluster cannot be reached.
    """
    name: ExecutorName = executor or ("serial" if workers == 1 else "processes")
    try:
        return open_executor(name, workers=workers, threads_each=threads, address=address)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
