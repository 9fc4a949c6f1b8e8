"""Mean and deviation of every feature column over the training seconds."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evoked.core.rows import blocks
from evoked.dataset.examples import Example
from evoked.model.config import Modality

__all__ = ["feature_statistics"]

FLOOR = 1e-3
"""A column that varies less than this share of the modality's typical deviation counts as constant: its
deviation is replaced by the typical one, so that noise in a constant column is not amplified."""


def feature_statistics(
    examples: Sequence[Example], modality: Modality, scope: str = "column"
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and deviation over the seconds in which a part of the modality (one face, the sound) was present.

    Sums are combined block by block (Chan, Golub, LeVeque 1979), with little memory and without cancellation.

    Args:
        examples: the training videos.
        modality: the features.
        scope: "column", or "modality" for one deviation (root mean square) for all columns of a part.

    Returns:
        Mean and deviation, float32, shape (D,) each; 0 and 1 for a part that was never present.
    """
    size = modality.width // modality.parts
    count = np.zeros(modality.parts)
    mean, squares = np.zeros((modality.parts, size)), np.zeros((modality.parts, size))
    for block in (block for example in examples for block in blocks(example.features[modality.name])):
        rows = block.astype(np.float64).reshape(-1, modality.parts, size)
        present = np.any(rows != 0, axis=2)
        for i in range(modality.parts):
            seen = rows[present[:, i], i]
            if not len(seen):
                continue
            block_mean, total = seen.mean(axis=0), count[i] + len(seen)
            difference = block_mean - mean[i]
            squares[i] += ((seen - block_mean) ** 2).sum(axis=0) + difference**2 * count[i] * len(seen) / total
            mean[i] += difference * len(seen) / total
            count[i] = total
    deviation = np.sqrt(squares / np.maximum(count, 1)[:, None])
    for i in range(modality.parts):
        typical = float(np.sqrt(np.mean(deviation[i] ** 2)))
        constant = deviation[i] <= (np.inf if scope == "modality" else FLOOR * typical)
        deviation[i, constant] = typical or 1.0
    return mean.ravel().astype(np.float32), deviation.ravel().astype(np.float32)
