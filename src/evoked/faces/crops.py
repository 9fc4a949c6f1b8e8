"""Faces cut out by their boxes and described by a net: Inception-ResNet-v1 (VGGFace2) and FaceNet's NN2.

Neither net wants a face turned upright. Each has its own way to cut, which is part of its contract:

- inception-resnet-v1: the box and an eighth of its sides more on each side (a margin of 32 in 160 pixels,
  as David Sandberg's facenet, whose weights they are, was tried on LFW), cut off at the picture's edges,
  scaled to 160×160 whatever its own shape;
- nn2: the square around the box's middle with the box's longer side, black beyond the picture's edges,
  scaled to 224×224. The FaceNet paper says "a tight crop of the face area" and no more: ours.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from evoked.faces.detect import Face
from evoked.media.images import resize
from evoked.weights.cache import Cache
from evoked.weights.catalogue import NETS
from evoked.weights.session import open_net

__all__ = ["CUTS", "CropDescriber", "add_margin", "square_box"]

Cut = Callable[[NDArray[np.uint8], NDArray[np.float32], int], NDArray[np.uint8]]
MARGIN = 32 / (160 - 32)  # of the box's sides, both ends together


def add_margin(rgb: NDArray[np.uint8], box: NDArray[np.float32], side: int) -> NDArray[np.uint8]:
    """The box and a margin, no further than the picture, scaled to a square.

    Raises:
        ValueError: if nothing of it lies in the picture.
    """
    x, y, width, height = (float(v) for v in box)
    left, top = max(0, int(x - MARGIN / 2 * width)), max(0, int(y - MARGIN / 2 * height))
    right = min(rgb.shape[1], int(x + (1 + MARGIN / 2) * width))
    bottom = min(rgb.shape[0], int(y + (1 + MARGIN / 2) * height))
    if left >= right or top >= bottom:
        raise ValueError(f"a face's box must lie in the picture {rgb.shape[1]}×{rgb.shape[0]}, got {box.tolist()}")
    return resize(np.ascontiguousarray(rgb[top:bottom, left:right]), (side, side))


def square_box(rgb: NDArray[np.uint8], box: NDArray[np.float32], side: int) -> NDArray[np.uint8]:
    """The square around the box's middle, of its longer side; what lies beyond the picture is black.

    Raises:
        ValueError: if nothing of it lies in the picture.
    """
    length = max(1, round(float(max(box[2:]))))
    left, top = (round(float(middle) - length / 2) for middle in box[:2] + box[2:] / 2)
    rows, columns = slice(max(0, top), max(0, top + length)), slice(max(0, left), max(0, left + length))
    seen = rgb[rows, columns]
    if 0 in seen.shape or min(box[2:]) <= 0:
        raise ValueError(f"a face's box must lie in the picture {rgb.shape[1]}×{rgb.shape[0]}, got {box.tolist()}")
    whole = np.zeros((length, length, 3), dtype=np.uint8)
    y, x = rows.start - top, columns.start - left
    whole[y : y + seen.shape[0], x : x + seen.shape[1]] = seen
    return resize(whole, (side, side))


CUTS: dict[str, Cut] = {"inception-resnet-v1": add_margin, "nn2": square_box}
"""Net → how it wants its faces."""


class CropDescriber:
    """Describe faces by a net of CUTS: the first of its outputs, the net's own numbers.

    Args:
        name: of the net.
        cache: where it is; the default cache where None.
        threads: 0: all cores.

    Raises:
        WeightsError: if the net cannot be had.
    """

    def __init__(self, name: str, cache: Cache | None = None, threads: int = 0) -> None:
        self._input, self._cut = NETS[name].input, CUTS[name]
        self._net = open_net(name, cache, threads=threads, shape=(1, *self._input.shape[1:]))

    def __call__(self, rgb: NDArray[np.uint8], faces: Sequence[Face]) -> NDArray[np.float32]:
        """An RGB picture (height, width, 3) and n faces → float32 (n, D); a face alone gives the same row.

        Raises:
            ValueError: if a face's box has no area in the picture.
        """
        side = self._input.shape[-1]
        rows = np.zeros((len(faces), self._net.output_ports[0].shape[-1]), dtype=np.float32)
        for row, face in zip(rows, faces, strict=True):
            cut = self._cut(rgb, face.box, side).astype(np.float32)
            blob = (cut - self._input.mean) / self._input.std
            row[:] = self._net(np.ascontiguousarray(blob.transpose(2, 0, 1)[None], dtype=np.float32))[0][0]
        return rows
