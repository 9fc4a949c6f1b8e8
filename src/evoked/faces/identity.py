"""Face identity: SFace, 128 numbers of an aligned face.

Source: Zhong et al., "SFace: Sigmoid-Constrained Hypersphere Loss" (2021), in OpenCV's model zoo;
the alignment is that of ArcFace (Deng et al., 2019), computed as OpenCV's alignCrop does.
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
"""Positions of eyes, nose and corners of the mouth in an aligned face of 112×112 (ArcFace's)."""


class FaceIdentity:
    """Describe faces so that those of one person are similar.

    The numbers are the model's output, not of unit length; compare them with `cosine_similarity`. Between frames of
    one person it is .5 to .97, between two people below .3.

    Args:
        cache: where the model is; the default cache where None.
        threads: 0: all cores.

    Raises:
        WeightsError: if the model is not available.
    """

    def __init__(self, cache: Cache | None = None, threads: int = 0) -> None:
        self._model = open_net("sface", cache, threads=threads)

    def __call__(self, rgb: NDArray[np.uint8], faces: Sequence[Face]) -> NDArray[np.float32]:
        """Describe faces.

        Args:
            rgb: an image, shape (height, width, 3).
            faces: n faces of it.

        Returns:
            float32 (n, 128), a row per face in their order.

        Raises:
            ValueError: if a face's points coincide or are not finite.
        """
        if not faces:
            return np.zeros((0, WIDTH), dtype=np.float32)
        aligned = np.stack(
            [warp(rgb, alignment_transform(face.points), (SIDE, SIDE)) for face in faces]
        )  # (n, 112, 112, 3) RGB
        blob = np.ascontiguousarray(aligned.transpose(0, 3, 1, 2), dtype=np.float32)  # 0 … 255
        # One face per run, so that a result does not depend on the batch
        return np.concatenate([self._model(row[None])[0].reshape(1, WIDTH) for row in blob])


def alignment_transform(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """The rotation, scale and translation that best map five points to the template (Umeyama 1991, least squares).

    Args:
        points: (5, 2) x, y in pixels, in the order of Face.points.

    Returns:
        2×3 matrix from the image to the aligned face.

    Raises:
        ValueError: if the points coincide or are not finite.
    """
    source = np.asarray(points, dtype=np.float64)
    centred, target = source - source.mean(axis=0), TEMPLATE - TEMPLATE.mean(axis=0)
    spread = float((centred**2).sum())
    if source.shape != (5, 2) or not np.isfinite(spread) or spread < 1e-6:
        raise ValueError(f"alignment needs five different points x, y, got {source.tolist()}")
    # In two dimensions the least squares rotation and scale are one complex number
    source_complex, target_complex = centred[:, 0] + 1j * centred[:, 1], target[:, 0] + 1j * target[:, 1]
    factor = complex(np.vdot(source_complex, target_complex)) / spread
    linear = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    return np.concatenate([linear, (TEMPLATE.mean(axis=0) - linear @ source.mean(axis=0))[:, None]], axis=1)


def cosine_similarity(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Cosine between two face descriptors.

    Args:
        a, b: descriptors, shape (D,).

    Returns:
        A value in [-1, 1]; 0 where one of them is all zeros.
    """
    scale = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(np.dot(a, b)) / scale if scale > 0 else 0.0
