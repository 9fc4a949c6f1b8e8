"""An offset map from a start time that is known, such as from a trigger: nothing is searched."""

import math
from pathlib import Path

from evoked.core.errors import AlignmentError
from evoked.media.probe import probe
from evoked.reactions.alignment.offset_map import KNOWN, OffsetMap, Segment

__all__ = ["known_offsets", "known_offsets_of_files"]

MIN_RATE, MAX_RATE = 0.1, 10.0


def known_offsets(offset_s: float, content_s: float, reaction_s: float, rate: float = 1.0) -> OffsetMap:
    """The map of a content that is played once, from a known second of the recording.

    Args:
        offset_s: second of the reaction at which the content's second 0 is played; below 0 where the recording began
            after the content.
        content_s, reaction_s: lengths in seconds.
        rate: reaction seconds for each content second.

    Returns:
        A map of one segment: the part of the content that the recording covers. Its score is 0: nothing was compared.

    Raises:
        AlignmentError: if a number is not finite, the rate is beyond any playback, or the recording covers none of the
            content.
    """
    if not math.isfinite(offset_s):
        raise AlignmentError(f"the offset must be a number of seconds, got {offset_s}")
    if not MIN_RATE <= rate <= MAX_RATE:
        raise AlignmentError(f"the rate must be from {MIN_RATE:g} to {MAX_RATE:g}, about 1 as a rule, got {rate:g}")
    start = max(0.0, -offset_s / rate)
    end = min(content_s, (reaction_s - offset_s) / rate)
    if not start < end:
        raise AlignmentError(
            f"with the content's beginning at {offset_s:g} s, a recording of {reaction_s:.1f} s covers none of its "
            f"{content_s:.1f} s: check the offset (seconds of the recording, not milliseconds)"
        )
    segment = Segment(start, end, max(0.0, offset_s + start * rate), 0.0, rate)
    return OffsetMap(0.0, (segment,), KNOWN)


def known_offsets_of_files(reaction: Path, content: Path, offset_s: float, rate: float = 1.0) -> OffsetMap:
    """As `known_offsets`, with the lengths of two files.

    Args:
        reaction: a recording of people who watch.
        content: what they watch.
        offset_s, rate: as `known_offsets`.

    Returns:
        The map.

    Raises:
        AlignmentError: as `known_offsets`.
        MediaError: if a file cannot be read.
    """
    return known_offsets(offset_s, float(probe(content).duration_s), float(probe(reaction).duration_s), rate)
