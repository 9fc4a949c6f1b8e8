"""Temporal alignment of a reaction with its content: a map of segments, each at its own offset.

A viewer starts late, pauses, skips, rewinds and talks, so one offset is not enough: each segment is
a span over which the content ran on undisturbed. What no segment covers is unknown, never guessed.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import AlignmentError
from evoked.core.files import parse_json, write_text
from evoked.core.provenance import Provenance
from evoked.core.time_grid import TimeGrid

__all__ = [
    "KNOWN",
    "OffsetMap",
    "Segment",
    "exact",
    "exact_rate",
    "offsets_from",
    "offsets_json",
    "read_offsets",
    "write_offsets",
]

KNOWN = "known offset"
"""`by` of a map that was given, not found."""
TRACKS = ("reaction_audio_track", "content_audio_track")


@dataclass(frozen=True)
class Segment:
    """A span of content that ran through without a stop.

    Attributes:
        content_start_s, content_end_s: half-open span on the content's time, in seconds.
        reaction_start_s: second of the reaction at which content_start_s is played.
        score: standard score of the common sound (how many deviations above sounds that have
            nothing in common); above 10 is beyond doubt.
        rate: reaction seconds for each content second: 0.95 where the content was uploaded 5 % faster.

    Raises:
        ValueError: if the span is empty or starts before second 0 of either, or the rate is not above zero.
    """

    content_start_s: float
    content_end_s: float
    reaction_start_s: float
    score: float
    rate: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.content_start_s < self.content_end_s:
            raise ValueError(f"a segment needs 0 <= start < end, got {self.content_start_s} … {self.content_end_s} s")
        if self.reaction_start_s < 0:
            raise ValueError(f"a segment cannot start before the reaction, got {self.reaction_start_s} s")
        if not self.rate > 0:
            raise ValueError(f"a segment's rate must be above zero, got {self.rate}")

    @property
    def offset_s(self) -> float:
        """Reaction time less content time where the segment starts, in seconds."""
        return self.reaction_start_s - self.content_start_s

    @property
    def reaction_end_s(self) -> float:
        """Second of the reaction at which the span ends."""
        return self.reaction_time(self.content_end_s)

    def reaction_time(self, content_s: float) -> float:
        """The second of the reaction that corresponds to a content second, on this segment's line (extrapolated)."""
        return self.reaction_start_s + (content_s - self.content_start_s) * self.rate

    def content_time(self, reaction_s: float) -> float:
        """The content second that corresponds to a second of the reaction, on this segment's line (extrapolated)."""
        return self.content_start_s + (reaction_s - self.reaction_start_s) / self.rate


