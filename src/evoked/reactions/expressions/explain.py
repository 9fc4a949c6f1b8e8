"""Why the prototype recogniser gave a score: the facial actions of one moment that count most."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from evoked.core.track import Track
from evoked.reactions.expressions.prototype import PrototypeRecogniser

__all__ = ["Explanation", "explain_viewers"]


@dataclass(frozen=True)
class Explanation:
    """The score of one viewer's expression at one moment, and the actions behind it.

    Attributes:
        viewer: name.
        expression: name.
        time_s: second of the reaction.
        score: in [0, 1].
        actions: the strongest facial actions with their intensities, e.g. "smile .8, eyes narrowed .6"; "at rest".
    """

    viewer: str
    expression: str
    time_s: float
    score: float
    actions: str


def explain_viewers(
    recogniser: PrototypeRecogniser, blendshapes: Mapping[str, Track], at_s: float | None = None
) -> list[Explanation]:
    """Explain the scores of viewers at a moment, or each expression where it is highest.

    Args:
        recogniser: gives the scores.
        blendshapes: viewer → the 52 blendshapes at 6 Hz.
        at_s: second of the reaction; None: of each viewer and expression the frame with the highest score.

    Returns:
        An explanation per viewer and expression, in their order; viewers who are not visible then are left out.

    Raises:
        ValueError: if the moment is outside of the recording.
    """
    explained = []
    for viewer, shapes in blendshapes.items():
        scores = recogniser.score(shapes)
        if at_s is not None and not 0 <= at_s < float(shapes.grid.steps / shapes.grid.rate):
            end_s = float(shapes.grid.steps / shapes.grid.rate)
            raise ValueError(f"second {at_s:g} is outside of the recording, which has {end_s:.1f} s")
        for column, name in enumerate(scores.names):
            if at_s is not None:
                step = shapes.grid.step_at(Fraction(at_s))
            elif scores.valid.any():
                step = int(np.nanargmax(scores.values[:, column]))
            else:
                continue
            if not scores.valid[step]:
                continue
            actions = recogniser.explain(shapes, step)[name].split(" → ")[0]
            time_s, score = float(shapes.grid.seconds[step]), float(scores.values[step, column])
            explained.append(Explanation(viewer, name, time_s, score, actions))
    return explained
