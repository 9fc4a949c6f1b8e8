"""From blendshapes to facial action intensities: the one table of the readable recogniser.

A blendshape answers in [0, 1], but not evenly: an eye that is plainly wide gives .1, a plain smile .7. So
each action has a ramp between the answer of a resting face and that of a full action, drawn in
log-odds. The ends of the ramps were read off 1,668 labelled web faces (10th, 50th and 90th percentiles
of neutral, happy, surprised, angry, sad and disgusted faces); they are no anatomical measurement.

Sources: action units after Ekman, Friesen and Hager 2002 (FACS); blendshape names after ARKit. MediaPipe's
model never raises cheekSquint and noseSneer, so the raised cheek (AU 6) can only be seen by the lids.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from evoked.core.track import Track
from evoked.faces.landmarks import BLENDSHAPES

__all__ = ["ACTIONS", "ACTION_NAMES", "REST_CAP", "ActionUnit", "au_intensities", "neutral_baseline"]

ODDS_FLOOR = 1e-3
"""Added to both sides of the odds: answers below a thousandth say nothing more."""

REST_CAP = 0.25
"""How far, in parts of the ramp, a person's own resting face may shift an action. Uncapped, whoever
laughs through half of a video would be called solemn."""


@dataclass(frozen=True)
class ActionUnit:
    """One facial action, and how strong a blendshape's answer must be.

    Attributes:
        name: what people call it, for explanations.
        units: FACS action units.
        shapes: blendshapes whose log-odds are averaged.
        rest: answer in [0, 1] of a resting face: intensity 0.
        full: answer in [0, 1] of a plain action: intensity 1.
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
    ActionUnit("jaw dropped", "26", ("jawOpen",), 0.02, 0.35),
    ActionUnit("eyes closed", "43", _pair("eyeBlink"), 0.15, 0.60),
)
ACTION_NAMES: tuple[str, ...] = tuple(a.name for a in ACTIONS)


def au_intensities(blendshapes: Track, *, rest_window_s: float = 60.0, rest_least_s: float = 15.0) -> Track:
    """How strongly each action is shown, against the person's own resting face where it is known.

    Args:
        blendshapes: one person's 52 blendshapes (the names of evoked.faces.landmarks.BLENDSHAPES).
        rest_window_s: the resting face is the running median over this many seconds, centred.
        rest_least_s: seconds of visible face that a window needs; with fewer, the scores are absolute,
            that is, against the table alone.

    Returns:
        Intensities, about 0 at rest and 1 when plain, clipped to [-0.5, 1.25]; absent where the face was.

    Raises:
        ValueError: if the Track does not hold the 52 blendshapes.
    """
    if blendshapes.names != BLENDSHAPES:
        raise ValueError(f"need the 52 blendshapes in their order, got {len(blendshapes.names)} columns")
    raw = _ramped(blendshapes.values.astype(np.float64))  # (steps, actions)
    rest = neutral_baseline(raw, blendshapes.valid, blendshapes.grid.rate, rest_window_s, rest_least_s)
    shift = np.clip(rest, -REST_CAP, REST_CAP)
    return Track.masked(blendshapes.grid, ACTION_NAMES, np.clip(raw - shift, -0.5, 1.25), blendshapes.valid)


def neutral_baseline(
    raw: NDArray[np.float64], valid: NDArray[np.bool_], rate: Fraction, window_s: float, least_s: float
) -> NDArray[np.float64]:
    """Running median of each action over the visible frames of a centred window.

    The median is taken anew once a second and held for that second: a resting face does not change faster.

    Returns:
        Shape of `raw`; zeros (the table's own rest) where fewer than `least_s` seconds were visible.
    """
    out = np.zeros_like(raw)
    every = max(1, round(float(rate)))
    half = round(window_s * float(rate) / 2)
    least = max(1.0, least_s * float(rate))
    for start in range(0, len(raw), every):
        middle = start + every // 2
        span = slice(max(0, middle - half), middle + half + 1)
        seen = raw[span][valid[span]]
        if len(seen) >= least:
            out[start : start + every] = np.median(seen, axis=0)
    return out


def _ramped(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Blendshape answers → unclipped place on each action's ramp, shape (steps, actions)."""
    odds = _log_odds(values)
    columns = []
    for action in ACTIONS:
        places = [BLENDSHAPES.index(s) for s in action.shapes]
        low, high = _log_odds(np.array([action.rest, action.full]))
        columns.append((odds[:, places].mean(axis=1) - low) / (high - low))
    return np.stack(columns, axis=1)


def _log_odds(p: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.log((p + ODDS_FLOOR) / (1 - p + ODDS_FLOOR)))
