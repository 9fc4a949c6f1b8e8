"""The thin rim: verbs, exit codes, and nothing that computes.

Results go to stdout, talk and progress to stderr. Exit 0: done; 1: something failed; 2: wrong use.
Each verb lives in a file of its own and is imported only when it is called.
"""

import importlib
import sys

import click

from evoked import __version__
from evoked.core.errors import EvokedError, TrainingError

VERBS = {
    "sample": "make a study from real media, with staged reactions and a known truth",
    "run": "take a study folder from videos to a report",
    "annotate": "find the viewers in reaction videos and score their expressions at 6 Hz",
    "align": "find the temporal alignment of a reaction with a content",
    "library": "keep many contents' sound fingerprints; find which of them a reaction plays",
    "features": "describe a content video once a second: image, faces, sound",
    "train": "train the content model on a study's labels and features",
    "agree": "compare scores with what people saw in faces, and people with each other",
    "recogniser": "train the recogniser of expressions on rated clips, and evaluate one",
    "evaluate": "score predictions against labels, with chance and intervals",
    "ablate": "train the model without its parts in turn, and score all on the same videos",
    "predict": "predict what a new video evokes",
    "export": "write a trained model as an ONNX file",
    "transfer": "fine-tune a model to valence and arousal on LIRIS-ACCEDE",
    "report": "write the report page of a study",
    "weights": "list, fetch, verify the pretrained nets; show their licences",
}


TRAINING = ("torch", "lightning_fabric", "scipy", "tensorboardX")
"""What the extra `train` brings; the verbs that learn import it."""


class Verbs(click.Group):
    """A group whose commands are named here and loaded from evoked.cli.VERB when called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        try:
            found = getattr(importlib.import_module(f"evoked.cli.{name}"), name)
        except ModuleNotFoundError as error:
            if (error.name or "").split(".")[0] not in TRAINING:
                raise
            raise TrainingError(
                f"evoked {name} needs {error.name}, which is not installed. Run: pip install 'evoked[train]'"
            ) from error
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="evoked")
def evoked() -> None:
    """Learn from people's faces what a video makes its viewers express, and predict it for a new one."""


def main() -> None:
    """Run a verb; an EvokedError is one line on stderr and exit 1, never a traceback."""
    try:
        code = evoked.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted: what was finished is kept; the same command goes on from there", err=True)
        sys.exit(130)
    except EvokedError as error:
        click.echo(f"evoked: {error}", err=True)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
