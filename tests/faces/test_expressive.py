"""Descriptions that are there for expressions: the mesh's geometry and mini-Xception, on real faces."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from evoked.faces.basic_emotions import EXPRESSIONS, FEATURES, BasicEmotions
from evoked.faces.detect import FaceDetector
from evoked.faces.geometry import COLUMNS, MIDDLES, PAIRS, geometry
from evoked.faces.mesh import FaceMesh
from evoked.media.images import read_image
from evoked.weights.cache import Cache
from evoked.weights.catalogue import NETS
from evoked.weights.session import open_net


@pytest.fixture(scope="module")
def points(mesh: FaceMesh, detector: FaceDetector, group: NDArray[np.uint8]) -> NDArray[np.float64]:
    return mesh(group, detector(group)[0]).points.astype(np.float64)


@pytest.mark.parametrize("angle", [-2.0, 0.3, 3.1])
def test_geometry_does_not_depend_on_place_size_and_tilt(points: NDArray[np.float64], angle: float) -> None:
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])

    moved = geometry(points @ turn.T * 3.7 + [900, -40])

    assert moved.dtype == np.float32
    np.testing.assert_allclose(moved, geometry(points), atol=1e-5)


def test_geometry_of_a_mirrored_face_is_the_same(points: NDArray[np.float64]) -> None:
    other = points.copy()
    for one, two in PAIRS:
        other[[one, two]] = points[[two, one]]
    np.testing.assert_allclose(geometry(other * [-1, 1]), geometry(points), atol=2e-5)


def test_geometry_is_measured_from_the_middle_of_the_eyes_downwards(points: NDArray[np.float64]) -> None:
    row = dict(zip(COLUMNS, geometry(points).tolist(), strict=True))

    assert row["height 33-263"] == pytest.approx(0, abs=1e-6)  # the corners are level and the origin
    apart = np.hypot(*(points[33] - points[263]))
    size = np.sqrt(((points - points.mean(axis=0)) ** 2).sum(axis=1).mean())
    assert row["half width 33-263"] == pytest.approx(apart / 2 / size, rel=1e-5)
    assert row["height 105-334"] < 0 < row["height 1"] < row["height 0"] < row["height 17"] < row["height 152"]
    assert len(set(np.ravel(PAIRS)) | set(MIDDLES)) == 2 * len(PAIRS) + len(MIDDLES)  # no point twice


def test_geometry_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="not all fall together"):
        geometry(np.ones((478, 2)))


def test_an_open_mouth_is_higher(cache: Cache, detector: FaceDetector, mesh: FaceMesh) -> None:
    heights = {}
    for clip in ("0-f15-hao-ph.jpg", "15-f13-anc-ph.jpg"):
        rgb = read_image(cache.clip(clip))
        row = dict(zip(COLUMNS, geometry(mesh(rgb, detector(rgb)[0]).points).tolist(), strict=True))
        heights[clip] = row["height 14"] - row["height 13"]

    assert heights["0-f15-hao-ph.jpg"] > heights["15-f13-anc-ph.jpg"] + 0.05


def test_mini_xception_tells_a_laugh_from_surprise(cache: Cache, detector: FaceDetector) -> None:
    describe = BasicEmotions(cache)
    for clip, said in (("0-f15-hao-ph.jpg", "happy"), ("0-f1-su-ph.jpg", "surprise")):
        rgb = read_image(cache.clip(clip))
        row = describe(rgb, detector(rgb)[:1])[0]
        assert EXPRESSIONS[int(row[FEATURES:].argmax())] == said


def test_mini_xception_is_given_grey_squares_both_ways(
    cache: Cache, detector: FaceDetector, group: NDArray[np.uint8]
) -> None:
    face = detector(group)[1]
    x, y, width, height = face.box
    side = round(float(max(width, height)))
    left, top = round(float(x + width / 2) - side / 2), round(float(y + height / 2) - side / 2)
    cut = cv2.resize(group[top : top + side, left : left + side], (64, 64), interpolation=cv2.INTER_AREA)
    # OpenCV's own grey and an area mean, the net twice: another way to the same picture, but for rounding
    grey = cv2.cvtColor(cut, cv2.COLOR_RGB2GRAY).astype(np.float32) / 127.5 - 1
    net = open_net("mini-xception", cache)
    plain = np.mean(
        [np.concatenate(net(np.ascontiguousarray(g)[None, None]), axis=1)[0] for g in (grey, grey[:, ::-1])], 0
    )

    row = BasicEmotions(cache)(group, [face])[0]

    assert f"({FEATURES + len(EXPRESSIONS)},)" == str(row.shape)
    assert np.corrcoef(row, plain)[0, 1] > 0.999
    assert ", ".join(EXPRESSIONS) in NETS["mini-xception"].output
