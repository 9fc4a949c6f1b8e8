"""Face detection in an image: YuNet (2023mar), its outputs decoded here.

Source of the decoding: Wu, Peng, Yu, "YuNet: A Tiny Millisecond-level Face Detector" (2023), and
OpenCV's face_detect.cpp, which the tests compare with.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evoked.core.settings import setting, settings
from evoked.media.images import resize
from evoked.weights.cache import Cache
from evoked.weights.session import Session, open_net

__all__ = ["DetectConfig", "Face", "FaceDetector", "decode", "iou", "suppress"]

STRIDES = (8, 16, 32)
GRAIN = 32  # the model's coarsest stride: its input sizes are multiples of it


@dataclass(frozen=True, eq=False)
class Face:
    """One face in one image.

    Attributes:
        box: float32 (4,): x, y, width, height in the image's pixels; may reach beyond its edges.
        points: float32 (5, 2): x, y of the eye on the image's left, the eye on its right, the nose
            tip, the left and the right corner of the mouth.
        score: the detector's confidence, in [0, 1].
    """

    box: NDArray[np.float32]
    points: NDArray[np.float32]
    score: float

    @property
    def area(self) -> float:
        """Area of the box, in square pixels."""
        return float(self.box[2] * self.box[3])

    @property
    def centre(self) -> NDArray[np.float32]:
        """Centre of the box: x, y, float32 (2,)."""
        return np.asarray(self.box[:2] + self.box[2:] / 2, dtype=np.float32)


@settings
class DetectConfig:
    """How faces are detected."""

    detector_size: int = setting(
        640, "longest side of the detector's input, pixels; larger pictures are scaled down", ge=GRAIN
    )
    closeup_size: int = setting(
        256, "the same for the detection of faces that fill the picture; 0: no such detection", ge=0
    )
    min_score: float = setting(0.6, "faces less certain than this are left out", gt=0, lt=1)
    nms_iou: float = setting(
        0.3, "non-maximum suppression: boxes that overlap a better one by more (IoU) are left out", gt=0, lt=1
    )

    def __post_init__(self) -> None:
        if 0 < self.closeup_size < GRAIN:
            raise ValueError(f"closeup_size must be 0 or at least {GRAIN} pixels, got {self.closeup_size}")


class FaceDetector:
    """Find the faces of an image.

    A face that fills the image (a close-up, a tight crop, a still without margin) is larger than
    any face the model was trained on: at 640 pixels it finds only .23 to .97 of such faces, and almost
    all at 256. So each image is searched twice, the second time scaled down, in the centre of a black
    border a quarter as wide as the image, for large faces only (close-up detection). It costs a sixth
    of the first, full-frame detection.

    Args:
        config: thresholds and sizes.
        cache: where the model is; the default cache where None.
        threads: 0: all cores.

    Raises:
        WeightsError: if the model is not available.
    """

    ENLARGED = 320  # images with a shorter longest side are enlarged to it: the model needs 10 pixels of a face
    BORDER = 0.25  # of the image's sides, all round, in the close-up detection
    LARGE = 0.35  # of the image's shorter side: the least longer side of a face's box in the close-up detection
    CROP = 128  # side of the crop around a known face, pixels of the model's input …
    KNOWN = (
        67  # … and the face's longest side in it at most: a quarter of it is room to move, the model's grid takes 16
    )
    WORTH = 0.5  # of the pixels of a full-frame detection: crops that hold more together save no time
    SAME = 0.3  # a face found again overlaps its place in the frame before by more than this (IoU)

    def __init__(self, config: DetectConfig | None = None, cache: Cache | None = None, threads: int = 0) -> None:
        self.config = config or DetectConfig()
        # One session per input shape: a session whose input shape changes is prepared again, 3 ms
        self._model: Session = open_net("yunet", cache, threads=threads)
        self._close_model: Session = (
            open_net("yunet", cache, threads=threads) if self.config.closeup_size else self._model
        )
        self._crop_model: Session = open_net("yunet", cache, threads=threads)

    def __call__(self, rgb: NDArray[np.uint8]) -> list[Face]:
        """The faces of an RGB image (height, width, 3), largest first; an empty list where there are none.

        Raises:
            ValueError: if the array is not such an image.
        """
        longest = max(rgb.shape[:2])
        first = self._full_frame(rgb)
        rows = self._search(self._model, first, rgb.shape, 0.0)
        if self.config.closeup_size:
            target = self.config.closeup_size / (1 + 2 * self.BORDER)
            # From the scaled image, 2 ms less at 720p: on 529 images the same faces, boxes within .006
            source = first if target <= max(first.shape) < longest else rgb
            close = self._search(self._close_model, _scaled(source, target), rgb.shape, self.BORDER)
            large = self.LARGE * min(rgb.shape[:2])
            close = close[close[:, 2:4].max(axis=1) >= large]
            rows = np.concatenate([rows[~_parts(rows, close)], close])
        return self._faces(rows)

    def near(self, rgb: NDArray[np.uint8], known: Sequence[Face]) -> list[Face] | None:
        """The faces at and around the places of faces in the frame before, largest first.

        Only a crop around each is searched, which takes a third to a tenth of the time of the full frame. Crops
        are taken from the image of the full-frame detection, on the model's grid, so that a face gives the same
        result as there; large ones are scaled down, as in the close-up detection.

        Args:
            rgb: an image, shape (height, width, 3).
            known: faces of the frame before, in its pixels.

        Returns:
            None where that would save no time, or one of the known faces is lost: then the full frame
            must be searched. Faces elsewhere are not found.

        Raises:
            ValueError: if the array is not an image.
        """
        first = self._full_frame(rgb)
        scale = first.shape[1] / rgb.shape[1]
        crops = [_around(face, scale, first.shape) for face in known]
        if self.CROP**2 * len(crops) > self.WORTH * first.shape[0] * first.shape[1]:
            return None
        rows = np.concatenate([np.zeros((0, 15), np.float32), *(self._search_crop(first, *crop) for crop in crops)])
        rows[:, :14] /= scale
        faces = self._faces(rows)
        lost = any(all(iou(face.box, f.box) <= self.SAME for f in faces) for face in known)
        return None if lost else faces

    def _full_frame(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or 0 in rgb.shape:
            raise ValueError(f"a picture must be uint8 (height, width, 3), got {rgb.dtype} {rgb.shape}")
        return _scaled(rgb, min(self.config.detector_size, max(*rgb.shape[:2], self.ENLARGED)))

    def _faces(self, rows: NDArray[np.float32]) -> list[Face]:
        """Faces of rows as `decode` returns them, in pixels of the image, after non-maximum suppression."""
        rows = rows[suppress(rows[:, :4], rows[:, 14], self.config.nms_iou)]
        faces = [Face(row[:4], row[4:14].reshape(5, 2), float(row[14])) for row in rows]
        return sorted(faces, key=lambda face: -face.area)

    def _search_crop(self, first: NDArray[np.uint8], shrink: int, corner: tuple[int, int]) -> NDArray[np.float32]:
        """Rows of the complete faces in the crop at a corner x, y of the full-frame image, in its pixels."""
        (x, y), reach = corner, self.CROP * shrink
        crop = first[y : y + reach, x : x + reach]
        small = resize(crop, (max(1, crop.shape[1] // shrink), max(1, crop.shape[0] // shrink)))
        blob = _blob(small, (self.CROP, self.CROP), (0, 0))
        answers = dict(zip(self._crop_model.outputs, self._crop_model(blob), strict=True))
        rows = decode(answers, (self.CROP, self.CROP), self.config.min_score)
        # A face that the crop's edge runs through is incomplete, unless the image ends there too
        low = np.where([x > 0, y > 0], 0, -np.inf)
        high = np.where([x + reach < first.shape[1], y + reach < first.shape[0]], self.CROP, np.inf)
        rows = rows[((rows[:, :2] >= low) & (rows[:, :2] + rows[:, 2:4] <= high)).all(axis=1)]
        rows[:, :14] *= shrink
        rows[:, :2] += (x, y)
        rows[:, 4:14] += np.tile(np.array([x, y], np.float32), 5)
        return rows

    def _search(
        self, model: Session, small: NDArray[np.uint8], shape: tuple[int, ...], border: float
    ) -> NDArray[np.float32]:
        """Rows as `decode` returns them, in pixels of an image of that shape, before suppression."""
        height, width = shape[:2]
        left, top = round(border * small.shape[1]), round(border * small.shape[0])
        tall, wide = _round_up(small.shape[0] + 2 * top), _round_up(small.shape[1] + 2 * left)
        blob = _blob(small, (wide, tall), (left, top))
        answers = dict(zip(model.outputs, model(blob), strict=True))
        rows = decode(answers, (wide, tall), self.config.min_score)
        back = np.array([width / small.shape[1], height / small.shape[0]], dtype=np.float32)
        shift = np.array([left, top], dtype=np.float32)
        rows[:, :2] -= shift
        rows[:, 4:14] -= np.tile(shift, 5)
        rows[:, :14] *= np.tile(back, 7)
        return rows


def decode(answers: dict[str, NDArray[np.float32]], size: tuple[int, int], min_score: float) -> NDArray[np.float32]:
    """Turn YuNet's twelve outputs into boxes and points.

    Args:
        answers: `cls_S`, `obj_S` (1, n, 1), `bbox_S` (1, n, 4), `kps_S` (1, n, 10) for the strides S
            8, 16, 32, with n = cells of that stride, row by row.
        size: width and height of the model's input, multiples of 32.
        min_score: rows below it are left out; the score is √(cls · obj), both clipped to [0, 1].

    Returns:
        float32 (faces, 15): x, y, width, height, five points x, y, score; in pixels of the input;
        rows with a value that is not finite are left out.
    """
    rows = []
    for stride in STRIDES:
        across, down = size[0] // stride, size[1] // stride
        column, row = np.tile(np.arange(across), down), np.repeat(np.arange(down), across)
        classes, objects = answers[f"cls_{stride}"].reshape(-1), answers[f"obj_{stride}"].reshape(-1)
        score = np.sqrt(np.clip(classes, 0, 1) * np.clip(objects, 0, 1))
        selected = np.flatnonzero(score >= min_score)
        cells = np.stack([column[selected], row[selected]], axis=1).astype(np.float32)  # (selected, 2)
        box = answers[f"bbox_{stride}"].reshape(-1, 4)[selected]
        centre, extent = (cells + box[:, :2]) * stride, np.exp(box[:, 2:]) * stride
        points = (cells[:, None] + answers[f"kps_{stride}"].reshape(-1, 5, 2)[selected]) * stride
        columns = [centre - extent / 2, extent, points.reshape(-1, 10), score[selected, None]]
        rows.append(np.concatenate(columns, axis=1))
    detections = np.concatenate(rows).astype(np.float32)
    return detections[np.isfinite(detections).all(axis=1)]


def suppress(boxes: NDArray[np.float32], scores: NDArray[np.float32], overlap: float) -> list[int]:
    """Non-maximum suppression.

    Args:
        boxes: x, y, width, height, shape (n, 4).
        scores: shape (n,).
        overlap: boxes whose IoU with a better one is above it are suppressed.

    Returns:
        Indices of the boxes that remain, best first.
    """
    waiting = list(np.argsort(-scores, kind="stable"))
    selected: list[int] = []
    while waiting:
        best = waiting.pop(0)
        selected.append(int(best))
        waiting = [w for w in waiting if iou(boxes[best], boxes[w]) <= overlap]
    return selected


def iou(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Intersection over union of two boxes.

    Args:
        a, b: x, y, width, height, shape (4,).

    Returns:
        A share in [0, 1]; 0 where they do not touch.
    """
    sides = np.minimum(a[:2] + a[2:], b[:2] + b[2:]) - np.maximum(a[:2], b[:2])
    common = float(np.prod(np.maximum(sides, 0)))
    union = float(a[2] * a[3] + b[2] * b[3]) - common
    return common / union if union > 0 else 0.0


