"""Faces that lie: their points are where ffmpeg's or numpy's turn of the picture puts those of the upright face."""

import numpy as np
import pytest

from evoked.faces.detect import DetectConfig, Face, FaceDetector
from evoked.faces.landmarks import LEFT_EYE_CORNER, RIGHT_EYE_CORNER
from evoked.faces.lying import LyingFaces, lie_apart
from evoked.faces.mesh import FaceMesh
from evoked.media.images import read_image, resize, warp
from evoked.weights.cache import Cache

pytestmark = pytest.mark.nets


@pytest.fixture(scope="module")
def portrait(cache: Cache) -> np.ndarray:
    """A portrait whose eyes are level."""
    rgb = resize(read_image(cache.clip("single_face.jpg")), (480, 480))
    mesh = FaceMesh(cache)(rgb, FaceDetector(cache=cache)(rgb)[0]).points
    across = mesh[RIGHT_EYE_CORNER] - mesh[LEFT_EYE_CORNER]
    cos, sin = across / np.hypot(*across)
    turn = np.array([[cos, sin], [-sin, cos]])
    middle = np.full(2, 239.5)
    return warp(rgb, np.column_stack([turn, middle - turn @ middle]), (480, 480))


def turned_points(points: np.ndarray, quarter_turns: int, side: int) -> np.ndarray:
    """Where np.rot90 with −quarter_turns puts points (x, y) of a square image."""
    for _ in range(quarter_turns):
        points = np.stack([side - 1 - points[:, 1], points[:, 0]], axis=1)
    return points


@pytest.mark.parametrize("quarter_turns", [1, 2, 3])
def test_points_and_mesh_are_those_of_the_upright_face(cache: Cache, portrait: np.ndarray, quarter_turns: int) -> None:
    detect, mesh = FaceDetector(DetectConfig(min_score=0.3), cache), FaceMesh(cache)
    (upright,) = detect(portrait)
    lying = np.ascontiguousarray(np.rot90(portrait, -quarter_turns))
    wide = float(upright.box[2])
    faces = [Face(np.array([*turned_centre(upright, quarter_turns) - wide / 2, wide, wide]), upright.points, 0.6)]
    (found,) = LyingFaces(cache).aligned(0, lying, faces)
    expected = turned_points(upright.points, quarter_turns, len(portrait))
    assert np.abs(found.points - expected).max() < 0.15 * wide  # the eyes are .4 apart
    assert np.abs(found.centre - turned_centre(upright, quarter_turns)).max() < 0.1 * wide
    one, two = mesh(portrait, upright), mesh(lying, found)
    assert two.presence > 0.9
    assert np.abs(one.blendshapes - two.blendshapes).mean() < 0.06  # two passes of the mesh from another box


def turned_centre(face: Face, quarter_turns: int) -> np.ndarray:
    return turned_points(face.centre[None], quarter_turns, 480)[0]


def test_upright_faces_stay_the_same_objects(cache: Cache, portrait: np.ndarray) -> None:
    (face,) = FaceDetector(cache=cache)(portrait)
    uncertain = Face(face.box, face.points, 0.7)
    lying = LyingFaces(cache)
    for step in range(8):
        certain, doubted = lying.aligned(step, portrait, [face, uncertain])
        assert (certain is face, doubted is uncertain) == (True, True)


@pytest.mark.parametrize("degrees", [-30, 25])
def test_a_tilted_face_is_as_certain_as_when_it_is_levelled(cache: Cache, portrait: np.ndarray, degrees: int) -> None:
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn, middle = 0.6 * np.array([[cos, -sin], [sin, cos]]), np.full(2, 239.5)
    tilted = warp(portrait, np.column_stack([turn, middle - turn @ middle]), (480, 480))
    (upright,) = FaceDetector(cache=cache)(portrait)
    centre, wide = turn @ (upright.centre - middle) + middle, 0.8 * float(upright.box[2])
    doubted = Face(np.array([*centre - wide / 2, wide, wide]), upright.points, 0.6)
    lying = LyingFaces(cache)

    found = [lying.aligned(step, tilted, [doubted])[0] for step in range(6)]

    assert all(face.score >= 0.9 for face in found)  # between searches, too
    assert all(face.box is doubted.box and face.points is doubted.points for face in found)


def test_a_lying_and_an_upright_face_at_one_place_are_apart() -> None:
    def face(degrees: float) -> Face:
        across = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
        return Face(np.array([0, 0, 50, 60]), np.array([-across, across, [0, 1], [0, 2], [1, 2]]), 0.9)

    assert lie_apart(face(0), face(90))
    assert lie_apart(face(-100), face(170))
    assert not lie_apart(face(-175), face(175))
    assert not lie_apart(face(0), face(44))
    assert not lie_apart(face(80), face(60))
