"""Planted offsets in real film sound are found; what has nothing in common is refused."""

import numpy as np
import pytest
from filmed import HZ, Samples, cut, delayed, echoed, hush, joined, room_noise, under
from scipy.signal import correlate

from evoked.core.errors import AlignmentError
from evoked.reactions.alignment.audio.align import align
from evoked.reactions.alignment.config import AlignConfig
from evoked.reactions.alignment.offset_map import OffsetMap
from evoked.sample.soundtrack import viewer_murmur

pytestmark = pytest.mark.nets
RNG = np.random.default_rng


def voice(seconds: float, seed: int = 7) -> Samples:
    return viewer_murmur(round(seconds * HZ), RNG(seed)).astype(np.float32)


def noise(seconds: float, seed: int = 3) -> Samples:
    return RNG(seed).standard_normal(round(seconds * HZ)).astype(np.float32)


def offset_errors_ms(found: OffsetMap, planted: list[tuple[float, float, float]]) -> list[float]:
    """Worst error of the map over each planted (content start, end, offset), every 0.1 s that it covers."""
    worst = []
    for start, end, offset in planted:
        at = [(c, found.reaction_time(c)) for c in np.arange(start + 1.0, end - 1.0, 0.1)]
        worst.append(max((abs(r - c - offset) * 1000 for c, r in at if r is not None), default=np.inf))
    return worst


def covered(found: OffsetMap, start: float, end: float) -> float:
    """Share of a content span that the map covers."""
    return float(np.mean([found.reaction_time(c) is not None for c in np.arange(start, end, 0.05)]))


