"""What is measured of a face over time, against numbers made with numpy alone: no networks."""

import numpy as np
import pytest

from evoked.reactions.viewers.copies import SWAPPED, copy_match
from evoked.reactions.viewers.face_samples import MAX_SAMPLES, FaceSample, FaceSamples
from evoked.reactions.viewers.face_tracks import FaceTrack
from evoked.reactions.viewers.stillness import blinks, movement, stillness

RNG = np.random.default_rng(7)
FACE = np.array([300, 200]) + RNG.normal(0, (20, 26), (146, 2))


def sample(step: int, points: np.ndarray, looks: np.ndarray | None = None) -> FaceSample:
    patch = np.tile(np.arange(32, dtype=np.uint8) * 8, (32, 1)) if looks is None else looks
    return FaceSample(step, 0.9, 1.0, points.astype(np.float32), patch)


def test_a_sample_of_hours_is_as_small_as_one_of_a_minute_and_spans_them() -> None:
    samples = FaceSamples()
    for step in range(40_000):
        samples.append(sample(step, FACE))
    steps = np.array([s.step for s in samples.samples])
    assert MAX_SAMPLES / 2 <= len(steps) <= MAX_SAMPLES
    assert steps[0] == 0
    assert steps[-1] > 0.95 * 40_000
    assert (np.diff(steps)[::2] == 1).all()  # pairs of consecutive frames


def test_two_tracks_of_one_person_are_thinned_out_alike() -> None:
    long, short = FaceSamples(), FaceSamples()
    for step in range(1000):
        long.append(sample(step, FACE))
    for step in range(1000, 1050):
        short.append(sample(step, FACE))
    long.merge(short)
    assert len(long.samples) <= MAX_SAMPLES
    assert {s.step % long.stride for s in long.samples} == {0, 1}
    assert max(s.step for s in long.samples) >= 1000


def test_noise_is_as_far_from_the_reference_as_from_the_frame_before() -> None:
    noise = RNG.normal(0, 3.0, (90, 500))
    found = movement(np.arange(90), noise)
    assert found is not None
    assert found.noise == pytest.approx(3 * np.sqrt(2), rel=0.02)  # a difference of two
    assert found.quiet < found.noise < 1.1 * found.quiet
    assert 0.9 < found.ratio < 1.1
    assert found.beyond_noise == 0


def test_what_drifts_goes_further_than_from_frame_to_frame() -> None:
    drift = np.cumsum(RNG.normal(0, 1, (90, 50)), axis=0)
    found = movement(np.arange(90), drift)
    assert found is not None
    assert found.ratio > 2
    far = np.abs(np.arange(90)[:, None] - np.arange(90)) >= 6
    apart = np.sqrt(((drift[:, None] - drift[None]) ** 2).mean(axis=2))
    assert found.distance == pytest.approx(min(np.median(apart[i][far[i]]) for i in range(90)))


def test_a_flat_picture_seen_from_aside_keeps_its_shape_and_a_mouth_that_opens_does_not() -> None:
    flat, talking = [], []
    for step in range(40):
        slant = np.eye(2) + RNG.normal(0, 0.08, (2, 2))
        flat.append(sample(step, FACE @ slant + RNG.normal(0, 30, 2)))
        open_by = np.zeros((146, 2))
        open_by[:40, 1] = 12 * np.sin(step / 5)
        talking.append(sample(step, FACE + open_by))
    print_, face = stillness(flat), stillness(talking)
    assert print_ is not None
    assert face is not None
    assert print_.shape.distance < 1e-3
    assert face.shape.distance > 0.03
    assert print_.place.distance > 0.1  # it is carried about all the same


def test_too_little_is_not_judged() -> None:
    assert stillness([sample(step, FACE) for step in range(8)]) is None
    assert movement(np.arange(0, 40, 2), np.zeros((20, 3))) is None  # no consecutive frames: no noise to compare with


def test_eyes_that_close_twice_blink() -> None:
    shapes = np.full((60, 52), 0.1, np.float32)
    assert not blinks(shapes)
    shapes[20:22, [9, 10]] = 0.8
    assert blinks(shapes)
    shapes[20:22, 9] = 0.1  # one eye alone: a wink, or half a face behind something
    assert not blinks(shapes)


def track(shapes: np.ndarray, places: np.ndarray, side: float, descriptor: np.ndarray) -> FaceTrack:
    face = FaceTrack(descriptor=descriptor)
    for step, (row, (x, y)) in enumerate(zip(shapes, places, strict=True)):
        face.append(step, np.array([x, y, side, side], np.float32), row.astype(np.float32), None)
    return face


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("late", [0, 4])
def test_a_copy_is_told_with_its_mirror_and_its_lag(mirrored: bool, late: int) -> None:
    who = RNG.normal(size=128)
    shapes = np.abs(np.cumsum(RNG.normal(0, 0.05, (80, 52)), axis=0))
    places = np.cumsum(RNG.normal(0, 2, (80, 2)), axis=0) + 300
    copy = shapes[:, SWAPPED] if mirrored else shapes
    moved = np.column_stack([640 - places[:, 0] if mirrored else places[:, 0], places[:, 1]]) / 2
    copy, moved = (np.concatenate([v[:1].repeat(late, axis=0), v[: len(v) - late]]) for v in (copy, moved))
    found = copy_match(track(copy, moved, 40, who), track(shapes, places, 80, who))
    assert found is not None
    assert (found.mirrored, found.lag) == (mirrored, late)
    assert found.expressions == pytest.approx(1, abs=1e-3)


def test_two_people_who_laugh_together_and_one_person_in_two_moods_are_no_copies() -> None:
    shapes = np.abs(np.cumsum(RNG.normal(0, 0.05, (80, 52)), axis=0))
    others = RNG.uniform(0, 1, (80, 52))
    places = RNG.normal(300, 5, (80, 2))
    one, two = np.eye(128)[0], np.eye(128)[1]
    assert copy_match(track(shapes, places, 40, one), track(shapes, places, 80, two)) is None
    assert copy_match(track(others, RNG.normal(300, 5, (80, 2)), 40, one), track(shapes, places, 80, one)) is None
