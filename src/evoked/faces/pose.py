"""Head pose from the mesh: yaw, pitch and roll in degrees.

The rotation is the weighted orthogonal Procrustes solution (Kabsch 1976; Schönemann 1966) that turns the canonical face
into the mesh. Points, weights and coordinates (in centimetres; x to the right of the image, y up, z to the camera) are
those of MediaPipe's face geometry module (Apache-2.0): geometry_pipeline_metadata_landmarks.pbtxt and
canonical_face_model.obj. Unlike there, the camera is taken as far away (orthographic): no focal length is known.
"""

import numpy as np
from numpy.typing import NDArray

from evoked.faces.landmarks import POINTS

__all__ = ["POSE", "head_pose"]

POSE = ("pose_yaw", "pose_pitch", "pose_roll")
"""Degrees. Above 0: turned to the image's right, up, tilted clockwise in the image; 0, 0, 0 into the camera."""

MIDLINE = ((4, 0.0709, -0.463, 7.587), (6, 0.0321, 2.473, 5.789), (10, 0.0084, 8.262, 4.482))
"""Point, weight, y, z of the nose tip, the bridge and the forehead; x is 0."""
SIDES = (
    (33, 263, 0.0587, 4.446, 2.664, 3.173),
    (54, 284, 0.0077, 5.133, 7.486, 2.660),
    (67, 297, 0.0091, 3.064, 6.566, 4.530),
    (117, 346, 0.0098, 5.259, 0.946, 2.974),
    (119, 348, 0.0146, 3.301, 0.862, 3.873),
    (121, 350, 0.0186, 1.821, 1.468, 4.224),
    (127, 356, 0.0052, 7.743, 2.365, -2.005),
    (129, 358, 0.1206, 1.786, -0.978, 4.850),
    (132, 361, 0.0056, 7.271, -2.891, -2.252),
    (133, 362, 0.0533, 1.856, 2.585, 3.758),
    (136, 365, 0.0669, 5.085, -7.179, 0.715),
    (143, 372, 0.0148, 6.408, 2.236, 1.561),
    (147, 376, 0.0143, 6.235, -1.944, 1.664),
    (198, 420, 0.0255, 1.255, 0.802, 5.308),
    (205, 425, 0.0473, 4.387, -2.683, 3.644),
)
"""Point on the image's left, its counterpart on the right, weight of each, and x, y, z of the latter."""


def _canonical() -> tuple[list[int], NDArray[np.float64], NDArray[np.float64]]:
    rows = [(point, weight, 0.0, y, z) for point, weight, y, z in MIDLINE]
    for left, right, weight, x, y, z in SIDES:
        rows += [(left, weight, -x, y, z), (right, weight, x, y, z)]
    numbers = np.array(rows, dtype=np.float64)
    return [row[0] for row in rows], numbers[:, 1] / numbers[:, 1].sum(), numbers[:, 2:]


INDICES, WEIGHTS, CANONICAL = _canonical()
"""Points of the mesh (n,), their weights (n,) with sum 1, their coordinates on the canonical face (n, 3) in cm."""


def head_pose(points: NDArray[np.floating], depth: NDArray[np.floating]) -> NDArray[np.float32]:
    """The direction of a head.

    Args:
        points: of the mesh, (478, 2): x, y in pixels of the image, y down.
        depth: of the same points (478,), in pixels; larger is farther from the camera.

    Returns:
        float32 (3,) in the order of POSE: yaw in [-90, 90], pitch and roll in [-180, 180] degrees. Turned by roll, then
        yaw, then pitch, each about the axes that the turns before have moved.

    Raises:
        ValueError: if the points are not 478, not finite, or all at one place.
    """
    if points.shape != (POINTS, 2) or depth.shape != (POINTS,):
        raise ValueError(f"a mesh has {POINTS} points with depth, got {points.shape} and {depth.shape}")
    mesh = np.column_stack([points[INDICES, 0], -points[INDICES, 1], -depth[INDICES]]).astype(np.float64)
    mesh -= WEIGHTS @ mesh
    if not np.isfinite(mesh).all() or np.abs(mesh).max() < 1e-6:
        raise ValueError("a face's points must be finite and not all fall together")
    face = CANONICAL - WEIGHTS @ CANONICAL
    left, _, right = np.linalg.svd((face * WEIGHTS[:, None]).T @ mesh)
    proper = np.diag([1.0, 1.0, np.linalg.det(left @ right)])  # no mirror image
    turn = (left @ proper @ right).T  # canonical -> mesh
    yaw = np.arcsin(np.clip(-turn[2, 0], -1, 1))
    pitch, roll = -np.arctan2(turn[2, 1], turn[2, 2]), -np.arctan2(turn[1, 0], turn[0, 0])
    return np.degrees([yaw, pitch, roll]).astype(np.float32)
