"""Head pose: known rotations of the canonical face by scipy; a real face turned in the image, and mirrored."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from evoked.faces.detect import FaceDetector
from evoked.faces.landmarks import POINTS
from evoked.faces.mesh import FaceMesh, Mesh
from evoked.faces.pose import CANONICAL, INDICES, WEIGHTS, head_pose
from evoked.media.images import read_image, warp
from evoked.weights.cache import Cache


def rotated(yaw: float, pitch: float, roll: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The canonical face after a rotation, as a mesh in an image: 5 pixels a centimetre."""
    turned = Rotation.from_euler("ZYX", [-roll, yaw, -pitch], degrees=True).apply(CANONICAL) * 5 + (200, -150, 30)
    points, depth = np.zeros((POINTS, 2)), np.zeros(POINTS)
    points[INDICES], depth[INDICES] = turned[:, :2] * (1, -1), -turned[:, 2]
    return points, depth


@pytest.mark.parametrize(
    ("yaw", "pitch", "roll"),
    [(0, 0, 0), (30, 0, 0), (0, 25, 0), (0, 0, 40), (-70, 15, -120), (12, -35, 170), (50, 60, -5)],
)
def test_a_known_rotation_is_found(yaw: float, pitch: float, roll: float) -> None:
    np.testing.assert_allclose(head_pose(*rotated(yaw, pitch, roll)), [yaw, pitch, roll], atol=1e-4)


def test_which_way_is_above_zero() -> None:
    nose = INDICES.index(4)
    for angles, place in (((20, 0, 0), (1, 0)), ((0, 20, 0), (0, -1))):  # to the right of the image; up
        points, _ = rotated(*angles)
        centre = WEIGHTS @ points[INDICES]
        level, _ = rotated(0, 0, 0)
        moved = (points[INDICES[nose]] - centre) - (level[INDICES[nose]] - WEIGHTS @ level[INDICES])
        assert moved @ place > 3
    points, _ = rotated(0, 0, 20)  # clockwise: the eye on the image's right is lower
    assert points[263, 1] > points[33, 1]


def test_points_that_are_no_mesh() -> None:
    with pytest.raises(ValueError, match="a mesh has 478 points"):
        head_pose(np.zeros((468, 2)), np.zeros(468))
    with pytest.raises(ValueError, match="not all fall together"):
        head_pose(np.ones((POINTS, 2)), np.ones(POINTS))


@pytest.mark.nets
def test_a_real_face_turned_in_the_image_and_mirrored(detector: FaceDetector, mesh: FaceMesh, cache: Cache) -> None:
    picture = read_image(cache.clip("single_face.jpg"))
    height, width = picture.shape[:2]
    a = np.radians(25)
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0]])
    turn[:, 2] = np.array([width, height]) / 2 * (1, 1) - turn[:, :2] @ (np.array([width, height]) / 2)

    def pose(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        seen: Mesh = mesh(image, detector(image)[0])
        return head_pose(seen.points, seen.depth)

    yaw, pitch, roll = pose(picture)
    np.testing.assert_allclose(pose(warp(picture, turn, (width, height))), [yaw, pitch, roll + 25], atol=4)
    np.testing.assert_allclose(pose(np.ascontiguousarray(picture[:, ::-1])), [-yaw, pitch, -roll], atol=4)
    seen = mesh(picture, detector(picture)[0])
    shape = np.column_stack([seen.points, -seen.depth])[INDICES] * (1, -1, 1)
    fitted = Rotation.align_vectors(shape - WEIGHTS @ shape, CANONICAL - WEIGHTS @ CANONICAL, WEIGHTS)[0]
    back = fitted.inv().apply(shape - WEIGHTS @ shape)
    scale = np.sum(back * (CANONICAL - WEIGHTS @ CANONICAL)) / np.sum((CANONICAL - WEIGHTS @ CANONICAL) ** 2)
    assert (
        np.linalg.norm(back / scale - (CANONICAL - WEIGHTS @ CANONICAL), axis=1).max() < 3
    )  # cm: no point is mixed up
