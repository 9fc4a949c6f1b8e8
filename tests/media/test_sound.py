"""Audio on the same clock as the video: gapless from second 0, silent where there is none."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import make_clips
import numpy as np
import pytest
from make_clips import HZ, Clip, read_code
from numpy.typing import NDArray

from evoked.core.time_grid import TimeGrid
from evoked.media.audio_stream import AudioAssembler, mix_to_mono
from evoked.media.container import open_container
from evoked.media.decode import AudioChunk, VideoFrame, read_audio, read_media
from evoked.media.probe import probe

Decode = Callable[[Path, int], NDArray[np.float32]]
HEARD = ["constant", "ntsc", "variable", "webm", "transport", "matroska", "avi", "late_sound", "late_picture", "cut"]


def onsets(heard: NDArray[np.float32], hz: int) -> list[float]:
    """Where clicks begin, in seconds."""
    loud = np.flatnonzero(np.abs(heard) > 0.4)
    return [] if not len(loud) else [float(s) / hz for s in loud[np.diff(loud, prepend=-hz) > hz // 2]]


def lag(ours: NDArray[np.float32], theirs: NDArray[np.float32], hz: int) -> float:
    """The delay of `ours` in seconds, from the highest correlation."""
    size = 2 * max(len(ours), len(theirs))
    spectrum = np.fft.rfft(ours, size) * np.conj(np.fft.rfft(theirs, size))
    shift = int(np.argmax(np.fft.irfft(spectrum, size)))
    return (shift if shift < size // 2 else shift - size) / hz


@pytest.mark.parametrize("name", HEARD)
def test_it_lies_where_ffmpeg_puts_it(
    clips: dict[str, Clip], name: str, ffmpeg_sound: Decode, ffmpeg_start: Callable[[Path], float]
) -> None:
    path = clips[name].path
    ours, theirs = read_audio(path, 48000), ffmpeg_sound(path, 48000)
    # ffmpeg 5 counts Opus' priming, which nobody hears, as the start of the file; later ones do not
    with open_container(path) as source:
        clocks = ffmpeg_start(path) - float(source.zero)
    late = lag(ours, theirs, 48000)
    assert abs(late - clocks) <= 0.001
    at = round(late * 48000)
    ours, theirs = ours[max(at, 0) :], theirs[max(-at, 0) :]
    both = min(len(ours), len(theirs))
    assert np.corrcoef(ours[:both], theirs[:both])[0, 1] > 0.99


@pytest.mark.parametrize("name", HEARD)
def test_clicks_and_flashes_fall_together(clips: dict[str, Clip], name: str) -> None:
    """The flash of second s is the frame number ceil(s * rate); the click begins within that second's frame."""
    clip = clips[name]
    start = float(probe(clip.path).picture.start_s) if clip.slack_s else clip.start_s  # type: ignore[union-attr]
    clicked = np.array(onsets(read_audio(clip.path, 16000), 16000))
    assert len(clicked) >= 4
    beats = clicked - (start if name not in ("late_sound", "late_picture") else clip.sound_s or 0)
    # ffmpeg writes Opus 7 ms early into WebM; "cut" begins .2 s before a second
    assert np.abs(beats - np.round(beats * 5) / 5).max() <= (0.0085 if name == "webm" else 0.0015)
    codes = {
        p.time_s: read_code(p.rgb())
        for p in read_media(clip.path, frames=TimeGrid(Fraction(50), 250))
        if isinstance(p, VideoFrame)
    }
    if name in ("constant", "ntsc", "webm", "matroska", "transport", "avi"):
        for second in (1, 2, 3):
            change = next(t for t, c in codes.items() if c >= second * clip.rate)
            heard = clicked[np.abs(clicked - float(change)).argmin()]
            assert abs(float(change) - heard) <= 1 / 25 + 1 / 50


