"""The default recogniser: expressions by similarity to published prototypes. Interpretable, without training.

Each expression has a prototype: actions that belong to it (positive weights) and actions that contradict
it (negative weights). Their weighted sum, the evidence, is turned into a score by a logistic
curve that is one half where the evidence equals the expression's threshold.

The actions of each expression are published: amusement 6+7+12+25+26, contentment 12 with relaxed eyes, interest
1+2(+12), surprise 1+2+5+25+26 (Cordaro, Sun, Keltner et al. 2018, Emotion 18:75-93); concentration 4+7 with
the lips pressed, 23/24 (Rozin and Cohen 2003, Emotion 3:68-75; Cowen and Keltner 2019), by far the
least reliable of the five: bright light lowers the brows, too. The weights and the contradicting actions are
choices of this project, made on 1,668 noisily labelled web faces by the area under the ROC curve.
It is a baseline, not the paper's recogniser, which was trained on 187k rated clips.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from evoked.core.track import Track
from evoked.reactions.expressions.action_units import ACTION_NAMES, au_intensities, resting_brows_known
from evoked.reactions.expressions.held_actions import held_intensities

__all__ = ["PROTOTYPES", "Prototype", "PrototypeRecogniser"]


@dataclass(frozen=True)
class Prototype:
    """The actions of an expression and their weights.

    Attributes:
        weights: action → weight per unit of intensity; below rest an action counts in the other direction.
        threshold: evidence at which the score is one half.
        against: action → negative weight of a contradiction. Its absence is no evidence: otherwise an open-eyed neutral
            face would be half interested already.
        beyond: (action, limit, weight): the excess of `action` over the intensity of `limit` has a weight, too.
            In laughter the jaw drops no further than the lips smile; beyond that it is a cry or a yawn. In anger and
            in screams the lower teeth show more than the upper ones.
        together: (action, action, weight): the smaller of both intensities has a weight, too. Closed eyes belong to
            laughing and a raised chin to a modest smile; together they are weeping. With a dropped jaw they are a yawn.
        held: actions that count as far as they last (`held_actions`), so that the lips of speech do not.
        doubt: evidence that is taken off where the resting position of the brows is not known at all.
        unreliable: why the score does not tell the expression; empty where it does.
    """

    weights: Mapping[str, float]
    threshold: float
    against: Mapping[str, float] = field(default_factory=dict)
    beyond: tuple[tuple[str, str, float], ...] = ()
    together: tuple[tuple[str, str, float], ...] = ()
    held: tuple[str, ...] = ()
    doubt: float = 0.0
    unreliable: str = ""


STEEPNESS = 6.0
"""Log-odds of the score per unit of evidence: a neutral face scores under .02, a full prototype over .8."""

PROTOTYPES: Mapping[str, Prototype] = {
    "amusement": Prototype(
        {"smile": 1.0, "upper teeth shown": 0.15, "eyes narrowed": 0.10},
        threshold=0.64,
        against={"mouth corners down": -0.15, "chin raised": -0.15, "lower teeth shown": -0.4, "eyes closed": -0.15},
        beyond=(("jaw dropped", "smile", -0.7), ("lower teeth shown", "upper teeth shown", -0.4)),
        together=(("eyes closed", "chin raised", -0.6),),
        held=("smile",),
    ),
    "concentration": Prototype(
        {"brows down": 0.6, "eyes narrowed": 0.3, "lips pressed": 0.4},
        threshold=0.85,
        against={"smile": -0.6, "jaw dropped": -0.3},
        held=("brows down", "lips pressed"),
        unreliable="light from above lowers brows as well, and many who concentrate show nothing",
    ),
    "contentment": Prototype(
        {
            "smile": 1.0,
            "upper teeth shown": -0.5,
            "jaw dropped": -0.3,
            "eyes narrowed": -0.1,
            "mouth corners down": -0.2,
        },
        threshold=0.56,
        against={"brows down": -0.2},
        together=(("eyes closed", "chin raised", -0.6),),
        held=("smile",),
    ),
    "interest": Prototype(
        {"inner brows up": 0.5, "outer brows up": 0.5, "smile": 0.1, "eyes wide": 0.1},
        threshold=0.35,
        doubt=0.25,
        against={"brows down": -0.3, "jaw dropped": -0.3, "eyes closed": -0.3, "mouth corners down": -0.2},
        held=("inner brows up", "outer brows up"),
    ),
    "surprise": Prototype(
        {
            "jaw dropped": 1.0,
            "inner brows up": 0.3,
            "outer brows up": 0.1,
            "eyes wide": 0.5,
            "smile": -0.5,
            "eyes narrowed": -0.4,
            "chin raised": -0.2,
        },
        threshold=0.95,
        together=(("eyes closed", "jaw dropped", -0.4),),
        held=("jaw dropped",),
    ),
}


@dataclass(frozen=True)
class PrototypeRecogniser:
    """Scores expressions by the prototypes above.

    Attributes:
        names: expressions, in order; each must have a prototype.
        prototypes: expression → Prototype.
        rest_window_s, rest_least_s: see evoked.reactions.expressions.action_units.au_intensities.

    Raises:
        ValueError: for an expression without a prototype.
    """

    names: tuple[str, ...] = tuple(PROTOTYPES)
    prototypes: Mapping[str, Prototype] = field(default_factory=lambda: PROTOTYPES)
    rest_window_s: float = 60.0
    rest_least_s: float = 15.0

    @property
    def describes(self) -> tuple[str, ...]:
        """The 52 blendshapes only."""
        return ("blendshapes",)

    def __post_init__(self) -> None:
        if unknown := [n for n in self.names if n not in self.prototypes]:
            raise ValueError(f"no prototype for {', '.join(unknown)}; there are: {', '.join(self.prototypes)}")

    def score(self, blendshapes: Track) -> Track:
        """Score one person's 52 blendshapes: scores in [0, 1], columns `names`, valid where the blendshapes are."""
        shown, faces = self._described(blendshapes)
        scores = [_score(self.prototypes[n], faces) for n in self.names]
        return Track.masked(shown.grid, self.names, np.stack(scores, axis=1), shown.valid)

    def explain(self, blendshapes: Track, step: int) -> dict[str, str]:
        """Explain each score at a frame, e.g. {"amusement": "smile .8, eyes narrowed .6 → amusement .7"}.

        Args:
            blendshapes: one person's 52 blendshapes.
            step: index of the frame.

        Returns:
            Expression → its strongest actions with their intensities, and its score.

        Raises:
            ValueError: if no face was visible at that frame.
        """
        shown, faces = self._described(blendshapes)
        if not shown.valid[step]:
            raise ValueError(f"nothing was seen at step {step}, so there is nothing to explain")
        row = faces.at(slice(step, step + 1))
        explanations = {}
        for name in self.names:
            terms = [
                (abs(float(share[0])), f"{label} {_short(float(level[0]))}")
                for label, level, share in _terms(self.prototypes[name], row)
            ]
            strongest = sorted((term for term in terms if term[0] >= 0.05), key=lambda term: -term[0])[:4]
            score = _short(float(_score(self.prototypes[name], row)[0]))
            explanations[name] = f"{', '.join(text for _, text in strongest) or 'at rest'} → {name} {score}"
        return explanations

    def _described(self, blendshapes: Track) -> tuple[Track, "_Faces"]:
        shown = au_intensities(blendshapes, rest_window_s=self.rest_window_s, rest_least_s=self.rest_least_s)
        values = shown.values.astype(np.float64)
        held = held_intensities(values, shown.valid, shown.grid.rate)
        return shown, _Faces(values, held, resting_brows_known(blendshapes))

    def describe(self) -> dict[str, object]:
        """Name, the two settings, unreliable expressions; the prototypes are those of this version of evoked."""
        reasons = {name: self.prototypes[name].unreliable for name in self.names}
        return {
            "recogniser": "prototype",
            "rest_window_s": self.rest_window_s,
            "rest_least_s": self.rest_least_s,
            "unreliable": {name: reason for name, reason in reasons.items() if reason},
        }


