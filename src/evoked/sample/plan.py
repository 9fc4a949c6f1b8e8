"""The plan of a staged study, computed before any frame is rendered.

Times are whole milliseconds: at 48 kHz a millisecond is a whole number of samples.
A plan depends on the size, the seed, the rule and the loudness of the source video only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from evoked.sample.label_rule import LabelRule, smiles
from evoked.sample.layout import Layout, corner, inset, side
from evoked.sample.source_clips import VIEWERS

__all__ = [
    "AWAY",
    "FRAME_MS",
    "NEUTRAL",
    "SIZES",
    "SMILE",
    "PlannedContent",
    "PlannedReaction",
    "PlannedSegment",
    "SamplePlan",
    "SampleSize",
    "make_plan",
]

SMILE, NEUTRAL, AWAY = "s", "n", "-"  # a viewer's state in one second of content
FRAME_MS = 40  # reactions have 25 frames per second
TRIES = 200


@dataclass(frozen=True)
class SampleSize:
    """The contents of a study and their viewers.

    Attributes:
        spans: first second in the source video and length in seconds, for each content.
        casts: the viewers of each content.
        apart_s: smallest distance of a pause from the start and the end of a content, seconds.
        away_s: length of an absence (empty chair), seconds.
    """

    spans: tuple[tuple[int, int], ...]
    casts: tuple[tuple[str, ...], ...]
    apart_s: int = 16
    away_s: int = 5

    def __post_init__(self) -> None:
        if len(self.spans) != len(self.casts) or not all(self.casts):
            raise ValueError(f"each of {len(self.spans)} contents needs a cast, got {len(self.casts)}")
        if unknown := sorted({name for cast in self.casts for name in cast} - set(VIEWERS)):
            raise ValueError(f"no viewer {', '.join(unknown)}; there are: {', '.join(VIEWERS)}")


_PAIR, _THREE = ("man", "woman"), ("woman", "man", "talker")
_FULL_STARTS = (0, 54, 108, 162, 216, 271, 325, 379, 433, 487, 541, 596)  # the entire source video
SIZES: dict[str, SampleSize] = {
    "small": SampleSize(
        ((0, 48), (156, 48), (228, 48), (372, 48), (444, 48)), (_PAIR, _THREE, ("woman",), _PAIR[::-1], _PAIR)
    ),
    "full": SampleSize(
        tuple((a, b - a) for a, b in pairwise(_FULL_STARTS)),
        tuple(_THREE if i % 3 == 1 else _PAIR for i in range(len(_FULL_STARTS) - 1)),
    ),
}


@dataclass(frozen=True)
class PlannedSegment:
    """A span of content that a reaction plays without interruption, in milliseconds."""

    content_start_ms: int
    content_end_ms: int
    reaction_start_ms: int

    def __post_init__(self) -> None:
        if not 0 <= self.content_start_ms < self.content_end_ms or self.reaction_start_ms < 0:
            raise ValueError(
                f"a segment needs 0 <= start < end in the content and a start of at least 0 in the reaction, got {self}"
            )

    @property
    def reaction_end_ms(self) -> int:
        """Millisecond of the reaction at which the segment ends."""
        return self.reaction_start_ms + self.content_end_ms - self.content_start_ms


@dataclass(frozen=True)
class PlannedContent:
    """A segment of the source video, with loudness and planted label of each second."""

    name: str
    source_start_s: int
    level_db: tuple[float, ...]
    smile: tuple[bool, ...]

    @property
    def seconds(self) -> int:
        """Its length in whole seconds."""
        return len(self.smile)


@dataclass(frozen=True)
class PlannedReaction:
    """One staged recording.

    Attributes:
        name, content: file names.
        viewer: a name of VIEWERS.
        layout: boxes in the frame.
        stretches: segments in which the content plays; between them it is paused and silent.
        talk_ms: spans of the reaction with talk, milliseconds.
        gain: factor of the content's audio.
        noise_db: level of the noise, dB.
        states: a letter per second of the content: s smile, n neutral, - no face.
        duration_ms: length; a whole number of frames.
        seed: of noise and talk.
    """

    name: str
    content: str
    viewer: str
    layout: Layout
    stretches: tuple[PlannedSegment, ...]
    talk_ms: tuple[tuple[int, int], ...]
    gain: float
    noise_db: float
    states: str
    duration_ms: int
    seed: int

    def content_ms(self, reaction_ms: int) -> int | None:
        """The content's millisecond played at a millisecond of the reaction; None where it is paused."""
        for stretch in self.stretches:
            if stretch.reaction_start_ms <= reaction_ms < stretch.reaction_end_ms:
                return stretch.content_start_ms + reaction_ms - stretch.reaction_start_ms
        return None

    def state(self, reaction_ms: int) -> str:
        """The viewer's state at a millisecond of the reaction; neutral where the content is paused."""
        content = self.content_ms(reaction_ms)
        return NEUTRAL if content is None else self.states[content // 1000]


@dataclass(frozen=True)
class SamplePlan:
    """The plan of a study: its contents and reactions."""

    size: str
    seed: int
    rule: LabelRule
    threshold_db: float
    contents: tuple[PlannedContent, ...]
    reactions: tuple[PlannedReaction, ...]

    def content(self, name: str) -> PlannedContent:
        """The content of this file name; KeyError where there is none."""
        return {c.name: c for c in self.contents}[name]


def make_plan(
    level_db: NDArray[np.float64],
    size: SampleSize,
    seed: int,
    *,
    size_name: str = "custom",
    rule: LabelRule | None = None,
) -> SamplePlan:
    """Plan a study.

    Args:
        level_db: loudness of each second of the source video, as `smile_levels` gives it.
        size: contents and their viewers.
        seed: seed of the random generator.
        size_name: name of the size, stored in the plan.
        rule: when viewers smile.

    Returns:
        The plan; equal arguments give equal plans.

    Raises:
        ValueError: if a content reaches past the end of the source video, or none of its seconds would be a smile.
    """
    rule = rule or LabelRule()
    threshold = float(np.quantile(level_db, rule.quantile))
    contents: list[PlannedContent] = []
    reactions: list[PlannedReaction] = []
    for number, ((start, seconds), cast) in enumerate(zip(size.spans, size.casts, strict=True)):
        if start + seconds > len(level_db):
            raise ValueError(
                f"content {start} … {start + seconds} s reaches past the end of the source video, {len(level_db)} s"
            )
        level = level_db[start : start + seconds]
        smile = smiles(level, threshold, rule)
        if not smile.any():
            raise ValueError(f"nobody would smile in content {start} … {start + seconds} s: choose another span")
        content = PlannedContent(
            f"bunny_{start:03d}.mp4",
            start,
            tuple(round(float(v), 2) for v in level),
            tuple(bool(v) for v in smile),
        )
        contents.append(content)
        away = _absences(smile, len(cast), size, np.random.default_rng([seed, 1, number]))
        for viewer, absent in zip(cast, away, strict=True):
            reactions.append(_reaction(len(reactions), content, viewer, absent, (size, seed)))
    return SamplePlan(size_name, seed, rule, threshold, tuple(contents), tuple(reactions))


def _absences(
    smile: NDArray[np.bool_], viewers: int, size: SampleSize, rng: np.random.Generator
) -> list[NDArray[np.bool_]]:
    """Seconds in which each viewer is away: one span for all, and a further one for every second viewer.

    Drawn independently of the rule, but again where more than half of the content's smiles would be lost.
    """
    for _ in range(TRIES):
        shared = _span(len(smile), size.away_s, rng)
        absences = []
        for viewer in range(viewers):
            further = _span(len(smile), max(2, size.away_s - 2), rng)
            absences.append(shared | further if viewer % 2 == 1 else shared)
        if all((smile & ~absent).sum() * 2 >= smile.sum() for absent in absences):
            return absences
    raise ValueError(f"no place for an absence of {size.away_s} s in a content of {len(smile)} s")


def _span(seconds: int, length: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    span = np.zeros(seconds, dtype=np.bool_)
    start = int(rng.integers(1, max(2, seconds - length)))
    span[start : start + length] = True
    return span


def _reaction(
    index: int, content: PlannedContent, viewer: str, absent: NDArray[np.bool_], drawn: tuple[SampleSize, int]
) -> PlannedReaction:
    size, seed = drawn
    rng = np.random.default_rng([seed, 2, index])
    stretches = _stretches(index, content.seconds * 1000, size.apart_s * 1000, rng)
    end = stretches[-1].reaction_end_ms + int(rng.integers(1500, 2500))
    duration = -(-end // FRAME_MS) * FRAME_MS
    person = VIEWERS[viewer]
    states = "".join(
        AWAY if away else SMILE if smile and person.smile_s else NEUTRAL
        for smile, away in zip(content.smile, absent, strict=True)
    )
    return PlannedReaction(
        name=f"reaction_{index + 1:02d}_{viewer}.mp4",
        content=content.name,
        viewer=viewer,
        layout=_layout(index, viewer),
        stretches=stretches,
        talk_ms=_talk(stretches, duration, rng) if index % 3 == 1 else (),
        gain=round(float(rng.uniform(0.35, 1.0)), 3),
        noise_db=round(float(rng.uniform(-62, -48)), 1),
        states=states,
        duration_ms=duration,
        seed=int(rng.integers(2**31)),
    )


def _layout(index: int, viewer: str) -> Layout:
    if index % 10 == 3:
        return side(viewer_left=index % 20 == 3)
    if index % 10 == 8 and viewer != "talker":
        return inset(VIEWERS[viewer])
    return corner(VIEWERS[viewer], index, index // 2)


def _stretches(index: int, seconds_ms: int, apart_ms: int, rng: np.random.Generator) -> tuple[PlannedSegment, ...]:
    """The segments of a recording: most have an intro, every tenth begins late; some have a pause, some skip ahead."""
    intro = _odd(int(rng.integers(2000, 8000)))
    late = index % 10 == 6
    start, at = (_odd(int(rng.integers(1200, 3000))), 0) if late else (0, intro)
    if index % 5 not in (1, 2) and index % 12 != 10:
        return (PlannedSegment(start, seconds_ms, at),)
    cut = _odd(int(rng.integers(start + apart_ms, max(start + apart_ms + 1, seconds_ms - apart_ms))))
    first = PlannedSegment(start, cut, at)
    if index % 12 == 10:  # skips ahead
        return first, PlannedSegment(cut + int(rng.integers(3000, 6000)), seconds_ms, first.reaction_end_ms)
    pause = _odd(int(rng.integers(2000, 5000)))
    return first, PlannedSegment(cut, seconds_ms, first.reaction_end_ms + pause)


def _talk(
    stretches: Sequence[PlannedSegment], duration_ms: int, rng: np.random.Generator
) -> tuple[tuple[int, int], ...]:
    """Spans of talk: one to three seconds, about an eighth of the time, and all of a pause."""
    bouts = [(a.reaction_end_ms, b.reaction_start_ms) for a, b in pairwise(stretches)]
    for start in range(500, duration_ms - 4000, 16000):
        begin = start + int(rng.integers(0, 12000))
        bouts.append((begin, min(duration_ms, begin + int(rng.integers(1000, 3000)))))
    return tuple(sorted((a, b) for a, b in bouts if b > a))


def _odd(ms: int) -> int:
    """Shift a time that falls on a frame: offsets must not be whole frames."""
    return ms + 13 if ms % FRAME_MS == 0 else ms
