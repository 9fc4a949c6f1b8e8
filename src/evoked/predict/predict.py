"""A video and a model → what it evokes, second by second. Runs without torch."""

from collections.abc import Mapping
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from evoked.core.progress import Progress, silent
from evoked.core.timeline import Grid
from evoked.core.track import Track
from evoked.model.forward import Forward


def predicted(forward: Forward, features: Mapping[str, NDArray[np.floating]], progress: Progress = silent) -> Track:
    """Probabilities of one video's seconds.

    Args:
        forward: the model.
        features: modality → (T, D), zeros where absent.
        progress: told in seconds of video.

    Returns:
        1 Hz, in [0, 1]; valid where there is a picture: where the row of `image` is not all zeros (of the
        model's first modality, if it does not read `image`).

    Raises:
        ValueError: if the features do not fit the model.
    """
    scores = forward(features, progress)
    names = [m.name for m in forward.config.modalities]
    seen = (features["image" if "image" in names else names[0]] != 0).any(axis=1)  # (T,)
    return Track.masked(
        Grid(Fraction(1), len(scores)), forward.config.expressions, np.clip(scores, 0, 1), np.asarray(seen)
    )