@dataclass(frozen=True, eq=False)
class _Faces:
    """What a person's face shows at each frame.

    Attributes:
        shown: intensities, shape (steps, actions); NaN where no face is visible.
        held: the same as far as they are held.
        brows_known: how far the resting position of the brows is known, shape (steps,).
    """

    shown: NDArray[np.float64]
    held: NDArray[np.float64]
    brows_known: NDArray[np.float64]

    def at(self, frames: slice) -> "_Faces":
        return _Faces(self.shown[frames], self.held[frames], self.brows_known[frames])


def _score(prototype: Prototype, faces: _Faces) -> NDArray[np.float64]:
    """Scores in [0, 1], shape (steps,); NaN where no face is visible."""
    evidence = sum(share for _, _, share in _terms(prototype, faces))
    return np.asarray(1 / (1 + np.exp(-STEEPNESS * (evidence - prototype.threshold))))


def _terms(prototype: Prototype, faces: _Faces) -> Iterator[tuple[str, NDArray[np.float64], NDArray[np.float64]]]:
    """Each term of the evidence: its name, the intensity it is computed from, and its share of the evidence."""
    level = {n: (faces.held if n in prototype.held else faces.shown)[:, i] for i, n in enumerate(ACTION_NAMES)}
    plain = {n: np.clip(faces.shown[:, i], 0, 1) for i, n in enumerate(ACTION_NAMES)}
    for action, weight in prototype.weights.items():
        yield action, level[action], weight * level[action]
    for action, weight in prototype.against.items():
        yield action, level[action], weight * np.maximum(0, level[action])
    for action, limit, weight in prototype.beyond:
        excess = np.maximum(0, plain[action] - np.clip(level[limit], 0, 1))
        yield f"{action} beyond {limit}", excess, weight * excess
    for one, two, weight in prototype.together:
        both = np.minimum(plain[one], plain[two])
        yield f"{one} with {two}", both, weight * both
    if prototype.doubt:
        unknown = 1 - faces.brows_known
        yield "brows at rest unknown", unknown, -prototype.doubt * unknown


def _short(value: float) -> str:
    text = f"{value:.1f}"
    return text.replace("0.", ".") if text not in ("0.0", "-0.0") else "0"
