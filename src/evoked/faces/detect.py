"""Where the faces are in a picture: YuNet (2023mar), its answers decoded here.

Source of the decoding: Wu, Peng, Yu, "YuNet: A Tiny Millisecond-level Face Detector" (2023), and
OpenCV's face_detect.cpp, which the tests compare with.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evoked.core.settings import setting
from evoked.media.images import resize
from evoked.weights.cache import Cache
from evoked.weights.session import Session, open_net

__all__ = ["DetectConfig", "Face", "FaceDetector", "decode", "iou", "suppress"]

STRIDES = (8, 16, 32)
GRAIN = 32  # the net's coarsest stride: its input sizes are multiples of it


@dataclass(frozen=True, eq=False)
class Face:
    """One face in one picture.

    Attributes:
        box: float32 (4,): x, y, width, height in the picture's pixels; may reach beyond its edges.
        points: float32 (5, 2): x, y of the eye on the picture's left, the eye on its right, the nose
            tip, the left and the right corner of the mouth.
        score: how sure the net is, in [0, 1].
    """

    box: NDArray[np.float32]
    points: NDArray[np.float32]
    score: float

    @property
    def area(self) -> float:
        """Of the box, in square pixels."""
        return float(self.box[2] * self.box[3])

    @property
    def centre(self) -> NDArray[np.float32]:
        """Of the box, float32 (2,)."""
        return np.asarray(self.box[:2] + self.box[2:] / 2, dtype=np.float32)


@dataclass(frozen=True)
class DetectConfig:
    """How faces are looked for."""

    detector_size: int = setting(640, "longest side of the detector's input, pixels; larger pictures are scaled down")
    closeup_size: int = setting(256, "the same for the look at faces that fill the picture; 0: no such look")
    min_score: float = setting(0.6, "faces less certain than this are left out")
    nms_iou: float = setting(0.3, "non-maximum suppression: boxes that overlap a better one by more (IoU) are left out")

    def __post_init__(self) -> None:
        if self.detector_size < GRAIN or (self.closeup_size and self.closeup_size < GRAIN):
            raise ValueError(
                f"detector_size and closeup_size must be at least {GRAIN} pixels, "
                f"got {self.detector_size}, {self.closeup_size}"
            )
        if not (0 < self.min_score < 1 and 0 < self.nms_iou < 1):
            raise ValueError(f"min_score and nms_iou must lie between 0 and 1, got {self.min_score}, {self.nms_iou}")


class FaceDetector:
    """Find the faces of a picture.

    A face that fills the picture (a close-up, a tight crop, a still without margin) is larger than
    anything the net was trained on: at 640 pixels it finds only .23 to .97 of such faces, and almost
    all at 256. So each picture is looked at twice, the second time small, in the middle of a black
    border a quarter as wide as itself, for large faces only. It costs a sixth of the first look.
    """

    ENLARGED = 320  # pictures with a shorter longest side are enlarged to it: the net needs 10 pixels of a face
    BORDER = 0.25  # of the picture's own sides, all round, in the second look
    LARGE = 0.35  # of the picture's shorter side: the least longer side of a face's box in the second look
    CUT = 128  # side of what is looked at around a known face, pixels of the net's input …
    KNOWN = 67  # … and the face's longest side there at most: a quarter of it is room to move, the net's grid takes 16
    WORTH = 0.5  # of a whole look's pixels: cuts that hold more together are no saving
    SAME = 0.3  # a face found again overlaps its place of a moment before by more than this (IoU)

    def __init__(self, config: DetectConfig | None = None, cache: Cache | None = None, threads: int = 0) -> None:
        self.config = config or DetectConfig()
        # One session a look: a session that is given another shape each time sets itself up anew, 3 ms
        self._net: Session = open_net("yunet", cache, threads=threads)
        self._close_net: Session = open_net("yunet", cache, threads=threads) if self.config.closeup_size else self._net
        self._cut_net: Session = open_net("yunet", cache, threads=threads)

    def __call__(self, rgb: NDArray[np.uint8]) -> list[Face]:
        """The faces of an RGB picture (height, width, 3), largest first; an empty list where there are none.

        Raises:
            ValueError: if the array is no such picture.
        """
        longest = max(rgb.shape[:2])
        first = self._first(rgb)
        rows = self._look(self._net, first, rgb.shape, 0.0)
        if self.config.closeup_size:
            wanted = self.config.closeup_size / (1 + 2 * self.BORDER)
            # From what is small already, 2 ms less at 720p: on 529 pictures the same faces, boxes within .006
            nearest = first if wanted <= max(first.shape) < longest else rgb
            close = self._look(self._close_net, _scaled(nearest, wanted), rgb.shape, self.BORDER)
            large = self.LARGE * min(rgb.shape[:2])
            close = close[close[:, 2:4].max(axis=1) >= large]
            rows = np.concatenate([rows[~_parts(rows, close)], close])
        return self._faces(rows)

    def near(self, rgb: NDArray[np.uint8], known: Sequence[Face]) -> list[Face] | None:
        """The faces at and around places where faces were a moment ago, largest first.

        Only a cut around each is looked at, three to ten times as cheap as the whole picture. Cuts are
        taken from the picture of the first look, on the net's grid, so that a face comes out as there;
        large ones are made smaller, as in the second look.

        Returns:
            None where that would be no saving, or one of the known faces is not there any more: then
            the whole picture must be looked at. Faces elsewhere are not seen.

        Raises:
            ValueError: if the array is no picture.
        """
        first = self._first(rgb)
        scale = first.shape[1] / rgb.shape[1]
        cuts = [_around(face, scale, first.shape) for face in known]
        if self.CUT**2 * len(cuts) > self.WORTH * first.shape[0] * first.shape[1]:
            return None
        rows = np.concatenate([np.zeros((0, 15), np.float32), *(self._cut(first, *cut) for cut in cuts)])
        rows[:, :14] /= scale
        found = self._faces(rows)
        lost = any(all(iou(face.box, f.box) <= self.SAME for f in found) for face in known)
        return None if lost else found

    def _first(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or 0 in rgb.shape:
            raise ValueError(f"a picture must be uint8 (height, width, 3), got {rgb.dtype} {rgb.shape}")
        return _scaled(rgb, min(self.config.detector_size, max(*rgb.shape[:2], self.ENLARGED)))

    def _faces(self, rows: NDArray[np.float32]) -> list[Face]:
        """Rows as `decode` gives them, in pixels of the picture, the worse of two that overlap left out."""
        rows = rows[suppress(rows[:, :4], rows[:, 14], self.config.nms_iou)]
        found = [Face(row[:4], row[4:14].reshape(5, 2), float(row[14])) for row in rows]
        return sorted(found, key=lambda face: -face.area)

    def _cut(self, first: NDArray[np.uint8], shrink: int, corner: tuple[int, int]) -> NDArray[np.float32]:
        """Rows of what is whole in the cut at a corner x, y of the first look's picture, in its pixels."""
        (x, y), reach = corner, self.CUT * shrink
        cut = first[y : y + reach, x : x + reach]
        shown = resize(cut, (max(1, cut.shape[1] // shrink), max(1, cut.shape[0] // shrink)))
        blob = _blob(shown, (self.CUT, self.CUT), (0, 0))
        answers = dict(zip(self._cut_net.outputs, self._cut_net(blob), strict=True))
        rows = decode(answers, (self.CUT, self.CUT), self.config.min_score)
        # What the cut's edge runs through is not seen whole, unless the picture ends there too
        low = np.where([x > 0, y > 0], 0, -np.inf)
        high = np.where([x + reach < first.shape[1], y + reach < first.shape[0]], self.CUT, np.inf)
        rows = rows[((rows[:, :2] >= low) & (rows[:, :2] + rows[:, 2:4] <= high)).all(axis=1)]
        rows[:, :14] *= shrink
        rows[:, :2] += (x, y)
        rows[:, 4:14] += np.tile(np.array([x, y], np.float32), 5)
        return rows

    def _look(
        self, net: Session, small: NDArray[np.uint8], shape: tuple[int, ...], border: float
    ) -> NDArray[np.float32]:
        """Rows as `decode` gives them, in pixels of the picture of that shape, not yet suppressed."""
        height, width = shape[:2]
        left, top = round(border * small.shape[1]), round(border * small.shape[0])
        tall, wide = _up(small.shape[0] + 2 * top), _up(small.shape[1] + 2 * left)
        blob = _blob(small, (wide, tall), (left, top))
        answers = dict(zip(net.outputs, net(blob), strict=True))
        rows = decode(answers, (wide, tall), self.config.min_score)
        back = np.array([width / small.shape[1], height / small.shape[0]], dtype=np.float32)
        shift = np.array([left, top], dtype=np.float32)
        rows[:, :2] -= shift
        rows[:, 4:14] -= np.tile(shift, 5)
        rows[:, :14] *= np.tile(back, 7)
        return rows


def decode(answers: dict[str, NDArray[np.float32]], size: tuple[int, int], min_score: float) -> NDArray[np.float32]:
    """Turn YuNet's twelve answers into boxes and points.

    Args:
        answers: `cls_S`, `obj_S` (1, n, 1), `bbox_S` (1, n, 4), `kps_S` (1, n, 10) for the strides S
            8, 16, 32, with n = cells of that stride, row by row.
        size: width and height of the net's input, multiples of 32.
        min_score: rows below it are left out; the score is √(cls · obj), both cut to [0, 1].

    Returns:
        float32 (faces, 15): x, y, width, height, five points x, y, score; in pixels of the input;
        rows with a value that is not finite are left out.
    """
    rows = []
    for stride in STRIDES:
        across, down = size[0] // stride, size[1] // stride
        column, row = np.tile(np.arange(across), down), np.repeat(np.arange(down), across)
        sure = np.clip(answers[f"cls_{stride}"].reshape(-1), 0, 1) * np.clip(answers[f"obj_{stride}"].reshape(-1), 0, 1)
        score = np.sqrt(sure)
        kept = np.flatnonzero(score >= min_score)
        cells = np.stack([column[kept], row[kept]], axis=1).astype(np.float32)  # (kept, 2)
        box = answers[f"bbox_{stride}"].reshape(-1, 4)[kept]
        centre, extent = (cells + box[:, :2]) * stride, np.exp(box[:, 2:]) * stride
        points = (cells[:, None] + answers[f"kps_{stride}"].reshape(-1, 5, 2)[kept]) * stride
        rows.append(np.concatenate([centre - extent / 2, extent, points.reshape(-1, 10), score[kept, None]], axis=1))
    found = np.concatenate(rows).astype(np.float32)
    return found[np.isfinite(found).all(axis=1)]


def suppress(boxes: NDArray[np.float32], scores: NDArray[np.float32], overlap: float) -> list[int]:
    """Non-maximum suppression: which boxes (x, y, width, height) stay, best first."""
    waiting = list(np.argsort(-scores, kind="stable"))
    kept: list[int] = []
    while waiting:
        best = waiting.pop(0)
        kept.append(int(best))
        waiting = [w for w in waiting if iou(boxes[best], boxes[w]) <= overlap]
    return kept


def iou(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Intersection over union of two boxes x, y, width, height; 0 where they do not touch."""
    sides = np.minimum(one[:2] + one[2:], other[:2] + other[2:]) - np.maximum(one[:2], other[:2])
    common = float(np.prod(np.maximum(sides, 0)))
    union = float(one[2] * one[3] + other[2] * other[3]) - common
    return common / union if union > 0 else 0.0


def _around(face: Face, scale: float, shape: tuple[int, ...]) -> tuple[int, tuple[int, int]]:
    """The cut for a face of the picture: how much smaller it is shown, its corner x, y in the first look's pixels."""
    longer, shrink = float(max(face.box[2:])) * scale, 1
    while longer / shrink > FaceDetector.KNOWN:
        shrink *= 2
    reach = FaceDetector.CUT * shrink
    corner = [
        int(np.clip(round(float(middle - reach / 2) / GRAIN) * GRAIN, 0, max(0, _up(length) - reach)))
        for middle, length in zip(face.centre * scale, (shape[1], shape[0]), strict=True)
    ]
    return shrink, (corner[0], corner[1])


def _blob(small: NDArray[np.uint8], size: tuple[int, int], at: tuple[int, int]) -> NDArray[np.float32]:
    """The net's input, (1, 3, height, width), BGR in 0 … 255: a picture on black, its corner at x, y."""
    blob = np.zeros((1, 3, size[1], size[0]), dtype=np.float32)
    for channel in range(3):  # one by one is five times as fast as a transpose
        blob[0, 2 - channel, at[1] : at[1] + small.shape[0], at[0] : at[0] + small.shape[1]] = small[..., channel]
    return blob


def _parts(rows: NDArray[np.float32], close: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which rows of the first look are no faces but parts of one that the second look saw whole.

    Their centre lies in it, and they are clearly less certain; overlap alone does not tell, they are small.
    """
    centres = rows[:, None, :2] + rows[:, None, 2:4] / 2  # (rows, 1, 2) against (1, close, 2)
    inside = ((centres >= close[None, :, :2]) & (centres <= close[None, :, :2] + close[None, :, 2:4])).all(axis=2)
    return np.asarray((inside & (rows[:, None, 14] < close[None, :, 14] - 0.1)).any(axis=1))


def _scaled(rgb: NDArray[np.uint8], side: float) -> NDArray[np.uint8]:
    """The picture with that longest side."""
    height, width = rgb.shape[:2]
    scale = side / max(height, width)
    return resize(rgb, (max(1, round(width * scale)), max(1, round(height * scale))))


def _up(length: int) -> int:
    return -(-length // GRAIN) * GRAIN