CONDITIONS = {
    "as it is": lambda x: x,
    "12 dB down in a quiet room": lambda x: 0.25 * x + hush(len(x) / HZ),
    "under a voice, equally loud": lambda x: under(x, voice(len(x) / HZ), 0),
    "12 dB under a voice": lambda x: under(x, voice(len(x) / HZ), -12),
    "12 dB under a real room": lambda x: under(x, room_noise(), -12),
    "in white noise, equally loud": lambda x: under(x, noise(len(x) / HZ), 0),
    "in an echoing room": lambda x: echoed(x),
    "from speakers across an echoing room, under a voice": lambda x: under(echoed(x, 0.5, 2.0), voice(len(x) / HZ), -3),
    "clipped": lambda x: np.clip(x * 8, -0.5, 0.5).astype(np.float32),
    "through a telephone": lambda x: np.convolve(x, np.diff(np.hanning(9), 2), mode="same").astype(np.float32),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_planted_offset_is_found(name: str) -> None:
    lead = 3 + 1234.4 / HZ
    film = delayed(joined(cut(100, 160), hush(1)), 0.4)[: 60 * HZ]
    reaction = joined(hush(3 + 1234 / HZ), CONDITIONS[name](film), hush(2))
    found = align(reaction, cut(90, 190), HZ)
    assert offset_errors_ms(found, [(10, 70, lead - 10)]) == [pytest.approx(0, abs=3)]
    assert covered(found, 10, 70) >= 0.95
    assert found.reaction_time(9.0) is None
    assert found.reaction_time(71.0) is None


def test_scipy_finds_the_same_offset() -> None:
    reaction, content = joined(voice(4.321), under(cut(300, 340), voice(40), 3)), cut(290, 350)
    peak = int(np.argmax(correlate(reaction.astype(np.float64), content.astype(np.float64)))) - (len(content) - 1)
    (segment,) = align(reaction, content, HZ).segments
    assert segment.offset_s * HZ == pytest.approx(peak, abs=1)


def test_pauses_skips_and_talk_become_segments() -> None:
    talk = voice(30)
    reaction = joined(
        hush(3.3),
        cut(0, 40),
        talk[: int(7.7 * HZ)],
        cut(40, 70),
        hush(2),
        under(cut(95, 140), talk.repeat(2), -6),
        hush(4),
    )
    found = align(reaction, cut(0, 160), HZ)
    planted = [(0.0, 40.0, 3.3), (40.0, 70.0, 11.0), (95.0, 140.0, -12.0)]
    assert max(offset_errors_ms(found, planted)) < 2
    assert [s.content_start_s for s in found.segments] == pytest.approx([0, 40, 95], abs=0.3)
    assert [s.content_end_s for s in found.segments] == pytest.approx([40, 70, 140], abs=0.3)
    assert found.reaction_time(80.0) is None  # skipped: never seen
    assert found.content_time(47.0) is None  # paused
    assert all(s.score > 12 for s in found.segments)


def test_a_pause_of_a_quarter_second_is_kept() -> None:
    found = align(joined(cut(60, 85), hush(0.25), cut(85, 110)), cut(50, 120), HZ)
    assert [s.offset_s for s in found.segments] == pytest.approx([-10, -9.75], abs=0.001)
    assert found.segments[0].content_end_s == pytest.approx(35, abs=0.3)


def test_talk_that_drowns_the_film_is_carried_across() -> None:
    film = cut(200, 260)
    film[20 * HZ : 35 * HZ] = voice(15)  # 15 s of voice alone; the film ran on, for the offset is the same after
    (segment,) = align(film, cut(190, 270), HZ).segments
    assert (segment.content_start_s, segment.content_end_s) == pytest.approx((10, 70), abs=0.1)
    strict = align(film, cut(190, 270), HZ, AlignConfig(max_bridge_s=5.0))
    assert len(strict.segments) == 2
    assert strict.reaction_time(37.0) is None


@pytest.mark.parametrize("ppm", [30, -100])
def test_clocks_that_differ_are_followed(ppm: int) -> None:
    """A microphone's clock against the film's: 100 parts per million are 20 ms in 200 s."""
    film = cut(60, 260)
    at = np.arange(len(film)) * (1 + ppm * 1e-6)
    reaction = under(np.interp(at, np.arange(len(film)), film).astype(np.float32), voice(200), -3)
    found = align(reaction, film, HZ)
    errors = [
        abs(r - c / (1 + ppm * 1e-6)) for c in np.arange(1, 199, 0.5) if (r := found.reaction_time(c)) is not None
    ]
    assert len(errors) >= 0.95 * 396
    assert max(errors) < 0.010


def test_the_same_sound_twice_has_offset_zero() -> None:
    (segment,) = align(cut(0, 60), cut(0, 60), HZ).segments
    assert (segment.content_start_s, segment.reaction_start_s) == pytest.approx((0, 0), abs=1e-4)
    assert segment.content_end_s == pytest.approx(60, abs=0.01)


def test_a_short_reaction_and_a_long_one() -> None:
    (segment,) = align(cut(132.5, 140.5), cut(60, 200), HZ).segments
    assert segment.offset_s == pytest.approx(-72.5, abs=1e-3)
    (segment,) = align(joined(voice(60), cut(60, 90), voice(60, 8)), cut(60, 90), HZ).segments
    assert segment.offset_s == pytest.approx(60, abs=1e-3)


def test_a_content_played_twice_is_mapped_to_the_first() -> None:
    found = align(joined(cut(60, 100), hush(5), cut(60, 100)), cut(60, 100), HZ)
    assert found.covered_s == pytest.approx(40, abs=0.2)
    assert max(found.segments, key=lambda s: s.reaction_end_s - s.reaction_start_s).offset_s == pytest.approx(
        0, abs=1e-3
    )


def test_a_rewind_maps_what_comes_again_to_where_it_came_first() -> None:
    reaction = joined(hush(2), cut(60, 100), hush(1.5), cut(80, 130), hush(1))
    found = align(reaction, cut(50, 140), HZ)
    assert offset_errors_ms(found, [(10, 50, -8.0), (50, 80, 13.5)]) == pytest.approx([0, 0], abs=3)
    assert covered(found, 10, 80) >= 0.97


def test_what_was_skipped_and_watched_later_is_found() -> None:
    reaction = joined(hush(1), cut(60, 90), cut(120, 150), hush(2), cut(90, 120), cut(150, 170))
    found = align(reaction, cut(60, 170), HZ)
    planted = [(0, 30, 1.0), (60, 90, -29.0), (30, 60, 33.0), (90, 110, 3.0)]
    assert offset_errors_ms(found, planted) == pytest.approx([0] * 4, abs=3)
    assert covered(found, 0, 110) >= 0.97


@pytest.mark.parametrize("shift_s", [0.5, 2.0, 17.25])
def test_a_later_reaction_has_later_offsets_and_the_same_segments(shift_s: float) -> None:
    """Law: what comes before the film moves the map and changes nothing else."""
    reaction = joined(cut(60, 85), hush(3), cut(85, 110), hush(1))
    plain, later = align(reaction, cut(50, 120), HZ), align(joined(hush(shift_s, 5), reaction), cut(50, 120), HZ)
    for a, b in zip(plain.segments, later.segments, strict=True):
        assert b.offset_s - a.offset_s == pytest.approx(shift_s, abs=1e-3)
        assert b.content_start_s == pytest.approx(a.content_start_s, abs=0.3)


def test_swapping_the_two_turns_the_map_around() -> None:
    one, other = joined(voice(5), cut(60, 100)), cut(50, 120)
    (there,), (back,) = align(one, other, HZ).segments, align(other, one, HZ).segments
    assert there.offset_s == pytest.approx(-back.offset_s, abs=1e-4)


def test_louder_or_at_another_rate_it_is_the_same() -> None:
    reaction, content = joined(hush(3), cut(60, 90)), cut(50, 100)
    plain = align(reaction, content, HZ)
    assert align(reaction * 0.01, content * 3, HZ).segments[0].offset_s == pytest.approx(plain.segments[0].offset_s)
    twice = [np.interp(np.arange(0, len(x), 0.5), np.arange(len(x)), x).astype(np.float32) for x in (reaction, content)]
    assert align(*twice, 2 * HZ).segments[0].offset_s == pytest.approx(plain.segments[0].offset_s, abs=1e-3)


WRONG = {
    "another part of the film": (lambda: cut(150, 210), lambda: cut(250, 370)),
    "a voice": (lambda: voice(60), lambda: cut(60, 160)),
    "a room": (lambda: room_noise()[: 60 * HZ], lambda: cut(60, 160)),
    "noise": (lambda: noise(60), lambda: cut(60, 160)),
    "a pure tone": (lambda: np.sin(np.arange(60 * HZ) * 0.3).astype(np.float32), lambda: cut(60, 160)),
    "two tones of one pitch": (
        lambda: np.sin(np.arange(60 * HZ) * 0.3).astype(np.float32),
        lambda: np.sin(np.arange(90 * HZ) * 0.3 + 1).astype(np.float32),
    ),
    "a click track": (
        lambda: (np.arange(30 * HZ) % 4000 == 0).astype(np.float32) + noise(30) * 1e-3,
        lambda: cut(60, 160),
    ),
    "half a second": (lambda: cut(60, 60.5), lambda: cut(60, 160)),
    "a scene with the same bars of music": (lambda: cut(11.5, 98.5), lambda: cut(319.5, 520.5)),
    "one repeated sound effect": (lambda: cut(220, 260), lambda: cut(120, 180)),  # 240.7 s is 145.4 s again
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_pair_is_refused(name: str) -> None:
    reaction, content = WRONG[name]
    with pytest.raises(AlignmentError, match=r"no sound in common|too little sound in common") as caught:
        align(reaction(), content(), HZ)
    assert "\n" not in str(caught.value)


def test_silence_is_refused_by_name() -> None:
    nothing = np.zeros(20 * HZ, np.float32)
    with pytest.raises(AlignmentError, match="the reaction is silent"):
        align(nothing, cut(60, 80), HZ)
    with pytest.raises(AlignmentError, match="the content is silent"):
        align(cut(60, 80), nothing, HZ)
    with pytest.raises(AlignmentError, match="the content is silent"):
        align(cut(60, 80), nothing[:0], HZ)


def test_wrong_arguments_are_value_errors() -> None:
    with pytest.raises(ValueError, match=r"mono, shape \(samples,\), got \(2, 80000\)"):
        align(np.zeros((2, 80000), np.float32), cut(60, 80), HZ)
    with pytest.raises(ValueError, match="at least 4000"):
        align(cut(60, 80), cut(60, 80), 2000)
    with pytest.raises(ValueError, match="min_score must be above 0"):
        AlignConfig(min_score=0)
    with pytest.raises(ValueError, match="min_share"):
        AlignConfig(min_share=1.5)


def test_a_common_jingle_is_not_enough() -> None:
    """Two episodes that share 12 s of title music are two episodes."""
    one, other = joined(cut(60, 72), cut(450, 590)), joined(cut(60, 72), cut(130, 270))
    with pytest.raises(AlignmentError, match=r"too little sound in common: 1[12]\.\d s .* needed: 22\.8 s"):
        align(one, other, HZ)
    assert align(one, other, HZ, AlignConfig(min_share=0.05)).covered_s == pytest.approx(12, abs=0.5)


def test_the_same_music_in_another_scene_is_no_film_at_another_speed() -> None:
    """It was taken for seven seconds of the film, .02 % slower, when other speeds began to be looked for."""
    start, other = 438.2745803985155, 266.3175496897531
    with pytest.raises(AlignmentError):
        align(cut(start, start + 30.843916), cut(other, other + 171.897019), HZ)


@pytest.mark.full
def test_no_two_parts_of_the_film_are_taken_for_each_other() -> None:
    """150 wrong pairs from one film, whose music and effects recur."""
    rng, accepted = RNG(11), []
    for _ in range(150):
        n, m = rng.uniform(20, 90), rng.uniform(60, 200)
        a, b = rng.uniform(0, 590 - n), rng.uniform(0, 590 - m)
        if a + n < b or b + m < a:
            try:
                accepted.append((a, b, align(cut(a, a + n), cut(b, b + m), HZ)))
            except AlignmentError:
                continue
    # one pair has 6.8 of 21 s of music in common to the sample, and is accepted with a score of 19: known, see
    # docs/alignment.md; at another speed none is
    assert len(accepted) <= 1
    assert all(segment.rate == 1 for _, _, found in accepted for segment in found.segments)
