"""What a staged reaction's microphone hears stands at the very sample that was planned."""

import numpy as np
import pytest
from scipy.signal import welch

from evoked.sample.layout import side
from evoked.sample.plan import PlannedReaction, PlannedSegment
from evoked.sample.soundtrack import HZ, TALK_RMS, mix_sound, viewer_murmur


def reaction(talk: tuple[tuple[int, int], ...] = (), noise_db: float = -90.0, seed: int = 3) -> PlannedReaction:
    stretches = (PlannedSegment(0, 1500, 517), PlannedSegment(1500, 3000, 3041))
    return PlannedReaction("r.mp4", "c.mp4", "man", side(True), stretches, talk, 0.5, noise_db, "nnn", 6000, seed)


def clicks() -> np.ndarray:
    """Three seconds of content with a click of height 1 every 100 ms, from 50 ms on."""
    out = np.zeros(3 * HZ, dtype=np.float32)
    out[HZ // 20 :: HZ // 10] = 1
    return out


def test_every_click_of_the_content_is_where_the_stretches_say() -> None:
    heard = mix_sound(reaction(), clicks())
    at_ms = np.flatnonzero(heard > 0.4) / HZ * 1000
    first = [517 + 50 + 100 * i for i in range(15)]
    second = [3041 + 50 + 100 * i for i in range(15)]
    assert at_ms.tolist() == [*first, *second]
    assert heard[np.flatnonzero(heard > 0.4)] == pytest.approx(0.5, abs=1e-3)  # the gain
    assert len(heard) == 6 * HZ


def test_a_pause_is_silent_but_for_the_room() -> None:
    heard = mix_sound(reaction(noise_db=-60), clicks())
    pause = heard[2017 * HZ // 1000 : 3041 * HZ // 1000]
    assert 20 * np.log10(np.sqrt(np.mean(pause**2))) == pytest.approx(-60, abs=0.3)


def test_talk_is_heard_where_it_is_planned_and_nowhere_else() -> None:
    silent, talked = (mix_sound(reaction(talk), clicks()) for talk in ((), ((2200, 2900),)))
    change = np.flatnonzero(silent != talked) / HZ * 1000
    assert change.min() >= 2200
    assert change.max() < 2900
    assert np.abs(talked[2300 * 48 : 2800 * 48]).max() > 0.05


def test_loud_things_together_do_not_leave_the_scale() -> None:
    assert np.abs(mix_sound(reaction(((0, 6000),), noise_db=0), clicks())).max() <= 1


def test_the_same_seed_murmurs_the_same() -> None:
    first, again = (mix_sound(reaction(((0, 2000),)), clicks()) for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, mix_sound(reaction(((0, 2000),), seed=4), clicks()))


def test_the_murmur_has_the_level_and_the_spectrum_of_a_voice() -> None:
    voice = viewer_murmur(8 * HZ, np.random.default_rng(0))
    assert np.sqrt(np.mean(voice[voice != 0] ** 2)) == pytest.approx(TALK_RMS, rel=0.01)
    assert 0.05 < np.mean(voice == 0) < 0.5  # breaths
    hz, power = welch(voice, HZ, nperseg=8192)
    low, mid, high = (power[(hz >= a) & (hz < b)].sum() for a, b in ((80, 1000), (1000, 4000), (5000, 20000)))
    assert low > mid > 100 * high
    assert viewer_murmur(0, np.random.default_rng(0)).shape == (0,)
