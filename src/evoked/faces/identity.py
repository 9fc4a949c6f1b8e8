"""Who a face belongs to: SFace, 128 numbers of an aligned face.

Source: Zhong and others, "SFace: Sigmoid-Constrained Hypersphere Loss" (2021), in OpenCV's model zoo;
the alignment is that of ArcFace (Deng and others, 2019), computed as OpenCV's alignCrop does.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evoked.faces.detect import Face
from evoked.media.images import warp
from evoked.weights.cache import Cache
from evoked.weights.session import open_net

__all__ = ["TEMPLATE", "FaceIdentity", "alignment_transform", "cosine_similarity"]

SIDE = 112
WIDTH = 128
TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""Where eyes, nose and corners of the mouth stand in an aligned face of 112×112 (ArcFace's)."""


class FaceIdentity:
    """Describe faces so that those of one person are alike.

    The numbers are the net's own, not of unit length; compare them with `likeness`. Between frames of
    one person it is .5 to .97, between two people below .3.
    """

    def __init__(self, cache: Cache | None = None, threads: int = 0) -> None:
        self._net = open_net("sface", cache, threads=threads)

    def __call__(self, rgb: NDArray[np.uint8], faces: Sequence[Face]) -> NDArray[np.float32]:
        """Describe some faces of an RGB picture (height, width, 3).

        Returns:
            float32 (len(faces), 128), in the order of `faces`.

        Raises:
            ValueError: if a face's points all fall together or are not finite.
        """
        if not faces:
            return np.zeros((0, WIDTH), dtype=np.float32)
        cuts = np.stack(
            [warp(rgb, alignment_transform(face.points), (SIDE, SIDE)) for face in faces]
        )  # (n, 112, 112, 3) RGB
        blob = np.ascontiguousarray(cuts.transpose(0, 3, 1, 2), dtype=np.float32)  # 0 … 255
        return np.concatenate([self._net(one[None])[0].reshape(1, WIDTH) for one in blob])  # alone: no batch effects


def alignment_transform(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """The turn, scale and shift that best bring five points onto the template (Umeyama 1991, least squares).

    Args:
        points: (5, 2) x, y in pixels, in the order of Face.points.

    Returns:
        2×3 matrix from the picture to the aligned face.

    Raises:
        ValueError: if the points all fall together or are not finite.
    """
    given = np.asarray(points, dtype=np.float64)
    centred, wanted = given - given.mean(axis=0), TEMPLATE - TEMPLATE.mean(axis=0)
    spread = float((centred**2).sum())
    if given.shape != (5, 2) or not np.isfinite(spread) or spread < 1e-6:
        raise ValueError(f"alignment needs five different points x, y, got {given.tolist()}")
    # In two dimensions the least squares turn and scale are one complex number
    one, other = centred[:, 0] + 1j * centred[:, 1], wanted[:, 0] + 1j * wanted[:, 1]
    factor = complex(np.vdot(one, other)) / spread
    linear = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    return np.concatenate([linear, (TEMPLATE.mean(axis=0) - linear @ given.mean(axis=0))[:, None]], axis=1)


def cosine_similarity(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Cosine between two descriptions, in [-1, 1]; 0 where one of them is all zeros."""
    scale = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(np.dot(one, other)) / scale if scale > 0 else 0.0
