"""Pages of the site that are made from the sources: commands, settings, the settings of the paper."""

import re
from collections.abc import Iterator
from pathlib import Path

import click

from evoked.cli.command_list import COMMANDS, GROUPS
from evoked.cli.main import evoked
from evoked.core.settings import Setting, describe
from evoked.learning.recognition.config import RecogniserConfig
from evoked.study.layout import StudyHeader
from evoked.study.presets import FIXED, PAPER
from evoked.study.settings import SECTIONS
from evoked.study.settings_toml import toml_value

__all__ = ["GENERATED", "commands_page", "paper_page", "settings_page", "write_generated_pages"]

SECTION_HELP = {
    "": "Before the first section.",
    "align": "Temporal alignment of a reaction with its content; options of `evoked align`.",
    "window": "Detection of the region where a reaction video shows the content.",
    "detect": "Face detection in reaction videos.",
    "annotate": "Which faces are viewers, and which recogniser scores them; options of `evoked annotate`.",
    "votes": "From viewers' scores to labels.",
    "features": "Features of the contents; options of `evoked features`.",
    "model": "Architecture of the content model; options of `evoked train`.",
    "train": "Training of the content model; options of `evoked train`.",
    "folds": "Folds of the cross-validation.",
    "evaluate": "Scores, chance levels and intervals; options of `evoked evaluate`.",
    "report": "The report page; options of `evoked report`.",
}
CLI_HEAD = """\
# Command line

`evoked COMMAND --help` shows the same. Results go to stdout, notes and progress to stderr. Exit codes: 0 done;
1 something failed, and the message says what; 2 wrong usage; 130, 143, 129 ended by Ctrl-C, SIGTERM, SIGHUP.

Shell completion: `eval "$(_EVOKED_COMPLETE=bash_source evoked)"`, or `zsh_source`, `fish_source`.
"""
SETTINGS_HEAD = """\
# Settings

Keys of study.toml, by section. Every key has a default. `evoked config --defaults` prints this as a commented
study.toml, and `evoked config STUDY --show` prints the values of a study. The Python API takes the same names as
keyword arguments; the command line has the same names with hyphens.
"""
PAPER_HEAD = """\
# The paper's settings and ours

What *EEV: Predicting Expressions Evoked by Diverse Videos* states, beside the default here. The paper's networks and
data are not public, so none of its numbers are claimed. All of its settings at once:

```sh
evoked run mystudy --preset paper                # or preset = "paper" in study.toml
evoked features film.mp4 -o film.safetensors --preset paper
evoked train --features features --labels labels.parquet -o model --preset paper
evoked recogniser train ratings.csv -o recogniser --preset paper
```

A setting that is given beside it, on the command line or in study.toml, is kept. `[recogniser]` stands for the options
of `evoked recogniser train`.
"""
PAPER_END = """
Slips in the paper, stated here and asserted nowhere: the parts of its split sum to 18,550 videos where the text says
18,541; the shares of Table 2 sum to 0.763 labels a second where the text says 0.830; its image-only model scores below
chance for surprise (.03 against .08).
"""


def write_generated_pages(docs: Path) -> None:
    """Write every page that comes from the sources; one that is current is left alone, so that builds stay short."""
    for name, make in GENERATED.items():
        page, text = docs / name, make()
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")


def settings_page() -> str:
    """A table of every setting of study.toml: name, type, default, meaning."""
    lines = [SETTINGS_HEAD]
    for section, config in {"": StudyHeader, **SECTIONS}.items():
        lines += [f"## {f'[{section}]' if section else 'General'}", "", SECTION_HELP[section], ""]
        lines += ["| setting | type | default | meaning |", "|---|---|---|---|"]
        lines += [_setting_row(setting) for setting in describe(config)]
        lines.append("")
    return "\n".join(lines)


def commands_page() -> str:
    """Every command: usage, help, options, examples."""
    lines = [CLI_HEAD]
    for heading, commands in GROUPS.items():
        lines += [f"## {heading}", ""]
        for name in commands:
            context = click.Context(evoked, info_name="evoked")
            command = evoked.get_command(context, name)
            assert command is not None
            for path, part in _with_subcommands(f"evoked {name}", command):
                lines += _command(path, part)
            lines += ["```sh", *COMMANDS[name].examples, "```", ""]
    return "\n".join(lines)


def _with_subcommands(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, part in command.commands.items():
            yield f"{path} {name}", part


def _command(path: str, command: click.Command) -> list[str]:
    context = click.Context(command, info_name=path)
    arguments = [p.make_metavar(context) for p in command.params if isinstance(p, click.Argument)]
    words = " ".join([path, *arguments, *(["COMMAND"] if isinstance(command, click.Group) else [])])
    text = _plain((command.help or "").split("\f")[0])
    lines = [f"### {path}", "", f"`{words}`", "", text, ""]
    options = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
    if options:
        lines += ["| option | meaning |", "|---|---|", *(_option_row(option, context) for option in options), ""]
    return lines


def _plain(text: str) -> str:
    return re.sub(r"\n[ ]+", "\n", text.replace("\b", "")).strip()


def _option_row(option: click.Option, context: click.Context) -> str:
    name, text = option.get_help_record(context) or ("", "")
    return f"| `{name.replace('|', ' ')}` | {' '.join(text.split()).replace('|', chr(92) + '|')} |"


def _setting_row(setting: Setting) -> str:
    choices = ", ".join(f"`{choice}`" for choice in setting.choices)
    kind = choices or {"tuple": "list", "dict": "table"}.get(setting.type.__name__, setting.type.__name__)
    default = "depends on the data" if setting.default is None else f"`{toml_value(setting.default)}`"
    return f"| `{setting.name}` | {kind} | {default} | {setting.help.replace('|', chr(92) + '|')} |"


def paper_page() -> str:
    """Every setting of the paper beside our default, and the reason where they differ."""
    defaults = {
        (section, setting.name): setting.default
        for section, config in {**SECTIONS, "recogniser": RecogniserConfig}.items()
        for setting in describe(config)
    }
    lines = [PAPER_HEAD, "| setting | the paper | `--preset paper` | default here | why the default differs |"]
    lines.append("|---|---|---|---|---|")
    for s in PAPER:
        default = defaults[s.section, s.name]
        shown = "depends on the data" if default is None else f"`{toml_value(default)}`"
        same = default == s.value
        cells = (f"`[{s.section}] {s.name}`", s.stated, f"`{toml_value(s.value)}`", "the same" if same else shown)
        lines.append(f"| {' | '.join((*cells, s.reason))} |")
    lines += [
        "",
        "What the preset does not change:",
        "",
        "| | the paper | here | why, and how to set it |",
        "|---|---|---|---|",
    ]
    lines += [f"| {' | '.join(row)} |" for row in FIXED]
    return "\n".join((*lines, PAPER_END))


GENERATED = {
    "reference/settings.md": settings_page,
    "reference/cli.md": commands_page,
    "concepts/paper-settings.md": paper_page,
}
"""Page → what makes its text."""
