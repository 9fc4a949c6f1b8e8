"""Positions of lids, brows and lips in a face, independent of the face's place, size and tilt.

The mesh's points are rotated so that the outer eye corners are level; the origin is the midpoint between these, the
unit is the root mean square distance of all points from their centroid. (The distance of the eyes alone would make a
face that looks aside taller.) A left point and its counterpart on the right give two numbers: half of their horizontal
distance, and their mean height. So a mirrored image gives the same row, and one raised brow half of two.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evoked.faces.detect import Face
from evoked.faces.landmarks import LEFT_EYE_CORNER, RIGHT_EYE_CORNER
from evoked.faces.mesh import FaceMesh
from evoked.weights.cache import Cache

__all__ = ["COLUMNS", "MIDDLES", "PAIRS", "FaceGeometry", "geometry"]

# Numbers of the canonical face model's points (MediaPipe): right side of the face, its counterpart on the left
EYES = (33, 263), (7, 249), (163, 390), (144, 373), (145, 374), (153, 380), (154, 381), (155, 382), (133, 362)
LIDS = (173, 398), (157, 384), (158, 385), (159, 386), (160, 387), (161, 388), (246, 466)
BROWS = (46, 276), (53, 283), (52, 282), (65, 295), (55, 285), (70, 300), (63, 293), (105, 334), (66, 296), (107, 336)
OUTER_LIPS = (61, 291), (146, 375), (91, 321), (181, 405), (84, 314), (37, 267), (39, 269), (40, 270), (185, 409)
INNER_LIPS = (78, 308), (95, 324), (88, 318), (178, 402), (87, 317), (82, 312), (81, 311), (80, 310), (191, 415)
CHEEKS = (50, 280), (205, 425), (129, 358), (234, 454)
PAIRS = (*EYES, *LIDS, *BROWS, *OUTER_LIPS, *INNER_LIPS, *CHEEKS)
MIDDLES = (0, 13, 14, 17, 1, 2, 168, 152)
"""Points on the midline (upper lip, inner lips, lower lip, nose, bridge, chin): only their height is used."""

COLUMNS = (
    *(f"half width {a}-{b}" for a, b in PAIRS),
    *(f"height {a}-{b}" for a, b in PAIRS),
    *(f"height {a}" for a in MIDDLES),
)


def geometry(points: NDArray[np.floating]) -> NDArray[np.float32]:
    """The points of a mesh, (478, 2) in pixels → float32 (len(COLUMNS),).

    Raises:
        ValueError: if the points coincide or are not finite.
    """
    mesh = np.asarray(points, dtype=np.float64)
    size = float(np.sqrt(((mesh - mesh.mean(axis=0)) ** 2).sum(axis=1).mean()))
    across = mesh[RIGHT_EYE_CORNER] - mesh[LEFT_EYE_CORNER]
    length = float(np.hypot(*across))
    if not (np.isfinite(size) and size > 0 and length > 0):
        raise ValueError("a face's points must be finite and not all fall together")
    cos, sin = across / length
    origin = (mesh[RIGHT_EYE_CORNER] + mesh[LEFT_EYE_CORNER]) / 2
    level = (mesh - origin) @ np.array([[cos, -sin], [sin, cos]]) / size
    right, left = (level[[pair[side] for pair in PAIRS]] for side in (0, 1))
    half_widths = np.abs(left[:, 0] - right[:, 0]) / 2
    heights = (right[:, 1] + left[:, 1]) / 2
    return np.concatenate([half_widths, heights, level[list(MIDDLES), 1]]).astype(np.float32)


class FaceGeometry:
    """Describe faces by `geometry`. The mesh is computed here, because descriptors do not share results.

    Args:
        cache: where the models are; the default cache where None.
        threads: 0: all cores.

    Raises:
        WeightsError: if a model is not available.
    """

    def __init__(self, cache: Cache | None = None, threads: int = 0) -> None:
        self._mesh = FaceMesh(cache, threads=threads)

    def __call__(self, rgb: NDArray[np.uint8], faces: Sequence[Face]) -> NDArray[np.float32]:
        """Describe faces.

        Args:
            rgb: an image, shape (height, width, 3).
            faces: n faces of it.

        Returns:
            float32 (n, D), columns as COLUMNS.

        Raises:
            ValueError: for a face without area.
        """
        rows = [geometry(self._mesh(rgb, face).points) for face in faces]
        return np.stack(rows) if rows else np.zeros((0, len(COLUMNS)), dtype=np.float32)
