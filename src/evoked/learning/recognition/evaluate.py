"""What a recogniser is worth on rated clips: a trained one or the prototype one, by the same figures. No torch."""

from fractions import Fraction

import numpy as np

from evoked.core.errors import DatasetError
from evoked.core.time_grid import ANNOTATION_FPS, TimeGrid
from evoked.core.track import Track
from evoked.faces.descriptors import column_names
from evoked.learning.recognition.held_out_metrics import ClassMetrics, at_points, class_metrics, metrics_notes
from evoked.learning.recognition.training_clips import ClipDataset
from evoked.reactions.expressions.recogniser import Recogniser
from evoked.reactions.expressions.trained import TrainedRecogniser
from evoked.reactions.viewers.rated_clip import IMAGE_FRAMES

__all__ = ["evaluate_recogniser", "score_clips"]

HALF = 0.5


def evaluate_recogniser(recogniser: Recogniser, rated: ClipDataset) -> tuple[tuple[ClassMetrics, ...], tuple[str, ...]]:
    """Figures of the expressions that the recogniser knows and people rated, and notes on the others.

    A trained one is judged by its calibrated probabilities and its own operating points, the prototype one by its
    scores and one half.

    Raises:
        DatasetError: if they have no expression in common.
    """
    names = tuple(n for n in recogniser.names if n in rated.expressions)
    if not names:
        raise DatasetError(
            f"the recogniser knows {', '.join(recogniser.names)}; rated are {', '.join(rated.expressions)}: nothing "
            "in common. Rate one of its expressions, or train one on these"
        )
    p = score_clips(recogniser, rated)[:, [recogniser.names.index(n) for n in names]]
    said = rated.said[:, [rated.expressions.index(n) for n in names]]
    cuts = [HALF] * len(names)
    if isinstance(recogniser, TrainedRecogniser):
        own = dict(zip(recogniser.recognition.config.expressions, recogniser.recognition.points, strict=True))
        cuts = [own[n].threshold for n in names]
    judged = class_metrics(names, p, said, rated.people, at_points(p, said, cuts), p >= np.array(cuts))
    left = [
        f"{what}, left out: {', '.join(found)}"
        for what, found in (
            ("rated but not known to the recogniser", [n for n in rated.expressions if n not in names]),
            ("known to the recogniser but not rated", [n for n in recogniser.names if n not in names]),
        )
        if found
    ]
    return judged, (*left, *metrics_notes(judged))


def score_clips(recogniser: Recogniser, rated: ClipDataset) -> np.ndarray:
    """Score each clip, float64 (n, K): the mean over the windows that lie within; of a short clip its last tick."""
    columns, out = column_names(recogniser.describes), []
    for rows in rated.rows:
        grid = TimeGrid(Fraction(ANNOTATION_FPS), len(rows))
        track = Track.masked(grid, columns, rows, np.ones(len(rows), dtype=np.bool_))
        trained = isinstance(recogniser, TrainedRecogniser)
        found = recogniser.probabilities(track) if trained else recogniser.score(track)  # type: ignore[attr-defined]
        out.append(found.values[min(IMAGE_FRAMES, len(rows)) - 1 :].mean(axis=0, dtype=np.float64))
    return np.stack(out)
