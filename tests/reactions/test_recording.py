"""A recording is opened once for each thing that is asked of it, as the operating system counts it."""

import pickle
import re
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from evoked.core.errors import MissingMedia, NoSoundError
from evoked.core.files import sha256
from evoked.media.probe import probe
from evoked.media.write import VideoWriter
from evoked.reactions.alignment.config import SOUND_HZ
from evoked.reactions.alignment.recording import Recording, as_recording, is_same_recording

MAX_OPENS = 3  # describe, decode, digest


def clip(path: Path, sound: np.ndarray | None, seconds: int) -> Path:
    """A small grey video."""
    with VideoWriter(path, (64, 64), Fraction(5), SOUND_HZ if sound is not None else None) as writer:
        for i in range(seconds * 5):
            writer.picture(np.full((64, 64, 3), 40 + i % 50, np.uint8))
        if sound is not None:
            writer.sound(sound)
    return path


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A content of modulated noise, and a recording that plays all of it from second 4 on."""
    folder, random = tmp_path_factory.mktemp("recording"), np.random.default_rng(0)
    loud = np.repeat(random.uniform(0.02, 1, 30 * 20), SOUND_HZ // 20)
    sound = (0.2 * loud * random.standard_normal(30 * SOUND_HZ)).clip(-1, 1).astype(np.float32)
    quiet = (0.003 * random.standard_normal(4 * SOUND_HZ)).astype(np.float32)
    return clip(folder / "seen.mp4", np.concatenate([quiet, sound]), 34), clip(folder / "film.mp4", sound, 30)


def opens(log: Path, path: Path) -> int:
    return len(re.findall(rf'open(?:at)?\([^\n]*"{re.escape(str(path))}"', log.read_text(errors="replace")))


def traced(log: Path, code: str, *args: object) -> subprocess.CompletedProcess[str]:
    if shutil.which("strace") is None:
        pytest.skip("strace counts how often a file is opened: install it")
    words = ["strace", "-f", "-e", "trace=open,openat", "-o", str(log), sys.executable, "-c", code, *map(str, args)]
    done = subprocess.run(words, capture_output=True, text=True)
    if "ptrace" in done.stderr:
        pytest.skip(f"this machine does not let strace trace a process: {done.stderr.splitlines()[0]}")
    return done


def test_align_opens_a_file_three_times_at_most(pair: tuple[Path, Path], tmp_path: Path) -> None:
    done = traced(
        tmp_path / "log", "from evoked.cli.main import main; main()", "align", *pair, "-o", tmp_path / "map.json"
    )
    assert done.returncode == 0, done.stderr
    assert "by audio" in done.stderr
    for path in pair:
        assert 1 <= opens(tmp_path / "log", path) <= MAX_OPENS


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi", "ts"])
def test_a_file_is_opened_twice_to_be_probed(pair: tuple[Path, Path], tmp_path: Path, suffix: str) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg makes these clips: install it")
    path = tmp_path / f"clip.{suffix}"
    subprocess.run(["ffmpeg", "-v", "error", "-i", pair[1], "-c", "copy", path], check=True)
    code = "import sys; from pathlib import Path; from evoked.media.probe import probe; print(probe(Path(sys.argv[1])))"
    done = traced(tmp_path / "log", code, path)
    assert done.returncode == 0, done.stderr
    assert 1 <= opens(tmp_path / "log", path) <= 2  # its header, and libav


def test_each_part_is_read_once(pair: tuple[Path, Path]) -> None:
    recording = Recording(pair[1])
    assert recording.media == probe(pair[1])
    assert recording.digest == sha256(pair[1])
    assert recording.soundtrack is recording.soundtrack
    assert len(recording.soundtrack.samples) == pytest.approx(30 * SOUND_HZ, abs=SOUND_HZ / 10)
    assert recording.reaction_thumbnails() is recording.reaction_thumbnails()
    assert recording.reaction_thumbnails().cells.shape[1:] == (48, 48)
    assert recording.content_thumbnails().cells.shape[1:] == (12, 16)
    assert recording.damage == ()
    assert as_recording(recording) is recording


def test_what_is_freed_is_read_again_and_damage_is_kept(pair: tuple[Path, Path]) -> None:
    recording = as_recording(pair[0])
    before, thumbnails = recording.soundtrack, recording.reaction_thumbnails()
    recording.note("damaged", "damaged")
    recording.free()
    assert recording.soundtrack is not before
    assert np.array_equal(recording.soundtrack.samples, before.samples)
    assert recording.reaction_thumbnails() is not thumbnails
    assert recording.damage == ("damaged",)


def test_a_recording_does_not_cross_processes(pair: tuple[Path, Path]) -> None:
    with pytest.raises(TypeError, match=r"cannot be pickled: send its path \(.*seen\.mp4\)"):
        pickle.dumps(Recording(pair[0]))


def test_one_file_is_known_by_its_bytes(pair: tuple[Path, Path], tmp_path: Path) -> None:
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(pair[1].read_bytes())
    assert is_same_recording(Recording(pair[1]), Recording(pair[1]))
    assert is_same_recording(Recording(pair[1]), Recording(copy))
    assert not is_same_recording(Recording(pair[0]), Recording(pair[1]))
    copy.write_bytes(pair[1].read_bytes()[:-1] + b"?")
    assert not is_same_recording(Recording(pair[1]), Recording(copy))
    with pytest.raises(MissingMedia, match=r"no file at .*gone\.mp4: check the name"):
        is_same_recording(Recording(tmp_path / "gone.mp4"), Recording(copy))


def test_what_is_missing_is_reported_when_it_is_needed(tmp_path: Path) -> None:
    mute = Recording(clip(tmp_path / "mute.mp4", None, 2))
    assert mute.media.sound is None
    with pytest.raises(NoSoundError, match=r"mute\.mp4 has no sound"):
        _ = mute.soundtrack
    with pytest.raises(MissingMedia, match="no media file at"):
        _ = Recording(tmp_path / "gone.mp4").media
