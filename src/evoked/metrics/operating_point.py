"""Operating point: the threshold that reaches a target precision, else the best F-measure (spec §5)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evoked.metrics.proportion import wilson_lower_bound

__all__ = ["PrecisionThreshold", "operating_point"]


@dataclass(frozen=True)
class PrecisionThreshold:
    """A threshold, with precision and recall on the scores it was chosen on.

    Attributes:
        threshold: a score equal to it is on; half way between the lowest score that is on and the next below,
            so that a new score slightly below the lowest is on, too.
        precision, recall: on the data it was chosen on: optimistic for new data.
        reached: whether the target precision is reached, as surely as asked; if not, the threshold has the best
            F-measure.
    """

    threshold: float
    precision: float
    recall: float
    reached: bool


def operating_point(
    scores: ArrayLike,
    truth: ArrayLike,
    *,
    target: float = 0.73,
    beta: float = 0.5,
    confidence: float = 0.5,
    weights: ArrayLike | None = None,
) -> PrecisionThreshold | None:
    """Choose the threshold of a class among all that separate the given scores.

    Args:
        scores: shape (n,), all finite.
        truth: shape (n,), in [0, 1]: 0 or 1, or the share of raters who said yes; a share s counts as s
            positives and 1 − s negatives.
        target: wanted precision; of the thresholds that reach it, the one with the highest recall is chosen
            (of several with the same recall the highest).
        beta: of the F-measure that decides where none reaches it; below 1 precision has more weight.
        confidence: in [0.5, 1): the lower confidence bound of the precision (Wilson, one-sided) must reach the target;
            at 0.5 the precision itself. A few positives at the top then reach nothing: 0.9 and 0.73 take five. The
            scores are taken as independent.
        weights: shape (n,), above zero: how often each counts; None: once. The bound then takes Kish's effective
            number of scores, the square of the sum of the weights over the sum of their squares.

    Returns:
        The threshold; None where there are no positives: undefined.

    Raises:
        ValueError: if shapes differ or a value is outside its range.
    """
    values, wanted = np.asarray(scores, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if values.ndim != 1 or values.shape != wanted.shape:
        raise ValueError(f"need scores and truth of one shape (n,), got {values.shape} and {wanted.shape}")
    if not np.isfinite(values).all() or not ((wanted >= 0) & (wanted <= 1)).all():
        raise ValueError("scores must be finite and truth in [0, 1]; leave unrated rows out first")
    if not 0 < target <= 1 or beta <= 0:
        raise ValueError(f"target must lie in (0, 1] and beta above 0, got {target} and {beta}")
    counts = np.ones(len(values)) if weights is None else np.asarray(weights, dtype=np.float64)
    if counts.shape != values.shape or not (counts > 0).all():
        raise ValueError(f"weights must be above zero, one for each score, got shape {counts.shape}")
    if float(wanted.sum()) == 0:
        return None
    cuts, on, precision, recall = _curve(values, wanted, counts)
    enough = np.flatnonzero(wilson_lower_bound(precision * on, on, confidence) >= target - 1e-12)
    if len(enough):
        # highest threshold first: argmax returns the first of equal values
        best = int(enough[np.argmax(recall[enough])])
    else:
        bottom = beta**2 * precision + recall
        f_beta = np.divide((1 + beta**2) * precision * recall, bottom, out=np.zeros(len(cuts)), where=bottom > 0)
        best = int(np.argmax(f_beta))
    below = cuts[best + 1] if best + 1 < len(cuts) else cuts[best]
    return PrecisionThreshold(
        float((cuts[best] + below) / 2), float(precision[best]), float(recall[best]), bool(len(enough))
    )


def _curve(values: NDArray, wanted: NDArray, counts: NDArray) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Distinct scores, highest first, with the effective number that is on, precision and recall at each."""
    order = np.argsort(-values, kind="stable")
    ranked = values[order]
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    positives, total = np.cumsum((wanted * counts)[order])[ends], np.cumsum(counts[order])[ends]
    on = total**2 / np.cumsum((counts**2)[order])[ends]
    return ranked[ends], on, positives / total, positives / positives[-1]
