"""The command line: commands and exit codes; nothing here computes.

Results go to stdout, notes and progress to stderr. Exit code 0: done; 1: something failed; 2: wrong usage;
130, 143, 129: ended by Ctrl-C, SIGTERM, SIGHUP.
Each command is a module of this package and is imported only when it is run.
"""

import difflib
import importlib
import sys
from contextlib import suppress
from typing import NoReturn

import click

from evoked import __version__
from evoked.cli.command_list import ALIASES, COMMANDS, GROUPS
from evoked.cli.interrupts import catch_signals, exit_code, interruption_note, was_received
from evoked.cli.messages import fail, message_options, set_up_messages
from evoked.cli.streams import StreamError, end_output, open_streams
from evoked.core.errors import EvokedError, TrainingError

__all__ = ["LazyGroup", "evoked", "main"]

_TRAIN_EXTRA = ("torch", "lightning_fabric", "scipy", "tensorboardX")
"""Packages of the extra `train`, imported only by commands that train."""


class LazyGroup(click.Group):
    """A group whose commands are listed in COMMANDS and imported from evoked.cli.NAME when they are run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands, in the order of the help text."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import a command.

        Args:
            ctx: of the group.
            name: of the command.

        Returns:
            The command; None if there is none of that name.

        Raises:
            TrainingError: if the command needs a package of the extra `train` that is not installed.
        """
        if name not in COMMANDS:
            return None
        try:
            command = getattr(importlib.import_module(f"evoked.cli.{name}"), name)
        except ModuleNotFoundError as error:
            if (error.name or "").split(".")[0] not in _TRAIN_EXTRA:
                raise
            raise TrainingError(
                f"evoked {name} needs {error.name}, which is not installed. Run: pip install 'evoked[train]'"
            ) from error
        assert isinstance(command, click.Command)
        examples = "".join(f"  {line}\n" for line in COMMANDS[name].examples)
        command.epilog = f"\b\nExample{'s' if len(COMMANDS[name].examples) > 1 else ''}:\n{examples}"
        for leaf in command.commands.values() if isinstance(command, click.Group) else (command,):
            message_options(leaf)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of a command line.

        Args:
            ctx: of the group.
            args: the words of the command line, the command first.

        Returns:
            Its name, the command, and the other words.

        Raises:
            click.UsageError: if there is none of that name; it suggests similar ones.
        """
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            name = args[0]
            similar = [f"evoked {ALIASES[name]}"] if name in ALIASES else []
            similar = similar or [f"evoked {close}" for close in difflib.get_close_matches(name, COMMANDS, n=2)]
            hint = f" Did you mean: {', '.join(similar)}?" if similar else ""
            raise click.UsageError(f"no command {name!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands with their help texts.

        Args:
            ctx: of the group.
            formatter: takes the text.
        """
        for heading, commands in GROUPS.items():
            with formatter.section(heading):
                formatter.write_dl([(name, line.help) for name, line in commands.items()], col_max=14)


COMPLETION = 'Shell completion: eval "$(_EVOKED_COMPLETE=bash_source evoked)", or zsh_source, fish_source.'


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, epilog=COMPLETION)
@click.version_option(__version__, prog_name="evoked")
def evoked() -> None:
    """Learn from viewers' faces which expressions a video evokes, and predict them for a new video."""


def main() -> None:
    """Run a command; an EvokedError is printed as one line on stderr with exit code 1, never as a traceback."""
    open_streams()
    set_up_messages()
    catch_signals()
    try:
        code = evoked.main(standalone_mode=False)
        end_output()
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        _end_interrupted()
    except StreamError as error:
        sys.exit(end_output(error))
    except EvokedError as error:
        fail(f"evoked: {error}")
        sys.exit(1)
    except Exception:
        if not was_received():
            raise
        _end_interrupted()  # the terminal is gone, or a library wrapped the interruption
    sys.exit(code if isinstance(code, int) else 0)


def _end_interrupted() -> NoReturn:
    with suppress(OSError):  # after SIGHUP the terminal may be gone
        click.echo(interruption_note(sys.argv[1:]), err=True)
    sys.exit(exit_code())


if __name__ == "__main__":
    main()
