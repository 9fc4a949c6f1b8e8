"""Whose face is it: staged frames of real film and real viewers, faces as the detector finds them."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from staged_scenes import CORNER, FRAME, INSET, UNSEEN, Rgb, Scene, film, film_path, frames, reaction

from evoked.core.time_grid import TimeGrid
from evoked.faces.detect import FaceDetector
from evoked.media.decode import VideoFrame, read_media
from evoked.media.images import resize
from evoked.reactions.alignment.offset_map import OffsetMap, Segment
from evoked.reactions.content_region.content_faces import ContentFaceFilter, open_content_filter
from evoked.reactions.content_region.detector import ContentRegion
from evoked.reactions.content_region.patch_correlation import ContentPatchMatcher
from evoked.weights.cache import default_cache

pytestmark = pytest.mark.nets
START, SECONDS = 130, 8  # the bunny looks into the camera


def view(scene: Scene) -> ContentPatchMatcher:
    assert scene.film is not None
    x, y, width, height = (float(v) for v in scene.film)
    return ContentPatchMatcher(ContentRegion((x, y, width, height), 1.0, scene.mirrored, np.ones((18, 32), np.float32)))


def is_viewers(scene: Scene, box: np.ndarray) -> bool:
    x, y, width, height = scene.viewer or (0, 0, 0, 0)
    cx, cy = box[0] + box[2] / 2, box[1] + box[3] / 2
    return bool(x <= cx < x + width and y <= cy < y + height)


@pytest.fixture(scope="module")
def detect() -> FaceDetector:
    return FaceDetector()


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_viewer_on_top_of_the_film_is_told_from_the_films_faces(detect: FaceDetector, mirrored: bool) -> None:
    scene = Scene(CORNER.film, CORNER.viewer, mirrored=mirrored)
    ours: list[bool | None] = []
    theirs: list[bool | None] = []
    for k, frame in enumerate(frames(scene, START, SECONDS)):
        if k % 3 == 0:
            shown = resize(film(START, SECONDS)[k], (480, 270))
            for face in detect(frame):
                answer = view(scene).is_content_face(face.box, frame, shown)
                (ours if is_viewers(scene, face.box) else theirs).append(answer)
    assert len(ours) >= 15
    assert len(theirs) >= 8
    assert ours.count(False) == len(ours)
    assert theirs.count(True) >= 0.9 * len(theirs)
    assert theirs.count(False) == 0


def test_a_real_face_in_the_film_is_the_films(detect: FaceDetector) -> None:
    """The film is a man's face, the viewer a woman: both are people, one of them is not watching."""
    grid = TimeGrid(Fraction(6), 12)
    clip = default_cache().clip("single_face.mp4")
    shown = [p.rgb(FRAME) for p in read_media(clip, frames=grid) if isinstance(p, VideoFrame)]
    x, y, width, height = CORNER.viewer or (0, 0, 0, 0)
    answers = {True: [], False: []}
    for own, frame in zip(shown, frames(CORNER, START, SECONDS), strict=False):
        both = own.copy()
        both[y : y + height, x : x + width] = frame[y : y + height, x : x + width]
        for face in detect(both):
            answers[is_viewers(CORNER, face.box)].append(view(CORNER).is_content_face(face.box, both, own))
    assert set(answers[True]) == {False}
    assert set(answers[False]) == {True}
    assert min(map(len, answers.values())) >= 8


def test_outside_the_rectangle_it_is_nobody_but_a_viewer() -> None:
    frame = next(frames(INSET, START, SECONDS))
    assert view(INSET).is_content_face(np.array([400, 200, 80, 80]), frame, film(START, SECONDS)[0]) is False


def test_a_flat_patch_cannot_be_told() -> None:
    grey = np.full((360, 640, 3), 90, np.uint8)
    assert view(CORNER).is_content_face(np.array([100, 100, 60, 60]), grey, film(START, SECONDS)[0]) is None
    assert view(CORNER).is_content_face(np.array([100, 100, 60, 60]), film(START, SECONDS)[0], grey) is not True


