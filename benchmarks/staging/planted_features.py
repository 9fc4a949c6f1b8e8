"""A planted world: features and labels made by a known law, so that the best possible score is known.

Nothing is filmed. Hidden events come and go; each shows itself, weakly, in some modalities, and is felt by the
viewers a little later. Who labels the viewers errs as the paper's machine does (its Table 1). Because the law is
known, so is what anybody could know of each second from the features up to it (`stage.world_known`).

The law of one second of a modality, with orthonormal directions drawn once per law:

    row = Σ_events on · strength · direction + Σ_scenes weight · direction + normal noise of deviation 1

What belongs to no event (what scenes look like) is orthogonal to what does, so it can be left out of the sums there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from evoked.core.expressions import EEV5

FACES = 2
SCENE_S = 8.0
"""Mean length of a scene."""
SCENE_WEIGHT = 1.5
SCENE_SIDES = {"image": 8, "face": 4, "audio": 4}
"""Directions in which scenes differ without meaning anything."""
KIND_WEIGHT = 4.0
"""How plainly a picture shows which of two kinds its scene is of; ±4 deviations leave no doubt."""


@dataclass(frozen=True)
class Event:
    """One hidden thing that comes and goes (a chain of two states), and how its viewers are labelled.

    Attributes:
        share: of the seconds in which it is felt; the truth's prevalence.
        length_s: mean length, geometric.
        delay_s: viewers feel it so many seconds after it shows.
        shows: modality → strength, in deviations of the noise; a modality that is left out carries nothing of it.
        precision, recall: of the labels against the truth.
        turned: its sound is turned round (times −1) in scenes of the second kind, which only the picture tells.
    """

    share: float
    length_s: float
    delay_s: int
    shows: Mapping[str, float]
    precision: float
    recall: float
    turned: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.share < 1 or self.length_s < 1 or self.delay_s < 0:
            raise ValueError(f"need a share within 0 … 1, a length of 1 s or more and no negative delay, got {self}")
        if not 0 < self.precision <= 1 or not 0 < self.recall <= 1:
            raise ValueError(f"precision and recall must lie in (0, 1], got {self.precision} and {self.recall}")
        if self.false_alarms > 1 or self.onset > 1:
            raise ValueError(f"no such event can be: a share of {self.share} does not go with the rest of {self}")

    @property
    def false_alarms(self) -> float:
        """Chance that a second without it is labelled: what makes the precision right, given share and recall."""
        return self.share * self.recall * (1 - self.precision) / (self.precision * (1 - self.share))

    @property
    def labelled(self) -> float:
        """Share of the seconds that are labelled with it."""
        return self.share * self.recall / self.precision

    @property
    def onset(self) -> float:
        """Chance of a second without it to be followed by one with it."""
        return self.share / (self.length_s * (1 - self.share))


PLANTED: Mapping[str, Event] = dict(
    zip(
        EEV5,
        (
            Event(0.185, 8, 1, {"face": 0.7, "audio": 1.0}, 0.770, 0.289),
            Event(0.475, 60, 0, {"image": 0.5}, 0.840, 0.134),
            Event(0.206, 20, 3, {"image": 0.3, "audio": 1.0}, 0.552, 0.182, turned=True),
            Event(0.462, 30, 2, {"image": 0.6, "face": 0.4}, 0.769, 0.475),
            Event(0.0345, 2, 2, {"audio": 3.5}, 0.733, 0.017),
        ),
        strict=True,
    )
)
"""Precision and recall of the paper's Table 1; shares as people saw them (chance rows of its Table 3), but for
surprise, whose share is what makes 0.08 % of the seconds labelled, as in its Table 2."""

AFFECT_OF: Mapping[str, tuple[float, float]] = dict(
    zip(EEV5, ((0.6, 0.3), (-0.3, -0.3), (0.4, -0.4), (0.1, 0.3), (-0.2, 0.6)), strict=True)
)
AFFECT_NOISE = 0.25


@dataclass(frozen=True)
class World:
    """Which world, and how large its features are.

    Attributes:
        image, face, audio: numbers per second; face is two faces side by side.
        seconds: of every video.
        law: seed of the directions; two worlds of one law differ in what happens and not in what it looks like.
        seed: of all that happens.
        events: expression → its event.
        faces: share of the seconds in which each of two people is to be seen.
        seen: share of the seconds with a label, the others in stretches.
        errors_s: mean length for which the machine errs in one way; 1: each second on its own. Precision and recall
            stay the same.
    """

    image: int = 64
    face: int = 64
    audio: int = 48
    seconds: int = 300
    law: int = 0
    seed: int = 0
    events: Mapping[str, Event] = field(default_factory=lambda: PLANTED)
    faces: float = 0.6
    seen: float = 0.9
    errors_s: float = 1.0

    def __post_init__(self) -> None:
        if self.face % FACES:
            raise ValueError(f"face must hold {FACES} equal faces, got {self.face}")
        for name, width in self.sizes.items():
            if width < (least := len(self.events) + SCENE_SIDES[name] + 1):
                raise ValueError(f"{name} needs {least} numbers per {'face' if name == 'face' else 'second'} or more")
        if self.errors_s < 1:
            raise ValueError(f"errors_s must be 1 or more, got {self.errors_s}")
        if self.seconds < 1 or not 0 < self.faces < 1 or not 0 < self.seen <= 1:
            raise ValueError("need a second or more, and shares of faces and seen seconds within 0 … 1")

    @property
    def sizes(self) -> dict[str, int]:
        """Modality → numbers of one thing in it."""
        return {"image": self.image, "face": self.face // FACES, "audio": self.audio}


@dataclass(frozen=True, eq=False)
class Planted:
    """One video of a world, T seconds and K expressions.

    Attributes:
        name: its file name.
        features: modality → float16 (T, D), zeros where a face is absent.
        faces: bool (T, 2), which face is there; the second never without the first.
        kind: int8 (T,), ±1, the kind of scene.
        truth: bool (T, K), what is felt; the "human" labels, without error.
        labels: bool (T, K), the same as the machine has it.
        valid: bool (T,), seconds with labels.
        affect: float32 (T, 2), valence and arousal in −1 … 1.
    """

    name: str
    features: Mapping[str, NDArray[np.float16]]
    faces: NDArray[np.bool_]
    kind: NDArray[np.int8]
    truth: NDArray[np.bool_]
    labels: NDArray[np.bool_]
    valid: NDArray[np.bool_]
    affect: NDArray[np.float32]


def plant(world: World, number: int) -> Planted:
    """Make one video; the same world and number give the same bytes."""
    draw = np.random.default_rng([world.seed, number])
    events, steps = list(world.events.values()), world.seconds
    run_up = max(event.delay_s for event in events)
    states = np.stack([_chain(draw, e.share, e.length_s, steps + run_up) for e in events], axis=1)
    shown = states[run_up:]
    truth = np.stack([states[run_up - e.delay_s :][:steps, k] for k, e in enumerate(events)], axis=1)
    kind, looks = _scenes(draw, steps)
    people = np.sum([_chain(draw, world.faces, 15, steps) for _ in range(FACES)], axis=0)
    there = people[:, None] > np.arange(FACES)
    features = _features(world, draw, shown, (kind, looks), there)
    hit, false = (np.array([getattr(e, name) for e in events]) for name in ("recall", "false_alarms"))
    labels = _lasting(draw.random(truth.shape), world, number) < np.where(truth, hit, false)
    valid = _chain(draw, world.seen, 40, steps) if world.seen < 1 else np.ones(steps, dtype=np.bool_)
    affect = truth @ affect_weights(world) + draw.normal(0, AFFECT_NOISE, (steps, 2))
    felt = np.clip(affect, -1, 1).astype(np.float32)
    return Planted(f"planted-{world.seed}-{number:04d}.mp4", features, there, kind, truth, labels, valid, felt)


def plant_all(world: World, count: int) -> list[Planted]:
    """The first `count` videos of a world."""
    return [plant(world, number) for number in range(count)]


def affect_weights(world: World) -> NDArray[np.float64]:
    """What each event adds to valence and arousal, (K, 2)."""
    return np.array([AFFECT_OF.get(name, (0.0, 0.0)) for name in world.events])


@cache
def _square(size: int, law: int, name: str) -> NDArray[np.float64]:
    """Orthonormal columns of a modality's law, (size, size)."""
    draw = np.random.default_rng([law, *name.encode()])
    return np.asarray(np.linalg.qr(draw.normal(size=(size, size)))[0])


