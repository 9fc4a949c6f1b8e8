"""Films that were made faster, slower, higher or deeper: by ffmpeg, and put right by the map."""

import subprocess

import numpy as np
import pytest
from filmed import HZ, Samples, cut, hush, joined, under

from evoked.core.errors import AlignmentError
from evoked.reactions.alignment.audio.align import align
from evoked.reactions.alignment.audio.speed_pitch import offset_drift, resample_speed, speed_pitch_grid
from evoked.reactions.alignment.config import AlignConfig
from evoked.reactions.alignment.offset_map import OffsetMap
from evoked.sample.soundtrack import viewer_murmur

pytestmark = pytest.mark.nets
RAW = ["-f", "f32le", "-ar", str(HZ), "-ac", "1"]
PLANTED = [(10.0, 50.0, -6.7), (50.0, 80.0, -2.7)]  # content start and end, offset before the speed is changed


def made(filters: str) -> Samples:
    """A reaction with a pause of four seconds, whose sound ffmpeg has changed."""
    return filtered(joined(hush(3.3), cut(100, 140), hush(4), cut(140, 170), hush(1)), filters)


def filtered(reaction: Samples, filters: str) -> Samples:
    command = ["ffmpeg", "-v", "error", *RAW, "-i", "-", "-af", filters, *RAW, "-"]
    done = subprocess.run(command, input=reaction.tobytes(), capture_output=True, check=True)
    return np.frombuffer(done.stdout, np.float32).copy()


def held(found: OffsetMap, speed: float) -> tuple[float, float]:
    """(95th percentile of the error in ms, share covered) of what is planted."""
    errors, of = [], 0
    for start, end, offset in PLANTED:
        for second in np.arange(start, end, 0.1):
            at, of = found.reaction_time(second), of + 1
            errors += [] if at is None else [abs(at - (second + offset) / speed) * 1000]
    return float(np.percentile(errors, 95)), len(errors) / of


@pytest.mark.parametrize(
    ("filters", "speed", "worst_ms"),
    [
        (f"asetrate={HZ * 1.05:.0f},aresample={HZ}", 1.05, 1),
        pytest.param(f"asetrate={HZ * 0.999:.0f},aresample={HZ}", 0.999, 1, marks=pytest.mark.full),
        ("atempo=0.95", 0.95, 20),
        pytest.param(  # a semitone up
            f"asetrate={HZ * 1.0594:.0f},aresample={HZ},atempo={1 / 1.0594:.6f}", 1.0, 25, marks=pytest.mark.full
        ),
    ],
)
def test_a_changed_film_is_followed(filters: str, speed: float, worst_ms: float) -> None:
    reaction = made(filters)
    voice = viewer_murmur(len(reaction), np.random.default_rng(7)).astype(np.float32)
    found = align(under(reaction, voice, -6), cut(90, 180), HZ)
    error_ms, share = held(found, speed)
    assert error_ms <= worst_ms
    assert share >= 0.95
    assert found.segments[0].rate == pytest.approx(1 / speed, abs=5e-5)


@pytest.mark.parametrize("db", [6, -3])
def test_a_line_that_goes_on_later_is_not_carried_over_a_skip(db: float) -> None:
    """Two seconds are skipped and a pause of two follows: before and after, the film stands at one offset."""
    film = filtered(joined(hush(1), cut(300, 306), cut(308, 312.5), hush(2), cut(312.5, 320)), "atempo=1.05")
    voice = viewer_murmur(len(film), np.random.default_rng(1)).astype(np.float32)
    found = align(under(film, voice, db), cut(300, 320), HZ)
    offsets = [found.reaction_time(s) for s in (3.0, 7.0, 10.0, 16.0)]
    assert offsets[1] is None
    assert [1.05 * o for o in offsets if o is not None] == pytest.approx([4.0, 9.0, 17.0], abs=0.06)


def test_what_is_not_looked_for_is_not_found() -> None:
    reaction = made(f"asetrate={HZ * 1.05:.0f},aresample={HZ}")
    with pytest.raises(AlignmentError):
        align(reaction, cut(90, 180), HZ, AlignConfig(max_speed_change=0.0, max_pitch_semitones=0.0))


def test_at_any_speed_another_part_of_the_film_is_refused() -> None:
    with pytest.raises(AlignmentError, match="in common"):
        align(made("atempo=1.05"), cut(200, 290), HZ)


def test_the_changes_that_are_tried() -> None:
    tried = speed_pitch_grid(0.06, 2.0)
    assert (tried[0].speed, tried[0].pitch) == (1.0, 1.0)
    assert {round(c.speed, 2) for c in tried if c.pitch == 1.0} == {round(0.94 + 0.01 * i, 2) for i in range(13)}
    assert max(c.pitch for c in tried if c.speed == 1.0) > 2 ** (2 / 12) * 0.996
    assert len(speed_pitch_grid(0.0, 0.0)) == 1


def test_the_drift_is_that_of_the_stretches_not_of_the_pauses_between_them() -> None:
    time = np.arange(0.0, 100.0, 5.0)
    offset = 3.0 + 0.002 * time + np.where(time > 40, 25.0, 0.0) + 1e-4 * np.sin(time)
    assert offset_drift(np.stack([time, offset], axis=1), 6.0, 0.05) == pytest.approx(0.002, abs=2e-5)
    assert offset_drift(np.zeros((0, 2)), 6.0, 0.05) == 0.0


def test_twice_as_fast_is_half_as_long() -> None:
    tone = np.sin(np.arange(HZ) * 0.1).astype(np.float32)
    assert resample_speed(tone, 1.0) is tone
    assert resample_speed(tone, 2.0) == pytest.approx(np.sin(np.arange(HZ // 2) * 0.2), abs=1e-3)
