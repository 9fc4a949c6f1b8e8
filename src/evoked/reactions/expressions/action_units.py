"""Facial action intensities from blendshapes: the table of the prototype recogniser.

Blendshape values lie in [0, 1], but their ranges differ: a clearly widened eye gives .1, a clear smile .7. Each
action therefore has a linear ramp in log-odds, from the value of a neutral face to that of a full action. The ends
of the ramps are 10th, 50th and 90th percentiles of neutral, happy, surprised, angry, sad and disgusted faces among
1,668 labelled web faces; they are not an anatomical measurement.

Sources: action units after Ekman, Friesen and Hager 2002 (FACS); blendshape names after ARKit. MediaPipe's
model never raises cheekSquint and noseSneer, so that cheek raising (AU 6) shows in the eyelids only.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from evoked.core.track import Track
from evoked.faces.landmarks import BLENDSHAPES

__all__ = [
    "ACTIONS",
    "ACTION_NAMES",
    "BROWS",
    "REST_CAP",
    "ActionUnit",
    "RestingBrows",
    "au_intensities",
    "resting_brows_known",
]

ODDS_FLOOR = 1e-3
"""Added to numerator and denominator of the odds: values below 0.001 carry no information."""

REST_CAP = 0.25
"""Largest shift of an action by a person's neutral baseline, as a share of the ramp. Without this limit a person who
laughs through half of a video would count as neutral while laughing."""

FEWEST_FRAMES = 18
"""Fewest visible frames of which a resting face is computed: a quantile of a few frames is one of them."""


@dataclass(frozen=True)
class ActionUnit:
    """One facial action and the ramp of its blendshapes.

    Attributes:
        name: plain name, for explanations.
        units: FACS action units.
        shapes: blendshapes whose log-odds are averaged.
        rest: value in [0, 1] of a neutral face: intensity 0.
        full: value in [0, 1] of a full action: intensity 1.
    """

    name: str
    units: str
    shapes: tuple[str, ...]
    rest: float
    full: float


def _pair(shape: str) -> tuple[str, str]:
    return f"{shape}Left", f"{shape}Right"


ACTIONS: tuple[ActionUnit, ...] = (
    ActionUnit("inner brows up", "1", ("browInnerUp",), 0.01, 0.60),
    ActionUnit("outer brows up", "2", _pair("browOuterUp"), 0.03, 0.60),
    ActionUnit("brows down", "4", _pair("browDown"), 0.10, 0.70),
    ActionUnit("eyes wide", "5", _pair("eyeWide"), 0.008, 0.10),
    ActionUnit("eyes narrowed", "6+7", _pair("eyeSquint"), 0.15, 0.60),
    ActionUnit("smile", "12", _pair("mouthSmile"), 0.01, 0.60),
    ActionUnit("mouth corners down", "15", _pair("mouthFrown"), 0.005, 0.20),
    ActionUnit("chin raised", "17", ("mouthShrugLower",), 0.005, 0.20),
    ActionUnit("lips pressed", "23+24", (*_pair("mouthPress"), "mouthRollLower", "mouthRollUpper"), 0.03, 0.25),
    ActionUnit("upper teeth shown", "25", _pair("mouthUpperUp"), 0.002, 0.40),
    ActionUnit("lower teeth shown", "16+25", _pair("mouthLowerDown"), 0.01, 0.50),
    ActionUnit("jaw dropped", "26", ("jawOpen",), 0.02, 0.35),
    ActionUnit("eyes closed", "43", _pair("eyeBlink"), 0.15, 0.60),
)
ACTION_NAMES: tuple[str, ...] = tuple(a.name for a in ACTIONS)

BROWS = ("inner brows up", "outer brows up", "brows down")


@dataclass(frozen=True)
class RestingBrows:
    """How the position of a person's brows at rest is found; people's brows differ more than any expression moves them.

    Attributes:
        quantile: of the visible frames of the window. Rest is the end from which the brows move, so it is low.
        window_s: centred, seconds; long, because interest may last a minute.
        unknown_s: with this much visible face or less nothing is known about rest.
        known_s: with this much or more rest is known; in between it is taken in proportion.
    """

    quantile: float = 0.25
    window_s: float = 300.0
    unknown_s: float = 3.0
    known_s: float = 6.0


def au_intensities(blendshapes: Track, *, rest_window_s: float = 60.0, rest_least_s: float = 15.0) -> Track:
    """Intensity of each action, relative to the person's neutral baseline where it is known.

    Args:
        blendshapes: one person's 52 blendshapes (the names of evoked.faces.landmarks.BLENDSHAPES).
        rest_window_s: window of the running median that is the neutral baseline, in seconds, centred.
        rest_least_s: seconds of visible face that a window needs; with fewer, the intensities are not shifted
            by a baseline. Brows are measured from their own resting position instead (RestingBrows), without a cap
            upwards: brows that never move are at rest.

    Returns:
        Intensities, about 0 for a neutral face and 1 for a full action, clipped to [-0.5, 1.25]; valid where
        the blendshapes are.

    Raises:
        ValueError: if the Track does not hold the 52 blendshapes.
    """
    if blendshapes.names != BLENDSHAPES:
        raise ValueError(f"need the 52 blendshapes in their order, got {len(blendshapes.names)} columns")
    raw = _ramped(blendshapes.values.astype(np.float64))  # (steps, actions)
    valid, rate = blendshapes.valid, blendshapes.grid.rate
    baseline = _running_quantile(raw, valid, rate, rest_window_s, 0.5)
    known = _visible_s(valid, rate, rest_window_s) >= rest_least_s
    shift = np.where(known[:, None], np.clip(baseline, -REST_CAP, REST_CAP), 0)
    columns, brows = [ACTION_NAMES.index(name) for name in BROWS], RestingBrows()
    resting = _running_quantile(raw[:, columns], valid, rate, brows.window_s, brows.quantile)
    shift[:, columns] = resting_brows_known(blendshapes)[:, None] * np.maximum(resting, 0)
    return Track.masked(blendshapes.grid, ACTION_NAMES, np.clip(raw - shift, -0.5, 1.25), blendshapes.valid)


def resting_brows_known(blendshapes: Track) -> NDArray[np.float64]:
    """How far the resting position of the brows is known at each frame, in [0, 1], shape (steps,)."""
    brows = RestingBrows()
    visible_s = _visible_s(blendshapes.valid, blendshapes.grid.rate, brows.window_s)
    return np.clip((visible_s - brows.unknown_s) / (brows.known_s - brows.unknown_s), 0, 1)


def _running_quantile(
    raw: NDArray[np.float64], valid: NDArray[np.bool_], rate: Fraction, window_s: float, quantile: float
) -> NDArray[np.float64]:
    """Running quantile of each action over the visible frames of a centred window; zeros where none is visible.

    Computed once a second and used for that second: a neutral face does not change faster.
    """
    baseline = np.zeros_like(raw)
    for frames, window in _windows(len(raw), rate, window_s):
        seen = raw[window][valid[window]]
        if len(seen):
            baseline[frames] = np.quantile(seen, quantile, axis=0)
    return baseline


def _visible_s(valid: NDArray[np.bool_], rate: Fraction, window_s: float) -> NDArray[np.float64]:
    """Seconds of visible face in the window around each frame, shape (steps,); 0 below FEWEST_FRAMES."""
    visible = np.zeros(len(valid))
    for frames, window in _windows(len(valid), rate, window_s):
        count = int(valid[window].sum())
        visible[frames] = count / float(rate) if count >= FEWEST_FRAMES else 0
    return visible


def _windows(steps: int, rate: Fraction, window_s: float) -> Iterator[tuple[slice, slice]]:
    """The frames of each second, and the frames of the window around its middle."""
    frames_per_s = max(1, round(float(rate)))
    half = round(window_s * float(rate) / 2)
    for start in range(0, steps, frames_per_s):
        middle = start + frames_per_s // 2
        yield slice(start, start + frames_per_s), slice(max(0, middle - half), middle + half + 1)


def _ramped(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Blendshape values → unclipped position on each action's ramp, shape (steps, actions)."""
    odds = _log_odds(values)
    columns = []
    for action in ACTIONS:
        indices = [BLENDSHAPES.index(s) for s in action.shapes]
        low, high = _log_odds(np.array([action.rest, action.full]))
        columns.append((odds[:, indices].mean(axis=1) - low) / (high - low))
    return np.stack(columns, axis=1)


def _log_odds(p: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.log((p + ODDS_FLOOR) / (1 - p + ODDS_FLOOR)))
