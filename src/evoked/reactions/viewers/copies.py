"""Whether two faces of a recording are one viewer, shown twice: a picture in the picture, mirrored or not.

A copy is the same person (by the face descriptor) who makes the same expressions at the same time. The copy may be some
frames late, as a preview or a video call is.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evoked.core.time_grid import ANNOTATION_FPS
from evoked.faces.identity import cosine_similarity
from evoked.faces.landmarks import BLENDSHAPES
from evoked.reactions.viewers.face_tracks import FaceTrack

__all__ = ["CopyMatch", "copy_match"]

Values = NDArray[np.float64]

MIN_FRAMES = 3 * int(ANNOTATION_FPS)
"""Frames that both faces must be seen in."""
MAX_LAG = 3 * int(ANNOTATION_FPS)
"""Frames that a copy may be late or early."""
SAME_PERSON = 0.6
"""Least cosine of the face descriptors: of copies .89 to .96, of two people at most .34 …"""
SURELY_SAME = 0.8
"""… and least one where the movement of the heads decides alone, because the expressions hardly change."""
SAME_EXPRESSIONS = 0.4
"""Least correlation of the blendshapes over time: of copies .49 to .97, of two people at most .10."""
SAME_MOVEMENT = 0.8
"""Least correlation of the faces' places over time: of copies .96 and more."""
SWAPPED = [
    BLENDSHAPES.index(name.replace("Left", "?").replace("Right", "Left").replace("?", "Right")) for name in BLENDSHAPES
]
"""Index of each blendshape's counterpart in a mirror."""


@dataclass(frozen=True)
class CopyMatch:
    """How well a face follows another one.

    Attributes:
        mirrored: whether it does so as in a mirror.
        lag: frames by which it is late.
        expressions: correlation of the blendshapes over time.
        movement: correlation of the places over time.
    """

    mirrored: bool
    lag: int
    expressions: float
    movement: float


def copy_match(face: FaceTrack, other: FaceTrack) -> CopyMatch | None:
    """Whether a face is a copy of another one.

    Args:
        face: the smaller one.
        other: the larger one.

    Returns:
        How it follows the other one; None where it is no copy.
    """
    similarity = cosine_similarity(face.descriptor, other.descriptor)
    if similarity < SAME_PERSON or min(len(face.steps), len(other.steps)) < MIN_FRAMES:
        return None
    here, there = _Series.of(face), _Series.of(other)
    matches = [
        match
        for mirrored in (False, True)
        for lag in range(-MAX_LAG, MAX_LAG + 1)
        if (match := _match(here.mirrored() if mirrored else here, there, mirrored, lag)) is not None
    ]
    best = max(matches, key=lambda match: (match.expressions + match.movement, -abs(match.lag)), default=None)
    if best is None:
        return None
    moves_alike = best.movement >= SAME_MOVEMENT and similarity >= SURELY_SAME
    return best if best.expressions >= SAME_EXPRESSIONS or moves_alike else None


@dataclass(frozen=True, eq=False)
class _Series:
    """A face over time: frames (n,), blendshapes (n, 52), and its centre in its own sizes (n, 2)."""

    steps: NDArray[np.int64]
    shapes: Values
    places: Values

    @classmethod
    def of(cls, face: FaceTrack) -> "_Series":
        boxes = np.stack(face.boxes).astype(np.float64)
        places = (boxes[:, :2] + boxes[:, 2:] / 2) / np.sqrt(np.prod(np.median(boxes[:, 2:], axis=0)))
        shapes = np.stack([row[: len(BLENDSHAPES)] for row in face.shapes]).astype(np.float64)
        return cls(np.array(face.steps, dtype=np.int64), shapes, places)

    def mirrored(self) -> "_Series":
        """The face as a mirror shows it."""
        return _Series(self.steps, self.shapes[:, SWAPPED], self.places * (-1, 1))


def _match(face: _Series, other: _Series, mirrored: bool, lag: int) -> CopyMatch | None:
    """How a face follows another one at a lag; None where both are seen in too few frames."""
    _, here, there = np.intersect1d(face.steps - lag, other.steps, return_indices=True)
    if len(here) < MIN_FRAMES:
        return None
    expressions = _correlation(face.shapes[here], other.shapes[there])
    return CopyMatch(mirrored, lag, expressions, _correlation(face.places[here], other.places[there]))


def _correlation(a: Values, b: Values) -> float:
    """Correlation over time, pooled over components, of two arrays (frames, components); 0 where nothing changes."""
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    size = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum()) / size if size > 0 else 0.0
