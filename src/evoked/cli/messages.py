"""What a command says besides its result: by Python's logging, to stderr and, if asked, to a file.

Notes and summaries are INFO and shown by default; -q hides them, failures stay. -v shows DEBUG too: what is kept,
versions, the command line. A log file gets everything, with times.
"""

import logging
import platform
import sys
from pathlib import Path
from typing import Any, TypeVar

import click

from evoked import __version__
from evoked.cli.paths import OutputPath
from evoked.core.errors import OutputError

__all__ = ["detail", "fail", "is_quiet", "message_options", "set_up_messages", "tell"]

Command = TypeVar("Command", bound=click.Command)
_logger = logging.getLogger("evoked")
_FILE_FORMAT = "%(asctime)s %(levelname)s %(message)s"


class _Stderr(logging.Handler):
    """Writes the message alone, on what standard error is at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(record.getMessage(), err=True)


def tell(line: str) -> None:
    """Say something about the result: a note, a summary, what comes next."""
    _logger.info("%s", line)


def detail(line: str) -> None:
    """Say something that only -v and the log file show."""
    _logger.debug("%s", line)


def fail(line: str) -> None:
    """Say what failed; shown with -q too."""
    _logger.error("%s", line)


def is_quiet() -> bool:
    """Whether -q hides notes, and with them progress."""
    return not _logger.isEnabledFor(logging.INFO) or _shown().level > logging.INFO


def set_up_messages(*, verbose: bool = False, quiet: bool = False, log_file: Path | None = None) -> None:
    """Choose what is shown; called again, it replaces the choice before.

    Args:
        verbose: show details too.
        quiet: show failures only.
        log_file: also write everything to this file, after what it holds already.

    Raises:
        click.UsageError: if both verbose and quiet are asked for.
        OutputError: if the file cannot be written.
    """
    if verbose and quiet:
        raise click.UsageError("give either -v or -q")
    for handler in list(_logger.handlers):
        _logger.removeHandler(handler)
        handler.close()
    shown = _Stderr(logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO)
    _logger.addHandler(shown)
    _logger.propagate = False
    _logger.setLevel(logging.DEBUG if log_file else shown.level)
    if log_file is not None:
        try:
            file = logging.FileHandler(log_file, encoding="utf-8")
        except OSError as error:
            raise OutputError(f"cannot write the log file {log_file}: {error.strerror or error}") from error
        file.setFormatter(logging.Formatter(_FILE_FORMAT))
        _logger.addHandler(file)
    detail(f"evoked {__version__}, Python {platform.python_version()}: {' '.join(sys.argv[1:])}")


def message_options(command: Command) -> Command:
    """Give a command -v, -q and --log-file; they take effect before its other options are used."""
    options: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
        (("-v", "--verbose"), {"is_flag": True, "help": "also show details: what is kept, versions"}),
        (("-q", "--quiet"), {"is_flag": True, "help": "show failures only, no notes and no progress"}),
        (("--log-file",), {"type": OutputPath(), "help": "also write all messages to this file"}),
    )
    for names, settings in options:
        if not any(name in parameter.opts for parameter in command.params for name in names):
            command.params.append(click.Option(names, expose_value=False, is_eager=True, callback=_keep, **settings))
    return command


def _keep(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Collect the three values; with the last, set the messages up."""
    chosen = ctx.meta.setdefault("evoked.messages", {})
    chosen[parameter.name] = value
    if len(chosen) == 3:
        set_up_messages(**chosen)


def _shown() -> logging.Handler:
    return next((handler for handler in _logger.handlers if isinstance(handler, _Stderr)), logging.NullHandler())
