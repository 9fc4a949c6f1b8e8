"""Many channels, channels that cancel each other, and sound that is damaged."""

import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import make_clips
import numpy as np
import pytest
from numpy.typing import NDArray

from evoked.core.damage import Damage
from evoked.media.audio_stream import AudioAssembler
from evoked.media.decode import MediaReader, audio_of, read_audio, read_media

HZ = 48000
TONES = np.array([300.0, 410, 530, 670, 790, 910, 1130, 1270, 1390, 1510, 1630, 1750, 1870, 1990, 2110, 2230])

pytestmark = pytest.mark.usefixtures("clips")  # skipped without ffmpeg


def tones(channels: int, seconds: float = 2.0) -> NDArray[np.float32]:
    """A tone of its own for each channel, shape (samples, channels)."""
    t = np.arange(round(seconds * HZ))[:, None] / HZ
    return (0.4 * np.sin(2 * np.pi * TONES[:channels] * t)).astype(np.float32)


def speech(seconds: float = 4.0, seed: int = 1) -> NDArray[np.float32]:
    """Noise whose loudness goes up and down, shape (samples,)."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * HZ)) / HZ
    smooth = np.convolve(rng.normal(0, 0.3, len(t)), np.ones(12) / 12, "same")
    return (smooth * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * t))).astype(np.float32)


def written(path: Path, samples: NDArray[np.float32], *codec: object) -> Path:
    """A file of these samples, shape (samples, channels)."""
    raw = path.with_suffix(".f32")
    samples.astype(np.float32).tofile(raw)
    make_clips.run("-f", "f32le", "-ar", HZ, "-ac", samples.shape[1], "-i", raw, *codec, path)
    return path


def levels(sound: NDArray[np.float32], hz: int, channels: int) -> NDArray[np.float64]:
    """The amplitude of each channel's tone in the middle of a sound."""
    middle = sound[hz // 4 : hz // 4 + hz].astype(np.float64)
    t = np.arange(len(middle)) / hz
    return np.array([2 * abs(np.mean(middle * np.exp(-2j * np.pi * f * t))) for f in TONES[:channels]])


def reader_of(path: Path, hz: int = HZ) -> tuple[NDArray[np.float32], MediaReader]:
    reader = read_media(path, audio_hz=hz)
    return audio_of(reader), reader


@pytest.mark.parametrize(
    ("name", "channels", "codec"),
    [
        ("aac.mp4", 8, ("-c:a", "aac", "-b:a", "768k", "-channel_layout", "7.1")),
        ("opus.mkv", 8, ("-c:a", "libopus", "-b:a", "768k", "-mapping_family", 1)),
        ("flac.flac", 8, ("-c:a", "flac")),
        ("pcm.wav", 16, ("-c:a", "pcm_s16le")),
        ("hexagonal.mp4", 16, ("-af", "aformat=channel_layouts=hexadecagonal", "-c:a", "pcm_f32le", "-f", "mov")),
        ("five.mp4", 6, ("-c:a", "aac", "-b:a", "512k")),
    ],
)
def test_every_one_of_many_channels_is_read_and_no_memory_beyond_them(
    tmp_path: Path, name: str, channels: int, codec: tuple[object, ...]
) -> None:
    """In a process of its own: a read outside a frame ends it."""
    path = written(tmp_path / name, tones(channels), *codec)
    out = tmp_path / "mono.npy"
    code = "import sys, numpy as np; from pathlib import Path; from evoked.media.decode import read_audio; "
    code += "np.save(sys.argv[2], read_audio(Path(sys.argv[1]), 48000))"
    done = subprocess.run([sys.executable, "-c", code, str(path), str(out)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[-500:]
    heard = levels(np.load(out), HZ, channels)
    if name in ("aac.mp4", "five.mp4", "opus.mkv"):  # the low-frequency channel loses its tone
        assert np.sum(np.abs(heard - 0.4 / channels) < 0.1 / channels) >= channels - 1
    else:
        np.testing.assert_allclose(heard, 0.4 / channels, rtol=0.01)


def test_five_point_one_is_the_mean_to_the_bit() -> None:
    samples = np.random.default_rng(2).uniform(-0.5, 0.5, (6, 4000)).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="5.1")
    frame.sample_rate, frame.pts = 8000, 0
    line = AudioAssembler(8000, Fraction(1, 8000), Fraction(0), Fraction(1, 2))
    heard = np.concatenate([c.samples for c in [*line.take(frame), *line.end()]])
    np.testing.assert_array_equal(heard, samples.mean(axis=0, dtype=np.float32))


def similar(sound: NDArray[np.float32], wanted: NDArray[np.float32]) -> float:
    count = min(len(sound), len(wanted))
    return float(np.corrcoef(sound[:count], wanted[:count])[0, 1])


@pytest.mark.parametrize(
    ("left", "right"),
    [(1.0, -1.0), (1.0, -0.9), (-0.6, 1.0)],
    ids=["opposite", "nearly opposite", "weaker and opposite"],
)
@pytest.mark.parametrize("codec", ["pcm_s16le", "aac"])
def test_channels_of_opposite_phase_are_heard_and_told(tmp_path: Path, left: float, right: float, codec: str) -> None:
    voice = speech()
    name = "opposite.mp4" if codec == "aac" else "opposite.mkv"
    path = written(tmp_path / name, np.stack([left * voice, right * voice], 1), "-c:a", codec, "-b:a", "256k")
    heard, reader = reader_of(path)
    louder = voice * (left if abs(left) >= abs(right) else right)
    assert similar(heard[2000:], louder[2000:]) > (0.999 if codec == "pcm_s16le" else 0.9)
    assert np.std(heard) == pytest.approx(np.std(louder), rel=0.1)
    assert [entry.kind for entry in reader.sound_damage] == ["sound_cancels"]
    assert reader.sound_damage[0].from_s == 0
    assert reader.sound_damage[0].to_s == pytest.approx(4, abs=0.05)


def test_a_voice_that_only_the_difference_holds_is_heard_over_a_weak_common_sound(tmp_path: Path) -> None:
    voice, hum = speech(), 0.2 * speech(seed=2)
    heard, reader = reader_of(written(tmp_path / "partly.wav", np.stack([hum + voice, hum - voice], 1)))
    assert abs(similar(heard, voice)) > 0.97
    assert [entry.kind for entry in reader.sound_damage] == ["sound_cancels"]


def test_opposite_pairs_of_five_point_one_are_heard(tmp_path: Path) -> None:
    voice = speech()
    pairs = np.stack([voice, -voice, 0 * voice, 0 * voice, voice / 2, -voice / 2], 1)
    heard, reader = reader_of(written(tmp_path / "pairs.wav", pairs, "-c:a", "pcm_f32le"))
    np.testing.assert_allclose(heard[2000:], voice[2000:], atol=1e-4)
    assert [entry.kind for entry in reader.sound_damage] == ["sound_cancels"]


def test_phase_that_turns_within_a_file_is_followed_without_a_click(tmp_path: Path) -> None:
    t = np.arange(6 * HZ) / HZ
    tone = (0.4 * np.sin(2 * np.pi * 250 * t)).astype(np.float32)
    sign = np.where((t >= 2) & (t < 4), -1.0, 1.0).astype(np.float32)
    heard, reader = reader_of(written(tmp_path / "turns.wav", np.stack([tone, sign * tone], 1), "-c:a", "pcm_f32le"))
    steepest = 0.4 * 2 * np.pi * 250 / HZ  # from sample to sample
    assert np.abs(np.diff(heard)).max() < 1.2 * steepest
    np.testing.assert_allclose(heard, tone, atol=1e-6)  # nothing is lost
    (told,) = reader.sound_damage
    assert told.from_s == pytest.approx(2, abs=0.05)
    assert 3.97 < told.to_s < 4.5


@pytest.mark.parametrize("turns_s", [(1.0, 1.3), (0.93, 2.38), (1.61, 1.98), (2.49, 2.77), (0.11, 3.87)])
def test_nothing_is_lost_where_the_phase_turns_wherever_that_is(tmp_path: Path, turns_s: tuple[float, float]) -> None:
    voice, t = speech(), np.arange(4 * HZ) / HZ
    sign = np.where((t >= turns_s[0]) & (t < turns_s[1]), -1.0, 1.0).astype(np.float32)
    path = written(tmp_path / "turns.wav", np.stack([sign * voice, voice], 1), "-c:a", "pcm_f32le")
    heard, reader = reader_of(path)
    kept = np.minimum(np.abs(heard - voice), np.abs(heard + voice))  # either channel may be the loudest by a hair
    quarter = HZ // 100
    level = np.sqrt(
        np.mean(np.square(heard).reshape(-1, quarter), axis=1) / np.mean(np.square(voice).reshape(-1, quarter), axis=1)
    )
    assert level.min() > 0.5
    assert (kept > 1e-4).mean() < 0.03  # the cross-fades alone
    (told,) = reader.sound_damage
    assert told.from_s == pytest.approx(turns_s[0], abs=0.05)
    assert turns_s[1] - 0.03 < told.to_s < turns_s[1] + 0.5  # a channel is kept to the end of a block


@pytest.mark.parametrize(("channel", "channels"), [(2, 8), (4, 6), (0, 16)])
def test_one_channel_of_many_stays_in_the_mean_and_is_told(tmp_path: Path, channel: int, channels: int) -> None:
    voice = speech()
    sound = np.full((len(voice), channels), 1e-5, dtype=np.float32)
    sound[:, channel] += voice
    heard, reader = reader_of(written(tmp_path / "lone.wav", sound, "-c:a", "pcm_f32le"))
    np.testing.assert_allclose(heard, sound.mean(axis=1), atol=1e-6)
    (told,) = reader.sound_damage
    assert told.kind == "one_channel"
    assert f"channel {channel + 1} of {channels}" in told.text
    assert f"{20 * np.log10(channels):.0f} dB below it" in told.text


@pytest.mark.parametrize(
    "make",
    [
        lambda a, b: np.stack([a, b], 1),
        lambda a, b: np.stack([a, 0 * a], 1),
        lambda a, b: np.stack([a + b, a - b], 1),
        lambda a, b: np.stack([a, b, a / 4, b / 4, -a / 8, b / 8], 1),
        lambda a, b: np.stack([a, 0 * a, 0 * a, 0 * a, 0 * a, b / 9], 1),
    ],
    ids=["unrelated", "one silent", "middle and side alike", "5.1", "5.1 of mostly one"],
)
def test_ordinary_channels_stay_their_mean_to_the_bit(
    tmp_path: Path, make: Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]]
) -> None:
    channels = make(speech(), speech(seed=2)).astype(np.float32)
    heard, reader = reader_of(written(tmp_path / "ordinary.wav", channels, "-c:a", "pcm_f32le"))
    np.testing.assert_array_equal(heard, channels.mean(axis=1, dtype=np.float32))
    assert [entry.kind for entry in reader.sound_damage if entry.kind != "one_channel"] == []


