"""The commands: groups, one line of help each, and an example that the help shows."""

from typing import NamedTuple

__all__ = ["ALIASES", "COMMANDS", "GROUPS", "CommandLine"]


class CommandLine(NamedTuple):
    """A command.

    Attributes:
        help: one line.
        examples: command lines, shown at the end of its help.
    """

    help: str
    examples: tuple[str, ...]


GROUPS: dict[str, dict[str, CommandLine]] = {
    "Studies": {
        "init": CommandLine("make an empty study folder with commented settings", ("evoked init mystudy",)),
        "run": CommandLine(
            "take a study folder from videos to a report",
            ("evoked run mystudy", "evoked run mystudy --dry-run", "evoked run mystudy --workers 2"),
        ),
        "report": CommandLine(
            "write the report page of a study, or of one prediction",
            (
                "evoked report mystudy",
                "evoked report mystudy -o slide.png --content trailer.mp4",
                "evoked report --prediction new.parquet --video new.mp4 -o new.html",
            ),
        ),
        "config": CommandLine(
            "show every setting, its default, and the values of a study",
            ("evoked config --defaults", "evoked config mystudy --show"),
        ),
        "sample": CommandLine(
            "make a study from real media, with staged reactions and a known ground truth",
            ("evoked sample demo", "evoked sample demo --check"),
        ),
    },
    "Reaction videos": {
        "annotate": CommandLine(
            "find the viewers in reaction videos and score their expressions at 6 Hz",
            (
                "evoked annotate reaction.mp4 --content trailer.mp4 -o viewers.parquet",
                "evoked annotate a.mp4 b.mp4 --content trailer.mp4 --labels -o labels.parquet",
            ),
        ),
        "explain": CommandLine(
            "show which facial actions gave a viewer's scores",
            ("evoked explain reaction.mp4 --content trailer.mp4", "evoked explain viewers.parquet --at 12.5"),
        ),
        "align": CommandLine(
            "find the temporal alignment of a reaction with a content",
            ("evoked align reaction.mp4 trailer.mp4 --draw map.svg",),
        ),
        "library": CommandLine(
            "keep audio fingerprints of many contents; identify the content of a reaction",
            ("evoked library add library contents/*.mp4", "evoked library find library reaction.mp4"),
        ),
    },
    "Content videos": {
        "features": CommandLine(
            "compute the features of a content video, once a second: image, faces, audio",
            ("evoked features trailer.mp4 -o trailer.safetensors",),
        ),
        "predict": CommandLine(
            "predict what a new video evokes",
            (
                "evoked predict new.mp4",
                "evoked predict new.mp4 --model mystudy/results/model -o new.vtt",
                "evoked predict *.mp4 --model mystudy/results/model -o predictions/ --workers 2",
            ),
        ),
        "serve": CommandLine(
            "answer requests for predictions over HTTP",
            ("evoked serve --model mystudy/results/model --folder videos",),
        ),
    },
    "Models": {
        "train": CommandLine(
            "train the content model on a study's labels and features",
            ("evoked train mystudy", "evoked train --features features --labels labels.parquet -o model"),
        ),
        "recogniser": CommandLine(
            "train an expression recogniser on rated clips, and evaluate one",
            ("evoked recogniser train ratings.csv -o recogniser",),
        ),
        "transfer": CommandLine(
            "fine-tune a model to valence and arousal on LIRIS-ACCEDE",
            ("evoked transfer mystudy/results/model LIRIS -o transfer --features features",),
        ),
        "export": CommandLine(
            "write a trained model as an ONNX file", ("evoked export mystudy/results/model -o model.onnx",)
        ),
    },
    "Evaluation": {
        "evaluate": CommandLine(
            "score predictions against labels, with chance levels and intervals",
            ("evoked evaluate --labels labels.parquet --predictions predictions",),
        ),
        "agree": CommandLine(
            "compare scores with human ratings of faces, and raters with each other",
            ("evoked agree mystudy/results/annotations ratings.csv -o agreement.html",),
        ),
        "rate": CommandLine(
            "let people rate clips of viewers in a browser",
            ("evoked rate new mystudy", "evoked rate serve mystudy", "evoked rate export mystudy -o ratings.csv"),
        ),
        "ablate": CommandLine(
            "train the model without one component at a time, and score all on the same videos",
            ("evoked ablate --features features --labels labels.parquet -o ablation",),
        ),
    },
    "Datasets": {
        "dataset": CommandLine(
            "import, export and describe a dataset of many videos, such as the released EEV",
            (
                "evoked dataset import EEV -o dataset",
                "evoked dataset export dataset --format eev-v1 -o labels.parquet",
            ),
        ),
    },
    "Set-up": {
        "weights": CommandLine(
            "list, fetch and verify the pretrained networks; show their licences",
            ("evoked weights list", "evoked weights fetch"),
        ),
        "doctor": CommandLine("show versions, processor, cache of networks, tools", ("evoked doctor --json",)),
    },
}
"""Heading → command → its line; in the order of the help."""

COMMANDS: dict[str, CommandLine] = {name: line for group in GROUPS.values() for name, line in group.items()}

ALIASES = {"help": "--help", "version": "--version", "settings": "config", "score": "evaluate"}
"""What people type for something that has another name; it is suggested, not run."""
