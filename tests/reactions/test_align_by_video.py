"""Reactions without sound, aligned by video: real film, a real viewer, moments that are known."""

import wave
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from shown import FILM_RATE, MIRRORED, SIZE, Stretch, content, film, recorded
from staged_scenes import CORNER, SIDE, UNSEEN, Scene

from evoked.core.errors import AlignmentError, NoPictureError
from evoked.media.write import VideoWriter
from evoked.reactions.alignment.config import AlignConfig
from evoked.reactions.alignment.offset_map import OffsetMap
from evoked.reactions.alignment.video.align import align_by_video
from evoked.reactions.alignment.video.thumbnails import HZ, FrameThumbnails, content_thumbnails, reaction_thumbnails

pytestmark = pytest.mark.nets
START, SECONDS = 60, 30
THROUGH = [Stretch(0, 30, 2.53)]
PAUSE = [Stretch(0, 13.37, 1.23), Stretch(13.37, 30, 18.71)]
SKIP = [Stretch(0.5, 14.2, 0.0), Stretch(17.9, 30, 13.7)]
FASTER = [Stretch(0, 30, 1.23, 1.04)]
REWIND = [Stretch(0, 20, 1.23), Stretch(12.31, 30, 21.23)]
BACK = [Stretch(13, 30, 1.23), Stretch(0, 13, 19.71)]  # begun in the middle, then from the start
SLOWER = [Stretch(0, 30, 1.23, 0.95)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("by_video")


@pytest.fixture(scope="module")
def watched(folder: Path) -> FrameThumbnails:
    return content_thumbnails(content(folder / "film.mp4", START, SECONDS))


def seen(folder: Path, name: str, scene: Scene, played: list[Stretch]) -> FrameThumbnails:
    seconds = max(s.at_s + (s.end_s - s.start_s) / s.speed for s in played) + 1.5
    return reaction_thumbnails(recorded(folder / f"{name}.mp4", film(START, SECONDS), scene, played, seconds))


def errors(found: OffsetMap, played: list[Stretch]) -> tuple[np.ndarray, float]:
    """Seconds by which each mapped tenth is off (9 where it is not played), and the share of tenths mapped."""
    off, mapped, all_ = [], 0, 0
    for tenth in range(SECONDS * 10):
        there = tenth / 10
        true = [s.at_s + (there - s.start_s) / s.speed for s in played if s.start_s <= there < s.end_s]
        at = found.reaction_time(there)
        all_ += bool(true)
        mapped += bool(true) and at is not None
        if at is not None:
            off.append(min((abs(at - t) for t in true), default=9.0))
    return np.array(off), mapped / all_


CASES = {
    "corner": (CORNER, THROUGH, 0.9),
    "side": (SIDE, SKIP, 0.85),
    "inset, mirrored": (MIRRORED, PAUSE, 0.85),
    "side, rewound": (SIDE, REWIND, 0.9),
    "corner, begun in the middle": (CORNER, BACK, 0.85),
    "side, faster": (SIDE, FASTER, 0.85),
    "corner, slower": (CORNER, SLOWER, 0.8),
}
ALWAYS = {"corner", "inset, mirrored", "side, rewound", "corner, begun in the middle"}


@pytest.mark.parametrize("name", [n if n in ALWAYS else pytest.param(n, marks=pytest.mark.full) for n in CASES])
def test_a_silent_recording_is_aligned(name: str, folder: Path, watched: FrameThumbnails) -> None:
    scene, played, least = CASES[name]
    found = align_by_video(seen(folder, name, scene, played), watched)
    off, share = errors(found, played)
    assert found.by == "video"
    assert share >= least
    assert np.percentile(off, 95) <= 0.06
    assert found.segments[0].rate == pytest.approx(1 / played[0].speed, abs=0.003)
    assert len(found.segments) == len(played)


def test_a_pause_where_the_film_stands_still(folder: Path) -> None:
    """When it was paused cannot be seen there, a second and a half of it; all around is mapped as it was played."""
    frames = list(film(START, SECONDS))
    still = range(round(12.5 * FILM_RATE), 14 * FILM_RATE)
    for i in still:
        frames[i] = frames[still[0]]
    path = folder / "still_within.mp4"
    with VideoWriter(path, SIZE, Fraction(FILM_RATE), preset="ultrafast") as writer:
        for frame in frames:
            writer.picture(frame)
    played = [Stretch(0, 13.2, 1.23), Stretch(13.2, 30, 18.71)]
    shown = reaction_thumbnails(recorded(folder / "pause_within.mp4", tuple(frames), SIDE, played, 37))

    found = align_by_video(shown, content_thumbnails(path))

    off = {t / 10: played[t >= 132].at_s + t / 10 - played[t >= 132].start_s for t in range(300)}
    told = {t: found.reaction_time(t) for t in off}
    around = [abs(told[t] - off[t]) for t in off if not 12.4 <= t <= 14.1 and told[t] is not None]
    assert len(around) > 0.9 * (300 - 18)
    assert np.percentile(around, 95) <= 0.06
    assert max(around) < 0.2


def test_a_film_that_is_not_shown_is_refused(folder: Path, watched: FrameThumbnails) -> None:
    with pytest.raises(AlignmentError, match="not clearly visible"):
        align_by_video(seen(folder, "unseen", UNSEEN, THROUGH), watched)


@pytest.mark.parametrize("start_s", [200, *(pytest.param(s, marks=pytest.mark.full) for s in range(110, 560, 30))])
def test_another_part_of_the_film_is_refused(start_s: int, folder: Path) -> None:
    other = content_thumbnails(content(folder / f"other{start_s}.mp4", start_s, SECONDS))
    path = folder / "mine.mp4"
    if not path.exists():
        recorded(path, film(START, SECONDS), SIDE, THROUGH, 33)
    with pytest.raises(AlignmentError, match="not clearly visible"):
        align_by_video(reaction_thumbnails(path), other)


def test_too_little_in_common_is_refused(folder: Path, watched: FrameThumbnails) -> None:
    short = seen(folder, "corner", CORNER, THROUGH)
    with pytest.raises(AlignmentError, match=r"too little video in common: .* needed: 100\.0 s"):
        align_by_video(short, watched, AlignConfig(min_common_s=100))


def test_stills_black_and_single_frames_are_refused(folder: Path, watched: FrameThumbnails) -> None:
    still = np.repeat(film(START, SECONDS)[:1], 200, axis=0)
    for name, pictures in (("still", still), ("black", np.zeros_like(still)), ("frame", still[:1])):
        path = folder / f"{name}.mp4"
        with VideoWriter(path, (320, 180), Fraction(25)) as writer:
            for picture in pictures:
                writer.picture(picture)
        with pytest.raises(AlignmentError, match="the reaction's picture hardly changes"):
            align_by_video(reaction_thumbnails(path), watched)
        with pytest.raises(AlignmentError, match="the content's picture hardly changes"):
            align_by_video(replace(watched, cells=np.repeat(watched.cells, 3, axis=2)), content_thumbnails(path))


def test_a_sound_file_has_no_picture(folder: Path) -> None:
    path = folder / "sound.wav"
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(bytes(16000))
    for look in (content_thumbnails, reaction_thumbnails):
        with pytest.raises(NoPictureError):
            look(path)


def slides(watched: FrameThumbnails, order: list[int], every: int) -> np.ndarray:
    """A show of stills that change at a steady pace."""
    return np.repeat(watched.cells[order], every, axis=0)


@pytest.mark.parametrize("seed", range(3))
def test_two_shows_of_stills_at_one_pace_are_not_taken_for_each_other(seed: int, watched: FrameThumbnails) -> None:
    rng = np.random.default_rng(seed)
    numbers = rng.permutation(len(watched.cells))
    ours, theirs = slides(watched, list(numbers[:8]), 50), slides(watched, list(numbers[8:15]), 50)
    frame = np.full((len(ours), 27, 48), 16, np.uint8)
    frame[:, 1:25, 2:34] = np.kron(ours, np.ones((1, 2, 2), np.uint8))
    with pytest.raises(AlignmentError):
        align_by_video(replace(watched, cells=frame), replace(watched, cells=theirs))


def test_thumbnails_are_means_of_cells_with_their_mean_delay(folder: Path) -> None:
    path = folder / "grey.mp4"
    with VideoWriter(path, (320, 180), Fraction(5)) as writer:
        for i in range(10):
            picture = np.full((180, 320, 3), 60, np.uint8)
            picture[:, 160:] = 20 * i
            writer.picture(picture)
    looks = content_thumbnails(path)
    assert looks.cells.shape == (2 * float(HZ), 12, 16)
    assert looks.frame_s == pytest.approx(0.2)
    assert looks.hold_s == pytest.approx(np.mean([2 * i % 5 / 25 for i in range(25)]), abs=1e-6)
    assert np.abs(looks.cells[:, :, :7].astype(int) - 60).max() <= 3
    assert np.abs(looks.cells[-1, :, 9:].astype(int) - 180).max() <= 3
    assert reaction_thumbnails(path).cells.shape == (25, 27, 48)
