"""Labels that speak for their neighbours: what is felt lasts, and the errors of labels mostly do not."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from evoked.dataset.examples import Example

__all__ = ["smooth_labels", "smoothing_kernel"]


def smoothing_kernel(
    examples: Sequence[Example], usable: Sequence[NDArray[np.bool_]], reach_s: int
) -> Sequence[Example]:
    """The examples with a share of the labels around each second in the place of its own 0 or 1.

    Only for learning: what is scored stays as it is.

    Args:
        examples: with labels (T, K).
        usable: for each bool (T,), seconds to learn from.
        reach_s: as of `smoothed`; 0 leaves all as it is.
    """
    if not reach_s:
        return examples
    return [
        replace(e, labels=smooth_labels(e.labels, seconds, reach_s), values=True)
        for e, seconds in zip(examples, usable, strict=True)
    ]


def smooth_labels(labels: NDArray[np.float32], usable: NDArray[np.bool_], reach_s: int) -> NDArray[np.float32]:
    """Weighted means of labels over usable seconds, (T, K); zeros where a second is not usable.

    The weights fall in a straight line from the second itself to nothing `reach_s` + 1 seconds to either side.

    Args:
        labels: (T, K).
        usable: bool (T,).
        reach_s: 0 or more.
    """
    weights = reach_s + 1 - np.abs(np.arange(-reach_s, reach_s + 1)).astype(np.float64)
    kept = slice(reach_s, reach_s + len(usable))
    heard = np.convolve(usable, weights)[kept]
    said = np.stack([np.convolve(column * usable, weights)[kept] for column in labels.T], axis=1)
    return np.where(usable[:, None], said / np.maximum(heard, 1)[:, None], 0).astype(np.float32)
