"""evoked library: audio fingerprints of many contents, and which of them a reaction plays."""

import json
from functools import partial
from pathlib import Path

import click
import numpy as np

from evoked.cli.align import alignment_text
from evoked.cli.failures import Failures, print_note
from evoked.cli.messages import tell
from evoked.cli.options import config_from_options, config_options
from evoked.cli.outputs import check_folder, claim, digests_of, force_option
from evoked.cli.paths import InputPath, OutputPath
from evoked.core.damage import damage_texts
from evoked.core.errors import AlignmentError, EvokedError, NoSoundError, OutputError
from evoked.core.files import check_writable
from evoked.core.names import derived_name
from evoked.media.probe import probe, track_notes
from evoked.reactions.alignment.config import AlignConfig
from evoked.reactions.alignment.library.content_library import ContentLibrary
from evoked.reactions.alignment.library.identify import ContentMatch
from evoked.reactions.alignment.offset_map import offsets_json, write_offsets
from evoked.reactions.alignment.recording import Recording

__all__ = ["library"]

_SILENCE = 1e-4
"""Amplitude re full scale, −80 dB: an audio track below it throughout is silent."""


@click.group()
def library() -> None:
    """Keep audio fingerprints of many contents, and identify the content of a reaction.

    \b
      evoked library add LIBRARY CONTENT ...
      evoked library find LIBRARY REACTION ...
      evoked library list LIBRARY
    """


@library.command()
@click.argument("folder", metavar="LIBRARY", type=InputPath())
@click.argument("contents", metavar="CONTENT...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--audio-track",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="which audio track of each CONTENT, from 1; 0: the one that a player plays",
)
def add(folder: Path, contents: tuple[Path, ...], audio_track: int) -> None:
    """Add CONTENT... to LIBRARY, a folder; contents that it already has are left unchanged.

    \f

    Args:
        folder: of the library.
        contents: videos to add.
        audio_track: which audio track of each, from 1; 0: the one that a player plays.

    Raises:
        EvokedError: if a content or the folder cannot be used.
    """
    check_writable(folder / "contents.json")
    content_library = ContentLibrary(folder, waiting=_print_waiting)
    failures, added = Failures(len(contents), "contents", "added"), 0
    for i, path in enumerate(contents):
        try:
            is_new = content_library.add(path, audio_track=audio_track)
        except EvokedError as error:
            failures.add(path, error)
            continue
        added += is_new
        damage = damage_texts(content_library.damage_of(path, audio_track))
        for line in (*damage, *track_notes(probe(path, audio_track))):
            print_note(path, line)
        tell(f"{i + 1} of {len(contents)}: {path.name}{'' if is_new else ' is in the library already'}")
    if content_library.entries:
        content_library.index()
    tell(f"{folder}: {added} added, {len(content_library.entries)} contents in all")
    failures.end()


@library.command()
@click.argument("folder", metavar="LIBRARY", type=InputPath(exists=True, file_okay=False))
@click.argument("reactions", metavar="REACTION...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", type=OutputPath(), help="write each offset map to this folder, as REACTION.json")
@click.option("--json", "as_json", is_flag=True, help="print the offset maps with provenance, one JSON object per line")
@force_option
@config_options(AlignConfig)
def find(folder: Path, reactions: tuple[Path, ...], output: Path | None, as_json: bool, **options: object) -> None:
    """Identify the content of LIBRARY that each REACTION plays; a reaction that plays none fails.

    Prints reaction, content and seconds in common, separated by tabs.
    \f

    Args:
        folder, reactions, output, as_json: the arguments and options.
        **options: fields of AlignConfig.

    Raises:
        click.UsageError: if a setting is rejected.
        EvokedError: if a reaction, the library or the output cannot be used.
    """
    config = config_from_options(AlignConfig, options)
    reactions = tuple(dict.fromkeys(reactions))
    if output:
        names = [path.name for path in reactions]
        if repeated := {name for name in names if names.count(name) > 1}:
            raise OutputError(f"two reactions are called {min(repeated)}: rename one, or write to two folders")
        check_folder(output)
    content_library = ContentLibrary(folder, waiting=_print_waiting)
    contents = {entry.name: entry.sha256 for entry in content_library.entries}
    files = {path: output / derived_name(path.name, ".json") for path in reactions} if output else {}
    for path, file in files.items():
        claim(file, "library find", partial(_inputs, path, contents))
    failures = Failures(len(reactions), "reactions", "found")
    for path in reactions:
        try:
            reaction = Recording(path)
            match = _identify(content_library, reaction, config)
            provenance = content_library.provenance(reaction, match.content)
            if output:
                write_offsets(files[path], match.offsets, provenance)
        except EvokedError as error:
            failures.add(path, error)
            continue
        if as_json:
            body = json.loads(offsets_json(match.offsets, provenance))
            click.echo(json.dumps({"reaction": path.name, "content": match.content, **body}, ensure_ascii=False))
        else:
            click.echo(f"{path}\t{match.content}\t{match.offsets.covered_s:.1f}")
        length = next(e.seconds for e in content_library.entries if e.name == match.content)
        tell(alignment_text(match.offsets, path.name, match.content, length))
    failures.end()


def _inputs(reaction: Path, contents: dict[str, str]) -> dict[str, str]:
    """The inputs that an offset map may have: the reaction and any content of the library."""
    return contents | digests_of(reaction)


def _identify(content_library: ContentLibrary, reaction: Recording, config: AlignConfig) -> ContentMatch:
    """The content that a reaction plays; for a silent one the error names the command that aligns by picture."""
    path = reaction.path
    try:
        return content_library.find_recording(reaction, config)
    except NoSoundError as error:
        raise NoSoundError(f"{path} has no sound, and a library is searched by sound. {_advice(path)}") from error
    except AlignmentError as error:
        if (np.abs(reaction.soundtrack.samples) >= _SILENCE).any():
            raise
        raise AlignmentError(f"{path} is silent, and a library is searched by sound. {_advice(path)}") from error
    finally:
        for line in reaction.damage:
            print_note(path, line)


def _advice(reaction: Path) -> str:
    return f"If you know the content: evoked align {reaction} CONTENT --by video"


def _print_waiting(line: str) -> None:
    tell(f"note: {line}")


@library.command("list")
@click.argument("folder", metavar="LIBRARY", type=InputPath(exists=True, file_okay=False))
def list_(folder: Path) -> None:
    """Print the contents of LIBRARY: name, seconds and file, separated by tabs."""
    for entry in ContentLibrary(folder).entries:
        click.echo(f"{entry.name}\t{entry.seconds:.1f}\t{entry.path}")
