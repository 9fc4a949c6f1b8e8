"""Fusion: a map by one modality, its gaps filled by the other: real content, a real viewer, known moments."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shown import Stretch, content, film, recorded
from staged_scenes import SIDE, film_path

from evoked.media.decode import read_audio
from evoked.reactions.alignment.config import SOUND_HZ
from evoked.reactions.alignment.fusion import (
    MAX_FADE_S,
    MIN_CONFIRMING_SCORE,
    coherence_along,
    extend_to_ends,
    fill_by_audio,
    fill_by_video,
    uncovered_s,
)
from evoked.reactions.alignment.offset_map import OffsetMap, Segment
from evoked.reactions.alignment.video.thumbnails import FrameThumbnails, content_thumbnails, reaction_thumbnails

START, SECONDS = 60, 30
PLAYED = [Stretch(0, 13, 1.23), Stretch(13, 30, 18.71)]  # a pause after 13 s
FIRST = Segment(3.0, 12.5, 4.23, 40.0)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> FrameThumbnails:
    return content_thumbnails(content(tmp_path_factory.mktemp("film") / "film.mp4", START, SECONDS))


@pytest.fixture(scope="module")
def reaction(tmp_path_factory: pytest.TempPathFactory) -> FrameThumbnails:
    path = tmp_path_factory.mktemp("reaction") / "side.mp4"
    return reaction_thumbnails(recorded(path, film(START, SECONDS), SIDE, PLAYED, 37))


def off(found: OffsetMap) -> np.ndarray:
    """Seconds by which each mapped tenth is off; 9 where it is not played."""
    out = []
    for tenth in np.arange(0, SECONDS, 0.1):
        at = found.reaction_time(float(tenth))
        true = [s.at_s + tenth - s.start_s for s in PLAYED if s.start_s <= tenth < s.end_s]
        if at is not None:
            out.append(min((abs(at - t) for t in true), default=9.0))
    return np.array(out)


@pytest.mark.nets
def test_what_is_not_heard_is_seen(reaction: FrameThumbnails, watched: FrameThumbnails) -> None:
    by_audio = OffsetMap(40.0, (FIRST,))
    found = fill_by_video(by_audio, reaction, watched)
    assert found.by == "audio and video"
    assert found.covered_s > 26
    assert found.reaction_time(8.0) == by_audio.reaction_time(8.0)  # what stands is not touched
    errors = off(found)
    assert np.percentile(errors, 95) <= 0.06
    assert (errors > 0.1).mean() < 0.02


@pytest.mark.nets
def test_a_picture_that_contradicts_the_sound_adds_nothing(reaction: FrameThumbnails, watched: FrameThumbnails) -> None:
    wrong = OffsetMap(40.0, (replace(FIRST, reaction_start_s=9.23),))
    assert fill_by_video(wrong, reaction, watched) == wrong


@pytest.mark.nets
def test_a_recording_of_another_part_of_the_film_adds_nothing(
    reaction: FrameThumbnails, tmp_path: Path, watched: FrameThumbnails
) -> None:
    other = content_thumbnails(content(tmp_path / "other.mp4", 300, SECONDS))
    by_audio = OffsetMap(40.0, (FIRST,))
    assert fill_by_video(by_audio, reaction, other) == by_audio


@pytest.mark.nets
def test_what_is_not_seen_is_heard() -> None:
    played = read_audio(film_path(), SOUND_HZ)[START * SOUND_HZ : (START + SECONDS) * SOUND_HZ]
    rng = np.random.default_rng(0)
    recording = rng.normal(0, 1e-3, 37 * SOUND_HZ).astype(np.float32)
    for s in PLAYED:
        piece = played[round(s.start_s * SOUND_HZ) : round(s.end_s * SOUND_HZ)]
        recording[round(s.at_s * SOUND_HZ) :][: len(piece)] += piece
    by_video = OffsetMap(40.0, (replace(FIRST, reaction_start_s=4.25),), "video")  # 20 ms late, as pictures are
    found = fill_by_audio(by_video, recording, played, SOUND_HZ)
    assert found.by == "video and audio"
    assert found.covered_s > 22
    assert np.percentile(off(found), 95) <= 0.06
    noise = rng.normal(0, 0.1, len(recording)).astype(np.float32)
    assert fill_by_audio(by_video, noise, played, SOUND_HZ) == by_video


def test_silence_says_nothing() -> None:
    by_video = OffsetMap(40.0, (FIRST,), "video")
    noise = np.random.default_rng(0).normal(0, 0.1, 30 * SOUND_HZ).astype(np.float32)
    for one, other in ((noise, np.zeros_like(noise)), (np.zeros_like(noise), noise)):
        assert fill_by_audio(by_video, one, other, SOUND_HZ) == by_video
        assert coherence_along([FIRST], one, other, SOUND_HZ) == 0.0


def test_what_is_open_is_the_less_of_both_clocks() -> None:
    offsets = OffsetMap(40.0, (Segment(2.0, 12.0, 5.0, 40.0, 1.1),))
    assert uncovered_s(offsets, 30.0, 14.0) == pytest.approx(4.0)
    assert uncovered_s(offsets, 13.0, 90.0) == pytest.approx(2.0)
    assert uncovered_s(offsets, 11.0, 90.0) == 0.0


def test_a_film_followed_to_near_its_ends_runs_to_them() -> None:
    near = OffsetMap(40.0, (Segment(1.0, 9.0, 4.0, 40.0, 1.05), Segment(9.5, 19.0, 20.0, 30.0, 1.05)))
    whole = extend_to_ends(near, 60.0, 20.0)
    assert (whole.segments[0].content_start_s, whole.segments[-1].content_end_s) == (0.0, 20.0)
    for second in (1.5, 8.0, 12.0):
        assert whole.reaction_time(second) == pytest.approx(near.reaction_time(second))
    far = OffsetMap(40.0, (Segment(MAX_FADE_S + 0.1, 9.0, 4.0, 40.0),))
    assert extend_to_ends(far, 60.0, 11.0) == far
    cut = extend_to_ends(near, 30.2, 20.0)  # the recording ends before the film does
    assert cut.segments[-1].reaction_end_s == pytest.approx(30.2)


def test_the_beginning_and_the_end_are_not_both_in_one_pause() -> None:
    """The end of the film was on, and a second later its beginning: both lack a second, and there is only one."""
    again = OffsetMap(40.0, (Segment(0.8, 9.0, 20.0, 40.0), Segment(12.0, 19.0, 12.0, 40.0)))

    whole = extend_to_ends(again, 60.0, 20.0)

    first, last = whole.segments
    assert (first.content_start_s, first.reaction_start_s) == (0.0, pytest.approx(19.2))
    assert last.reaction_end_s == pytest.approx(19.2)


@given(st.floats(0, 3), st.floats(4, 9), st.floats(0, 5), st.floats(0.9, 1.1), st.floats(0, 3), st.floats(10, 20))
def test_ends_stay_inside_both_and_keep_the_line(
    start: float, end: float, at: float, rate: float, more: float, content_s: float
) -> None:
    given_map = OffsetMap(9.0, (Segment(start, end, at, 9.0, rate),))
    reaction_s = given_map.segments[0].reaction_end_s + more
    (found,) = extend_to_ends(given_map, reaction_s, content_s).segments
    assert 0 <= found.content_start_s <= start
    assert end <= found.content_end_s <= max(end, content_s)
    assert found.reaction_start_s >= -1e-9
    assert found.reaction_end_s <= reaction_s + 1e-9
    assert found.reaction_time(end) == pytest.approx(given_map.segments[0].reaction_time(end), abs=1e-9)


@pytest.mark.nets
def test_a_sound_too_weak_to_be_found_still_says_where_it_runs() -> None:
    film_sound = read_audio(film_path(), SOUND_HZ)
    played, other = (film_sound[s * SOUND_HZ : (s + SECONDS) * SOUND_HZ] for s in (START, 300))
    rng = np.random.default_rng(0)
    recording = rng.normal(0, 2 * float(played.std()), 37 * SOUND_HZ).astype(np.float32)  # 6 dB louder than the film
    for s in PLAYED:
        piece = played[round(s.start_s * SOUND_HZ) : round(s.end_s * SOUND_HZ)]
        recording[round(s.at_s * SOUND_HZ) :][: len(piece)] += piece
    true = [Segment(s.start_s, s.end_s, s.at_s, 9.0) for s in PLAYED]
    late = [replace(s, reaction_start_s=s.reaction_start_s + 0.7) for s in true]
    assert coherence_along(true, recording, played, SOUND_HZ) > MIN_CONFIRMING_SCORE
    assert coherence_along(late, recording, played, SOUND_HZ) < MIN_CONFIRMING_SCORE
    assert coherence_along(true, recording, other, SOUND_HZ) < MIN_CONFIRMING_SCORE
    assert coherence_along(true, recording[: 2 * SOUND_HZ], played[:100], SOUND_HZ) == 0.0
