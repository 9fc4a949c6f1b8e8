"""Clips: exactly the span, by bar code; only the viewer's part; other viewers blurred."""

import subprocess
import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from rated_study import RATE, RIGHT, SIZE, number_of, numbered

from evoked.apps.rating.clips import ClipCache, ClipSource, cut_clip
from evoked.core.time_grid import TimeGrid
from evoked.media.decode import AudioChunk, read_media
from evoked.media.probe import probe

WHOLE = (0, 0, *SIZE)


def frames_of(path: Path) -> list[np.ndarray]:
    """Every frame of a clip."""
    media = probe(path)
    assert media.picture is not None
    grid = media.grid(media.picture.average_rate or Fraction(1))
    return [item.rgb() for item in read_media(path, frames=grid) if not isinstance(item, AudioChunk)]


@pytest.mark.parametrize("start", [0, 3, 7, 12])
def test_a_clip_is_exactly_its_span(study: Path, tmp_path: Path, start: int) -> None:
    cut_clip(ClipSource(study / "reactions" / "anna.mp4", start, start + 3, WHOLE), tmp_path / "clip.mp4")
    numbers = [number_of(rgb) for rgb in frames_of(tmp_path / "clip.mp4")]
    assert numbers == list(range(start * int(RATE), (start + 3) * int(RATE)))
    sound = np.concatenate(
        [c.samples for c in read_media(tmp_path / "clip.mp4", audio_hz=16000) if isinstance(c, AudioChunk)]
    )
    second = sound[16000:32000]  # of the clip, away from its ends
    assert np.argmax(np.abs(np.fft.rfft(second))) == pytest.approx(200 + 50 * (start + 1), abs=1)
    media = probe(tmp_path / "clip.mp4")
    assert float(media.duration_s) == pytest.approx(3, abs=0.06)
    assert media.picture is not None
    assert (media.picture.codec, media.picture.pixel_format) == ("h264", "yuv420p")


def test_a_clip_of_a_rotated_webm_of_variable_rate(study: Path, tmp_path: Path) -> None:
    made = tmp_path / "v.webm"
    drop = "select='not(eq(mod(n,5),2))',transpose=1"  # every fifth frame is gone: its predecessor is shown on
    command = ["ffmpeg", "-v", "error", "-i", study / "reactions" / "anna.mp4", "-t", "9", "-vf", drop]
    command += ["-fps_mode", "vfr", "-c:v", "libvpx", "-b:v", "2M", "-an", made]
    try:
        subprocess.run(command, check=True)
    except FileNotFoundError:
        pytest.skip("ffmpeg renders this recording: install it")
    cut_clip(ClipSource(made, 3, 6, (0, 0, SIZE[1], SIZE[0]), turned=270), tmp_path / "clip.mp4")
    shown = [number_of(rgb) for rgb in frames_of(tmp_path / "clip.mp4")]
    media = probe(made)
    assert media.picture is not None
    grid = TimeGrid(media.picture.average_rate or RATE, len(shown), Fraction(3))
    there = {n: round(n / 12, 3) for n in range(108) if n % 5 != 2}  # WebM has whole milliseconds
    assert shown == [max(n for n, pts_s in there.items() if pts_s <= second) for second in grid.seconds]


def test_a_crop_shows_the_viewer_alone(study: Path, tmp_path: Path) -> None:
    source = study / "reactions" / "anna.mp4"
    cut_clip(ClipSource(source, 6, 7, (-52, -20, 240, 240), [tuple(map(int, RIGHT))]), tmp_path / "clip.mp4")
    rgb = frames_of(tmp_path / "clip.mp4")[0]
    assert rgb.shape == (220, 188, 3)  # what of the box is in the picture
    expected = numbered(72)[:220, :188]
    assert np.abs(rgb[100:, :120].astype(int) - expected[100:, :120]).mean() < 6
    cut_clip(ClipSource(source, 6, 7, WHOLE, [tuple(map(int, RIGHT))]), tmp_path / "whole.mp4")
    face = frames_of(tmp_path / "whole.mp4")[0][70:130, 210:270].astype(float)
    assert numbered(72)[70:130, 210:270].std() > 40  # striped
    assert face.std() < 12  # blurred


def test_a_clip_is_cut_once_whoever_asks(study: Path, tmp_path: Path) -> None:
    cache = ClipCache(tmp_path)
    source = ClipSource(study / "reactions" / "anna.mp4", 0, 3, WHOLE)
    files: list[Path] = []
    threads = [threading.Thread(target=lambda: files.append(cache.file(source))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made = files[0].stat().st_mtime_ns
    assert (len(files), set(files), list(tmp_path.iterdir())) == (4, {files[0]}, [files[0]])
    assert (cache.file(source), files[0].stat().st_mtime_ns) == (files[0], made)
    assert cache.file(ClipSource(source.video, 3, 6, WHOLE)) != files[0]
