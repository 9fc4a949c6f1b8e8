"""A staged recording under one condition of the grid, worked out before a frame is made.

Content is counted in whole milliseconds; the reaction's are fractions, because a film that runs 5 % faster
ends where no millisecond does. A plan depends on its size and seed, and on nothing else.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from evoked.sample.plan import AWAY, FRAME_MS, NEUTRAL, SMILE
from evoked.sample.source_clips import VIEWERS, Box
from staging.conditions import Condition, design
from staging.face_placement import Placed
from staging.false_faces import FalseFace, plan_false_face
from staging.layout import Scene, scene

COVERED = "c"  # a state beside plan's: the viewer is there, and something is before the face
FILM_STARTS_S = tuple(range(8, 560, 49))  # where contents begin in the film
BEYOND_MS = (600, 1400)  # the recording goes on for so long after the film


@dataclass(frozen=True)
class TakeSize:
    """How much is staged: reactions, seconds of content each, pixels per pixel of a 640x360 frame."""

    reactions: int
    seconds: int
    scale: int


TAKE_SIZES = {"small": TakeSize(36, 20, 1), "full": TakeSize(84, 40, 2)}


@dataclass(frozen=True)
class Part:
    """A span of content that runs through at one rate.

    Attributes:
        content_start_ms, content_end_ms: half open, on the content's time.
        reaction_start_ms: when it begins in the reaction.
        rate: milliseconds of content in a millisecond of the reaction.
    """

    content_start_ms: int
    content_end_ms: int
    reaction_start_ms: Fraction
    rate: Fraction

    def __post_init__(self) -> None:
        if not 0 <= self.content_start_ms < self.content_end_ms or self.reaction_start_ms < 0 or self.rate <= 0:
            raise ValueError(f"a part needs 0 <= start < end, a start from 0 on and a rate above 0, got {self}")

    @property
    def reaction_end_ms(self) -> Fraction:
        """When it ends in the reaction."""
        return self.reaction_start_ms + (self.content_end_ms - self.content_start_ms) / self.rate

    def content_ms(self, reaction_ms: Fraction) -> Fraction | None:
        """The content's millisecond at one of the reaction's; None outside."""
        if self.reaction_start_ms <= reaction_ms < self.reaction_end_ms:
            return self.content_start_ms + (reaction_ms - self.reaction_start_ms) * self.rate
        return None

    def reaction_ms(self, content_ms: Fraction) -> Fraction | None:
        """The reaction's millisecond at one of the content's; None outside."""
        if self.content_start_ms <= content_ms < self.content_end_ms:
            return self.reaction_start_ms + (content_ms - self.content_start_ms) / self.rate
        return None


@dataclass(frozen=True)
class Clipping:
    """What is watched: a stretch of the film, in which a real face may have a scene.

    Attributes:
        film_start_s, seconds: which stretch.
        actor: whose face has the scene; None for the film alone.
        scene_s: first and past-last second of the scene, on the content's time.
    """

    film_start_s: int
    seconds: int
    actor: str | None
    scene_s: tuple[int, int]

    @property
    def name(self) -> str:
        """Its file name: two that differ in their scene are two files."""
        scene = f"_{self.actor}_{self.scene_s[0]}" if self.actor else ""
        return f"bunny_{self.film_start_s:03d}{scene}.mp4"


@dataclass(frozen=True)
class Take:
    """One recording.

    Attributes:
        name: file name.
        content: what is watched.
        condition: what is done to it.
        viewers: one or two names of VIEWERS.
        scene: boxes in the frame.
        parts: where the content runs, in the reaction's order; between them it stands still.
        states: for each viewer a letter per second of content: s smile, n neutral, - away, c covered.
        talk_ms: spans of talk.
        duration_ms: length; a whole number of frames.
        seed: for noise and talk.
        false_face: a face that is no viewer; None where there is none.
    """

    name: str
    content: Clipping
    condition: Condition
    viewers: tuple[str, ...]
    scene: Scene
    parts: tuple[Part, ...]
    states: tuple[str, ...]
    talk_ms: tuple[tuple[int, int], ...]
    duration_ms: int
    seed: int
    false_face: FalseFace | None = None

    def content_ms(self, reaction_ms: Fraction) -> Fraction | None:
        """The content's millisecond that a millisecond of the reaction plays; None where it does not run."""
        found = (p.content_ms(reaction_ms) for p in self.parts)
        return next((ms for ms in found if ms is not None), None)

    def state(self, viewer: int, reaction_ms: Fraction) -> str:
        """What a viewer does then; a plain face where the content does not run."""
        at = self.content_ms(reaction_ms)
        return NEUTRAL if at is None else self.states[viewer][int(at // 1000)]


def plan_takes(size: TakeSize, seed: int) -> tuple[Take, ...]:
    """All recordings of a grid."""
    return tuple(_take(i, c, size, seed) for i, c in enumerate(design(size.reactions, seed)))


def _take(index: int, condition: Condition, size: TakeSize, seed: int) -> Take:
    rng = np.random.default_rng([seed, 1, index])
    viewers, actor = _cast(condition, rng)
    first = int(rng.integers(2, size.seconds // 3))
    content = Clipping(
        FILM_STARTS_S[index % len(FILM_STARTS_S)],
        size.seconds,
        actor if condition.film_face == "yes" else None,
        (first, first + size.seconds // 2),
    )
    parts = _parts(condition, size.seconds * 1000, rng)
    end = parts[-1].reaction_end_ms + int(rng.integers(*BEYOND_MS))
    duration = -int(-end // FRAME_MS) * FRAME_MS
    boxes = scene(condition, viewers, int(rng.integers(4)), size.scale)
    seats = [seat_of(name, seat, condition) for name, seat in zip(viewers, boxes.seats, strict=True)]
    return Take(
        name=f"take_{index + 1:03d}.mp4",
        content=content,
        condition=condition,
        viewers=viewers,
        scene=boxes,
        parts=parts,
        states=tuple(_states(condition, VIEWERS[v].smile_s is not None, size.seconds, rng) for v in viewers),
        talk_ms=_talk(condition, duration, rng),
        duration_ms=duration,
        seed=int(rng.integers(2**31)),
        false_face=plan_false_face(condition, viewers, boxes, seats, index),
    )


def seat_of(viewer: str, seat: Box, condition: Condition) -> Placed:
    """Where a viewer is put: from their clip into the frame."""
    return Placed(VIEWERS[viewer].person(seat[2] / seat[3]), seat, condition.viewer_mirrored)


def _cast(condition: Condition, rng: np.random.Generator) -> tuple[tuple[str, ...], str]:
    """Who watches, and who is in the film: never the same person. An inset film needs room beside a face."""
    names = [str(n) for n in rng.permutation(sorted(VIEWERS))]
    if condition.viewers == "two":
        return (names[0], names[1]), names[2]
    if names[0] == "talker" and condition.layout == "inset":
        names = [*names[1:], names[0]]
    return (names[0],), names[1]


def _parts(condition: Condition, length: int, rng: np.random.Generator) -> tuple[Part, ...]:
    low, high = {"soon": (300, 1500), "long": (4000, 7000), "late": (1200, 3000)}[condition.offset]
    drawn = _odd(int(rng.integers(low, high)))
    start, at = (drawn, Fraction(0)) if condition.offset == "late" else (0, Fraction(drawn))
    cut = _odd(int(length * rng.uniform(0.45, 0.6)))
    spans, gap = [(start, length)], 0
    if condition.play == "pause":
        spans, gap = [(start, cut), (cut, length)], _odd(int(rng.integers(2000, 5000)))
    elif condition.play == "skip":
        spans = [(start, cut), (cut + _odd(int(rng.integers(2500, 5000))), length)]
    elif condition.play == "rewind":
        spans = [(start, cut), (cut - _odd(int(rng.integers(4000, 6000))), length)]
    elif condition.play == "cuts":
        lost = [_odd(int(v)) for v in rng.integers(600, 1800, 2)]
        first, second = (_odd(int(length * rng.uniform(a, a + 0.1))) for a in (0.35, 0.65))
        spans = [(start, first), (first + lost[0], second), (second + lost[1], length)]
    parts: list[Part] = []
    for a, b in spans:
        parts.append(Part(a, b, parts[-1].reaction_end_ms + gap if parts else at, condition.rate))
    return tuple(parts)


def _states(condition: Condition, smiles: bool, seconds: int, rng: np.random.Generator) -> str:
    """Runs of 3 to 6 s of smile and plain face by turns, and where asked 4 s without a face to be seen."""
    out = ""
    turn = bool(rng.integers(2))
    while len(out) < seconds:
        out += (SMILE if turn and smiles else NEUTRAL) * int(rng.integers(3, 7))
        turn = not turn
    if condition.presence != "stays":
        first = int(rng.integers(2, seconds - 6))
        gone = AWAY if condition.presence == "leaves" else COVERED
        out = out[:first] + 4 * gone + out[first + 4 :]
    return out[:seconds]


def _talk(condition: Condition, duration: int, rng: np.random.Generator) -> tuple[tuple[int, int], ...]:
    if condition.speech == "throughout":
        return ((0, duration),)
    if condition.speech == "none":
        return ()
    starts = [s + int(rng.integers(0, 3000)) for s in range(500, duration - 3000, 6000)]
    return tuple((s, min(duration, s + int(rng.integers(1000, 3000)))) for s in starts)


def _odd(ms: int) -> int:
    """A little later where the time would fall on a frame: offsets must not be whole frames."""
    return ms + 13 if ms % FRAME_MS == 0 else ms
