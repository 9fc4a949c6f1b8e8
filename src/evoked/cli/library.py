"""`evoked library`: many contents that can be searched by sound."""

import json
from pathlib import Path

import click
import numpy as np

from evoked.cli.align import alignment_text
from evoked.cli.failures import Failures, print_note
from evoked.cli.options import config_from_options, config_options
from evoked.core.errors import AlignmentError, EvokedError, NoSoundError, OutputError
from evoked.core.files import check_writable
from evoked.reactions.alignment.config import AlignConfig
from evoked.reactions.alignment.library.content_library import ContentLibrary
from evoked.reactions.alignment.library.identify import ContentMatch
from evoked.reactions.alignment.offset_map import offsets_json, write_offsets
from evoked.reactions.alignment.recording import Recording

SILENCE = 1e-4
"""Of full scale, −80 dB: no sample reaches it in a sound track that was only put there by the recorder."""


@click.group()
def library() -> None:
    """Keep the sound fingerprints of many contents, and ask which of them a reaction plays.

    \b
      evoked library add LIBRARY CONTENT ...
      evoked library find LIBRARY REACTION ...
      evoked library list LIBRARY
    """


@library.command()
@click.argument("folder", metavar="LIBRARY", type=click.Path(path_type=Path))
@click.argument("contents", metavar="CONTENT...", nargs=-1, required=True, type=click.Path(path_type=Path))
def add(folder: Path, contents: tuple[Path, ...]) -> None:
    """Take CONTENT... into LIBRARY, a folder; what is there already is left as it is."""
    check_writable(folder / "contents.json")
    there = ContentLibrary(folder)
    failures, new = Failures(len(contents), "contents", "added"), 0
    for i, path in enumerate(contents):
        try:
            fresh = there.add(path)
        except EvokedError as error:
            failures.add(path, error)
            continue
        new += fresh
        click.echo(f"{i + 1} of {len(contents)}: {path.name}{'' if fresh else ' is there already'}", err=True)
    if there.entries:
        there.index()
    click.echo(f"{folder}: {new} added, {len(there.entries)} contents in all", err=True)
    failures.end()


@library.command()
@click.argument("folder", metavar="LIBRARY", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("reactions", metavar="REACTION...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="write each map to this folder, as REACTION.json")
@click.option("--json", "as_json", is_flag=True, help="print the maps with where they come from, one JSON line each")
@config_options(AlignConfig)
def find(folder: Path, reactions: tuple[Path, ...], output: Path | None, as_json: bool, **options: object) -> None:
    """Say which content of LIBRARY each REACTION plays; one that plays none fails.

    Prints reaction, content and seconds in common, separated by tabs.
    """
    config = config_from_options(AlignConfig, options)
    reactions = tuple(dict.fromkeys(reactions))
    if output:
        names = [path.name for path in reactions]
        if twice := {name for name in names if names.count(name) > 1}:
            raise OutputError(f"two reactions are called {min(twice)}: rename one, or write to two folders")
        for name in names:
            check_writable(output / f"{name}.json")
    there = ContentLibrary(folder)
    failures = Failures(len(reactions), "reactions", "found")
    for path in reactions:
        try:
            reaction = Recording(path)
            found = _found(there, reaction, config)
            provenance = there.provenance({path.name: reaction.digest}, found.content)
            if output:
                write_offsets(output / f"{path.name}.json", found.offsets, provenance)
        except EvokedError as error:
            failures.add(path, error)
            continue
        if as_json:
            body = json.loads(offsets_json(found.offsets, provenance))
            click.echo(json.dumps({"reaction": path.name, "content": found.content, **body}, ensure_ascii=False))
        else:
            click.echo(f"{path}\t{found.content}\t{found.offsets.covered_s:.1f}")
        length = next(e.seconds for e in there.entries if e.name == found.content)
        click.echo(alignment_text(found.offsets, path.name, found.content, length), err=True)
    failures.end()


def _found(there: ContentLibrary, reaction: Recording, config: AlignConfig) -> ContentMatch:
    """What a reaction plays; for one without sound the error says how it is looked for by picture."""
    path = reaction.path
    try:
        samples = reaction.soundtrack.samples
    except NoSoundError as error:
        raise NoSoundError(f"{path} has no sound, and a library is searched by sound. {_other(path)}") from error
    for line in reaction.damage:
        print_note(path, line)
    try:
        return there.find(samples, config)
    except AlignmentError as error:
        if (np.abs(samples) >= SILENCE).any():
            raise
        raise AlignmentError(f"{path} is silent, and a library is searched by sound. {_other(path)}") from error


def _other(reaction: Path) -> str:
    return f"If you know the content: evoked align {reaction} CONTENT --by video"


@library.command("list")
@click.argument("folder", metavar="LIBRARY", type=click.Path(path_type=Path, exists=True, file_okay=False))
def list_(folder: Path) -> None:
    """Print the contents of LIBRARY: name, seconds and file, separated by tabs."""
    for entry in ContentLibrary(folder).entries:
        click.echo(f"{entry.name}\t{entry.seconds:.1f}\t{entry.path}")
