"""evoked align: temporal alignment of a reaction with a content."""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import click

from evoked.cli.failures import print_note
from evoked.cli.messages import tell
from evoked.cli.options import config_from_options, config_options, offset_options
from evoked.cli.outputs import claim, file_in, force_option, sign_page
from evoked.cli.paths import InputPath, OutputPath
from evoked.cli.progress import bar
from evoked.core.files import write_text
from evoked.core.names import derived_name
from evoked.core.provenance import Provenance
from evoked.reactions.alignment.config import MatchConfig
from evoked.reactions.alignment.known_offset import known_offsets_of_files
from evoked.reactions.alignment.matcher import ContentMatcher
from evoked.reactions.alignment.offset_map import KNOWN, OffsetMap, write_offsets
from evoked.reactions.alignment.recording import Recording
from evoked.report.alignment_plot import map_html, map_svg, map_text
from evoked.study.layout import config_values

__all__ = ["align", "alignment_text"]


@click.command()
@click.argument("reaction", type=InputPath())
@click.argument("content", type=InputPath())
@click.option("-o", "--output", type=OutputPath(), help="write the offset map to this JSON file instead of stdout")
@click.option("--draw", type=OutputPath(), help="draw the offset map to this file: .svg or .html")
@offset_options
@force_option
@config_options(MatchConfig)
def align(
    reaction: Path,
    content: Path,
    output: Path | None,
    draw: Path | None,
    offset_s: float | None,
    rate: float | None,
    **options: object,
) -> None:
    """Find where REACTION plays CONTENT: by the sound they have in common, else by the picture.

    Prints JSON with `by` (sound, picture, or both), `score` and `segments` (content_start_s, content_end_s,
    reaction_start_s, score, rate: reaction seconds per content second); seconds that no segment covers are
    unknown. The file of -o also has provenance: input files and settings. A text drawing goes to stderr.
    \f

    Args:
        reaction, content, output, draw, offset_s, rate: the arguments and options.
        **options: fields of MatchConfig.

    Raises:
        click.UsageError: if a setting is rejected.
        EvokedError: if a file cannot be used, or no alignment is found.
    """
    config = config_from_options(MatchConfig, options)
    if rate is not None and offset_s is None:
        raise click.UsageError("--rate goes with --offset-s")
    output = output and file_in(output, derived_name(reaction.name, ".json"), (".json",))
    draw = draw and file_in(draw, derived_name(reaction.name, ".svg"), (".svg", ".html"))
    reaction_recording, content_recording = Recording(reaction), Recording(content)
    inputs = partial(_inputs, reaction_recording, content_recording)
    for path in filter(None, (output, draw)):
        claim(path, "align", inputs, (reaction, content))
    matcher = ContentMatcher({content.name: content_recording}, config)
    try:
        if offset_s is not None:
            offsets = known_offsets_of_files(reaction, content, offset_s, 1.0 if rate is None else rate)
        else:
            with bar(f"align {reaction.name}") as progress:
                offsets = matcher.match(reaction_recording, progress=progress).offsets
    finally:
        _print_damage(reaction_recording, content_recording)
    known = {"offset_s": offset_s, "rate": 1.0 if rate is None else rate}
    provenance = Provenance(
        "align",
        config=config_values(config) if offset_s is None else known,
        inputs=inputs(),
        notes=matcher.damage_notes(reaction_recording, content.name),
        damage=matcher.defects(reaction_recording, content.name),
    )
    if output:
        write_offsets(output, offsets, provenance)
    else:
        _print_json(offsets, provenance)
    content_s, reaction_s = (float(recording.media.duration_s) for recording in (content_recording, reaction_recording))
    if draw:
        svg = map_svg(offsets, reaction.name, content.name, content_s, reaction_s)
        _write_drawing(draw, svg, f"{reaction.name} and {content.name}", provenance.inputs)
    tell(map_text(offsets, content_s))
    tell(alignment_text(offsets, reaction.name, content.name, content_s))


def _print_damage(*recordings: Recording) -> None:
    for recording in recordings:
        for line in recording.damage:
            print_note(recording.path, line)


def _print_json(offsets: OffsetMap, provenance: Provenance) -> None:
    damage = [entry.as_dict() for entry in provenance.damage]
    click.echo(json.dumps({**offsets.as_dict(), "damage": damage}, indent=1))


def _write_drawing(path: Path, svg: str, title: str, inputs: Mapping[str, str]) -> None:
    write_text(path, svg if path.suffix.lower() == ".svg" else map_html(svg, title))
    sign_page(path, "align", inputs)


def _inputs(reaction: Recording, content: Recording) -> dict[str, str]:
    return {"reaction": reaction.digest, "content": content.digest}


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
    tracks = {reaction: offsets.reaction_audio_track, content: offsets.content_audio_track}
    how = "by the offset that was given" if offsets.by == KNOWN else f"score {offsets.score:.1f}, by {offsets.by}"
    named = " and ".join(f"audio track {track} of {name}" for name, track in tracks.items() if track)
    return (
        f"{reaction} plays {offsets.covered_s:.1f} of {content_s:.1f} s of {content} in {count} "
        f"segment{'s' if count > 1 else ''}; its second {first.content_start_s:.3f} is at "
        f"{first.reaction_start_s:.3f} s, {how}{f' ({named})' if named else ''}"
    )