def frames_of(samples: NDArray[np.float32], hz: int = 8000, at: int = 0) -> list[av.AudioFrame]:
    """Frames of 200 samples, shape (channels, samples), on a time base of 1/8000 s."""
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[len(samples)]
    out = []
    for start in range(0, samples.shape[1], 200):
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples[:, start : start + 200]), format="fltp", layout=layout
        )
        frame.sample_rate, frame.pts = hz, at + start * 8000 // hz
        out.append(frame)
    return out


def assembled(frames: list[av.AudioFrame], seconds: int) -> tuple[NDArray[np.float32], tuple[Damage, ...]]:
    line = AudioAssembler(8000, Fraction(1, 8000), Fraction(0), Fraction(seconds))
    chunks = [chunk for frame in frames for chunk in line.take(frame)] + list(line.end())
    return np.concatenate([chunk.samples for chunk in chunks]), line.damage


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 38170.0])
def test_values_that_no_recording_holds_become_silence_and_are_told(value: float) -> None:
    samples = np.full((2, 16000), 0.25, np.float32)
    samples[1, 4500] = value
    heard, damage = assembled(frames_of(samples), 2)
    expected = np.full(16000, 0.25, np.float32)
    expected[4400:4600] = 0
    np.testing.assert_array_equal(heard, expected)
    (told,) = damage
    assert (told.kind, told.from_s, told.to_s) == ("sound_damaged", 0.55, 0.575)


