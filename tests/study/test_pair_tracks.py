"""pairs.csv names an audio track of a reaction or of its content: that one is compared, and only its map is redone."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from test_runner import Quiet

from evoked.study.build_records import StepRecords
from evoked.study.label_steps import LabelSteps, playable
from evoked.study.layout import open_study
from evoked.study.runner import Runner
from evoked.study.settings import read_settings
from evoked.weights.cache import default_cache

HZ = 16000

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg makes these files: install it")


def modulated(seed: int) -> NDArray[np.float32]:
    """16 s of noise whose loudness jumps twenty times a second."""
    rng = np.random.default_rng(seed)
    loud = np.repeat(rng.uniform(0.02, 1, 320), HZ // 20)
    return (0.2 * loud * rng.standard_normal(len(loud))).clip(-1, 1).astype(np.float32)


def movie(path: Path, *tracks: NDArray[np.float32]) -> None:
    """A file with a small picture and these mono audio tracks."""
    words: list[object] = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=s=64x48:r=5"]
    maps: list[object] = ["-map", "0:v"]
    for i, track in enumerate(tracks):
        raw = path.with_suffix(f".{i}.f32")
        track.tofile(raw)
        words += ["-f", "f32le", "-ar", HZ, "-ac", 1, "-i", raw]
        maps += ["-map", f"{i + 1}:a"]
    end = ["-t", 16, "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "flac", path]
    subprocess.run([str(word) for word in (*words, *maps, *end)], check=True)
    for raw in path.parent.glob("*.f32"):
        raw.unlink()


def aligned(root: Path) -> dict[str, tuple[str, int]]:
    """Align every reaction: how it ended, and the track of it that its map names (-1: there is no map)."""
    folder = open_study(root)
    runner = Runner(StepRecords(folder.results), Quiet())
    contents, reactions = playable(folder, runner)
    steps = LabelSteps(folder, read_settings(root), runner, default_cache(), contents)
    wanted = steps.wanted(reactions)
    runner.do_all(steps.align_work(name, wanted[name]) for name in wanted)
    states = {item.name: item.state for item in runner.items if item.step == "align"}
    maps = {name: folder.alignment(name) for name in states}
    tracks = {
        name: json.loads(path.read_text()).get("reaction_audio_track", 0) if path.exists() else -1
        for name, path in maps.items()
    }
    return {name: (states[name], tracks[name]) for name in states}


def test_the_track_that_is_named_is_compared_and_no_other_map_is_redone(tmp_path: Path) -> None:
    for folder in ("contents", "reactions"):
        (tmp_path / folder).mkdir()
    film = modulated(1)
    movie(tmp_path / "contents" / "film.mkv", film)
    movie(tmp_path / "reactions" / "both.mkv", film, modulated(2), film)
    movie(tmp_path / "reactions" / "one.mkv", film)
    (tmp_path / "study.toml").write_text('[align]\nby = "audio"\n')

    def with_track(cell: str) -> dict[str, tuple[str, int]]:
        lines = ["reaction,content,audio_track", f"both.mkv,film.mkv,{cell}", "one.mkv,film.mkv,"]
        (tmp_path / "pairs.csv").write_text("\n".join(lines) + "\n")
        return aligned(tmp_path)

    assert with_track("") == {"both.mkv": ("done", 1), "one.mkv": ("done", 0)}
    assert with_track("3") == {"both.mkv": ("done", 3), "one.mkv": ("kept", 0)}
    assert with_track("2")["both.mkv"][0] == "failed"  # another track is not tried
    assert with_track("4")["both.mkv"][0] == "failed"
    assert with_track("")["both.mkv"] == ("kept", 1)  # the map that was there before
