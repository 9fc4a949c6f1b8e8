"""Two processes on one thing: a study, a model's folder, a library."""

import json
import os
import shutil
import subprocess
import wave
from pathlib import Path

import numpy as np
import pytest
from test_interrupts import EVOKED, PATIENCE_S, until, videos

from evoked.core.locks import LOCK, locked

__all__ = ["videos"]


def evoked_command(*words: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*EVOKED, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def said_by(process: subprocess.Popen[str]) -> str:
    return process.communicate(timeout=PATIENCE_S)[1]


@pytest.mark.nets
def test_a_second_run_of_a_study_is_refused_at_once(videos: tuple[Path, Path], tmp_path: Path) -> None:
    for part, video in zip(("contents", "reactions"), videos, strict=True):
        (tmp_path / part).mkdir()
        shutil.copy(video, tmp_path / part)
    first = evoked_command("run", tmp_path)
    until(lambda: (tmp_path / LOCK).exists() and (tmp_path / LOCK).read_text() != "")
    for verb in ("run", "train"):
        second = evoked_command(verb, tmp_path)
        said = said_by(second)
        assert second.returncode == 1
        assert said.splitlines() == [said.rstrip("\n")]  # one line
        assert f"{tmp_path} is in use by process {first.pid} (evoked run, since 20" in said
    dry = evoked_command("run", tmp_path, "--dry-run")  # it writes nothing, so it need not wait
    said = said_by(dry)
    assert "in use" not in said
    assert dry.returncode in (0, 1), said  # 1 where the first has found by then that the two do not match
    first.kill()
    said_by(first)
    third = evoked_command("run", tmp_path)
    until(lambda: str(third.pid) in (tmp_path / LOCK).read_text())
    third.terminate()
    assert "in use" not in said_by(third)
    assert third.returncode == 143


@pytest.mark.parametrize("verb", ["sample", "train"])
def test_one_folder_is_written_by_one_process(verb: str, tmp_path: Path) -> None:
    """The lock is taken by this process; the command is another."""
    words = {
        "sample": ["sample", tmp_path],
        "train": ["train", "--features", tmp_path, "--labels", tmp_path / "labels.csv", "-o", tmp_path],
    }[verb]
    if verb == "sample":
        (tmp_path / ".sample").mkdir()
        from evoked.sample.build import MAKER

        (tmp_path / ".sample" / "made.json").write_text(json.dumps({"maker": MAKER, "size": "small", "seed": 0}))
    with locked(tmp_path, "evoked test"):
        refused = evoked_command(*words)
        said = said_by(refused)
    assert refused.returncode == 1
    assert f"evoked: {tmp_path} is in use by process {os.getpid()} (evoked test, since 20" in said


def test_four_that_add_to_a_library_at_once_lose_nothing(tmp_path: Path) -> None:
    names = [f"{letter}.wav" for letter in "abcd"]
    for seed, name in enumerate(names):
        samples = np.random.default_rng(seed).integers(-8000, 8000, 16000 * 20, dtype=np.int16)
        with wave.open(str(tmp_path / name), "wb") as sound:
            sound.setparams((1, 2, 16000, len(samples), "NONE", ""))
            sound.writeframes(samples.tobytes())
    library = tmp_path / "library"
    adding = [evoked_command("library", "add", library, tmp_path / name) for name in names]
    said = [said_by(process) for process in adding]
    assert [process.returncode for process in adding] == [0] * 4, said
    listed = evoked_command("library", "list", library)
    assert [line.split("\t")[0] for line in listed.communicate(timeout=PATIENCE_S)[0].splitlines()] == names
    for name in names:  # and the index is of all of them
        found = evoked_command("library", "find", library, tmp_path / name)
        assert found.communicate(timeout=PATIENCE_S)[0].split("\t")[1] == name
