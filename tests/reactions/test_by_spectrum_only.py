"""Spectrum only: a changed content under a louder voice is found where that is enabled, another scene never."""

import numpy as np
import pytest
from filmed import HZ, cut, hush, joined, under

from evoked.core.errors import AlignmentError
from evoked.reactions.alignment.audio.align import align
from evoked.reactions.alignment.audio.by_spectrum_only import (
    MIN_BAND_COHERENCE,
    MIN_BEST_GAIN,
    band_coherence,
    by_spectrum_only,
)
from evoked.reactions.alignment.audio.speed_pitch import SpeedPitch, resample_speed
from evoked.reactions.alignment.chaining import AlignedRun
from evoked.reactions.alignment.config import AlignConfig
from evoked.sample.soundtrack import viewer_murmur

pytestmark = pytest.mark.nets
FEW = [SpeedPitch(), SpeedPitch(0.97, 0.97), SpeedPitch(1.0302, 1.0302), SpeedPitch(1.03)]


def voiced(film: np.ndarray, db: float, seed: int = 1) -> np.ndarray:
    return under(film, viewer_murmur(len(film), np.random.default_rng(seed)).astype(np.float32), db)


def test_a_higher_film_under_a_louder_voice_is_found_and_its_change_refined() -> None:
    film = resample_speed(joined(hush(2.0), cut(300, 309), hush(3.0), cut(309, 320)), 1.0265)  # as on a tape
    found = by_spectrum_only(voiced(film, -9), cut(300, 320), HZ, FEW)
    assert found is not None
    change, chain = found
    assert change.speed == pytest.approx(1.0265, abs=0.002)
    assert change.pitch == pytest.approx(change.speed)
    assert [run.offset / HZ for run in chain] == pytest.approx([2.0, 5.0], abs=0.03)
    assert max(run.weight for run in chain) >= MIN_BEST_GAIN


def test_unchanged_and_too_long_contents_are_not_searched() -> None:
    film = cut(300, 320)
    assert by_spectrum_only(film, film, HZ, FEW) is None  # its phases tell more
    assert by_spectrum_only(np.tile(film, 7), film, HZ, FEW) is None  # 140 s · 20 s is more than 50 s · 50 s


def test_another_scene_with_the_same_music_has_little_band_coherence() -> None:
    """The score of second 227 comes again at 357; changed, it gains more nats than are needed."""
    reaction, content = resample_speed(cut(357, 375), 1.03), cut(227.3, 245.3)
    assert by_spectrum_only(reaction, content, HZ, FEW) is None
    alike = AlignedRun(0.05 * HZ, 2 * HZ, 15 * HZ, 100.0, 15.0, 2.0)
    change = SpeedPitch(1.03, 1.03)
    assert band_coherence(reaction, content, HZ, change, alike) < MIN_BAND_COHERENCE
    assert (
        band_coherence(resample_speed(content, 1.03), content, HZ, change, AlignedRun(0, 2 * HZ, 15 * HZ, 1, 1, 1))
        > 0.8
    )
    assert (
        band_coherence(reaction, content, HZ, change, AlignedRun(99 * HZ, 2 * HZ, 15 * HZ, 1, 1, 1)) == 0
    )  # nothing is there


@pytest.mark.full
def test_it_is_off_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "evoked.reactions.alignment.audio.by_spectrum_only.MIN_BEST_GAIN", 60.0
    )  # this one brings some 80
    film = resample_speed(joined(hush(1), cut(300, 306), cut(309, 320)), 1.03)
    hiss = np.random.default_rng(1).standard_normal(len(film)).astype(np.float32)
    reaction = voiced(film, -12) + under(film, hiss, 0) - film
    assert not AlignConfig().spectrum_fallback
    with pytest.raises(AlignmentError):
        align(reaction, cut(300, 320), HZ)
    found = align(reaction, cut(300, 320), HZ, AlignConfig(spectrum_fallback=True))
    assert found.covered_s > 5
    assert found.segments[0].rate == pytest.approx(1 / 1.03, rel=0.004)
