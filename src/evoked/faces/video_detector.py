"""The faces of a video, frame by frame: the whole picture now and then, else only where faces were.

A whole look costs more than all the rest of finding a face. People stay where they are, so between whole
looks it is enough to look around the faces of the frame before (`FaceDetector.near`). A face that is new is
found at the next whole look: at once where the picture changes as at a cut or a known face is lost, else
`every - 1` frames later at most.

In dim light the detector's certainty flickers. So a face where one stood a moment ago is kept though it is less certain
than a new one must be: a hand or an empty chair in its place is below .2.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evoked.faces.detect import Face, FaceDetector, iou
from evoked.media.images import resize, to_grey

__all__ = ["FrameFaces", "VideoFaceDetector"]

Rgb = NDArray[np.uint8]

THUMB = (32, 18)  # points at which whole pictures are compared
CUT = 18.0  # grey levels by which a picture's points differ, on average, from those of the frame before
PATCH = (12, 12)  # points at which a face is compared with what stood there before
OTHER = 0.4  # correlation of these below which somebody else may stand there …
SAME = 0.3  # a face stands where one stood if they overlap by more (intersection over union)
LEVELS = 25.0  # … as where they differ by more grey levels than this, on average: two faces are alike in shape


@dataclass(frozen=True, eq=False)
class FrameFaces:
    """What a frame shows.

    Attributes:
        faces: largest first.
        changed: for each, whether the picture there is another than at the frame before, as at a cut: that a
            face stands where one stood says nothing then.
    """

    faces: list[Face]
    changed: list[bool]


class VideoFaceDetector:
    """Looks at one video's pictures, in order.

    Args:
        detect: finds faces.
        every: a whole look at every so many pictures; 1: at each.
        least_px: faces narrower than this are left out.
        sure: how certain a face must be where none stood; 0: all that `detect` finds.
        hold: pictures for which it counts that one stood there.
    """

    def __init__(
        self, detect: FaceDetector, every: int = 1, least_px: float = 0.0, sure: float = 0.0, hold: int = 6
    ) -> None:
        if every < 1:
            raise ValueError(f"every must be at least 1 picture, got {every}")
        self._detector, self._every, self._least_px = detect, every, least_px
        self._sure, self._hold = sure, hold
        self._stood: list[tuple[Face, int]] = []  # with the pictures since
        self._since = every
        self._known: list[Face] = []
        self._before: Rgb | None = None
        self._thumb: NDArray[np.float32] | None = None

    def detect(self, rgb: Rgb) -> FrameFaces:
        """The faces of the next picture (height, width, 3); ValueError if it is none."""
        found = None
        cut = self._is_cut(rgb)
        if not cut and self._since < self._every:
            found = self._detector.near(rgb, self._known)
        if found is None:
            found, self._since = self._detector(rgb), 0
        self._since += 1
        if cut:
            self._stood = []
        faces = [f for f in found if f.box[2] >= self._least_px and f.area > 0 and self._counts(f)]
        old = [(f, n + 1) for f, n in self._stood if n < self._hold and not any(_same(f, now) for now in faces)]
        self._stood = [(f, 0) for f in faces] + old
        before = self._before
        changed = [before is not None and (cut or _differ(before, rgb, f)) for f in faces]
        self._known, self._before = faces, rgb
        return FrameFaces(faces, changed)

    def _counts(self, face: Face) -> bool:
        return face.score >= self._sure or any(_same(face, old) for old, _ in self._stood)

    def _is_cut(self, rgb: Rgb) -> bool:
        thumb = _points(rgb, THUMB)
        before, self._thumb = self._thumb, thumb
        return before is not None and float(np.abs(thumb - before).mean()) > CUT


def _same(one: Face, other: Face) -> bool:
    return iou(one.box, other.box) > SAME


def _differ(before: Rgb, now: Rgb, face: Face) -> bool:
    """Whether a face's place looks otherwise than in the picture before; sizes may not change within a video."""
    if before.shape != now.shape:
        return True
    x, y, width, height = (round(float(v)) for v in face.box)
    part = (slice(max(0, y), max(0, y + height)), slice(max(0, x), max(0, x + width)))
    if 0 in now[part].shape:
        return True
    one, other = (_points(p[part], PATCH) for p in (before, now))
    if float(np.abs(one - other).mean()) > LEVELS:
        return True
    one, other = one - one.mean(), other - other.mean()
    size = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return size > 0 and float((one * other).sum()) < OTHER * size


def _points(rgb: Rgb, size: tuple[int, int]) -> NDArray[np.float32]:
    """A picture as grey points; of large ones only every so many pixels are read, which is five times as fast."""
    down, across = (max(1, length // (3 * wanted)) for length, wanted in zip(rgb.shape, size[::-1], strict=False))
    return to_grey(resize(np.ascontiguousarray(rgb[::down, ::across]), size)).astype(np.float32)
