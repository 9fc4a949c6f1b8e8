"""Evaluate a trained or a prototype recogniser on rated clips, with the same metrics. No torch."""

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

PROTOTYPE_THRESHOLD = 0.5


def evaluate_recogniser(recogniser: Recogniser, rated: ClipDataset) -> tuple[tuple[ClassMetrics, ...], tuple[str, ...]]:
    """Metrics of the expressions that the recogniser scores and people rated, and notes on the others.

    A trained recogniser is evaluated with its calibrated probabilities and its own operating points, the prototype
    one with its scores and the threshold 0.5.

    Args:
        recogniser: trained or prototype.
        rated: the clips.

    Returns:
        Metrics per expression, and notes.

    Raises:
        DatasetError: if they have no expression in common.
    """
    names = tuple(name for name in recogniser.names if name in rated.expressions)
    if not names:
        raise DatasetError(
            f"the recogniser knows {', '.join(recogniser.names)}; rated are {', '.join(rated.expressions)}: nothing "
            "in common. Rate one of its expressions, or train one on these"
        )
    p = score_clips(recogniser, rated)[:, [recogniser.names.index(name) for name in names]]
    labels = rated.labels[:, [rated.expressions.index(name) for name in names]]
    thresholds = [PROTOTYPE_THRESHOLD] * len(names)
    if isinstance(recogniser, TrainedRecogniser):
        points = dict(zip(recogniser.recognition.config.expressions, recogniser.recognition.points, strict=True))
        thresholds = [points[name].threshold for name in names]
    class_rows = class_metrics(
        names, p, labels, rated.people, at_points(p, labels, thresholds), p >= np.array(thresholds)
    )
    left_out = [
        f"{reason}, left out: {', '.join(missing)}"
        for reason, missing in (
            ("rated but not known to the recogniser", [name for name in rated.expressions if name not in names]),
            ("known to the recogniser but not rated", [name for name in recogniser.names if name not in names]),
        )
        if missing
    ]
    return class_rows, (*left_out, *metrics_notes(class_rows))


def score_clips(recogniser: Recogniser, rated: ClipDataset) -> np.ndarray:
    """Score each clip: the mean over all windows inside it; of a short clip the score of its last frame.

    Args:
        recogniser: trained or prototype.
        rated: the clips.

    Returns:
        float64 (n, K).
    """
    columns, scores = column_names(recogniser.describes), []
    for rows in rated.rows:
        grid = TimeGrid(Fraction(ANNOTATION_FPS), len(rows))
        track = Track.masked(grid, columns, rows, np.ones(len(rows), dtype=np.bool_))
        trained = isinstance(recogniser, TrainedRecogniser)
        scored = recogniser.probabilities(track) if trained else recogniser.score(track)  # type: ignore[attr-defined]
        scores.append(scored.values[min(IMAGE_FRAMES, len(rows)) - 1 :].mean(axis=0, dtype=np.float64))
    return np.stack(scores)
