"""Face features, a row per second: descriptions of the two largest faces."""

import numpy as np
from numpy.typing import NDArray

from evoked.faces.descriptors import DescribeFaces
from evoked.faces.detect import Face, FaceDetector
from evoked.media.decode import VideoFrame

__all__ = ["FACES", "FaceRows", "search_size"]

FACES = 2


def search_size(width: int, height: int, side: int) -> tuple[int, int]:
    """The size at which faces are searched: the frame's, or smaller so that the longer side is `side`.

    Args:
        width, height: of the frame, in pixels.
        side: longest side, in pixels.

    Returns:
        Width and height.
    """
    scale = min(1.0, side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


class FaceRows:
    """Face features of frames, one row of two faces per second; a repeated frame is computed once.

    Rows are zero and the mask False where there is no first or second face.

    Args:
        detector: detects faces.
        describe: describes each by `width` numbers.
        width: numbers per face.
        seconds: number of rows.
    """

    def __init__(self, detector: FaceDetector, describe: DescribeFaces, width: int, seconds: int) -> None:
        self.rows = np.zeros((seconds, FACES * width), dtype=np.float32)
        self.valid = np.zeros((seconds, FACES), dtype=np.bool_)
        self._detector, self._describe = detector, describe
        self._before: tuple[int, int] | None = None  # index and step of the previous frame

    def take(self, picture: VideoFrame, search: NDArray[np.uint8] | None) -> None:
        """Add the frame of a second.

        Args:
            picture: the frame.
            search: its pixels, scaled to `search_size`; may be None if the frame repeats the one before.

        Raises:
            ValueError: if the pixels of a new frame are missing.
        """
        step = picture.step
        if self._before is not None and picture.index == self._before[0]:
            self.rows[step], self.valid[step] = self.rows[self._before[1]], self.valid[self._before[1]]
            return
        if search is None:
            raise ValueError(f"step {step} shows a new picture, {picture.index}, and needs its pixels")
        self._before = (picture.index, step)
        described = self.describe(picture, search)
        self.rows[step, : described.size] = described.reshape(-1)
        self.valid[step, : len(described)] = True

    def describe(self, picture: VideoFrame, search: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Describe the largest faces of one frame.

        Args:
            picture: the frame.
            search: its pixels, scaled to `search_size`.

        Returns:
            Shape (n, width), n at most two.
        """
        faces = self._detector(search)[:FACES]
        if not faces:
            return np.zeros((0, self.rows.shape[1] // FACES), dtype=np.float32)
        full = picture.rgb()  # only if needed: most seconds of most videos show no face
        return self._describe(full, [_scaled(face, search, full) for face in faces])


def _scaled(face: Face, small: NDArray[np.uint8], full: NDArray[np.uint8]) -> Face:
    """A face detected in the scaled frame, in pixels of the full frame."""
    factor = np.array([full.shape[1] / small.shape[1], full.shape[0] / small.shape[0]], dtype=np.float32)
    return Face(face.box * np.tile(factor, 2), face.points * factor, face.score)
