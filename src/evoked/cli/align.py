"""`evoked align`: where a reaction stands on a content's time."""

from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from evoked.cli.failures import note
from evoked.cli.options import made, settings
from evoked.core.errors import AlignmentError
from evoked.core.files import check_writable, sha256
from evoked.core.provenance import Provenance
from evoked.core.settings import describe
from evoked.media.play import damage_of, play, sound_of
from evoked.reactions.align import SOUND_HZ, AlignConfig
from evoked.reactions.align import align as find
from evoked.reactions.offsets import OffsetMap, offsets_json, write_offsets


@click.command()
@click.argument("reaction", type=click.Path(path_type=Path))
@click.argument("content", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="write the map to this JSON file, not to stdout")
@settings(AlignConfig)
def align(reaction: Path, content: Path, output: Path | None, **options: object) -> None:
    """Find where REACTION plays CONTENT, by the sound they share.

    Prints JSON with `score` and `segments` (content_start_s, content_end_s, reaction_start_s, score);
    seconds that no segment covers are unknown.
    """
    config = made(AlignConfig, options)
    if output:
        check_writable(output)
    ours, theirs = _heard(reaction), _heard(content)
    try:
        offsets = find(ours, theirs, SOUND_HZ, config)
    except AlignmentError as error:
        raise AlignmentError(f"{reaction} against {content}: {error}") from error
    provenance = Provenance(
        "align",
        config={known.name: getattr(config, known.name) for known in describe(AlignConfig)},
        inputs={"reaction": sha256(reaction), "content": sha256(content)},
    )
    if output:
        write_offsets(output, offsets, provenance)
    else:
        click.echo(offsets_json(offsets, provenance), nl=False)
    click.echo(told(offsets, reaction.name, content.name, len(theirs) / SOUND_HZ), err=True)


def _heard(path: Path) -> NDArray[np.float32]:
    """The whole sound of a file; what is wrong with the file goes to stderr."""
    playing = play(path, sound_hz=SOUND_HZ)
    samples = sound_of(playing)
    for line in damage_of(playing):
        note(path, line)
    return samples


def told(offsets: OffsetMap, reaction: str, content: str, length_s: float) -> str:
    """One line for people: how much of the content was found, and where it starts."""
    first, count = offsets.segments[0], len(offsets.segments)
    return (
        f"{reaction} plays {offsets.covered_s:.1f} of {length_s:.1f} s of {content} in {count} "
        f"segment{'s' if count > 1 else ''}; its second {first.content_start_s:.3f} stands at "
        f"{first.reaction_start_s:.3f} s, score {offsets.score:.1f}"
    )
