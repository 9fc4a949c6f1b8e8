"""Which way a recording is up: by the detector's score at each quarter turn, and by nothing else."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from evoked.core.time_grid import TimeGrid
from evoked.faces.detect import DetectConfig, Face, FaceDetector
from evoked.faces.turn_check import TurnCheck, perhaps_turned
from evoked.media.decode import VideoFrame, read_media
from evoked.weights.cache import Cache

pytestmark = pytest.mark.nets


class Counted(FaceDetector):
    """The detector, which counts its searches."""

    searches = 0

    def __call__(self, rgb: NDArray[np.uint8]) -> list[Face]:
        self.searches += 1
        return super().__call__(rgb)


@pytest.fixture(scope="module")
def detector(cache: Cache) -> Counted:
    return Counted(DetectConfig(min_score=0.3), cache)


def looked_at(cache: Cache, detector: Counted, clip: str, turn: int, frames: int = 8) -> tuple[int, TurnCheck]:
    """What is decided on a clip that was turned clockwise, at two frames a second, and the check."""
    check, seconds = TurnCheck(detector), TimeGrid(Fraction(2), frames)
    for picture in read_media(cache.clip(clip), frames=seconds):
        assert isinstance(picture, VideoFrame)
        rgb = np.ascontiguousarray(np.rot90(picture.rgb(), -turn // 90))
        faces = [face for face in detector(rgb) if face.score >= 0.6]
        detector.searches = 0 if picture.step == 0 else detector.searches - 1
        if degrees := check.look(3 * picture.step, rgb, faces):
            return degrees, check
    return check.end(), check


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("clip", ["single_face.mp4", "face_noface.mov", "carphone_pristine.mp4"])
def test_a_clip_is_turned_back(cache: Cache, detector: Counted, clip: str, turn: int) -> None:
    degrees, check = looked_at(cache, detector, clip, turn)
    assert (degrees + turn) % 360 == 0
    assert check.settled
    assert check.undecided == {}


def test_certain_upright_faces_cost_no_search(cache: Cache, detector: Counted) -> None:
    _, check = looked_at(cache, detector, "single_face.mp4", 0)
    assert (check.votes[0], detector.searches) == (4, 0)


def test_a_clip_without_faces_decides_nothing_and_is_searched_ever_less(cache: Cache, detector: Counted) -> None:
    degrees, check = looked_at(cache, detector, "bigbuckbunny.mp4", 0, frames=11)
    assert degrees == 0
    grown = TurnCheck(detector)
    empty = np.full((90, 160, 3), 90, np.uint8)
    detector.searches = 0
    for step in range(600):  # 100 s
        assert grown.look(step, empty, []) == 0
    assert 3 * 10 < detector.searches <= 3 * 20
    assert grown.end() == 0
    assert grown.undecided == {}
    assert check.votes[90] + check.votes[270] <= 1


def test_too_few_votes_are_told() -> None:
    assert perhaps_turned({}) == ()
    (entry,) = perhaps_turned({0: 1, 90: 0, 180: 3, 270: 1})
    assert (entry.kind, entry.text) == (
        "perhaps_turned",
        "picture: 3 of 5 frames with faces show them upright when turned by 180°; it is used as it is: see --rotate",
    )
