"""Videos are written completely, at a constant rate, or not at all."""

import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import make_clips
import numpy as np
import pytest
from make_clips import Clip, read_code

from evoked.core.errors import NoPictureError, OutputError
from evoked.core.time_grid import TimeGrid
from evoked.media.decode import VideoFrame, read_audio, read_media
from evoked.media.preview import write_browser_copy
from evoked.media.probe import frame_times, probe
from evoked.media.write import VideoWriter


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "film.mp4"
    rate = Fraction(30000, 1001)
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(44100) / 44100).astype(np.float32)

    with VideoWriter(path, (321, 241), rate, sound_hz=44100) as writer:
        for step in range(30):
            writer.picture(np.full((241, 321, 3), (200, 8 * step, 30), np.uint8))
        writer.sound(tone)

    media = probe(path)
    assert media.picture is not None
    assert (media.picture.width, media.picture.height) == (322, 242)  # made even
    assert media.picture.average_rate == rate
    assert frame_times(path) == pytest.approx([float(i / rate) for i in range(30)], abs=1e-4)
    for item in read_media(path, frames=TimeGrid(rate, 30)):
        assert isinstance(item, VideoFrame)
        assert np.abs(item.rgb().mean(axis=(0, 1)) - (200, 8 * item.step, 30)).max() < 4
    inside = slice(2000, 40000)  # libav's AAC is coarse where a tone begins and stops
    assert np.corrcoef(read_audio(path, 44100)[inside], tone[inside])[0, 1] > 0.999  # one sample off: .998


def test_an_error_inside_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(b"old")

    def broken() -> None:
        with VideoWriter(path, (16, 16), Fraction(5)) as writer:
            writer.picture(np.zeros((16, 16, 3), np.uint8))
            raise KeyError("stop")

    with pytest.raises(KeyError):
        broken()

    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["film.mp4"]


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot write .*film\.mp4: .*choose another place"):
        VideoWriter(tmp_path / "file" / "film.mp4", (16, 16), Fraction(5)).__enter__()


KILLED = """
import os, sys, signal
from fractions import Fraction
from pathlib import Path
import numpy as np
from evoked.media.write import VideoWriter
with VideoWriter(Path(sys.argv[1]), (64, 64), Fraction(25)) as writer:
    for _ in range(100):
        writer.picture(np.zeros((64, 64, 3), np.uint8))
    os.kill(os.getpid(), signal.SIGKILL)
"""

FULL = """
import resource, signal, sys
from fractions import Fraction
from pathlib import Path
import numpy as np
from evoked.core.errors import OutputError
from evoked.media.write import VideoWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
rng = np.random.default_rng(0)
try:
    with VideoWriter(Path(sys.argv[1]), (320, 240), Fraction(25), quality=0) as writer:
        for _ in range(int(sys.argv[3])):
            writer.picture(rng.integers(0, 256, (240, 320, 3), dtype=np.uint8))
except OutputError as error:
    print(error)
"""


def test_a_killed_writer_leaves_no_film(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert done.returncode == -9
    assert not path.exists()


@pytest.mark.parametrize(("limit", "pictures"), [(100_000, 80), (20_000, 1)])
def test_a_full_disk_is_one_clear_line(tmp_path: Path, limit: int, pictures: int) -> None:
    """The file may not grow beyond a limit: while writing, and when only the end is written."""
    path = tmp_path / "film.mp4"
    words = [sys.executable, "-c", FULL, str(path), str(limit), str(pictures)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "cannot write" in done.stdout
    assert "choose another place" in done.stdout
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_wrong_arguments_are_said(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    for make, message in (
        (lambda: VideoWriter(path, (0, 4), Fraction(5)), "size and rate must be above zero"),
        (lambda: VideoWriter(path, (4, 4), Fraction(0)), "size and rate must be above zero"),
        (lambda: VideoWriter(path, (4, 4), Fraction(5), quality=60), "quality must be from 0"),
        (lambda: VideoWriter(path, (4, 4), Fraction(5), sound_hz=12345), "sound_hz must be one of"),
    ):
        with pytest.raises(ValueError, match=message):
            make()
    with VideoWriter(path, (16, 16), Fraction(5)) as writer:
        writer.picture(np.zeros((16, 16, 3), np.uint8))
        with pytest.raises(ValueError, match=r"a picture must be uint8 of shape \(16, 16, 3\)"):
            writer.picture(np.zeros((16, 17, 3), np.uint8))
        with pytest.raises(ValueError, match="made without sound"):
            writer.sound(np.zeros(10, np.float32))
    assert len(frame_times(path)) == 1


def test_the_same_film_is_written_twice_byte_for_byte(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        with VideoWriter(tmp_path / name, (64, 48), Fraction(10), sound_hz=16000) as writer:
            for step in range(20):
                writer.picture(np.full((48, 64, 3), 10 * step, np.uint8))
            writer.sound(np.linspace(-1, 1, 32000, dtype=np.float32))
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_colours_survive_in_other_players_too(tmp_path: Path, ask_ffmpeg: Callable[..., bytes]) -> None:
    path = tmp_path / "film.mp4"
    with VideoWriter(path, (64, 64), Fraction(5), quality=5) as writer:
        for _ in range(3):
            writer.picture(np.full((64, 64, 3), (20, 90, 220), np.uint8))
    raw = ask_ffmpeg("-i", path, "-frames:v", 1, "-f", "rawvideo", "-pix_fmt", "rgb24")
    assert np.abs(np.frombuffer(raw, np.uint8).reshape(-1, 3).mean(axis=0) - (20, 90, 220)).max() < 4


def test_a_preview_keeps_the_clock(clips: dict[str, Clip], tmp_path: Path) -> None:
    for name, start in (("constant", 0.0), ("late_picture", 1.5), ("slides", 0.0)):
        out = tmp_path / f"{name}.mp4"
        write_browser_copy(clips[name].path, out, height=72)
        media = probe(out)
        assert media.picture is not None
        assert media.picture.height == 72
        assert media.picture.width == 128
        assert media.picture.average_rate is not None
        assert media.picture.average_rate <= 15
        assert (media.sound is None) == (name == "slides")
        seen = [p for p in read_media(out, frames=TimeGrid(Fraction(1), 5)) if isinstance(p, VideoFrame)]
        for picture in seen:
            shown = float(picture.pts_s)  # the preview's own frames stand on its coarser grid
            assert abs(read_code(picture.rgb()) - clips[name].number_at(shown)) <= 1
        if media.sound:
            ours, theirs = read_audio(out, 16000)[:64000], read_audio(clips[name].path, 16000)[:64000]
            assert abs(int(np.argmax(np.correlate(ours, theirs, "full"))) - 63999) <= 16
        assert start >= 0


def test_a_preview_never_grows_a_film_and_needs_a_picture(clips: dict[str, Clip], tmp_path: Path) -> None:
    write_browser_copy(clips["odd"].path, tmp_path / "small.mp4", height=1000)
    media = probe(tmp_path / "small.mp4")
    assert media.picture is not None
    assert (media.picture.width, media.picture.height) == (320, 240)
    with VideoWriter(tmp_path / "p.mp4", (16, 16), Fraction(5)) as writer:
        writer.picture(np.zeros((16, 16, 3), np.uint8))
    make_clips.run("-i", clips["constant"].path, "-vn", "-c", "copy", tmp_path / "song.m4a")
    with pytest.raises(NoPictureError, match="has no picture"):
        write_browser_copy(tmp_path / "song.m4a", tmp_path / "out.mp4")
