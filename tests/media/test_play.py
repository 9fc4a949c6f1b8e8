"""The frame shown at every instant, by presentation time, for every container."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from make_clips import SIZE, Clip, read_code

from evoked.core.errors import NoPictureError, NoSoundError
from evoked.core.time_grid import TimeGrid
from evoked.media.decode import AudioChunk, MediaReader, VideoFrame, read_media
from evoked.media.probe import frame_times, probe

NAMES = [
    "constant",
    "ntsc",
    "variable",
    "slides",
    "webm",
    "transport",
    "matroska",
    "silent",
    "avi",
    "one",
    "ten_bit",
    "odd",
    "open_gop",
    "hevc",
    "hevc_closed",
    "late_sound",
    "late_picture",
    "cut",
]


def pictures(path: Path, grid: TimeGrid, skip: bool = True) -> list[VideoFrame]:
    return [p for p in read_media(path, frames=grid, skip=skip) if isinstance(p, VideoFrame)]


def off_the_edge(clip: Clip, grid: TimeGrid) -> list[int]:
    """Steps that are further from a change of frame than the container rounds times."""
    changes = np.array([clip.start_s + float(n / clip.rate) for n in clip.numbers])
    return [s for s in range(grid.steps) if np.abs(changes - float(grid.second(s))).min() >= clip.slack_s]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rate", [1, 6])
def test_each_instant_shows_its_own_frame(clips: dict[str, Clip], name: str, rate: int) -> None:
    clip = clips[name]
    # a little off the frames' own instants, where the container rounds these
    grid = TimeGrid(Fraction(rate), int(7 * rate), Fraction(3, 1000) if clip.slack_s else Fraction(0))

    seen = pictures(clip.path, grid)

    start = clip.start_s if clip.start_s else float(probe(clip.path).picture.start_s)  # type: ignore[union-attr]
    clip = Clip(clip.path, clip.rate, clip.numbers, start, slack_s=clip.slack_s)
    assert [p.step for p in seen] == list(range(grid.steps))
    steps = off_the_edge(clip, grid) if clip.slack_s else list(range(grid.steps))
    assert len(steps) > 0.9 * grid.steps
    assert {s: read_code(seen[s].rgb()) for s in steps} == {s: clip.number_at(float(grid.second(s))) for s in steps}


@pytest.mark.parametrize("name", ["constant", "ntsc", "variable", "webm", "open_gop", "hevc", "slides"])
def test_ffmpeg_agrees(clips: dict[str, Clip], name: str, ask_ffmpeg: Callable[..., bytes]) -> None:
    path = clips[name].path
    raw = ask_ffmpeg("-i", path, "-vf", "fps=1:round=up:start_time=0", "-f", "rawvideo", "-pix_fmt", "gray")
    theirs = [read_code(g) for g in np.frombuffer(raw, np.uint8).reshape(-1, SIZE[1], SIZE[0])]

    ours = [read_code(p.rgb()) for p in pictures(path, probe(path).seconds)]

    both = min(len(ours), len(theirs))
    assert both >= 5
    assert ours[:both] == theirs[:both]


def test_times_and_the_count_of_frames(clips: dict[str, Clip]) -> None:
    clip = clips["slides"]
    seen = pictures(clip.path, TimeGrid(Fraction(1), 8))
    assert [p.time_s for p in seen] == list(range(8))
    assert [float(p.pts_s) for p in seen] == pytest.approx([0, 0, 0, 63 / 25, 63 / 25, 63 / 25, 5.6, 5.6])
    assert [p.index for p in seen] == [0, 0, 0, 1, 1, 1, 2, 2]


def test_a_grid_may_start_anywhere_even_before_the_film(clips: dict[str, Clip]) -> None:
    clip = clips["constant"]
    early = pictures(clip.path, TimeGrid(Fraction(2), 4, Fraction(-1)))
    assert [read_code(p.rgb()) for p in early] == [0, 0, 0, 12]
    late = pictures(clip.path, TimeGrid(Fraction(2), 3, Fraction(11, 2)))
    assert [read_code(p.rgb()) for p in late] == [137, 149, 149]
    assert pictures(clip.path, TimeGrid(Fraction(1), 0)) == []


def test_an_hour_of_sixths_never_drifts_a_frame(clips: dict[str, Clip]) -> None:
    """At NTSC's rate every 1001st of these instants falls exactly on a frame: an error of one pts unit shows."""
    clip = clips["ntsc"]
    grid = TimeGrid(Fraction(30000, 1001), 180)
    assert [read_code(p.rgb()) for p in pictures(clip.path, grid)] == list(range(180))


@pytest.mark.parametrize("name", NAMES)
def test_frame_times_are_those_of_the_frames(clips: dict[str, Clip], name: str) -> None:
    clip = clips[name]
    times = frame_times(clip.path)
    start = times[0] if clip.slack_s or name == "avi" else clip.start_s + float(clip.numbers[0] / clip.rate)
    expected = [float((n - clip.numbers[0]) / clip.rate) for n in clip.numbers]
    assert times - start == pytest.approx(np.array(expected), abs=max(1e-4, 1.1 * clip.slack_s))