def directions(world: World, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Of one thing in a modality: of each event (K, n), of the kind of scene (n,), of what scenes look like (R, n)."""
    columns, k = _square(world.sizes[name], world.law, name).T, len(world.events)
    return columns[:k], columns[k], columns[k + 1 : k + 1 + SCENE_SIDES[name]]


def signs(event: Event, name: str, kind: NDArray[np.int8]) -> NDArray[np.int8]:
    """±1 per second: which way round an event shows in a modality."""
    return kind if event.turned and name == "audio" else np.ones_like(kind)


def _features(
    world: World,
    draw: np.random.Generator,
    shown: NDArray[np.bool_],
    scenes: tuple[NDArray[np.int8], NDArray[np.float64]],
    there: NDArray[np.bool_],
) -> dict[str, NDArray[np.float16]]:
    (kind, looks), steps, out = scenes, len(shown), {}
    for name, size in world.sizes.items():
        own, of_kind, sides = directions(world, name)
        means = looks[:, : len(sides)] @ sides
        if name == "image":
            means = means + KIND_WEIGHT * kind[:, None] * of_kind
        for k, event in enumerate(world.events.values()):
            strength = event.shows.get(name, 0.0) * signs(event, name, kind) * shown[:, k]
            means = means + strength[:, None] * own[k]
        things = FACES if name == "face" else 1
        rows = means[:, None] + draw.normal(size=(steps, things, size))
        if name == "face":
            rows = np.where(there[..., None], rows, 0)
        out[name] = rows.reshape(steps, -1).astype(np.float16)
    return out


def _chain(draw: np.random.Generator, share: float, length_s: float, steps: int) -> NDArray[np.bool_]:
    """A chain of two states in its steady state: on for `length_s` on average, `share` of the time."""
    leave = {True: 1 / length_s, False: share / (length_s * (1 - share))}
    out = np.empty(steps, dtype=np.bool_)
    on, at = bool(draw.random() < share), 0
    while at < steps:
        stay = int(draw.geometric(min(leave[on], 1.0)))
        out[at : at + stay] = on
        on, at = not on, at + stay
    return out


def _lasting(luck: NDArray[np.float64], world: World, number: int) -> NDArray[np.float64]:
    """Luck (T, K) that stays as it is for `errors_s` seconds on average; the rest of the world does not change."""
    anew = np.random.default_rng([world.seed, number, 1]).random(luck.shape) < 1 / world.errors_s
    since = np.maximum.accumulate(np.where(anew, np.arange(len(luck))[:, None], 0), axis=0)
    return np.take_along_axis(luck, since, axis=0)


def _scenes(draw: np.random.Generator, steps: int) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """The kind of each second's scene, and what it looks like, (T, most sides)."""
    number = np.cumsum(draw.random(steps) < 1 / SCENE_S)
    kinds = np.where(draw.random(steps + 1) < 0.5, 1, -1).astype(np.int8)
    looks = draw.normal(0, SCENE_WEIGHT, (steps + 1, max(SCENE_SIDES.values())))
    return kinds[number], looks[number]