def _around(face: Face, scale: float, shape: tuple[int, ...]) -> tuple[int, tuple[int, int]]:
    """The crop for a face: by how much it is scaled down, and its corner x, y in pixels of the full-frame image."""
    longer, shrink = float(max(face.box[2:])) * scale, 1
    while longer / shrink > FaceDetector.KNOWN:
        shrink *= 2
    reach = FaceDetector.CROP * shrink
    corner = [
        int(np.clip(round(float(centre - reach / 2) / GRAIN) * GRAIN, 0, max(0, _round_up(length) - reach)))
        for centre, length in zip(face.centre * scale, (shape[1], shape[0]), strict=True)
    ]
    return shrink, (corner[0], corner[1])


def _blob(small: NDArray[np.uint8], size: tuple[int, int], at: tuple[int, int]) -> NDArray[np.float32]:
    """The model's input, (1, 3, height, width), BGR in 0 … 255: an image on black, its corner at x, y."""
    blob = np.zeros((1, 3, size[1], size[0]), dtype=np.float32)
    for channel in range(3):  # a loop over channels is five times as fast as a transpose
        blob[0, 2 - channel, at[1] : at[1] + small.shape[0], at[0] : at[0] + small.shape[1]] = small[..., channel]
    return blob


def _parts(rows: NDArray[np.float32], close: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which rows of the full-frame detection are parts of a face that the close-up detection found complete.

    Their centre lies in it, and their score is clearly lower; overlap is no criterion, as they are small.
    """
    centres = rows[:, None, :2] + rows[:, None, 2:4] / 2  # (rows, 1, 2) against (1, close, 2)
    inside = ((centres >= close[None, :, :2]) & (centres <= close[None, :, :2] + close[None, :, 2:4])).all(axis=2)
    return np.asarray((inside & (rows[:, None, 14] < close[None, :, 14] - 0.1)).any(axis=1))


def _scaled(rgb: NDArray[np.uint8], side: float) -> NDArray[np.uint8]:
    """The image, scaled to that longest side."""
    height, width = rgb.shape[:2]
    scale = side / max(height, width)
    return resize(rgb, (max(1, round(width * scale)), max(1, round(height * scale))))


def _round_up(length: int) -> int:
    return -(-length // GRAIN) * GRAIN
