"""Whether a face is a still picture: a photograph, a poster, a print on a wall.

A still face stays where it is and looks as it did, but for the noise of camera and codec. How large that is, each
recording tells itself: by how consecutive frames differ. A living face differs more between moments that are seconds
apart than between consecutive frames; a still one does not (as in a variogram, Matheron 1963). The moment that most
others resemble is the reference, and the median distance to it counts, so that a picture that somebody stands in front
of for a while is still a picture. A camera in the hand moves the place of everything; then appearance and shape decide,
which are measured after the face was aligned. A face that blinks is no picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evoked.core.time_grid import ANNOTATION_FPS
from evoked.faces.landmarks import BLENDSHAPE_POINTS, BLENDSHAPES, LEFT_EYE_CORNER, RIGHT_EYE_CORNER
from evoked.reactions.viewers.face_samples import FaceSample

__all__ = ["MIN_FRAMES", "Movement", "Stillness", "blinks", "is_still", "movement", "stillness"]

Values = NDArray[np.float64]

APART = int(ANNOTATION_FPS)
"""Samples at least so many frames apart are compared with the reference."""
MIN_FRAMES = 2 * int(ANNOTATION_FPS)
"""A face seen in fewer frames is not judged: nobody moves much in a second."""
LONG_FRAMES = 6 * int(ANNOTATION_FPS)
"""From so many frames on, a face that moves no more than the noise is still; before, it must not move at all."""
NOISE = 1.2
"""Squared distances to the reference up to so many times the squared noise are noise; for still pictures 0.3 to 1.1."""
FIXED_PLACE, FIXED_PER_NOISE = 0.001, 0.019
"""Median distance from the reference's place, in sizes of the face, of a picture before a fixed camera: a sixth of a
millimetre, or so many times the quiet noise of the appearance, which makes the mesh tremble."""
FIXED_LOOKS = 0.045
"""The same distance of the appearance, for short tracks."""
UNCHANGED_LOOKS, UNCHANGED_RATIO = 0.065, 2.0
"""Largest distance of the appearance from the reference, and its largest multiple of the quiet noise, of a picture that
the camera moves past …"""
NOISY_LOOKS, NOISY_RATIO, NOISY_SHAPE_RATIO = 0.13, 1.5, 1.6
"""… or, of small pictures, whose changes are nothing but noise, the same and the largest multiple for the shape …"""
MIN_PLACE = 0.02
"""… both where the camera moves the place by so much beyond the noise."""
OTHER_LOOKS = 0.2
"""A face in a fixed place whose appearance changes by more than this is not still."""
BLINK, MIN_BLINKS = 0.3, 2
"""How far both eyes close beyond their usual state in a blink, and in how many frames at least."""
EYES = tuple(BLENDSHAPES.index(f"eyeBlink{side}") for side in ("Left", "Right"))
CORNERS = tuple(BLENDSHAPE_POINTS.index(corner) for corner in (LEFT_EYE_CORNER, RIGHT_EYE_CORNER))


@dataclass(frozen=True)
class Movement:
    """How far a series of vectors goes from where it is most of the time.

    Attributes:
        noise: median distance (root mean square over components) between consecutive frames.
        quiet: lower quartile of these: what remains where a face hardly moves.
        distance: median distance from the reference, of frames that are at least APART frames away from it.
    """

    noise: float
    quiet: float
    distance: float

    @property
    def ratio(self) -> float:
        """The distance in multiples of the quiet noise; 0 where nothing moves at all."""
        return self.distance / self.quiet if self.quiet > 0 else 0.0 if self.distance == 0 else np.inf

    @property
    def beyond_noise(self) -> float:
        """The distance less what the noise explains."""
        return float(np.sqrt(max(0.0, self.distance**2 - NOISE * self.noise**2)))


@dataclass(frozen=True)
class Stillness:
    """How much a face moves, in three views of it.

    Attributes:
        place: where the face is, in sizes of the face.
        shape: its mesh after the best affine map, in standard deviations of its points.
        looks: its aligned patch, normalised for brightness and contrast.
    """

    place: Movement
    shape: Movement
    looks: Movement


def movement(steps: NDArray[np.int64], vectors: Values) -> Movement | None:
    """How far vectors go from the one that most resemble.

    Args:
        steps: frames, in order, shape (n,).
        vectors: one for each, shape (n, components).

    Returns:
        The movement; None where there are no consecutive frames, or none that are far enough apart.
    """
    squares = (vectors**2).mean(axis=1)
    products = vectors @ vectors.T / vectors.shape[1]
    distances = np.sqrt(np.maximum(0.0, squares[:, None] + squares[None] - 2 * products))
    pairs = np.flatnonzero(np.diff(steps) == 1)
    far = np.abs(steps[:, None] - steps[None]) >= APART
    reached = far.any(axis=1)
    if not len(pairs) or not reached.any():
        return None
    to_others = np.array(
        [np.median(row[near]) if near.any() else np.inf for row, near in zip(distances, far, strict=True)]
    )
    quiet, noise = np.quantile(distances[pairs, pairs + 1], (0.25, 0.5))
    return Movement(float(noise), float(quiet), float(to_others.min()))


def stillness(samples: Sequence[FaceSample]) -> Stillness | None:
    """How much a face moves.

    Args:
        samples: of one person, in order of their steps.

    Returns:
        The movement of place, shape and looks; None where there are too few samples to say.
    """
    whole = [sample for sample in samples if sample.whole]
    if len(whole) >= max(MIN_FRAMES, len(samples) / 3):  # else the frame's edge always cuts the face
        samples = whole
    if len(samples) < MIN_FRAMES:
        return None
    steps = np.array([sample.step for sample in samples], dtype=np.int64)
    points = np.stack([sample.points for sample in samples]).astype(np.float64)  # (n, 146, 2)
    size = float(np.median([np.sqrt(np.prod(np.ptp(face, axis=0))) for face in points]))
    looks = np.stack([sample.patch for sample in samples]).astype(np.float64).reshape(len(samples), -1)
    looks -= looks.mean(axis=1, keepdims=True)
    looks /= looks.std(axis=1, keepdims=True) + 1e-6
    shapes = np.stack([_affine_free(face) for face in points]).reshape(len(samples), -1)
    found = [movement(steps, vectors) for vectors in (points.mean(axis=1) / max(size, 1e-6), shapes, looks)]
    place, shape, appearance = found
    return Stillness(place, shape, appearance) if place and shape and appearance else None


def is_still(found: Stillness, frames: int) -> bool:
    """Whether a face is a still picture.

    Args:
        found: how much it moves.
        frames: in how many it was seen.

    Returns:
        True where nothing speaks for a living face.
    """
    place, shape, looks = found.place, found.shape, found.looks
    if frames < LONG_FRAMES:
        return frames >= MIN_FRAMES and place.distance <= FIXED_PLACE and looks.distance <= FIXED_LOOKS
    if place.distance <= max(FIXED_PLACE, FIXED_PER_NOISE * looks.quiet):
        return looks.beyond_noise <= OTHER_LOOKS
    if place.beyond_noise < MIN_PLACE:
        return False
    if looks.distance <= UNCHANGED_LOOKS:
        return looks.ratio <= UNCHANGED_RATIO
    return looks.distance <= NOISY_LOOKS and looks.ratio <= NOISY_RATIO and shape.ratio <= NOISY_SHAPE_RATIO


def blinks(shapes: NDArray[np.float32]) -> bool:
    """Whether a face blinks.

    Args:
        shapes: descriptions of the face, the 52 blendshapes first, shape (frames, columns).

    Returns:
        True where both eyes close, and open again, in some frames.
    """
    closed = shapes[:, list(EYES)].min(axis=1)
    return int((closed > np.median(closed) + BLINK).sum()) >= MIN_BLINKS


def _affine_free(points: Values) -> Values:
    """Points of a face up to translation, scale, shear and rotation, (n, 2): a flat picture keeps them from any side.

    Their covariance becomes the unit matrix, and the line between the outer corners of the eyes level.
    """
    centred = points - points.mean(axis=0)
    spread, axes = np.linalg.eigh(centred.T @ centred / len(centred))
    white = centred @ (axes / np.sqrt(np.maximum(spread, 1e-9))) @ axes.T
    across = white[CORNERS[1]] - white[CORNERS[0]]
    angle = np.arctan2(across[1], across[0])
    return np.asarray(white @ np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]))