def test_an_overdriven_float_recording_is_kept() -> None:
    samples = np.full((2, 8000), 7.5, np.float32)
    heard, damage = assembled(frames_of(samples), 1)
    assert heard.max() == 7.5
    assert damage == ()


@pytest.mark.parametrize(("channels", "hz"), [(6, 8000), (1, 8000), (2, 44100)])
@pytest.mark.parametrize("place", [0, 20, 79])
def test_a_frame_of_another_format_than_its_neighbours_is_damage(channels: int, hz: int, place: int) -> None:
    frames = frames_of(np.full((2, 16000), 0.25, np.float32))
    (odd,) = frames_of(np.full((channels, 200), 0.5, np.float32), hz)
    odd.pts = None  # as in the file that this was seen in
    frames[place] = odd
    heard, damage = assembled(frames, 2)
    expected = np.full(16000, 0.25, np.float32)
    expected[place * 200 : place * 200 + 200] = 0
    np.testing.assert_array_equal(heard, expected)
    assert [entry.kind for entry in damage] == ["sound_damaged"]


def test_a_change_of_channels_that_lasts_is_followed_and_told() -> None:
    frames = frames_of(np.full((2, 8000), 0.25, np.float32))
    frames += frames_of(np.full((6, 8000), 0.5, np.float32), at=8000)
    heard, damage = assembled(frames, 2)
    np.testing.assert_array_equal(heard, np.repeat(np.float32([0.25, 0.5]), 8000))
    (told,) = damage
    assert (told.kind, told.from_s) == ("sound_format", 1.0)
    assert "2 channels" in told.text
    assert "to 6" in told.text


