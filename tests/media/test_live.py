"""A stream that is still being written gives the frames and audio of the finished file."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from make_clips import Clip, read_code

from evoked.core.errors import EvokedError, MissingMedia, NoPictureError
from evoked.core.time_grid import TimeGrid
from evoked.media.decode import AudioChunk, VideoFrame, read_media
from evoked.media.live import LiveReader
from evoked.media.probe import probe

HZ = 16_000
KINDS = {
    "ts": ("-f", "mpegts"),
    "mkv": ("-f", "matroska"),
    "mp4": ("-movflags", "frag_keyframe+empty_moov", "-f", "mp4"),
}


@pytest.fixture(params=KINDS)
def streamed(
    request: pytest.FixtureRequest, clips: dict[str, Clip], ask_ffmpeg: Callable[..., bytes], tmp_path: Path
) -> Path:
    """A video of some seconds with audio, in a container that can be read from front to back."""
    path = tmp_path / f"video.{request.param}"
    path.write_bytes(ask_ffmpeg("-i", clips["ntsc"].path, "-c", "copy", *KINDS[request.param]))
    return path


def decoded(items: list[VideoFrame | AudioChunk]) -> tuple[list[tuple[int, int]], np.ndarray]:
    """(second, number that the frame shows), and all audio."""
    frames = [(p.step, read_code(p.rgb())) for p in items if isinstance(p, VideoFrame)]
    sounds = [s for s in items if isinstance(s, AudioChunk)]
    starts = np.cumsum([0, *(len(s.samples) for s in sounds)])
    assert [s.start for s in sounds] == starts[:-1].tolist()
    return frames, np.concatenate([s.samples for s in sounds]) if sounds else np.zeros(0, np.float32)


def feed(path: Path, into: Path, done: list[float], pause_s: float = 0.0) -> threading.Thread:
    """Write a file's bytes into another or a pipe, piece by piece, in a thread of its own."""

    def work() -> None:
        data = path.read_bytes()
        piece = max(1, len(data) // 20)
        with into.open("wb", buffering=0) as out:
            for start in range(0, len(data), piece):
                out.write(data[start : start + piece])
                time.sleep(pause_s)
        done.append(time.monotonic())

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_a_pipe_gives_what_the_file_gives(streamed: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = feed(streamed, pipe, [])
    live = LiveReader(pipe, HZ)
    frames, sound = decoded(list(live))
    writer.join()
    live.close()

    media = probe(streamed)
    expected, complete = decoded(list(read_media(streamed, frames=media.grid(Fraction(1)), audio_hz=HZ)))
    assert frames == expected
    assert live.has_sound
    assert live.dropped == 0
    both = min(len(sound), len(complete))
    assert abs(len(sound) - len(complete)) < HZ / 5  # a codec's last frame may be padded
    np.testing.assert_allclose(sound[:both], complete[:both], atol=1e-6)
    assert live.reached_s[0] == pytest.approx(float(media.picture.end_s), abs=0.05)  # type: ignore[union-attr]


def test_frames_come_before_the_file_is_finished(streamed: Path, tmp_path: Path) -> None:
    growing, done = tmp_path / "growing", []
    growing.write_bytes(b"")
    writer = feed(streamed, growing, done, pause_s=0.06)
    time.sleep(0.1)
    live, came = LiveReader(growing, HZ, patience_s=0.5), []
    items = []
    for item in live:
        came.append(time.monotonic())
        items.append(item)
    writer.join()
    live.close()

    frames, _ = decoded(items)
    expected, _ = decoded(list(read_media(streamed, frames=probe(streamed).grid(Fraction(1)))))
    assert frames == expected
    assert came[0] < done[0], "the first picture waited for the last byte"


def test_a_video_without_sound(clips: dict[str, Clip], ask_ffmpeg: Callable[..., bytes], tmp_path: Path) -> None:
    path = tmp_path / "mute.ts"
    path.write_bytes(ask_ffmpeg("-i", clips["ntsc"].path, "-an", "-c", "copy", *KINDS["ts"]))
    live = LiveReader(path, HZ, patience_s=0.1)
    frames, sound = decoded(list(live))
    live.close()
    assert not live.has_sound
    assert not len(sound)
    video = probe(path).picture
    assert video is not None
    assert frames == decoded(list(read_media(path, frames=TimeGrid.covering(video.end_s, Fraction(1)))))[0]


def test_what_cannot_be_followed_is_one_line(
    clips: dict[str, Clip], ask_ffmpeg: Callable[..., bytes], tmp_path: Path
) -> None:
    (tmp_path / "text").write_text("no video" * 100)
    (tmp_path / "empty").write_bytes(b"")
    complete = clips["ntsc"].path.read_bytes()
    (tmp_path / "indexed.mp4").write_bytes(complete)
    (tmp_path / "sound.mkv").write_bytes(ask_ffmpeg("-i", clips["ntsc"].path, "-vn", "-c", "copy", *KINDS["mkv"]))
    cases: list[tuple[Path, type[EvokedError], str]] = [
        (tmp_path / "none", MissingMedia, "no media at"),
        (tmp_path, MissingMedia, "is a folder"),
        (tmp_path / "text", MissingMedia, "MPEG-TS, Matroska or fragmented MP4"),
        (tmp_path / "empty", MissingMedia, "MPEG-TS, Matroska or fragmented MP4"),
        (tmp_path / "indexed.mp4", NoPictureError, "a plain MP4 has its index at the end"),
        (tmp_path / "sound.mkv", NoPictureError, "has no picture"),
    ]
    for path, kind, line in cases:
        with pytest.raises(kind, match=line) as caught:
            list(LiveReader(path, HZ, patience_s=0.05))
        assert "\n" not in str(caught.value)


def test_a_stream_that_breaks_off_ends_there(streamed: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut"
    cut.write_bytes(streamed.read_bytes()[: streamed.stat().st_size * 2 // 3])
    live = LiveReader(cut, HZ, patience_s=0.05)
    frames, _ = decoded(list(live))
    live.close()
    complete, _ = decoded(list(read_media(streamed, frames=probe(streamed).grid(Fraction(1)))))
    assert 0 < len(frames) < len(complete)
    assert frames[:-1] == complete[: len(frames) - 1]  # the last may repeat for frames that are missing


def test_standard_input_is_read(streamed: Path) -> None:
    code = (
        "from evoked.media.live import LiveReader; from evoked.media.decode import VideoFrame\n"
        "print(sum(isinstance(i, VideoFrame) for i in LiveReader(None, 16000)))"
    )
    with streamed.open("rb") as video:
        out = subprocess.run([sys.executable, "-c", code], stdin=video, capture_output=True, text=True, check=True)
    assert int(out.stdout) == len(probe(streamed).seconds.seconds)


def test_a_stream_says_what_is_wrong_with_its_sound_as_the_file_does(
    clips: dict[str, Clip], ask_ffmpeg: Callable[..., bytes], tmp_path: Path
) -> None:
    path = tmp_path / "phase.mkv"
    opposite = ("-af", "pan=stereo|c0=c0|c1=-1*c0", "-c:v", "copy", "-c:a", "pcm_s16le")
    path.write_bytes(ask_ffmpeg("-i", clips["ntsc"].path, *opposite, *KINDS["mkv"]))
    live = LiveReader(path, HZ, patience_s=0.05)
    list(live)
    live.close()
    reader = read_media(path, frames=probe(path).seconds, audio_hz=HZ)
    list(reader)

    assert [entry.kind for entry in live.damage] == ["sound_cancels"]
    assert live.damage == reader.damage
