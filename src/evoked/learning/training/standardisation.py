"""Mean and deviation of every feature column over the training seconds."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evoked.core.rows import blocks
from evoked.dataset.examples import Example
from evoked.model.config import Modality

__all__ = ["feature_statistics"]

FLOOR = 1e-3
"""A column that varies less than this share of the modality's typical deviation is taken as constant: its
deviation becomes the typical one, so that noise in a dead column is not blown up."""


def feature_statistics(
    examples: Sequence[Example], modality: Modality, how: str = "column"
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What to subtract and to divide by, from the seconds in which a part (a face, a sound) was present.

    Sums are joined block by block (Chan, Golub, LeVeque 1979), so that nothing is held in memory and
    nothing is lost to cancellation.

    Args:
        examples: the training videos.
        modality: which features.
        how: "column", or "modality" for one deviation (root mean square) for all columns of a part.

    Returns:
        Mean and deviation, float32, shape (D,) each; 0 and 1 for a part that was never present.
    """
    size = modality.width // modality.parts
    count = np.zeros(modality.parts)
    mean, squares = np.zeros((modality.parts, size)), np.zeros((modality.parts, size))
    for block in (block for example in examples for block in blocks(example.features[modality.name])):
        rows = block.astype(np.float64).reshape(-1, modality.parts, size)
        present = np.any(rows != 0, axis=2)
        for part in range(modality.parts):
            seen = rows[present[:, part], part]
            if not len(seen):
                continue
            own, total = seen.mean(axis=0), count[part] + len(seen)
            apart = own - mean[part]
            squares[part] += ((seen - own) ** 2).sum(axis=0) + apart**2 * count[part] * len(seen) / total
            mean[part] += apart * len(seen) / total
            count[part] = total
    deviation = np.sqrt(squares / np.maximum(count, 1)[:, None])
    for part in range(modality.parts):
        typical = float(np.sqrt(np.mean(deviation[part] ** 2)))
        dead = deviation[part] <= (np.inf if how == "modality" else FLOOR * typical)
        deviation[part, dead] = typical or 1.0
    return mean.ravel().astype(np.float32), deviation.ravel().astype(np.float32)