def test_a_damaged_stereo_file_whose_frame_claims_39_channels_does_not_crash(tmp_path: Path) -> None:
    """Bits of AAC packets are turned until a frame claims another number of channels; each is read to its end."""
    path = written(tmp_path / "whole.mp4", np.stack([speech(3), speech(3, 2)], 1), "-c:a", "aac", "-b:a", "128k")
    code = """
import sys, random
from pathlib import Path
from evoked.core.errors import EvokedError
from evoked.media.decode import audio_of, read_media
import numpy as np
whole = bytearray(Path(sys.argv[1]).read_bytes())
told = 0
for seed in range(40):
    pick = random.Random(seed)
    damaged = bytearray(whole)
    for _ in range(20):
        damaged[pick.randrange(100, len(whole) * 9 // 10)] ^= 1 << pick.randrange(8)
    path = Path(sys.argv[1]).with_name("damaged.mp4")
    path.write_bytes(damaged)
    try:
        reader = read_media(path, audio_hz=16000)
        sound = audio_of(reader)
    except EvokedError:
        continue
    assert np.isfinite(sound).all() and np.abs(sound).max() < 40, seed
    told += bool(reader.sound_damage)
print(told)
"""
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    assert int(done.stdout) > 0


def test_what_is_read_of_a_whole_stereo_file_is_told_nowhere(tmp_path: Path) -> None:
    path = written(tmp_path / "whole.mp4", np.stack([speech(), speech(seed=2)], 1), "-c:a", "aac")
    _, reader = reader_of(path)
    assert reader.sound_damage == ()
    assert len(read_audio(path, 16000)) == 4 * 16000
