"""Where results go, by one rule for every command that writes.

A name that ends in a slash, or a folder that is there, is a folder; the suffix of a file says what is written, and one
that says nothing else is refused. A file that is there is replaced without a word only if the same command made it
from the same inputs; one that evoked did not write, or made of other inputs, needs --force.
"""

from base64 import urlsafe_b64encode
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from evoked.cli.file_provenance import read_origin
from evoked.cli.paths import DRY_RUN
from evoked.core.errors import OutputError
from evoked.core.files import canonical, check_writable, sha256, writing
from evoked.core.provenance import unique_names

__all__ = [
    "check_folder",
    "claim",
    "digests_of",
    "dry_run_option",
    "file_in",
    "force_option",
    "is_forced",
    "picture_note",
    "sign_page",
]

Command = TypeVar("Command", bound=Callable[..., Any])
FORCE = "evoked.force"
FILE_SUFFIXES = {
    *(".json", ".csv", ".parquet", ".safetensors", ".onnx", ".html", ".htm", ".svg", ".png", ".pdf", ".npz", ".npy"),
    *(".pth", ".pt", ".txt", ".md", ".xlsx", ".mp4", ".mkv", ".mov", ".vtt", ".toml", ".zip"),
}
"""A folder for results that is called like this is a slip."""


def force_option(command: Command) -> Command:
    """Give a click command --force; `claim` asks for it."""

    def keep(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
        ctx.meta[FORCE] = value

    return click.option(
        "--force",
        is_flag=True,
        expose_value=False,
        callback=keep,
        help="replace files that evoked did not write, or made of other inputs",
    )(command)


def dry_run_option(command: Command) -> Command:
    """Give a click command --dry-run, as its argument `dry_run`; `claim` then makes no folder."""

    def keep(ctx: click.Context, _param: click.Parameter, value: bool) -> bool:
        ctx.meta[DRY_RUN] = value
        return value

    return click.option(
        "--dry-run",
        is_flag=True,
        is_eager=True,  # before the paths of outputs are read
        callback=keep,
        help="print what would be done with each file; compute and write nothing",
    )(command)


def is_forced() -> bool:
    """Whether the command was given --force."""
    return bool(click.get_current_context().meta.get(FORCE))


def file_in(output: Path, name: str, suffixes: Sequence[str]) -> Path:
    """The file that -o means.

    Args:
        output: what was given: a file, or a folder that is there.
        name: of the file in a folder.
        suffixes: that can be written.

    Returns:
        The file, or the one of that name in the folder.

    Raises:
        OutputError: if the name ends in none of the suffixes.
    """
    if output.is_dir():
        return output / name
    if output.suffix.lower() not in suffixes:
        raise OutputError(
            f"cannot tell what to write from {output.name!r}: end it in {', '.join(suffixes)}, or in / for a folder"
        )
    return output


def check_folder(output: Path) -> None:
    """OutputError if -o means a folder and is named like a file, or is one."""
    if output.suffix.lower() in FILE_SUFFIXES and not output.is_dir():
        raise OutputError(
            f"{output} is a file's name, and a folder is written: leave {output.suffix} out, or end it in /"
        )
    if output.exists() and not output.is_dir():
        raise OutputError(f"{output} is a file, not a folder. Move it or choose another place")


def digests_of(*paths: Path | None) -> dict[str, str]:
    """Name → sha256 of inputs, as their provenance names them; what cannot be read is left to its reader."""
    digests = {}
    for path in dict.fromkeys(p for p in paths if p is not None):
        try:
            if path.is_file():
                digests[path] = sha256(path)
        except OSError:
            continue
    return unique_names(digests)


def claim(place: Path, made_by: str, inputs: Callable[[], Mapping[str, str]], read: Collection[Path] = ()) -> None:
    """Check before the work that a file can be written, and that what is there may be replaced.

    Args:
        place: the file.
        made_by: the command, as provenance names it.
        inputs: gives name → sha256 of what this command reads; only called where a file is there.
        read: files that this command reads: none of them is ever replaced.

    Raises:
        OutputError: if it cannot be written, is read by this command, or needs --force.
    """
    if not click.get_current_context().meta.get(DRY_RUN):
        check_writable(place)
    if not place.exists():
        return
    if any(path.exists() and path.samefile(place) for path in read):
        raise OutputError(f"cannot write {place}: this command reads it. Choose another place")
    if is_forced():
        return
    origin = read_origin(place)
    if origin is None:
        raise OutputError(f"{place} is there, and evoked did not write it: choose another place, or give --force")
    if origin.made_by != made_by:
        command = f"evoked {origin.made_by}"
        raise OutputError(f"{place} is there, made by {command}: choose another place, or give --force")
    current = inputs()
    if strange := sorted(name for name, sha in origin.inputs.items() if current.get(name) != sha):
        how = "as it was before" if strange[0] in current else "which this command does not read"
        raise OutputError(f"{place} is there, made of {strange[0]}, {how}: choose another place, or give --force")


def sign_page(page: Path, made_by: str, inputs: Mapping[str, str]) -> None:
    """Note in a page or drawing what it was made of, in a comment at its end, so that `claim` can tell.

    Args:
        page: an HTML or SVG file.
        made_by: the command.
        inputs: name → sha256.
    """
    with writing(page) as temporary:
        note = canonical({"inputs": dict(inputs), "made_by": made_by}).replace("-", "\\u002d")  # no -- in a comment
        temporary.write_text(f"{page.read_text(encoding='utf-8')}<!-- evoked {note} -->\n", encoding="utf-8")


def picture_note(made_by: str, inputs: Mapping[str, str]) -> str:
    """The same for the metadata of a picture that is no text: letters and digits that every format keeps as they are.

    Args:
        made_by: the command.
        inputs: name → sha256.

    Returns:
        The note, which `read_origin` finds among the bytes of a PNG or PDF.
    """
    text = canonical({"inputs": dict(inputs), "made_by": made_by})
    return f"evoked:{urlsafe_b64encode(text.encode()).decode()}"
