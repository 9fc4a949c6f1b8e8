"""Faces that lie on their side or head in an upright recording: they are found again, turned, and aligned by that.

The detector finds many of them, but with the points of an upright face, from which neither mesh nor identity recovers
(see turn_check.py). So the place of a face that is not certain is searched at other angles; the result of the best
one, turned back, has its eyes where they are. A face that is tilted by less than LIES needs no other points, but its
score may be as low as that of a thing: it has the score of the levelled face.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from evoked.faces.detect import DetectConfig, Face, FaceDetector, iou
from evoked.media.images import warp
from evoked.weights.cache import Cache

__all__ = ["ANGLES", "LyingFaces", "lie_apart"]

ANGLES = (45, 60, 90, 120, 150, 180, -150, -120, -90, -60, -45)
"""Degrees clockwise by which a face's place is turned; of a face that is 30 degrees off the points are too upright."""
CERTAIN = 0.9  # score of a face from which it is upright
LEAST, MARGIN = 0.88, 0.05  # score of a face that lies, when it is turned, and how far it is above the score as it lies
LIES, RISEN = 55.0, 45.0  # degrees of roll from which a face lies, and below which it is upright again: a head that
# is only tilted is described as well without turning; from 40 on, with a MARGIN of .03, an upright one was turned
HELD = 0.7  # least score of a face that lay in the frame before
SIDE, ROOM = 160, 2.2  # pixels of a searched place, and its side in longer sides of the face's box
INTERVAL, LONGEST = 3, 48  # frames from one search of a place to the next; doubled each time that the face is upright
LYING, APART = 45.0, 40.0  # degrees: lie_apart
SAME = 0.3  # boxes of one face in two frames overlap by more than this (intersection over union)


class _CloseDetector(FaceDetector):
    """Detection in an image of SIDE pixels, as large as it is."""

    ENLARGED = SIDE


@dataclass(eq=False)
class _Place:
    """The place of a face: its box as the detector saw it, by how much it is turned, when it is searched next.

    `tilted` is the score of a face that is only tilted, when it is levelled: that it is a face is as certain.
    """

    box: NDArray[np.float32]
    angle: float = 0.0
    searched: int = 0
    interval: int = INTERVAL
    tilted: float = 0.0


class LyingFaces:
    """Aligns the faces of one recording's frames, in order.

    Args:
        cache: where the detector's network is.
    """

    def __init__(self, cache: Cache | None = None) -> None:
        self._cache = cache
        self._places: list[_Place] = []

    @cached_property
    def _detect(self) -> _CloseDetector:
        """Opened for the first face that is not certainly upright: most recordings have none."""
        return _CloseDetector(DetectConfig(min_score=0.5, closeup_size=0), self._cache, threads=1)

    def start(self) -> None:
        """Begin another recording."""
        self._places = []

    def aligned(self, step: int, rgb: NDArray[np.uint8], faces: list[Face]) -> list[Face]:
        """The faces of the next frame, those that lie with the points and the box that they have when turned upright.

        Args:
            step: index of the frame.
            rgb: its pixels, (height, width, 3).
            faces: as the detector found them.

        Returns:
            As many faces in the same order; the same objects where they are upright. A face that is only tilted keeps
            its points and box and has the score that it has when levelled.
        """
        places = [self._place(step, face) for face in faces]
        self._places = places
        return [self._aligned(step, rgb, face, place) for face, place in zip(faces, places, strict=True)]

    def _place(self, step: int, face: Face) -> _Place:
        overlap, number = max(((iou(face.box, p.box), i) for i, p in enumerate(self._places)), default=(0.0, -1))
        if overlap <= SAME:
            return _Place(face.box, searched=step)
        known = self._places[number]
        return _Place(face.box, known.angle, known.searched, known.interval, known.tilted)

    def _aligned(self, step: int, rgb: NDArray[np.uint8], face: Face, place: _Place) -> Face:
        if place.angle:
            turned = self._found(rgb, face, place.angle)
            if turned is not None and turned.score >= max(HELD, face.score - MARGIN):
                return self._held(place, turned)
            place.angle, place.searched = 0.0, step
        if face.score >= CERTAIN:
            return face
        if step < place.searched:
            return replace(face, score=place.tilted) if place.tilted > face.score else face
        results = [turned for angle in ANGLES if (turned := self._found(rgb, face, angle)) is not None]
        best = max(results, key=lambda turned: turned.score, default=face)
        if best is not face:
            exact = self._found(rgb, face, _turn_of(best))  # level: points at 30 degrees are a little off
            best = best if exact is None or exact.score < best.score - MARGIN else exact
        lies = abs(_turn_of(best)) > LIES
        if lies and best.score >= max(LEAST, face.score + MARGIN):
            place.interval = INTERVAL
            return self._held(place, best)
        place.searched, place.interval = step + place.interval, min(2 * place.interval, LONGEST)
        place.tilted = best.score if best.score >= CERTAIN and not lies else 0.0
        return replace(face, score=place.tilted) if place.tilted > face.score else face

    def _held(self, place: _Place, turned: Face) -> Face:
        """Take a face that lies, and its angle for the next frame; one that has risen is upright from then on."""
        angle = _turn_of(turned)
        place.angle = angle if abs(angle) > RISEN else 0.0
        return turned

    def _found(self, rgb: NDArray[np.uint8], face: Face, angle: float) -> Face | None:
        """The face at a place that is turned clockwise by an angle, in pixels of the frame; None: there is none."""
        scale = SIDE / (ROOM * float(max(face.box[2:])))
        radians = np.radians(angle)
        turn = scale * np.array([[np.cos(radians), -np.sin(radians)], [np.sin(radians), np.cos(radians)]])
        matrix = np.column_stack([turn, np.full(2, SIDE / 2) - turn @ face.centre.astype(np.float64)])
        back = np.linalg.inv(turn)
        near = (
            f for f in self._detect(warp(rgb, matrix, (SIDE, SIDE))) if np.abs(f.centre - SIDE / 2).max() < SIDE / 4
        )
        turned = max(near, key=lambda f: f.score, default=None)
        if turned is None:
            return None
        points = (turned.points - SIDE / 2) @ back.T + face.centre
        centre = back @ (turned.centre - SIDE / 2) + face.centre
        size = np.abs(back) @ turned.box[2:]  # of the upright rectangle around the turned one
        box = np.concatenate([centre - size / 2, size]).astype(np.float32)
        return Face(box, points.astype(np.float32), turned.score)


def lie_apart(first: Face, second: Face) -> bool:
    """Whether one of two faces lies and the other does not, or elsewhere: neither tells where the other's eyes are.

    Args:
        first, second: two faces of a video at one place.

    Returns:
        True if one is rolled by over 45 degrees, which upright faces never are, and the other by 40 more or less.
    """
    angles = _turn_of(first), _turn_of(second)
    apart = abs(angles[0] - angles[1]) % 360
    return max(abs(angle) for angle in angles) > LYING and min(apart, 360 - apart) > APART


def _turn_of(face: Face) -> float:
    """Degrees clockwise, −180 to 180, by which a face must be turned so that its eyes are level."""
    across = face.points[1] - face.points[0]
    return -float(np.degrees(np.arctan2(across[1], across[0])))
