"""The conditions under which reactions are staged, and a design that covers them.

Not the full cross product, which would be over a million reactions: each value stands in at least LEAST of
them, and of the factors that are likely to disturb each other every pair of values stands in one.
The first value of each factor is the plain one and is drawn half of the time, so that a reaction is not
the worst of everything at once.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from fractions import Fraction
from itertools import product

import numpy as np

FACTORS: dict[str, tuple[str, ...]] = {
    "layout": ("corner", "side", "inset", "unseen"),
    "offset": ("soon", "long", "late"),
    "play": ("through", "pause", "skip", "rewind", "cuts"),
    "gain_db": ("0", "-6", "-12", "-18"),
    "noise": ("quiet", "room", "loud"),
    "speech": ("none", "bouts", "throughout"),
    "echo": ("none", "near", "hall"),
    "speed": ("same", "tape +5 %", "tape -5 %", "stretched +5 %", "stretched -5 %", "pitch +3 %"),
    "mirror": ("none", "film", "viewer", "both"),
    "film_face": ("no", "yes"),
    "viewers": ("one", "two"),
    "presence": ("stays", "leaves", "covers"),
    "light": ("day", "dim"),
    "false_viewer": ("none", "poster", "poster, camera moves", "copy", "mirrored copy"),
}
LATE = ("false_viewer",)  # dealt after the design, so that its other factors stay as they were
PAIRS = (
    ("layout", "viewers"),
    ("layout", "mirror"),
    ("layout", "film_face"),
    ("layout", "presence"),
    ("layout", "light"),
    ("viewers", "presence"),
    ("viewers", "film_face"),
    ("mirror", "film_face"),
    ("offset", "play"),
    ("gain_db", "noise"),
    ("gain_db", "speech"),
    ("gain_db", "echo"),
)
LEAST = 4
TRIES = 150  # conditions that are drawn for each that is taken
# Rate of the content's time against the reaction's, and by what its pitch is raised.
SPEEDS: dict[str, tuple[Fraction, Fraction]] = {
    "same": (Fraction(1), Fraction(1)),
    "tape +5 %": (Fraction(21, 20), Fraction(21, 20)),
    "tape -5 %": (Fraction(19, 20), Fraction(19, 20)),
    "stretched +5 %": (Fraction(21, 20), Fraction(1)),
    "stretched -5 %": (Fraction(19, 20), Fraction(1)),
    "pitch +3 %": (Fraction(1), Fraction(103, 100)),
}
NOISE_DB = {"quiet": -70.0, "room": -50.0, "loud": -38.0}
ECHO = {"none": (0.0, 0.0), "near": (0.3, 0.5), "hall": (0.6, 1.5)}
"""Seconds in which the echo falls by 60 dB, and its energy against the direct sound's."""


@dataclass(frozen=True)
class Condition:
    """One value of each of FACTORS.

    Raises:
        ValueError: for a value that is none of its factor's, or values that cannot go together.
    """

    layout: str = "corner"
    offset: str = "soon"
    play: str = "through"
    gain_db: str = "0"
    noise: str = "quiet"
    speech: str = "none"
    echo: str = "none"
    speed: str = "same"
    mirror: str = "none"
    film_face: str = "no"
    viewers: str = "one"
    presence: str = "stays"
    light: str = "day"
    false_viewer: str = "none"

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value not in FACTORS[name]:
                raise ValueError(f"{name} must be one of {', '.join(FACTORS[name])}, got {value!r}")
        if not possible(asdict(self)):
            raise ValueError("a film that is not seen has neither a face nor a mirror image")

    @property
    def gain(self) -> float:
        """What the film's sound is multiplied by."""
        return float(10 ** (int(self.gain_db) / 20))

    @property
    def rate(self) -> Fraction:
        """Seconds of content in a second of the reaction."""
        return SPEEDS[self.speed][0]

    @property
    def pitch(self) -> Fraction:
        """What the film's pitch is multiplied by."""
        return SPEEDS[self.speed][1]

    @property
    def film_mirrored(self) -> bool:
        """Whether the film is shown left to right."""
        return self.mirror in ("film", "both")

    @property
    def viewer_mirrored(self) -> bool:
        """Whether the viewers are."""
        return self.mirror in ("viewer", "both")

    @property
    def loud_enough(self) -> bool:
        """Whether the bars for offsets are meant for it: the film at -12 dB or louder."""
        return int(self.gain_db) >= -12


def possible(values: dict[str, str]) -> bool:
    """Whether some values, of all or of some factors, can go together."""
    if values.get("layout") != "unseen":
        return True
    return values.get("film_face", "no") == "no" and values.get("mirror", "none") in ("none", "viewer")


def wanted_pairs() -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    """Every pair of values that a design must hold: ((factor, value), (factor, value))."""
    for one, other in PAIRS:
        for a, b in product(FACTORS[one], FACTORS[other]):
            if possible({one: a, other: b}):
                yield (one, a), (other, b)


def design(count: int, seed: int) -> tuple[Condition, ...]:
    """Conditions that cover the grid, greedily: of many drawn by lot the one that adds most is taken.

    Args:
        count: how many; 32 suffice for all values and pairs, fewer cover what they can.
        seed: the same seed gives the same design.
    """
    rng = np.random.default_rng([seed, 0])
    values: Counter[tuple[str, str]] = Counter()
    missing = set(wanted_pairs())
    taken: list[Condition] = []
    for _ in range(count):
        best = max((_drawn(rng) for _ in range(TRIES)), key=lambda c: _worth(c, values, missing))
        taken.append(best)
        values.update(asdict(best).items())
        missing -= set(_pairs_of(best))
    return tuple(_with_false_viewers(taken, seed))


def _with_false_viewers(conditions: list[Condition], seed: int) -> Iterator[Condition]:
    """Half of the conditions without false viewers, the other values by turns in the other half."""
    rng = np.random.default_rng([seed, 2])
    none, *others = FACTORS["false_viewer"]
    for condition, place in zip(conditions, rng.permutation(len(conditions)), strict=True):
        yield replace(condition, false_viewer=none if place % 2 == 0 else others[place // 2 % len(others)])


def _worth(condition: Condition, values: Counter[tuple[str, str]], missing: set) -> float:
    short = sum(max(0, LEAST - values[item]) for item in asdict(condition).items())
    return short + sum(pair in missing for pair in _pairs_of(condition))


def _pairs_of(condition: Condition) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    own = asdict(condition)
    return [((a, own[a]), (b, own[b])) for a, b in PAIRS]


def _drawn(rng: np.random.Generator) -> Condition:
    while True:
        values = {}
        for field in fields(Condition):
            if field.name in LATE:
                continue
            plain, *others = FACTORS[field.name]
            values[field.name] = plain if rng.random() < 0.5 else others[int(rng.integers(len(others)))]
        if possible(values):
            return Condition(**values)
