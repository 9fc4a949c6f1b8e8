"""Blendshape sequences of planted people who talk, laugh, yawn, scream, weep: what they show is known.

A person is a neutral face of their own; speech is syllables at 3 to 6 a second, each a consonant and a vowel of the
table of visemes; everything is made at 60 Hz and sampled at 6 Hz, so that syllables alias as they do in a recording.
Values of visemes and of actions are typical of MediaPipe's blendshapes of real faces (their 50th to 90th percentiles).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evoked.core.time_grid import ANNOTATION_FPS, TimeGrid
from evoked.core.track import Track
from evoked.faces.landmarks import BLENDSHAPES
from evoked.reactions.expressions.action_units import ACTIONS

__all__ = ["AMUSED", "SEQUENCES", "PlantedFace", "planted_sequence"]

AMUSED = ("laugh", "laughing speech", "held smile")
SEQUENCES = ("neutral", "speech", *AMUSED, "yawn", "scream", "weeping", "bared teeth", "fear")

FINE_HZ = 60
CONSONANTS: tuple[Mapping[str, float], ...] = (
    {"mouthPress": 0.20, "mouthRollLower": 0.10, "mouthRollUpper": 0.10},  # m, b, p
    {"mouthRollLower": 0.20, "mouthUpperUp": 0.15},  # f, v
    {"jawOpen": 0.05, "mouthLowerDown": 0.10, "mouthUpperUp": 0.10},  # t, s, n
)
VOWELS: tuple[Mapping[str, float], ...] = (
    {"mouthSmile": 0.55, "mouthStretch": 0.15, "mouthUpperUp": 0.45, "mouthLowerDown": 0.25, "jawOpen": 0.06},  # ee
    {"mouthSmile": 0.15, "mouthUpperUp": 0.30, "mouthLowerDown": 0.30, "jawOpen": 0.15},  # e
    {"jawOpen": 0.35, "mouthLowerDown": 0.40, "mouthUpperUp": 0.15},  # a
    {"mouthPucker": 0.50, "mouthFunnel": 0.15, "jawOpen": 0.06},  # o, u
)
HELD: Mapping[str, Mapping[str, float]] = {
    "neutral": {},
    "speech": {},
    "laugh": {"mouthSmile": 0.80, "mouthUpperUp": 0.65, "mouthLowerDown": 0.35, "eyeSquint": 0.55},
    "laughing speech": {"mouthSmile": 0.75, "mouthUpperUp": 0.50, "mouthLowerDown": 0.25, "eyeSquint": 0.50},
    "held smile": {"mouthSmile": 0.80, "mouthUpperUp": 0.45, "mouthLowerDown": 0.10, "eyeSquint": 0.45},
    "yawn": {"jawOpen": 0.75, "eyeBlink": 0.55, "eyeSquint": 0.55, "mouthLowerDown": 0.30, "browDown": 0.20},
    "scream": {
        "jawOpen": 0.60,
        "mouthLowerDown": 0.75,
        "mouthUpperUp": 0.55,
        "mouthSmile": 0.50,
        "mouthStretch": 0.25,
        "eyeSquint": 0.60,
        "browDown": 0.40,
    },
    "weeping": {
        "mouthSmile": 0.65,
        "mouthStretch": 0.10,
        "eyeBlink": 0.65,
        "eyeSquint": 0.60,
        "mouthShrugLower": 0.15,
        "browInnerUp": 0.15,
    },
    "bared teeth": {
        "mouthUpperUp": 0.50,
        "mouthLowerDown": 0.70,
        "mouthSmile": 0.45,
        "browDown": 0.50,
        "jawOpen": 0.10,
        "eyeSquint": 0.55,
    },
    "fear": {
        "eyeWide": 0.15,
        "browInnerUp": 0.60,
        "browOuterUp": 0.30,
        "mouthStretch": 0.30,
        "mouthLowerDown": 0.50,
        "mouthSmile": 0.20,
        "jawOpen": 0.20,
    },
}
LAUGH_HZ, LAUGH_JAW = 4.5, 0.25  # bouts of laughter open the jaw four to five times a second
SMOOTH_S = 0.06  # lips take this long from one shape to the next


@dataclass(frozen=True)
class PlantedFace:
    """One planted person.

    Attributes:
        seed: decides the neutral face, and what is said.
        spread: standard deviation of the neutral face, in log-odds of a blendshape.
        strength: of all that is shown, as a factor of the log-odds above neutral.
    """

    seed: int
    spread: float = 0.5
    strength: float = 1.0


def planted_sequence(face: PlantedFace, shown: str, *, before_s: int = 4, shown_s: int = 8, after_s: int = 4) -> Track:
    """The 52 blendshapes of a person who is neutral, shows something, and is neutral again.

    Args:
        face: the person.
        shown: one of SEQUENCES.
        before_s, after_s: neutral seconds.
        shown_s: seconds for which it is shown.

    Returns:
        A Track at 6 Hz, valid throughout.

    Raises:
        ValueError: for a sequence that is not planted.
    """
    if shown not in HELD:
        raise ValueError(f"nothing is planted as {shown!r}; there are: {', '.join(SEQUENCES)}")
    rng = np.random.default_rng(face.seed)
    total = before_s + shown_s + after_s
    neutral = _neutral() + rng.normal(0, face.spread, len(BLENDSHAPES))
    fine = np.zeros((total * FINE_HZ, len(BLENDSHAPES)))
    span = slice(before_s * FINE_HZ, (before_s + shown_s) * FINE_HZ)
    fine[span] = _above_neutral(HELD[shown])
    if shown in ("speech", "laughing speech"):
        _speak(fine[span], rng)
    if shown == "laugh":
        beat = 0.5 + 0.5 * np.sin(2 * np.pi * LAUGH_HZ * np.arange(shown_s * FINE_HZ) / FINE_HZ)
        fine[span] += beat[:, None] * _above_neutral({"jawOpen": LAUGH_JAW})
    kernel = np.hanning(round(2 * SMOOTH_S * FINE_HZ) + 3)[1:-1]
    smooth = np.apply_along_axis(lambda column: np.convolve(column, kernel / kernel.sum(), mode="same"), 0, fine)
    odds = neutral + face.strength * smooth[:: FINE_HZ // int(ANNOTATION_FPS)]
    odds = odds + rng.normal(0, 0.1, odds.shape)  # noise of the mesh
    values = (1 / (1 + np.exp(-odds))).astype(np.float32)
    grid = TimeGrid(ANNOTATION_FPS, total * int(ANNOTATION_FPS))
    return Track.masked(grid, BLENDSHAPES, values, np.ones(grid.steps, dtype=np.bool_))


def _speak(odds: NDArray[np.float64], rng: np.random.Generator) -> None:
    """Lay syllables over a span: each shape of the lips is at least what the viseme asks for."""
    at = 0
    while at < len(odds):
        length = round(FINE_HZ / rng.uniform(3, 6))
        for visemes, first, end in ((CONSONANTS, 0, length // 3), (VOWELS, length // 3, length)):
            viseme = _above_neutral(visemes[rng.integers(len(visemes))])
            part = odds[at + first : at + end]
            np.maximum(part, viseme, out=part)
        at += length


def _neutral() -> NDArray[np.float64]:
    """Log-odds of the blendshapes of a neutral face: the foot of each action's ramp, .002 where there is none."""
    values = np.full(len(BLENDSHAPES), 0.002)
    for action in ACTIONS:
        for shape in action.shapes:
            values[BLENDSHAPES.index(shape)] = action.rest
    return np.log(values / (1 - values))


def _above_neutral(shapes: Mapping[str, float]) -> NDArray[np.float64]:
    """Log-odds above neutral of some blendshapes, named without their side; 0 elsewhere."""
    above, neutral = np.zeros(len(BLENDSHAPES)), _neutral()
    for name, value in shapes.items():
        for column, shape in enumerate(BLENDSHAPES):
            if shape in (name, f"{name}Left", f"{name}Right"):
                above[column] = np.log(value / (1 - value)) - neutral[column]
    return above
