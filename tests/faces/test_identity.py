from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from evoked.faces.detect import FaceDetector
from evoked.faces.identity import TEMPLATE, FaceIdentity, alignment_transform, cosine_similarity
from evoked.media.decode import VideoFrame, read_media
from evoked.media.images import read_image, warp
from evoked.media.probe import probe
from evoked.weights.cache import Cache

pytestmark = pytest.mark.nets


def test_as_opencv_describes_them(
    detector: FaceDetector, identity: FaceIdentity, cache: Cache, group: NDArray[np.uint8]
) -> None:
    theirs = cv2.FaceRecognizerSF.create(str(cache.ready("sface")), "")
    faces = detector(group)

    for face, told in zip(faces, identity(group, faces), strict=True):
        row = np.concatenate([face.box, face.points.reshape(-1), [face.score]]).astype(np.float32)
        aligned = theirs.alignCrop(np.ascontiguousarray(group[..., ::-1]), row)
        ours = warp(group, alignment_transform(face.points), (112, 112))
        assert np.abs(ours[..., ::-1].astype(int) - aligned).max() <= 6
        assert cosine_similarity(told, theirs.feature(aligned)[0]) > 0.999
        np.testing.assert_allclose(told, theirs.feature(aligned)[0], atol=0.1)


def test_one_person_is_alike_and_five_are_not(
    detector: FaceDetector, identity: FaceIdentity, cache: Cache, group: NDArray[np.uint8]
) -> None:
    told = {}
    for name in ("single_face.mp4", "WolfgangLanger_Pexels.mp4"):
        film = cache.clip(name)
        shown = [p.rgb() for p in read_media(film, frames=probe(film).grid(1)) if isinstance(p, VideoFrame)]
        told[name] = [identity(rgb, detector(rgb)[:1])[0] for rgb in shown]
    man, woman = told.values()
    others = list(identity(group, detector(group)))

    assert min(cosine_similarity(man[0], other) for other in man[1:]) > 0.5
    assert min(cosine_similarity(woman[0], other) for other in woman[1:]) > 0.4  # solemn, then laughing with eyes shut
    assert max(cosine_similarity(one, other) for one in man for other in woman) < 0.3
    apart = [cosine_similarity(a, b) for i, a in enumerate(others) for b in others[i + 1 :]]
    assert np.median(apart) < 0.2
    assert max(apart) < 0.55  # two of them have .48: SFace alone is no judge of a single pair


def test_one_at_a_time_or_together_is_the_same(
    detector: FaceDetector, identity: FaceIdentity, group: NDArray[np.uint8]
) -> None:
    faces = detector(group)

    together = identity(group, faces)

    assert together.shape == (5, 128)
    assert together.dtype == np.float32
    np.testing.assert_array_equal(together, np.concatenate([identity(group, [f]) for f in faces]))
    assert identity(group, []).shape == (0, 128)


def test_alignment_undoes_a_similarity() -> None:
    angle, scale, shift = np.radians(33), 2.7, np.array([200.0, -40.0])
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = TEMPLATE @ turn.T + shift

    back = alignment_transform(points)

    np.testing.assert_allclose(points @ back[:, :2].T + back[:, 2], TEMPLATE, atol=1e-9)


def test_alignment_is_least_squares() -> None:
    points = TEMPLATE * 3 + np.random.default_rng(0).normal(0, 6, (5, 2))
    a = np.concatenate([[[x, -y, 1, 0], [y, x, 0, 1]] for x, y in points])
    (p, q, u, v), *_ = np.linalg.lstsq(a, TEMPLATE.reshape(-1), rcond=None)

    np.testing.assert_allclose(alignment_transform(points), [[p, -q, u], [q, p, v]], atol=1e-9)


@pytest.mark.parametrize("points", [np.ones((5, 2)), np.full((5, 2), np.nan), np.ones((4, 2))])
def test_points_that_say_nothing(points: NDArray[np.float64]) -> None:
    with pytest.raises(ValueError, match="five different points"):
        alignment_transform(points)


def test_likeness_by_hand() -> None:
    assert cosine_similarity(np.array([2.0, 0]), np.array([1.0, 1.0])) == pytest.approx(np.sqrt(0.5))
    assert cosine_similarity(np.zeros(2), np.ones(2)) == 0


def test_a_face_at_the_edge_is_described(detector: FaceDetector, identity: FaceIdentity, cache: Cache) -> None:
    picture = read_image(Path(cache.clip("single_face.jpg")))
    face = detector(picture)[0]
    x, y, w, h = face.box.round().astype(int)
    tight = np.ascontiguousarray(picture[y : y + h, x : x + w])

    (told,) = identity(tight, detector(tight)[:1])

    assert cosine_similarity(told, identity(picture, [face])[0]) > 0.8
