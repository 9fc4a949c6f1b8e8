"""evoked align: temporal alignment of a reaction with a content."""

import json
from pathlib import Path

import click

from evoked.cli.failures import print_note
from evoked.cli.options import config_from_options, config_options
from evoked.cli.progress import bar
from evoked.core.files import check_writable, write_text
from evoked.core.provenance import Provenance
from evoked.core.settings import describe
from evoked.reactions.alignment.config import MatchConfig
from evoked.reactions.alignment.matcher import ContentMatcher
from evoked.reactions.alignment.offset_map import OffsetMap, write_offsets
from evoked.reactions.alignment.recording import Recording
from evoked.report.alignment_plot import map_html, map_svg, map_text

__all__ = ["align", "alignment_text"]


@click.command()
@click.argument("reaction", type=click.Path(path_type=Path))
@click.argument("content", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="write the offset map to this JSON file instead of stdout"
)
@click.option("--draw", type=click.Path(path_type=Path), help="draw the offset map to this file: .svg or .html")
@config_options(MatchConfig)
def align(reaction: Path, content: Path, output: Path | None, draw: Path | None, **options: object) -> None:
    """Find where REACTION plays CONTENT: by the sound they have in common, else by the picture.

    Prints JSON with `by` (sound, picture, or both), `score` and `segments` (content_start_s, content_end_s,
    reaction_start_s, score, rate: reaction seconds per content second); seconds that no segment covers are
    unknown. The file of -o also has provenance: input files and settings. A text drawing goes to stderr.
    \f

    Args:
        reaction, content, output, draw: the arguments and options.
        **options: fields of MatchConfig.

    Raises:
        click.UsageError: if --draw has another suffix.
        EvokedError: if a file cannot be used, or no alignment is found.
    """
    config = config_from_options(MatchConfig, options)
    if draw and draw.suffix not in (".svg", ".html"):
        raise click.UsageError(f"--draw writes .svg or .html, got {draw}")
    for path in (output, draw):
        if path:
            check_writable(path)
    reaction_recording, content_recording = Recording(reaction), Recording(content)
    matcher = ContentMatcher({content.name: content_recording}, config)
    try:
        with bar(f"align {reaction.name}") as progress:
            offsets = matcher.match(reaction_recording, progress=progress).offsets
    finally:
        for recording in (reaction_recording, content_recording):
            for line in recording.damage:
                print_note(recording.path, line)
    provenance = Provenance(
        "align",
        config={described.name: getattr(config, described.name) for described in describe(MatchConfig)},
        inputs={"reaction": reaction_recording.digest, "content": content_recording.digest},
        notes=matcher.damage_notes(reaction_recording, content.name),
        damage=matcher.defects(reaction_recording, content.name),
    )
    if output:
        write_offsets(output, offsets, provenance)
    else:
        damage = [entry.as_dict() for entry in provenance.damage]
        click.echo(json.dumps({**offsets.as_dict(), "damage": damage}, indent=1))
    content_s, reaction_s = (float(recording.media.duration_s) for recording in (content_recording, reaction_recording))
    if draw:
        svg = map_svg(offsets, reaction.name, content.name, content_s, reaction_s)
        write_text(draw, svg if draw.suffix == ".svg" else map_html(svg, f"{reaction.name} and {content.name}"))
    click.echo(map_text(offsets, content_s), err=True)
    click.echo(alignment_text(offsets, reaction.name, content.name, content_s), err=True)


def alignment_text(offsets: OffsetMap, reaction: str, content: str, content_s: float) -> str:
    """Summarise an alignment: how much of the content it covers, and where it starts.

    Args:
        offsets: the offset map.
        reaction: name of the reaction video.
        content: name of the content.
        content_s: duration of the content, in seconds.

    Returns:
        One line.
    """
    first, count = offsets.segments[0], len(offsets.segments)
    return (
        f"{reaction} plays {offsets.covered_s:.1f} of {content_s:.1f} s of {content} in {count} "
        f"segment{'s' if count > 1 else ''}; its second {first.content_start_s:.3f} is at "
        f"{first.reaction_start_s:.3f} s, score {offsets.score:.1f}, by {offsets.by}"
    )
