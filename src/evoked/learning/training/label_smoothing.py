"""Labels averaged over neighbouring seconds: expressions last, most label errors do not."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from evoked.dataset.examples import Example

__all__ = ["smooth_labels", "smoothing_kernel"]


def smoothing_kernel(
    examples: Sequence[Example], usable: Sequence[NDArray[np.bool_]], reach_s: int
) -> Sequence[Example]:
    """Replace the 0 or 1 of each second by the weighted share of the labels around it.

    For training only: labels that are scored are not smoothed.

    Args:
        examples: with labels (T, K).
        usable: for each example bool (T,), seconds to train on.
        reach_s: seconds to either side, see `smooth_labels`; 0: the labels stay as they are.

    Returns:
        The examples with smoothed labels.
    """
    if not reach_s:
        return examples
    return [
        replace(e, labels=smooth_labels(e.labels, seconds, reach_s), values=True)
        for e, seconds in zip(examples, usable, strict=True)
    ]


def smooth_labels(labels: NDArray[np.float32], usable: NDArray[np.bool_], reach_s: int) -> NDArray[np.float32]:
    """Weighted means of labels over usable seconds, (T, K); zeros where a second is not usable.

    The weights are triangular: they fall linearly from the second itself to 0 at `reach_s` + 1 seconds to either side.

    Args:
        labels: (T, K).
        usable: bool (T,).
        reach_s: seconds to either side, 0 or more.

    Returns:
        Smoothed labels in [0, 1], (T, K).
    """
    weights = reach_s + 1 - np.abs(np.arange(-reach_s, reach_s + 1)).astype(np.float64)
    inside = slice(reach_s, reach_s + len(usable))
    total = np.convolve(usable, weights)[inside]
    weighted = np.stack([np.convolve(column * usable, weights)[inside] for column in labels.T], axis=1)
    return np.where(usable[:, None], weighted / np.maximum(total, 1)[:, None], 0).astype(np.float32)