@pytest.mark.parametrize(
    ("name", "hz"), [("late_sound", 16000), ("late_picture", 16000), ("constant", 44100), ("webm", 8000)]
)
def test_chunks_join_without_a_gap_and_end_with_the_film(clips: dict[str, Clip], name: str, hz: int) -> None:
    at = 0
    for chunk in read_media(clips[name].path, audio_hz=hz):
        assert isinstance(chunk, AudioChunk)
        assert chunk.start == at
        assert chunk.samples.dtype == np.float32
        assert 0 < len(chunk.samples) <= 2 * hz
        at += len(chunk.samples)
    assert at == round(probe(clips[name].path).duration_s * hz)


def test_a_late_start_is_silence(clips: dict[str, Clip]) -> None:
    heard = read_audio(clips["late_sound"].path, 16000)
    assert not heard[: int(1.47 * 16000)].any()  # from there on, AAC rings before the click
    assert onsets(heard, 16000)[0] == pytest.approx(1.5, abs=0.001)


def wave(folder: Path, samples: NDArray[np.float32], rate: int = HZ) -> Path:
    raw, path = folder / "raw.f32", folder / "sound.wav"
    samples.tofile(raw)
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    make_clips.run("-f", "f32le", "-ar", rate, "-ac", channels, "-i", raw, "-c:a", "pcm_f32le", path)
    return path


def test_a_gap_in_the_timestamps_is_silence(clips: dict[str, Clip], tmp_path: Path) -> None:
    path = tmp_path / "gap.mkv"
    make_clips.run(
        "-i",
        clips["matroska"].path,
        "-map",
        "0:a",
        "-af",
        "aselect='not(between(t,1.5,3.5))'",
        "-c:a",
        "pcm_s16le",
        path,
    )
    heard = read_audio(path, 16000)
    assert onsets(heard, 16000) == pytest.approx([0, 1, 4, 5], abs=0.0015)
    assert not heard[int(1.6 * 16000) : int(3.4 * 16000)].any()


def test_the_channels_are_averaged_and_the_rate_is_changed_once(
    clips: dict[str, Clip], tmp_path: Path, ffmpeg_sound: Decode
) -> None:
    rng = np.random.default_rng(3)
    stereo = rng.uniform(-0.5, 0.5, (HZ * 3, 2)).astype(np.float32)
    mean = tmp_path / "mean"
    mean.mkdir()
    stereo_path, mean_path = wave(tmp_path, stereo), wave(mean, stereo.mean(axis=1))

    np.testing.assert_allclose(read_audio(stereo_path, HZ), stereo.mean(axis=1), atol=1e-6)  # nothing done to it
    ours, theirs = read_audio(stereo_path, 16000), ffmpeg_sound(mean_path, 16000)
    assert len(ours) == 3 * 16000
    np.testing.assert_allclose(ours[200:-200], theirs[200 : len(ours) - 200], atol=2e-3)
    assert np.abs(ours[-100:]).max() > 0.05  # the resampler gave its last samples


def test_a_tone_keeps_its_level_and_phase(clips: dict[str, Clip], tmp_path: Path) -> None:
    t = np.arange(HZ * 2) / HZ
    path = wave(tmp_path, (0.6 * np.sin(2 * np.pi * 1000 * t)).astype(np.float32))
    heard = read_audio(path, 16000)
    expected = 0.6 * np.sin(2 * np.pi * 1000 * np.arange(len(heard)) / 16000)
    np.testing.assert_allclose(heard[100:-100], expected[100:-100], atol=2e-3)


def frame(samples: NDArray[np.generic], kind: str, layout: str, rate: int, pts: int | None) -> av.AudioFrame:
    out = av.AudioFrame.from_ndarray(samples, format=kind, layout=layout)
    out.sample_rate, out.pts = rate, pts
    return out


@pytest.mark.parametrize(
    ("kind", "value", "level"),
    [("u8", np.uint8(192), 0.5), ("s16", np.int16(-16384), -0.5), ("s32p", np.int32(1 << 30), 0.5),
     ("flt", np.float32(0.25), 0.25), ("dblp", np.float64(-0.25), -0.25)],
)  # fmt: skip
def test_every_sample_format_has_one_full_scale(kind: str, value: np.generic, level: float) -> None:
    shape = (2, 100) if kind.endswith("p") else (1, 200)
    stereo = frame(np.full(shape, value), kind, "stereo", 8000, 0)
    np.testing.assert_allclose(mix_to_mono(stereo), np.full(100, level), atol=1e-7)


