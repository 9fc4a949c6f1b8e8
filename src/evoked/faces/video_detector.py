"""Face detection in a video, frame by frame: the full frame at intervals, else only near the tracked faces.

A full-frame detection takes more time than all other work on a face. People stay where they are, so between
full-frame detections only the crops around the faces of the frame before are searched (`FaceDetector.near`). A new
face is found by the next full-frame detection: at once where the frame changes as at a cut or a known face is lost,
else at most `detect_every - 1` frames later.

In dim light the detector's score fluctuates. So a face in the place of a face of the last second is accepted with a
lower score than a new one needs: a hand or an empty chair in its place has a score below .2.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evoked.faces.detect import Face, FaceDetector, iou
from evoked.media.images import resize, to_grey

__all__ = ["FrameFaces", "VideoFaceDetector"]

Rgb = NDArray[np.uint8]

THUMB = (32, 18)  # points at which full frames are compared
CUT = 18.0  # mean difference of these from the frame before, in grey levels, above which there is a cut
PATCH = (12, 12)  # points at which a face's place is compared with the frame before
OTHER = 0.4  # correlation of these below which it may be another person …
SAME = 0.3  # boxes of one face in two frames overlap by more than this (intersection over union)
LEVELS = 25.0  # … as where the mean difference is above this, in grey levels: two faces have similar patterns


@dataclass(frozen=True, eq=False)
class FrameFaces:
    """The faces of a frame.

    Attributes:
        faces: largest first.
        changed: for each face, whether its place looks different from the frame before, as at a cut: then its
            position does not identify it.
    """

    faces: list[Face]
    changed: list[bool]


class VideoFaceDetector:
    """Detects the faces in one video's frames, in order.

    Args:
        detector: finds faces in an image.
        detect_every: frames from one full-frame detection to the next; 1: each frame.
        min_face_px: narrower faces are left out.
        min_new_score: least score of a face where there was none; 0: all that `detector` finds are accepted.
        hold_frames: frames for which the place of a face is remembered.

    Raises:
        ValueError: if `detect_every` is below 1.
    """

    def __init__(
        self,
        detector: FaceDetector,
        detect_every: int = 1,
        min_face_px: float = 0.0,
        min_new_score: float = 0.0,
        hold_frames: int = 6,
    ) -> None:
        if detect_every < 1:
            raise ValueError(f"detect_every must be at least 1 frame, got {detect_every}")
        self._detector, self._detect_every, self._min_face_px = detector, detect_every, min_face_px
        self._min_new_score, self._hold_frames = min_new_score, hold_frames
        self._recent: list[tuple[Face, int]] = []  # with the number of frames since
        self._since_full_frame = detect_every
        self._known: list[Face] = []
        self._before: Rgb | None = None
        self._thumb: NDArray[np.float32] | None = None

    def detect(self, rgb: Rgb) -> FrameFaces:
        """The faces of the next frame (height, width, 3); ValueError if it is no image."""
        detections = None
        cut = self._is_cut(rgb)
        if not cut and self._since_full_frame < self._detect_every:
            detections = self._detector.near(rgb, self._known)
        if detections is None:
            detections, self._since_full_frame = self._detector(rgb), 0
        self._since_full_frame += 1
        if cut:
            self._recent = []
        faces = [f for f in detections if f.box[2] >= self._min_face_px and f.area > 0 and self._is_accepted(f)]
        older = [
            (f, age + 1)
            for f, age in self._recent
            if age < self._hold_frames and not any(_overlap(f, face) for face in faces)
        ]
        self._recent = [(f, 0) for f in faces] + older
        before = self._before
        changed = [before is not None and (cut or _differ(before, rgb, f)) for f in faces]
        self._known, self._before = faces, rgb
        return FrameFaces(faces, changed)

    def _is_accepted(self, face: Face) -> bool:
        return face.score >= self._min_new_score or any(_overlap(face, old) for old, _ in self._recent)

    def _is_cut(self, rgb: Rgb) -> bool:
        thumb = _points(rgb, THUMB)
        before, self._thumb = self._thumb, thumb
        return before is not None and float(np.abs(thumb - before).mean()) > CUT


def _overlap(a: Face, b: Face) -> bool:
    return iou(a.box, b.box) > SAME


def _differ(before: Rgb, after: Rgb, face: Face) -> bool:
    """Whether a face's place looks different from the frame before; sizes may not change within a video."""
    if before.shape != after.shape:
        return True
    x, y, width, height = (round(float(v)) for v in face.box)
    span = (slice(max(0, y), max(0, y + height)), slice(max(0, x), max(0, x + width)))
    if 0 in after[span].shape:
        return True
    old, new = (_points(frame[span], PATCH) for frame in (before, after))
    if float(np.abs(old - new).mean()) > LEVELS:
        return True
    old, new = old - old.mean(), new - new.mean()
    size = float(np.sqrt((old**2).sum() * (new**2).sum()))
    return size > 0 and float((old * new).sum()) < OTHER * size


def _points(rgb: Rgb, size: tuple[int, int]) -> NDArray[np.float32]:
    """An image as grey points; of large ones only every n-th pixel is read, which is five times as fast."""
    down, across = (max(1, length // (3 * points)) for length, points in zip(rgb.shape, size[::-1], strict=False))
    return to_grey(resize(np.ascontiguousarray(rgb[::down, ::across]), size)).astype(np.float32)
