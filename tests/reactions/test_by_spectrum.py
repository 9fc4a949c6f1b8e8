"""Contents aligned by the shape of their spectrum: real film under a voice, and the arithmetic against plain loops."""

from itertools import product

import numpy as np
import pytest
from filmed import HZ, cut, hush, under
from filmed import joined as after

from evoked.reactions.alignment.audio.by_spectrum import (
    ENTER_COST,
    LEAVE_COST,
    MAX_LENGTH_S,
    STEP_FRAMES,
    fill_gaps_by_spectrum,
    map_gaps,
    spectral_similarity,
    spectrogram_shape,
    spectrum_runs,
)
from evoked.reactions.alignment.audio.speed_pitch import SpeedPitch, resample_speed
from evoked.reactions.alignment.chaining import AlignedRun, fill_gaps, merge_runs
from evoked.reactions.alignment.viterbi import viterbi_path
from evoked.sample.soundtrack import viewer_murmur

RNG = np.random.default_rng(3)


def run(start: float, end: float, offset: float, weight: float = 100.0) -> AlignedRun:
    return AlignedRun(offset * HZ, start * HZ, end * HZ, weight, 20.0, 5.0)


def test_the_similarity_is_that_of_a_plain_loop() -> None:
    one, other = RNG.standard_normal((35, 6)).astype(np.float32), RNG.standard_normal((24, 6)).astype(np.float32)
    scores = spectral_similarity(one, other)
    assert scores.shape == (2, 35 + 24 - 1)
    for step in range(2):
        plain = {
            step * STEP_FRAMES - c: sum(float(one[step * STEP_FRAMES + i] @ other[c + i]) for i in range(STEP_FRAMES))
            for c in range(24 - STEP_FRAMES + 1)
        }
        values = np.array(list(plain.values()))
        for lag in range(-23, 35):
            got = scores[step, lag + 23]
            if lag in plain:
                assert got == pytest.approx((plain[lag] - values.mean()) / values.std(), abs=1e-4)
            else:
                assert np.isnan(got)


def test_the_path_is_the_best_of_all_paths() -> None:
    def worth(path: tuple[int, ...], gain: np.ndarray) -> float:
        total, before = 0.0, -1
        for i, state in enumerate(path):
            total -= LEAVE_COST * (before >= 0 and state != before) + ENTER_COST * (state >= 0 and state != before)
            total += gain[i, state] if state >= 0 else 0.0
            before = state
        return total

    for seed in range(8):
        gain = 14 * np.random.default_rng(seed).standard_normal((5, 2))
        best = max(worth(path, gain) for path in product((-1, 0, 1), repeat=5))
        assert worth(tuple(viterbi_path(gain, ENTER_COST, LEAVE_COST).tolist()), gain) == pytest.approx(best)


def test_a_chain_stands_and_what_it_leaves_open_is_filled() -> None:
    chain = [run(10, 20, 1.0)]
    more = [run(2, 12, 1.02), run(25, 28, 1.0), run(30, 33, 9.0), run(40, 45, 20.0, weight=5.0)]
    out = merge_runs(fill_gaps(chain, more, HZ), HZ, 3.0)
    # the first takes the offset of the chain and joins it; 25–28 is too far off to be bridged; the weak one is left out
    assert [(r.start / HZ, r.end / HZ, r.offset / HZ) for r in out] == [(2, 20, 1.0), (30, 33, 9.0), (25, 28, 1.0)]
    assert merge_runs(fill_gaps([], [], HZ), HZ, 3.0) == []


def test_what_the_chain_has_of_the_content_is_not_claimed_again() -> None:
    out = fill_gaps([run(10, 20, 1.0)], [run(30, 45, 15.0)], HZ)  # content 15–30, of which 9–19 is known
    assert [(r.start / HZ, r.end / HZ) for r in out] == [(10, 20), (34, 45)]


def test_an_unheard_gap_is_bridged_but_not_over_what_is_heard_in_it() -> None:
    chain = [run(0, 10, 0.0), run(20, 30, 0.0)]
    assert len(merge_runs(fill_gaps(chain, [], HZ), HZ, 30.0)) == 1
    elsewhere = fill_gaps(chain, [run(12, 18, 100.0)], HZ)  # another part of the content
    assert len(merge_runs(elsewhere, HZ, 30.0)) == 3


def test_gaps_are_between_the_runs_and_beyond_them() -> None:
    found = map_gaps([run(10, 20, 1.0), run(20.5, 30, 1.0), run(50, 60, 6.0)], 100 * HZ, 80 * HZ, HZ)
    spans = [tuple(x / HZ for x in span + window) for span, window in found]
    # half a second is no gap; each has five seconds around it, and the content around what its neighbours play
    assert spans == [(0, 15, 0, 29), (25, 55, 0, 74), (55, 100, 4, 80)]


@pytest.mark.nets
def test_a_long_reaction_is_compared_gap_by_gap() -> None:
    content = cut(300, 420)
    film = after(hush(2.0), content[: 60 * HZ], hush(4.0), content[60 * HZ :])
    reaction = resample_speed(
        under(film, viewer_murmur(len(film), np.random.default_rng(1)).astype(np.float32), -3), 1.03
    )
    assert (len(reaction) / HZ) * (len(content) / HZ) > MAX_LENGTH_S**2
    chain = [run(2, 50, 2.0), run(80, 126, 6.0)]
    found = fill_gaps_by_spectrum(reaction, content, HZ, SpeedPitch(1.03, 1.03), chain)
    whole = merge_runs(fill_gaps(chain, found, HZ), HZ, 30.0)
    assert [r.offset / HZ for r in whole] == [2.0, 6.0]
    assert sum(r.end - r.start for r in whole) / HZ > 117


@pytest.mark.nets
def test_a_higher_film_under_a_louder_voice_is_heard() -> None:
    film = resample_speed(after(hush(2.0), cut(300, 309), hush(3.0), cut(309, 320)), 1.03)  # as on a tape
    voice = viewer_murmur(len(film), np.random.default_rng(1)).astype(np.float32)
    runs = spectrum_runs(under(film, voice, -9), cut(300, 320), HZ, SpeedPitch(1.03, 1.03))
    assert [r.offset / HZ for r in runs] == pytest.approx([2.0, 5.0], abs=0.016)


@pytest.mark.nets
def test_the_shape_does_not_hang_on_a_hum_and_silence_has_one() -> None:
    film = cut(300, 303)
    hum = (0.2 * np.sin(np.arange(len(film)) * 2 * np.pi * 400 / HZ)).astype(np.float32)
    plain, hummed = spectrogram_shape(film, HZ), spectrogram_shape(film + hum, HZ)
    same, moved = ((plain * np.roll(hummed, by, axis=0)).sum(axis=1).mean() for by in (0, 60))
    assert same > 0.3 > 3 * moved
    assert not spectrogram_shape(np.zeros(HZ, np.float32), HZ).any()
    assert len(spectrogram_shape(np.zeros(10, np.float32), HZ)) == 0