def joined(line: AudioAssembler, frames: list[av.AudioFrame]) -> NDArray[np.float32]:
    chunks = [c for f in frames for c in line.take(f)] + list(line.end())
    assert [c.start for c in chunks] == list(np.cumsum([0] + [len(c.samples) for c in chunks])[:-1])
    return np.concatenate([c.samples for c in chunks])


def test_overlaps_are_trimmed_and_jitter_is_left_alone() -> None:
    ramp = (np.arange(8000) / 8000).astype(np.float32)
    line = AudioAssembler(8000, Fraction(1, 8000), Fraction(0), Fraction(1))
    pieces = [(0, 2000), (1500, 4000), (4040, 6000), (6000, 8000)]  # 500 twice; 40 samples (5 ms) late by its stamp
    frames = [frame(ramp[None, a if a != 4040 else 4000 : b], "fltp", "mono", 8000, a) for a, b in pieces]
    np.testing.assert_array_equal(joined(line, frames), ramp)


def test_the_rate_may_change_within_a_film() -> None:
    def tone(rate: int) -> NDArray[np.float32]:
        return np.sin(2 * np.pi * 200 * np.arange(rate) / rate).astype(np.float32)[None]

    line = AudioAssembler(16000, Fraction(1, 1000), Fraction(0), Fraction(3))
    frames = [frame(tone(r), "fltp", "mono", r, 1000 * i) for i, r in enumerate((44100, 48000, 16000))]
    heard = joined(line, frames)
    assert len(heard) == 48000
    expected = np.sin(2 * np.pi * 200 * np.arange(48000) / 16000)
    inside = np.abs((np.arange(48000) + 8000) % 16000 - 8000) > 300
    np.testing.assert_allclose(heard[inside], expected[inside], atol=0.05)


def test_no_sound_at_all_is_silence_to_the_end() -> None:
    assert not joined(AudioAssembler(8000, Fraction(1, 8000), Fraction(0), Fraction(5, 2)), []).any()


def test_a_codecs_padding_is_cut_but_hidden_sound_is_kept() -> None:
    def heard(count: int) -> int:
        line = AudioAssembler(8000, Fraction(1, 8000), Fraction(0), Fraction(1))
        return len(joined(line, [frame(np.ones((1, count), np.float32), "fltp", "mono", 8000, 0)]))

    assert heard(8100) == 8000
    assert heard(12000) == 12000


def test_a_broken_stamp_makes_no_days_of_silence() -> None:
    line = AudioAssembler(8000, Fraction(1, 8000), Fraction(0), Fraction(1))
    frames = [frame(np.ones((1, 4000), np.float32), "fltp", "mono", 8000, pts) for pts in (0, 95443717)]
    heard = joined(line, frames)
    assert len(heard) == 12000  # the second comes right after the end: it is kept, and no more is made up
    assert heard[:4000].all()
    assert not heard[4000:8000].any()


@pytest.mark.full
def test_an_hour_later_clicks_and_flashes_still_fall_together(clips: dict[str, Clip], tmp_path: Path) -> None:
    path = tmp_path / "hour.mp4"
    make_clips.run("-stream_loop", 599, "-i", clips["constant"].path, "-f", "lavfi", "-i",
                   "aevalsrc='if(lt(mod(t,1),0.001),0.8,0)':s=44100:d=3600", "-map", "0:v", "-map", "1:a",
                   "-c:v", "copy", "-c:a", "aac", "-t", 3600, path)  # fmt: skip
    clicked: list[float] = []
    for chunk in read_media(path, audio_hz=16000):
        assert isinstance(chunk, AudioChunk)
        clicked += [chunk.start / 16000 + s for s in onsets(chunk.samples, 16000)]
    seconds = np.array(clicked)
    assert len(set(np.round(seconds))) >= 3598
    assert np.abs(seconds - np.round(seconds)).max() <= 0.0015
    for item in read_media(path, frames=TimeGrid(Fraction(1), 40, Fraction(3550))):
        assert isinstance(item, VideoFrame)
        assert read_code(item.rgb()) == 25 * (int(item.time_s) % 6)
