"""The command line: commands and exit codes; nothing here computes.

Results go to stdout, notes and progress to stderr. Exit code 0: done; 1: something failed; 2: wrong usage;
130, 143, 129: ended by Ctrl-C, SIGTERM, SIGHUP.
Each command is a module of this package and is imported only when it is run.
"""

import importlib
import sys
from contextlib import suppress
from typing import NoReturn

import click

from evoked import __version__
from evoked.cli.interrupts import catch_signals, exit_code, interruption_note, was_received
from evoked.cli.streams import StreamError, end_output, open_streams
from evoked.core.errors import EvokedError, TrainingError

__all__ = ["COMMANDS", "LazyGroup", "evoked", "main"]

COMMANDS = {
    "sample": "make a study from real media, with staged reactions and a known ground truth",
    "run": "take a study folder from videos to a report",
    "annotate": "find the viewers in reaction videos and score their expressions at 6 Hz",
    "align": "find the temporal alignment of a reaction with a content",
    "library": "keep audio fingerprints of many contents; identify the content of a reaction",
    "features": "compute the features of a content video, once a second: image, faces, audio",
    "train": "train the content model on a study's labels and features",
    "agree": "compare scores with human ratings of faces, and raters with each other",
    "recogniser": "train an expression recogniser on rated clips, and evaluate one",
    "evaluate": "score predictions against labels, with chance levels and intervals",
    "ablate": "train the model without one component at a time, and score all on the same videos",
    "predict": "predict what a new video evokes",
    "export": "write a trained model as an ONNX file",
    "transfer": "fine-tune a model to valence and arousal on LIRIS-ACCEDE",
    "report": "write the report page of a study",
    "weights": "list, fetch and verify the pretrained networks; show their licences",
}

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
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands with their help texts.

        Args:
            ctx: of the group.
            formatter: takes the text.
        """
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="evoked")
def evoked() -> None:
    """Learn from viewers' faces which expressions a video evokes, and predict them for a new video."""


def main() -> None:
    """Run a command; an EvokedError is printed as one line on stderr with exit code 1, never as a traceback."""
    open_streams()
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
        click.echo(f"evoked: {error}", err=True)
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
