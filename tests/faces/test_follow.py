from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from evoked.faces.detect import Face, FaceDetector
from evoked.faces.identity import FaceIdentity
from evoked.faces.tracker import FaceTracker, TrackerConfig
from evoked.media.decode import VideoFrame, read_media
from evoked.media.probe import probe
from evoked.weights.cache import Cache

RATE = Fraction(6)


class Actor:
    """Somebody with looks of their own: descriptions of one actor have a cosine of about .8."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self.looks = self._random.normal(size=128)

    def at(self, x: float, y: float = 50, side: float = 40) -> "Seen":
        told = self.looks + self._random.normal(scale=0.5, size=128)
        points = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]]) * side + [x, y]
        face = Face(np.array([x, y, side, side], np.float32), points.astype(np.float32), 0.9)
        return face, told.astype(np.float32)


Seen = tuple[Face, NDArray[np.float32]]


class Stage:
    """Shows ticks to a follower and counts how often it asks for a description."""

    def __init__(self, **settings: float) -> None:
        self.follower = FaceTracker(RATE, TrackerConfig(**settings))  # type: ignore[arg-type]
        self.asked = 0

    def show(self, step: int, *seen: Seen, cut: bool = False, changed: list[bool] | None = None) -> list[int]:
        told = {id(face): description for face, description in seen}

        def describe(face: Face) -> NDArray[np.float32]:
            self.asked += 1
            return told[id(face)]

        return self.follower.update(step, [face for face, _ in seen], describe, cut=cut, changed=changed)


ANN, BOB, CID = 1, 2, 3


def test_who_sits_still_is_described_seldom() -> None:
    ann, bob, stage = Actor(ANN), Actor(BOB), Stage(reembed_every_s=5.0)

    ids = [stage.show(t, ann.at(10 + t % 3), bob.at(200 - t % 5)) for t in range(120)]

    assert ids == [[0, 1]] * 120
    assert stage.asked <= 2 * (1 + 2 + 120 / 30)  # at first sight, twice soon after, then every 5 s
    assert stage.follower.merged_tracks() == {0: 0, 1: 1}


def test_the_order_of_the_faces_does_not_matter() -> None:
    ann, bob, stage = Actor(ANN), Actor(BOB), Stage()
    stage.show(0, ann.at(10), bob.at(200))

    assert stage.show(1, bob.at(201), ann.at(11)) == [1, 0]


def test_two_people_cross() -> None:
    ann, bob, stage = Actor(ANN), Actor(BOB), Stage()

    ids = [stage.show(t, ann.at(10 + 6 * t), bob.at(200 - 6 * t)) for t in range(32)]

    assert ids == [[0, 1]] * 32


def test_a_gap_stays_a_gap_and_the_number_comes_back() -> None:
    ann, stage = Actor(ANN), Stage()
    for t in range(10):
        assert stage.show(t, ann.at(10)) == [0]
    for t in range(10, 100):
        assert stage.show(t) == []

    assert [stage.show(t, ann.at(300)) for t in range(100, 105)] == [[0]] * 5  # elsewhere, long after


def test_someone_else_in_the_empty_seat_is_someone_else() -> None:
    ann, bob, stage = Actor(ANN), Actor(BOB), Stage()
    stage.show(0, ann.at(10))
    stage.show(1, ann.at(10))

    assert stage.show(3, bob.at(10)) == [1]


def test_a_cut_to_another_person_at_the_same_place() -> None:
    ann, bob, told, untold = Actor(ANN), Actor(BOB), Stage(), Stage(reembed_every_s=2.0)
    for stage in (told, untold):
        for t in range(60):
            stage.show(t, ann.at(10))

    assert told.show(60, bob.at(10), cut=True) == [1]
    later = [untold.show(t, bob.at(10))[0] for t in range(60, 80)]
    assert later[12:] == [1] * 8  # noticed when next described, at most reembed_every_s later
    assert told.show(61, ann.at(10), cut=True) == [0]


def test_where_the_picture_changed_the_seat_alone_does_not_tell() -> None:
    ann, bob, stage = Actor(ANN), Actor(BOB), Stage(reembed_every_s=60)
    for t in range(30):
        assert stage.show(t, ann.at(10)) == [0]

    assert stage.show(30, bob.at(10), changed=[True]) == [1]
    assert stage.show(31, bob.at(11)) == [1]
    assert stage.show(32, ann.at(10), changed=[True]) == [0]
    asked = stage.asked
    assert stage.show(33, ann.at(10), changed=[True]) == [0]  # she only threw her head about: asked, and still she
    assert stage.asked == asked + 1


def test_a_newcomer_beside_someone_known() -> None:
    ann, bob, stage = Actor(ANN), Actor(BOB), Stage()
    stage.show(0, ann.at(10))

    assert stage.show(1, bob.at(60), ann.at(12)) == [1, 0]
    assert stage.show(2, ann.at(14)) == [0]
    assert stage.show(3, bob.at(62)) == [1]


def test_two_faces_where_one_person_was() -> None:
    """Both overlap her by more than half: only her looks tell."""
    ann, bob, stage = Actor(ANN), Actor(BOB), Stage()
    stage.show(0, ann.at(12))

    assert stage.show(1, bob.at(11), ann.at(18)) == [1, 0]


def test_a_jump_across_the_frame_is_seen_by_likeness() -> None:
    ann, stage = Actor(ANN), Stage()
    stage.show(0, ann.at(10))

    assert stage.show(1, ann.at(500)) == [0]


def test_glimpses_are_left_out_at_the_end() -> None:
    ann, bob, stage = Actor(ANN), Actor(BOB), Stage(min_frames=3)
    for t in range(6):
        stage.show(t, *([ann.at(10)] + [bob.at(200)] * (t in (2, 3))))

    assert stage.follower.merged_tracks() == {0: 0}
    assert FaceTracker(RATE).merged_tracks() == {}


def test_parts_of_one_person_are_joined_at_the_end() -> None:
    """Seen badly at first: number 1 was Ann, which only her later faces tell."""
    stage = Stage(same_person_similarity=0.5, different_person_similarity=0.2)
    looks, odd = np.random.default_rng(5).normal(size=(2, 128)).astype(np.float32)
    face = Actor(ANN).at(10)[0]
    for t in range(4):
        stage.show(t, (face, looks))
    blurred = (0.35 * looks + odd).astype(np.float32)
    numbers = [stage.show(40, (Actor(ANN).at(300)[0], blurred), cut=True)[0]]
    for t in range(41, 100):
        clear = (looks + 0.8 * odd).astype(np.float32)
        numbers += stage.show(t, (Actor(ANN).at(300)[0], clear))

    assert numbers == [1] * 60
    assert stage.follower.merged_tracks() == {0: 0, 1: 0}


def test_two_who_were_seen_together_are_never_joined() -> None:
    ann, stage = Actor(ANN), Stage()
    for t in range(30):
        stage.show(t, ann.at(10), ann.at(300))  # twins

    assert stage.follower.merged_tracks() == {0: 0, 1: 1}


def test_memory_does_not_grow_with_time() -> None:
    ann, bob, stage = Actor(ANN), Actor(BOB), Stage()
    for t in range(6 * 600):
        stage.show(t, ann.at(10 + t % 7), bob.at(200))

    people = stage.follower._people
    assert len(people) == 2
    assert [p.runs for p in people] == [[[0, 3599]]] * 2


def test_no_number_twice_at_one_tick() -> None:
    random, cast, stage = np.random.default_rng(0), [Actor(s) for s in range(6)], Stage()
    for t in range(0, 200, 2):
        there = [a.at(float(random.uniform(0, 120))) for a in cast if random.random() < 0.7]
        ids = stage.show(t, *there, cut=bool(random.random() < 0.1))
        assert len(set(ids)) == len(there)
    assert len(stage.follower.merged_tracks()) < 15


@pytest.mark.parametrize("box", [[0, 0, 0, 10], [np.nan, 0, 5, 5], [0, 0, np.inf, 5], [0, 0, -5, -5]])
def test_a_box_that_is_none(box: list[float]) -> None:
    face = Face(np.array(box, np.float32), np.zeros((5, 2), np.float32), 0.9)
    with pytest.raises(ValueError, match="a face needs a finite box with an area"):
        FaceTracker(RATE).update(0, [face], lambda _: np.zeros(128, np.float32))


def test_time_goes_forward() -> None:
    follower = FaceTracker(RATE)
    follower.update(4, [], lambda _: np.zeros(128, np.float32))
    with pytest.raises(ValueError, match="steps must increase, got 4 after 4"):
        follower.update(4, [], lambda _: np.zeros(128, np.float32))


@pytest.mark.parametrize(
    "wrong",
    [
        {"same_person_similarity": 0.1, "different_person_similarity": 0.2},
        {"max_gap_s": -1},
        {"reembed_every_s": 0},
        {"min_frames": 0},
        {"min_iou": 1},
    ],
)
def test_settings_that_cannot_be(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        TrackerConfig(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="rate must be above zero"):
        FaceTracker(0)


@pytest.mark.nets
def test_real_people_in_one_seat(cache: Cache, detector: FaceDetector, identity: FaceIdentity) -> None:
    """Man, woman, nobody, man: cut together without telling the follower where."""
    follower, step, given, asked = FaceTracker(RATE, TrackerConfig(reembed_every_s=1.0)), 0, [], 0
    for name, rate, most in (
        ("single_face.mp4", 6, 12),
        ("WolfgangLanger_Pexels.mp4", 2, 30),
        ("no_face.mp4", 2, 4),
        ("single_face.mp4", 6, 12),
    ):
        film, ids = cache.clip(name), []
        for item in read_media(film, frames=probe(film).grid(Fraction(rate))):
            if len(ids) == most or not isinstance(item, VideoFrame):
                break
            rgb = item.rgb()
            faces = detector(rgb)

            def describe(face: Face, rgb: NDArray[np.uint8] = rgb) -> NDArray[np.float32]:
                nonlocal asked
                asked += 1
                return identity(rgb, [face])[0]

            ids.append(follower.update(step, faces, describe))
            step += 1
        given.append(ids)

    people = follower.merged_tracks()
    man, woman, nobody, again = [[people.get(i) for tick in ids for i in tick] for ids in given]
    assert set(man) == set(again) == {0}
    assert len(set(woman)) == 1
    assert set(woman) != {0}
    assert nobody == []
    assert asked < step / 2


@pytest.mark.nets
def test_a_group_keeps_its_numbers(detector: FaceDetector, identity: FaceIdentity, group: NDArray[np.uint8]) -> None:
    """The camera shakes and pans over five people; the same five numbers all along."""
    follower = FaceTracker(RATE)
    tracks: list[dict[int, NDArray[np.float32]]] = []
    for step, shift in enumerate([0, 6, 12, 8, 20, 30, 26, 34]):
        rgb = np.ascontiguousarray(group[:, shift : shift + 940])
        faces = detector(rgb)

        def describe(face: Face, rgb: NDArray[np.uint8] = rgb) -> NDArray[np.float32]:
            return identity(rgb, [face])[0]

        ids = follower.update(step, faces, describe)
        tracks.append({i: f.centre + np.array([shift, 0]) for i, f in zip(ids, faces, strict=True)})

    assert all(set(t) == {0, 1, 2, 3, 4} for t in tracks)
    assert all(np.linalg.norm(a[i] - b[i]) < 15 for a, b in pairwise(tracks) for i in a)
