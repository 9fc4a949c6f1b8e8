"""Precision, recall and F-measure at given thresholds."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evoked.metrics.average_precision import checked_scores

__all__ = ["PrecisionRecall", "precision_recall"]


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    """Precision, recall and F at several thresholds, each of shape (thresholds,).

    Attributes:
        thresholds: a score equal to the threshold is on.
        precision: NaN where nothing is on.
        recall: NaN where there are no positives.
        f_beta: NaN where precision or recall is; 0 where both are 0.
    """

    thresholds: NDArray[np.float64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f_beta: NDArray[np.float64]


def precision_recall(
    scores: ArrayLike, truth: ArrayLike, thresholds: ArrayLike, *, beta: float = 1.0
) -> PrecisionRecall:
    """Precision, recall and F-beta of one class at each threshold.

    F = (1 + b²) P R / (b² P + R); b < 1 gives precision more weight (van Rijsbergen 1979).

    Args:
        scores: shape (n,), all finite.
        truth: shape (n,), 0 or 1.
        thresholds: shape (m,) or one number, in any order.
        beta: weight of recall, above zero.

    Returns:
        The measures at each threshold, in the order of `thresholds`.

    Raises:
        ValueError: for shapes that differ, scores that are not finite, or a beta not above zero.
    """
    if beta <= 0:
        raise ValueError(f"beta must be above zero, got {beta}")
    values, wanted = checked_scores(scores, truth)
    cuts = np.atleast_1d(np.asarray(thresholds, dtype=np.float64))
    rising = np.argsort(values, kind="stable")
    hits_from = np.append(np.cumsum(wanted[rising][::-1])[::-1], 0)  # hits among the n − i highest
    first = np.searchsorted(values[rising], cuts, side="left")
    on, hit = len(values) - first, hits_from[first]
    precision = _ratio(hit, on)
    recall = _ratio(hit, np.full(len(cuts), wanted.sum()))
    top, bottom = (1 + beta**2) * precision * recall, beta**2 * precision + recall
    f_beta = np.where(bottom == 0, 0.0, _ratio(top, bottom))
    return PrecisionRecall(cuts, precision, recall, f_beta)


def _ratio(top: NDArray, bottom: NDArray) -> NDArray[np.float64]:
    out = np.full(len(top), np.nan)
    np.divide(top, bottom, out=out, where=bottom != 0)
    return out
