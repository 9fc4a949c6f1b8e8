"""The sound of a grid's recording stands where the parts say, at any speed and pitch; echo and noise are as planned."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from scipy.signal import correlate, welch

from evoked.sample.soundtrack import HZ
from staging.acoustics import REACH, echoed, played_part, recorded, stretched
from staging.conditions import SPEEDS, Condition
from staging.recording_plan import TAKE_SIZES, Part, Take, plan_takes

SECONDS = 6


def tone(hz: float) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(SECONDS * HZ) / HZ)).astype(np.float32)


def bursts() -> np.ndarray:
    """Noise of its own in every fifth of a second: each place is known by its sound."""
    return (0.1 * np.random.default_rng(4).standard_normal(SECONDS * HZ)).astype(np.float32)


def pitch_of(sound: np.ndarray) -> float:
    hz, power = welch(sound, HZ, nperseg=16384)
    return float(hz[np.argmax(power)])


@pytest.mark.parametrize("speed", SPEEDS)
def test_speed_and_pitch_are_changed_as_told(speed: str) -> None:
    rate, pitch = SPEEDS[speed]
    part = Part(0, SECONDS * 1000, Fraction(0), rate)
    heard = played_part(part, pitch, tone(1000))
    assert len(heard) == round(SECONDS * HZ / rate)
    assert pitch_of(heard[HZ:-HZ]) == pytest.approx(1000 * float(pitch), abs=3)  # a bin of welch is 2.9 Hz


@pytest.mark.parametrize("rate", [0.95, 1.05, 1 / 1.03])
def test_what_is_stretched_is_within_reach_of_its_time(rate: float) -> None:
    sound = bursts()
    heard = stretched(sound, rate)
    for at in range(HZ, len(heard) - HZ, HZ // 2):
        piece = heard[at : at + 480]  # 10 ms: shorter than a grain
        first = round(at * rate) - 2 * REACH
        found = first + int(np.argmax(correlate(sound[first : first + 4 * REACH + 480], piece, "valid")))
        assert abs(found - at * rate) <= REACH + 0.05 * 1920  # and what a grain's own end drifts


def take(**changes: object) -> Take:
    planned = plan_takes(TAKE_SIZES["small"], 0)[0]
    parts = (Part(0, 2000, Fraction(517), Fraction(1)), Part(2000, 4000, Fraction(3541), Fraction(1)))
    condition = Condition(**{k: v for k, v in changes.items() if k != "talk_ms"})
    return replace(planned, parts=parts, condition=condition, talk_ms=changes.get("talk_ms", ()), duration_ms=6000)


def test_the_film_is_heard_at_its_gain_where_the_parts_say_and_nowhere_else() -> None:
    content = bursts()
    heard = recorded(take(gain_db="-12"), content)
    assert len(heard) == 6 * HZ
    piece = heard[617 * 48 : 2417 * 48]
    assert np.corrcoef(piece, content[100 * 48 : 1900 * 48])[0, 1] > 0.99
    assert piece.std() / content.std() == pytest.approx(10 ** (-12 / 20), rel=0.01)
    assert 20 * np.log10(heard[2600 * 48 : 3500 * 48].std()) == pytest.approx(-70, abs=0.3)  # the pause


def test_an_echo_leaves_the_direct_sound_and_has_the_energy_asked_for() -> None:
    click = np.zeros(HZ, np.float32)
    click[100] = 1
    heard = echoed(click, 0.3, 0.5, np.random.default_rng(0))
    assert np.argmax(np.abs(heard)) == 100
    assert heard[100] == pytest.approx(1, abs=0.05)
    assert np.sum(heard[101:] ** 2) == pytest.approx(0.5, rel=0.05)
    assert np.abs(heard[:100]).max() < 1e-6
    assert np.array_equal(echoed(click, 0, 0, np.random.default_rng(0)), click)


def test_the_same_seed_sounds_the_same() -> None:
    loud = take(noise="loud", echo="hall", talk_ms=((0, 6000),))
    assert np.array_equal(recorded(loud, bursts()), recorded(loud, bursts()))
    assert not np.array_equal(recorded(loud, bursts()), recorded(replace(loud, seed=5), bursts()))
