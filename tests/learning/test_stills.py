"""Training from stills: windows that change, an LSTM that follows a face that changes."""

from dataclasses import replace

import numpy as np
import pytest
from planted_rated import WORLD, rated_of, stills_of

from evoked.learning.recognition import descriptor_windows
from evoked.learning.recognition.config import RecogniserConfig
from evoked.learning.recognition.cross_fit import fit_recogniser, shape_of
from evoked.learning.recognition.descriptor_windows import TrainingWindows, moving_clips
from evoked.learning.recognition.training_clips import ClipDataset, is_still
from evoked.model.recognition import RecognitionForward

TICKS = 18
CONFIG = RecogniserConfig(hidden_units=16, dropout=0.1, epochs=12, patience=3)


def half_times(config: RecogniserConfig) -> tuple[float, float, float]:
    """Frames until the score of a face that changes is half way, on new people: coming on, going off; and accuracy."""
    train, stop, new = stills_of(130, 40, 1), stills_of(40, 12, 2), stills_of(200, 60, 3)
    fitted = fit_recogniser(train, stop, config)
    forward = RecognitionForward(shape_of(train, config), fitted.arrays)
    faces, on = np.stack([rows[0] for rows in new.rows]), new.labels[:, 0] > 0.5
    still = forward.windows(np.stack(new.rows))[:, 0]
    times = []
    for first, then in ((faces[~on], faces[on]), (faces[on], faces[~on])):
        count = min(len(first), len(then))
        windows = np.repeat(first[:count, None], 2 * TICKS, axis=1)
        windows[:, TICKS:] = then[:count, None]  # the face changes in the middle
        by_frame = np.stack(
            [forward.windows(windows[:, held : held + TICKS])[:, 0].mean() for held in range(TICKS + 1)]
        )
        share = (by_frame - by_frame[0]) / (by_frame[-1] - by_frame[0])
        times.append(float(np.argmax(share >= 0.5)))
    return times[0], times[1], float(((still > 0.5) == on).mean())


def test_a_face_that_changes_is_followed_within_half_a_second() -> None:
    moving, constant = half_times(CONFIG), half_times(replace(CONFIG, still_windows="constant"))
    assert max(moving[:2]) <= 3  # at 6 Hz
    assert max(constant[:2]) > 3, "what is mended must be there"
    assert moving[2] > constant[2] - 0.05
    assert moving[2] > 0.9


def test_without_recurrence_at_once() -> None:
    assert half_times(replace(CONFIG, recurrence="none"))[:2] == (1, 1)


def test_windows_begin_in_other_states_and_end_in_the_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descriptor_windows, "NOISE", 0.0)
    monkeypatch.setattr(descriptor_windows, "RAMP", 0)
    stills = stills_of(60, 6, 4)
    windows, random = TrainingWindows(stills, TICKS), np.random.default_rng(0)
    faces = {rows[0].tobytes(): i for i, rows in enumerate(stills.rows)}
    held, same_person, changes = [], [], []
    for _ in range(40):
        for i in windows.epoch(random)[:60]:
            shown = np.array([faces[frame.tobytes()] for frame in windows(int(i), random)])
            assert shown[-1] == i
            changes.append(int((np.diff(shown) != 0).sum()))
            if changes[-1]:
                held.append(int(np.argmax(shown[::-1] != i)))
                same_person.append(stills.people[shown[0]] == stills.people[i])
    assert set(held) == set(range(1, TICKS))
    assert np.mean(np.array(held) <= TICKS // 4) == pytest.approx(0.48, abs=0.03)  # the root of 4/18, of those below 18
    assert np.mean(same_person) == pytest.approx(0.5 + 0.5 / 6, abs=0.05)  # six people, so some by lot
    assert np.mean(np.array(changes) == 0) == pytest.approx(0.27, abs=0.03)
    assert 0.15 < np.mean(np.array(changes) > 1) < 0.3


def test_changes_take_up_to_two_frames_and_faces_are_never_quite_still(monkeypatch: pytest.MonkeyPatch) -> None:
    stills = stills_of(60, 6, 4)
    spread = np.stack([rows[0] for rows in stills.rows]).std(axis=0)
    windows, random = TrainingWindows(stills, TICKS), np.random.default_rng(0)
    drawn = np.stack([windows(0, random) for _ in range(400)])
    noise = (drawn[:, -1] - stills.rows[0][0]) / spread
    assert noise.std() == pytest.approx(0.5 / 3**0.5, abs=0.03)  # uniform up to a half: its root mean square
    monkeypatch.setattr(descriptor_windows, "NOISE", 0.0)
    windows, faces = TrainingWindows(stills, TICKS), {rows[0].tobytes() for rows in stills.rows}
    between = [sum(frame.tobytes() not in faces for frame in windows(0, random)) for _ in range(400)]
    assert {0, 1, 2} <= set(between) <= set(range(7))


def test_an_epoch_of_few_stills_draws_each_several_times() -> None:
    random = np.random.default_rng(0)
    few = TrainingWindows(stills_of(60, 6, 4), TICKS)
    np.testing.assert_array_equal(np.bincount(few.epoch(random)), np.full(60, 9))  # 500 windows at least
    many = TrainingWindows(stills_of(700, 6, 4), TICKS)
    np.testing.assert_array_equal(np.sort(many.epoch(random)), np.arange(700))


def test_clips_that_move_are_taken_as_they_are() -> None:
    clips = rated_of(WORLD.clips(20, 5, 0))
    windows, random = TrainingWindows(clips, TICKS), np.random.default_rng(0)
    for i in windows.epoch(random):
        np.testing.assert_array_equal(windows(int(i), random), clips.rows[i])
    assert windows.draws == 1
    assert moving_clips(clips, TICKS, 0) is clips
    assert not clips.mostly_stills


def test_of_both_only_the_stills_change() -> None:
    clips, stills = rated_of(WORLD.clips(20, 5, 0)), stills_of(10, 5, 0)
    both = ClipDataset(
        ("doubt", "joy"),
        (*clips.clips, *stills.clips),
        (*clips.rows, *stills.rows),
        np.concatenate([clips.labels[:, :2], stills.labels]),
        (*clips.people, *stills.people),
        {},
    )
    moving = moving_clips(both, TICKS, 0)
    assert [is_still(rows) for rows in both.rows] == [False] * 20 + [True] * 10
    assert len(moving.rows) == 90
    assert moving.clips == tuple(name for name in both.clips for _ in range(3))
    np.testing.assert_array_equal(moving.labels, np.repeat(both.labels, 3, axis=0))
    for i, rows in enumerate(moving.rows):
        assert np.array_equal(rows, both.rows[i // 3]) == (i < 60)
    assert TrainingWindows(both, TICKS).draws == 1
    assert TrainingWindows(both.subset(range(20, 30)), TICKS).draws == 1, "a fold is trained as the whole is"
    assert TrainingWindows(stills.subset([0]), TICKS).draws == 500
    again = moving_clips(both, TICKS, 0)
    assert all(np.array_equal(a, b) for a, b in zip(moving.rows, again.rows, strict=True))
    assert moving_clips(both, TICKS, 0, moving=False) is both


@pytest.mark.parametrize(("name", "value"), [("still_windows", "noisy"), ("recurrence", "gru")])
def test_settings_that_are_none(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        RecogniserConfig(**{name: value})  # type: ignore[arg-type]
