"""Who is shown at each second: the two largest faces, as many numbers each as their description has."""

import numpy as np
from numpy.typing import NDArray

from evoked.faces.descriptors import DescribeFaces
from evoked.faces.detect import Face, FaceDetector
from evoked.media.decode import VideoFrame

__all__ = ["FACES", "FaceRows", "search_size"]

FACES = 2


def search_size(width: int, height: int, side: int) -> tuple[int, int]:
    """The size at which a frame is searched: its own, or smaller so that the longer side is `side`."""
    scale = min(1.0, side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


class FaceRows:
    """Turn frames into rows of two faces; a repeated frame is not computed again.

    Rows are zeros, and the mask False, where there is no first or second face.

    Args:
        detector: finds them.
        describe: gives `width` numbers for each.
        seconds: how many rows there will be.
    """

    def __init__(self, detector: FaceDetector, describe: DescribeFaces, width: int, seconds: int) -> None:
        self.rows = np.zeros((seconds, FACES * width), dtype=np.float32)
        self.valid = np.zeros((seconds, FACES), dtype=np.bool_)
        self._detector, self._describe = detector, describe
        self._before: tuple[int, int] | None = None  # index and step of the picture before

    def take(self, picture: VideoFrame, search: NDArray[np.uint8] | None) -> None:
        """The picture of a step, and the same made small for the search.

        `search` may be None if the picture's index is that of the step before.
        """
        step = picture.step
        if self._before is not None and picture.index == self._before[0]:
            self.rows[step], self.valid[step] = self.rows[self._before[1]], self.valid[self._before[1]]
            return
        if search is None:
            raise ValueError(f"step {step} shows a new picture, {picture.index}, and needs its pixels")
        self._before = (picture.index, step)
        found = self.look(picture, search)
        self.rows[step, : found.size] = found.reshape(-1)
        self.valid[step, : len(found)] = True

    def look(self, picture: VideoFrame, search: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The largest faces of one picture, described: (n, width) for n of at most two."""
        faces = self._detector(search)[:FACES]
        if not faces:
            return np.zeros((0, self.rows.shape[1] // FACES), dtype=np.float32)
        whole = picture.rgb()  # only now: most seconds of most films show no face
        return self._describe(whole, [_grown(face, search, whole) for face in faces])


def _grown(face: Face, small: NDArray[np.uint8], whole: NDArray[np.uint8]) -> Face:
    """A face found in the small picture, in the whole one's pixels."""
    by = np.array([whole.shape[1] / small.shape[1], whole.shape[0] / small.shape[0]], dtype=np.float32)
    return Face(face.box * np.tile(by, 2), face.points * by, face.score)