def pictures(path: Path) -> Iterator[tuple[VideoFrame, Rgb]]:
    for item in read_media(path, frames=TimeGrid(Fraction(6), SECONDS * 6)):
        assert isinstance(item, VideoFrame)
        yield item, item.rgb()


def test_the_film_is_followed_through_its_segments(tmp_path: Path, detect: FaceDetector) -> None:
    path, _ = reaction(tmp_path / "r.mp4", CORNER, START, SECONDS)
    offsets = OffsetMap(50.0, (Segment(130.0, 133.0, 0.0, 50.0), Segment(134.0, 137.5, 4.0, 50.0)))
    followed = ContentFaceFilter(view(CORNER), offsets, film_path())
    ours: list[bool | None] = []
    theirs: list[bool | None] = []
    unknown = 0
    for picture, rgb in pictures(path):
        for face in detect(rgb):
            answer = followed.is_content_face(picture, rgb, face.box)
            if 3 <= picture.time_s < 4 or picture.time_s >= Fraction(15, 2):
                assert answer is True  # no segment, the film may be paused: this view knows of nothing on top of it
                unknown += 1
            else:
                (ours if is_viewers(CORNER, face.box) else theirs).append(answer)
    assert unknown >= 6
    assert ours.count(False) >= 0.95 * len(ours)
    assert theirs.count(True) >= 0.9 * len(theirs) > 0


def test_the_film_beside_another_moment_is_not_its_own(tmp_path: Path, detect: FaceDetector) -> None:
    """The check can fail: at a wrong offset the film's faces are not found in the film."""
    path, _ = reaction(tmp_path / "r.mp4", CORNER, START, SECONDS)
    wrong = ContentFaceFilter(view(CORNER), OffsetMap(50.0, (Segment(40.0, 48.0, 0.0, 50.0),)), film_path())
    answers = [
        wrong.is_content_face(p, rgb, f.box) for p, rgb in pictures(path) if p.step % 6 == 0 for f in detect(rgb)
    ]
    assert answers.count(True) == 0
    assert answers.count(False) >= 8


@pytest.mark.full
def test_from_files_alone(tmp_path: Path, detect: FaceDetector) -> None:
    path, offsets = reaction(tmp_path / "r.mp4", CORNER, START, SECONDS)
    followed = open_content_filter(path, film_path(), offsets)
    assert followed is not None
    answers: dict[bool, list[bool | None]] = {True: [], False: []}
    for picture, rgb in pictures(path):
        for face in detect(rgb):
            answers[is_viewers(CORNER, face.box)].append(followed.is_content_face(picture, rgb, face.box))
    assert answers[True].count(False) >= 0.95 * len(answers[True])
    assert answers[False].count(True) >= 0.9 * len(answers[False])
    unseen, offsets = reaction(tmp_path / "u.mp4", UNSEEN, START, SECONDS)
    assert open_content_filter(unseen, film_path(), offsets) is None


def test_a_strip_of_film_above_a_dim_viewer_does_not_make_the_face_the_films() -> None:
    """The strip is the film's and has nearly all of the patch's edges, but only a quarter of its parts."""
    random = np.random.default_rng(0)
    shown, other = (resize(random.integers(0, 256, (45, 80, 3), np.uint8), FRAME) for _ in range(2))
    frame = shown.copy()
    frame[160:, 200:] = other[160:, 200:] // 8
    box = np.array([300, 100, 160, 200])
    likeness = view(CORNER).correlation(box, frame, shown)
    assert likeness is not None
    assert 0.1 < likeness < 0.3  # .39 where all edges count alike
    assert view(CORNER).is_content_face(box, frame, shown) is False
    assert view(CORNER).is_content_face(box, shown, shown) is True