@dataclass(frozen=True)
class OffsetMap:
    """Content time → reaction time, where it is known.

    Attributes:
        score: the largest score of a segment.
        segments: in the order of the content, apart from each other on both clocks. A viewer who goes back
            to what was skipped makes a map whose reaction times step back; what is played again is mapped
            to where it was played first.
        by: modality: "audio" or "video"; "audio and video" where the map was found by audio and its gaps were
            filled by video, "video and audio" likewise; "known offset" where it was given and nothing was compared.
        reaction_audio_track, content_audio_track: which of a file's several audio tracks was compared, from 1; 0: it
            has one or none, or its sound was not compared.

    Raises:
        ValueError: if there is no segment, or two overlap on either clock.
    """

    score: float
    segments: tuple[Segment, ...]
    by: str = "audio"
    reaction_audio_track: int = 0
    content_audio_track: int = 0

    def __post_init__(self) -> None:
        if not self.segments:
            raise ValueError("an offset map needs at least one segment")
        for a, b in pairwise(self.segments):
            if a.content_end_s - b.content_start_s > 2e-6:  # files hold microseconds: both ends may be rounded
                raise ValueError(f"segments must follow each other on the content's clock, got {a} then {b}")
        for a, b in pairwise(sorted(self.segments, key=lambda s: s.reaction_start_s)):
            if a.reaction_end_s - b.reaction_start_s > 2e-6 * max(1.0, a.rate):
                raise ValueError(f"segments must be apart on the reaction's clock, got {a} and {b}")

    def reaction_time(self, content_s: float) -> float | None:
        """The second of the reaction at which a content second is played; None where not covered."""
        for segment in self.segments:
            if segment.content_start_s <= content_s < segment.content_end_s:
                return segment.reaction_time(content_s)
        return None

    def content_time(self, reaction_s: float) -> float | None:
        """The content second that a second of the reaction plays; None where not covered."""
        for segment in self.segments:
            if segment.reaction_start_s <= reaction_s < segment.reaction_end_s:
                return segment.content_time(reaction_s)
        return None

    @property
    def covered_s(self) -> float:
        """Seconds of content that are covered."""
        return sum(s.content_end_s - s.content_start_s for s in self.segments)

    def nearest_steps(self, content: TimeGrid, reaction: TimeGrid, reaction_lag_s: float = 0.0) -> NDArray[np.int64]:
        """For each content step, the nearest step of a reaction's grid, computed exactly.

        Args:
            content: instants on the content's time.
            reaction: instants on the reaction's time.
            reaction_lag_s: how long after the content a viewer's face is read, in seconds.

        Returns:
            int64, shape (content.steps,); −1 where no segment covers the instant or the reaction's
            grid has no step there. Half-way goes to the later step.
        """
        steps = np.full(content.steps, -1, dtype=np.int64)
        for segment in self.segments:
            start, end = exact(segment.content_start_s), exact(segment.content_end_s)
            first = max(0, _ceil((start - content.start) * content.rate))
            last = min(content.steps, _ceil((end - content.start) * content.rate))
            rate = exact_rate(segment.rate)
            shift = exact(segment.reaction_start_s) - start * rate + exact(reaction_lag_s) - reaction.start
            # step = floor((content.second(i) * rate + shift) * reaction.rate + 1/2)
            #      = (numerator * i + base) // denominator, in integers
            slope = rate * reaction.rate / content.rate
            origin = (content.start * rate + shift) * reaction.rate + Fraction(1, 2)
            denominator = slope.denominator * origin.denominator
            numerator, base = slope.numerator * origin.denominator, origin.numerator * slope.denominator
            nearest = [(numerator * i + base) // denominator for i in range(first, last)]
            steps[first:last] = [step if 0 <= step < reaction.steps else -1 for step in nearest]
        return steps

    def as_dict(self) -> dict[str, object]:
        """Plain values, seconds rounded to 1e-6, rates to 1e-9; audio tracks only of files that have several."""
        tracks = {name: getattr(self, name) for name in TRACKS if getattr(self, name)}
        digits = {"score": 3, "rate": 9}
        return {
            "by": self.by,
            **tracks,
            "score": round(self.score, 3),
            "segments": [{k: round(v, digits.get(k, 6)) for k, v in asdict(s).items()} for s in self.segments],
        }


def exact(second: float) -> Fraction:
    """A float second, exact to the microsecond: 0.1 is 1/10, as in the files."""
    return Fraction(round(second * 1_000_000), 1_000_000)


def exact_rate(rate: float) -> Fraction:
    """A float rate, exact to 1e-9, as in the files."""
    return Fraction(round(rate * 1_000_000_000), 1_000_000_000)


def write_offsets(path: Path, offsets: OffsetMap, provenance: Provenance) -> None:
    """Write `alignments/*.json`: score, segments and provenance.

    Args:
        path: file to write.
        offsets: the map.
        provenance: what made it.

    Raises:
        OutputError: if the file cannot be written.
    """
    write_text(path, offsets_json(offsets, provenance))


def offsets_json(offsets: OffsetMap, provenance: Provenance) -> str:
    """The text that `write_offsets` writes.

    Args:
        offsets: the map.
        provenance: what made it.

    Returns:
        JSON with a newline at the end.
    """
    return json.dumps({**offsets.as_dict(), "provenance": provenance.as_dict()}, indent=1, ensure_ascii=False) + "\n"


def read_offsets(path: Path) -> OffsetMap:
    """Read what `write_offsets` wrote.

    Raises:
        AlignmentError: if the file is absent or is no offset map.
    """
    try:
        return offsets_from(parse_json(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise AlignmentError(f"no offset map at {path}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise AlignmentError(f"{path} is no offset map ({error}). Make it again with: evoked align") from error


def offsets_from(values: Mapping[str, object]) -> OffsetMap:
    """An OffsetMap from the plain values of `as_dict`.

    Values of earlier versions are read: no `by` is audio, and "sound" and "picture" are audio and video.

    Raises:
        ValueError, KeyError, TypeError: if the values are no map.
    """
    segments = values["segments"]
    if not isinstance(segments, list):
        raise TypeError(f"segments must be a list, got {type(segments).__name__}")
    by = str(values.get("by", "audio")).replace("sound", "audio").replace("picture", "video")
    score, tracks = float(values["score"]), [int(str(values.get(name, 0))) for name in TRACKS]  # type: ignore[arg-type]
    return OffsetMap(score, tuple(Segment(**s) for s in segments), by, *tracks)


def _ceil(value: Fraction) -> int:
    return -(-value.numerator // value.denominator)
