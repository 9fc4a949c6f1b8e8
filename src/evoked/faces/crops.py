"""Faces cropped by their boxes and described by a face model: Inception-ResNet-v1 (VGGFace2) and FaceNet's NN2.

Neither model needs an upright face. Each expects its own crop:

- inception-resnet-v1: the box and a margin of an eighth of its sides on each side (32 in 160 pixels, as David
  Sandberg's facenet, the source of the weights, was evaluated on LFW), clipped at the image's edges, scaled to
  160×160 whatever its aspect ratio;
- nn2: the square around the box's centre with the box's longer side, black beyond the image's edges, scaled to
  224×224. The FaceNet paper says only "a tight crop of the face area"; this is our choice.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from evoked.faces.detect import Face
from evoked.media.images import resize
from evoked.weights.cache import Cache
from evoked.weights.catalogue import NETS
from evoked.weights.session import open_net

__all__ = ["CROPS", "CropDescriber", "add_margin", "square_box"]

Crop = Callable[[NDArray[np.uint8], NDArray[np.float32], int], NDArray[np.uint8]]
MARGIN = 32 / (160 - 32)  # of the box's sides, both ends added up


def add_margin(rgb: NDArray[np.uint8], box: NDArray[np.float32], side: int) -> NDArray[np.uint8]:
    """Crop a box with a margin, clipped at the image's edges, and scale it to a square.

    Args:
        rgb: an image, shape (height, width, 3).
        box: x, y, width, height in its pixels.
        side: of the result, pixels.

    Returns:
        uint8 (side, side, 3).

    Raises:
        ValueError: if the box lies outside the image.
    """
    x, y, width, height = (float(v) for v in box)
    left, top = max(0, int(x - MARGIN / 2 * width)), max(0, int(y - MARGIN / 2 * height))
    right = min(rgb.shape[1], int(x + (1 + MARGIN / 2) * width))
    bottom = min(rgb.shape[0], int(y + (1 + MARGIN / 2) * height))
    if left >= right or top >= bottom:
        raise ValueError(f"a face's box must lie in the picture {rgb.shape[1]}×{rgb.shape[0]}, got {box.tolist()}")
    return resize(np.ascontiguousarray(rgb[top:bottom, left:right]), (side, side))


def square_box(rgb: NDArray[np.uint8], box: NDArray[np.float32], side: int) -> NDArray[np.uint8]:
    """Crop the square around a box's centre with its longer side; black beyond the image's edges.

    Args:
        rgb: an image, shape (height, width, 3).
        box: x, y, width, height in its pixels.
        side: of the result, pixels.

    Returns:
        uint8 (side, side, 3).

    Raises:
        ValueError: if the box lies outside the image or has no area.
    """
    length = max(1, round(float(max(box[2:]))))
    left, top = (round(float(centre) - length / 2) for centre in box[:2] + box[2:] / 2)
    rows, columns = slice(max(0, top), max(0, top + length)), slice(max(0, left), max(0, left + length))
    inside = rgb[rows, columns]
    if 0 in inside.shape or min(box[2:]) <= 0:
        raise ValueError(f"a face's box must lie in the picture {rgb.shape[1]}×{rgb.shape[0]}, got {box.tolist()}")
    square = np.zeros((length, length, 3), dtype=np.uint8)
    y, x = rows.start - top, columns.start - left
    square[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
    return resize(square, (side, side))


CROPS: dict[str, Crop] = {"inception-resnet-v1": add_margin, "nn2": square_box}
"""Face model → how its input is cropped."""


class CropDescriber:
    """Describe faces by a model of CROPS: the first of its outputs, unchanged.

    Args:
        name: of the model.
        cache: where the model is; the default cache where None.
        threads: 0: all cores.

    Raises:
        WeightsError: if the model is not available.
    """

    def __init__(self, name: str, cache: Cache | None = None, threads: int = 0) -> None:
        self._input, self._crop = NETS[name].input, CROPS[name]
        self._model = open_net(name, cache, threads=threads, shape=(1, *self._input.shape[1:]))

    def __call__(self, rgb: NDArray[np.uint8], faces: Sequence[Face]) -> NDArray[np.float32]:
        """Describe faces; a row does not depend on the other faces.

        Args:
            rgb: an image, shape (height, width, 3).
            faces: n faces of it.

        Returns:
            float32 (n, D), a row per face in their order.

        Raises:
            ValueError: if a face's box has no area in the image.
        """
        side = self._input.shape[-1]
        rows = np.zeros((len(faces), self._model.output_ports[0].shape[-1]), dtype=np.float32)
        for row, face in zip(rows, faces, strict=True):
            pixels = self._crop(rgb, face.box, side).astype(np.float32)
            blob = (pixels - self._input.mean) / self._input.std
            row[:] = self._model(np.ascontiguousarray(blob.transpose(2, 0, 1)[None], dtype=np.float32))[0][0]
        return rows
