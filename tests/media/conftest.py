"""Clips with a known ground truth, made once per session by ffmpeg."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent))  # for make_clips, which is also a script

import make_clips
from make_clips import Clip

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg makes these clips: install it")


def _ffmpeg() -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg makes these clips and is the second opinion: install it")


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Clip]:
    _ffmpeg()
    return make_clips.timed(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="session")
def broken(clips: dict[str, Clip], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_clips.broken(tmp_path_factory.mktemp("broken"), clips["constant"].path)


@pytest.fixture(scope="session")
def ask_ffmpeg() -> Callable[..., bytes]:
    """The standard output of ffmpeg's command line for some arguments."""
    _ffmpeg()

    def ask(*words: object) -> bytes:
        command = ["ffmpeg", "-v", "error", *map(str, words), "-"]
        return subprocess.run(command, capture_output=True, check=True).stdout

    return ask


@pytest.fixture(scope="session")
def ffmpeg_sound(ask_ffmpeg: Callable[..., bytes]) -> Callable[[Path, int], NDArray[np.float32]]:
    """ffmpeg's own decode: mono float32, silence in front where the sound starts late."""

    def decode(path: Path, hz: int) -> NDArray[np.float32]:
        line = "pan=mono|c0=c0,aresample=first_pts=0"
        raw = ask_ffmpeg("-i", path, "-vn", "-af", line, "-ar", hz, "-f", "f32le")
        return np.frombuffer(raw, dtype=np.float32)

    return decode


@pytest.fixture(scope="session")
def ffmpeg_start() -> Callable[[Path], float]:
    """The file's own time that ffmpeg's command line uses as second 0."""
    _ffmpeg()

    def start(path: Path) -> float:
        words = ["ffprobe", "-v", "error", "-show_entries", "format=start_time", "-of", "csv=p=0", str(path)]
        return float(subprocess.run(words, capture_output=True, check=True, text=True).stdout)

    return start