def test_picture_and_sound_come_in_step_from_one_pass(clips: dict[str, Clip]) -> None:
    at, apart = {"picture": 0.0, "sound": 0.0}, 0.0
    for item in read_media(clips["matroska"].path, frames=TimeGrid(Fraction(25), 150), audio_hz=8000):
        if isinstance(item, AudioChunk):
            at["sound"] = item.start / 8000
        else:
            at["picture"] = float(item.time_s)
        apart = max(apart, abs(at["sound"] - at["picture"]))
    assert apart < 3  # a group of pictures here lasts 2 s


def test_what_is_not_there_is_said_at_once(clips: dict[str, Clip]) -> None:
    with pytest.raises(NoSoundError, match=r"silent\.mp4 has no sound"):
        read_media(clips["silent"].path, audio_hz=16000)
    with pytest.raises(ValueError, match="needs frames"):
        read_media(clips["silent"].path)
    with pytest.raises(ValueError, match="audio_hz must be above zero"):
        read_media(clips["constant"].path, audio_hz=0)


def test_sound_alone_has_no_picture(clips: dict[str, Clip], tmp_path: Path) -> None:
    import make_clips

    for name, codec in (("tone.mp3", "libmp3lame"), ("tone.m4a", "aac")):
        path = tmp_path / name
        make_clips.run("-i", clips["constant"].path, "-vn", "-c:a", codec, path)
        media = probe(path)
        assert media.picture is None
        assert media.seconds.steps in (6, 7)  # a codec's last frame may reach beyond 6 s
        with pytest.raises(NoPictureError, match="has no picture"):
            read_media(path, frames=media.seconds)
        with pytest.raises(NoPictureError, match="has no picture"):
            frame_times(path)


def test_cover_art_is_no_picture(clips: dict[str, Clip], tmp_path: Path) -> None:
    import make_clips

    cover, path = tmp_path / "cover.png", tmp_path / "song.mp3"
    make_clips.run("-i", clips["constant"].path, "-frames:v", 1, cover)
    make_clips.run("-i", clips["constant"].path, "-i", cover, "-map", "0:a", "-map", "1:v", "-c:v", "copy",
                   "-disposition:v", "attached_pic", path)  # fmt: skip
    assert probe(path).picture is None


def test_a_truncated_film_is_noticed(broken: dict[str, Path]) -> None:
    path = broken["truncated.mp4"]
    media = probe(path)
    assert float(media.duration_s) == pytest.approx(6, abs=0.05)  # what it declares

    reader = read_media(path, frames=media.seconds, audio_hz=16000)
    items = list(reader)

    assert 1.5 < reader.ended_s < 4.5
    assert reader.missing_s == pytest.approx(6 - reader.ended_s, abs=0.5)
    assert sum(isinstance(i, VideoFrame) for i in items) == 6  # the last frame is held
    codes = [read_code(i.rgb()) for i in items if isinstance(i, VideoFrame)]
    assert codes[1] == 25
    assert codes[-1] == codes[-2]
    assert sum(len(i.samples) for i in items if isinstance(i, AudioChunk)) == 6 * 16000


def test_a_whole_film_misses_nothing(clips: dict[str, Clip]) -> None:
    for name in ("constant", "transport", "webm", "hevc"):
        reader = read_media(clips[name].path, frames=probe(clips[name].path).seconds, audio_hz=16000)
        for _ in reader:
            pass
        assert reader.dropped == 0
        assert reader.missing_s < 0.1
    short = read_media(clips["constant"].path, frames=TimeGrid(Fraction(1), 2))
    list(short)
    assert short.missing_s == 0  # nothing more was wanted


def test_damage_is_counted_and_the_rest_goes_on(broken: dict[str, Path]) -> None:
    path = broken["damaged.mp4"]
    reader = MediaReader(path, TimeGrid(Fraction(25), 150), 16000, skip=True)
    items = list(reader)
    assert reader.dropped > 0
    assert sum(isinstance(i, VideoFrame) for i in items) == 150
    assert read_code([i for i in items if isinstance(i, VideoFrame)][-1].rgb()) == 149


def test_a_still_is_a_film_of_one_frame(clips: dict[str, Clip], tmp_path: Path) -> None:
    import make_clips

    for name in ("still.png", "still.jpg"):
        path = tmp_path / name
        make_clips.run("-i", clips["constant"].path, "-vf", "select=eq(n\\,77)", "-frames:v", 1, path)
        media = probe(path)
        assert media.sound is None
        assert media.seconds.steps == 1
        assert [read_code(p.rgb()) for p in pictures(path, TimeGrid(Fraction(1), 3))] == [77, 77, 77]
