"""A face in dim light: seen tick after tick once it was seen; a hand in front of it is none."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from test_watch import pictures

from evoked.faces.detect import DetectConfig, FaceDetector
from evoked.faces.mesh import FaceMesh
from evoked.faces.video_detector import VideoFaceDetector
from evoked.media.images import resize
from evoked.sample.source_clips import VIEWERS
from evoked.weights.cache import Cache

pytestmark = pytest.mark.nets
Rgb = NDArray[np.uint8]
SEAT = (8, 182, 224, 176)


@pytest.fixture(scope="module")
def dim(cache: Cache) -> list[Rgb]:
    """A small clip of a man who talks, to and fro, at a third of the light, with a cheap camera's noise."""
    rng, out = np.random.default_rng(0), []
    x, y, width, height = SEAT
    viewer = VIEWERS["talker"]
    left, top, across, down = viewer.person(width / height)
    there = pictures(cache.clip(viewer.clip), 60)
    for rgb in there + there[::-1] + there:
        person = np.ascontiguousarray(rgb[top : top + down, left : left + across])
        frame = np.full((360, 640, 3), 90, np.uint8)
        frame[y : y + height, x : x + width] = resize(person, (width, height))
        out.append(np.clip(frame * 0.3 + rng.normal(0, 10, frame.shape), 0, 255).astype(np.uint8))
    return out


@pytest.fixture(scope="module")
def ready(cache: Cache) -> FaceDetector:
    return FaceDetector(DetectConfig(min_score=0.3), cache)


def seen(watch: VideoFaceDetector, shown: list[Rgb]) -> int:
    return sum(bool(watch.detect(rgb).faces) for rgb in shown)


def test_a_face_that_stood_there_is_kept_where_the_detector_wavers(ready: FaceDetector, dim: list[Rgb]) -> None:
    strict, kept = (
        seen(VideoFaceDetector(ready, 3, min_new_score=0.6, hold_frames=0), dim),
        seen(VideoFaceDetector(ready, 3, min_new_score=0.6), dim),
    )
    assert strict < kept
    assert kept >= 0.85 * len(dim)


def test_a_covered_face_and_an_unsure_new_one_are_none(ready: FaceDetector, dim: list[Rgb]) -> None:
    watch = VideoFaceDetector(ready, 1, min_new_score=0.6)
    assert seen(watch, dim[:6]) >= 5
    x, y, width, height = SEAT
    rng = np.random.default_rng(1)
    for _ in range(8):
        hidden = dim[6].copy()
        patch = np.array([60, 45, 38]) + rng.normal(0, 6, (height, width, 3))
        hidden[y : y + height, x : x + width] = np.clip(patch, 0, 255).astype(np.uint8)
        assert not watch.detect(hidden).faces
    unsure = next((rgb for rgb in dim if (found := ready(rgb)) and found[0].score < 0.6), None)
    assert unsure is not None
    assert not watch.detect(unsure).faces  # nobody stood there for more than a second


def test_the_mesh_of_a_face_that_stood_there_is_found_behind_the_noise(
    ready: FaceDetector, dim: list[Rgb], cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    mesh = FaceMesh(cache)
    again, once = 0, 0
    found = [(rgb, ready(rgb)) for rgb in dim]
    pairs = list(pairwise([(rgb, faces[0]) for rgb, faces in found if faces]))
    for (before, face), (rgb, now) in pairs:
        old = mesh(before, face)
        again += mesh(rgb, now, (face, old)).presence >= 0.1
        with monkeypatch.context() as patch:
            patch.setattr("evoked.faces.mesh.SURE", 0.0)
            once += mesh(rgb, now, (face, old)).presence >= 0.1
    assert once < again
    assert again >= 0.95 * len(pairs)
