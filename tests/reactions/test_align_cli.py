"""`evoked align` as a user meets it: real files, stdout for the result, stderr for the talk."""

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from filmed import HZ, Samples, cut, hush, joined

from evoked.core.files import sha256
from evoked.media.write import VideoWriter
from evoked.reactions.alignment.offset_map import read_offsets

pytestmark = pytest.mark.nets


def clip(path: Path, sound: Samples | None, seconds: float) -> Path:
    """A small grey video with a sound, as MP4."""
    with VideoWriter(path, (64, 64), Fraction(5), HZ if sound is not None else None) as writer:
        for i in range(int(seconds * 5)):
            writer.picture(np.full((64, 64, 3), 40 + i % 50, np.uint8))
        if sound is not None:
            writer.sound(sound)
    return path


def run(*args: object) -> subprocess.CompletedProcess[str]:
    script = "from evoked.cli.main import main; main()"
    return subprocess.run([sys.executable, "-c", script, "align", *map(str, args)], capture_output=True, text=True)


def talk(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What was said on stderr, but for progress, which comes by the clock: machines are busy at times."""
    return [line for line in done.stderr.strip().splitlines() if " s gone" not in line]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("pair")
    content = clip(folder / "film.mp4", cut(60, 90), 30)
    return clip(folder / "seen.mp4", joined(hush(4.25), cut(60, 85)), 29.25), content


def test_the_map_goes_to_stdout_and_the_talk_to_stderr(pair: tuple[Path, Path]) -> None:
    done = run(*pair)
    assert done.returncode == 0
    body = json.loads(done.stdout)
    (segment,) = body["segments"]
    assert segment["reaction_start_s"] - segment["content_start_s"] == pytest.approx(4.25, abs=0.005)
    assert set(segment) == {"content_start_s", "content_end_s", "reaction_start_s", "score", "rate"}
    assert body["score"] >= 12
    assert list(body) == ["by", "score", "segments", "damage"]  # where it comes from stands in the file of -o
    assert [line.split()[0] for line in talk(done)] == ["content", "reaction", "content", "seen.mp4"]
    assert "seen.mp4 plays 2" in done.stderr


def test_the_map_goes_to_a_file_when_asked(pair: tuple[Path, Path], tmp_path: Path) -> None:
    done = run(*pair, "-o", tmp_path / "a" / "map.json")
    assert (done.returncode, done.stdout) == (0, "")
    assert read_offsets(tmp_path / "a" / "map.json").reaction_time(10.0) == pytest.approx(14.25, abs=0.005)
    made = json.loads((tmp_path / "a" / "map.json").read_text())["provenance"]
    assert made["made_by"] == "align"
    assert made["inputs"] == {"reaction": sha256(pair[0]), "content": sha256(pair[1])}
    assert made["config"]["min_score"] == 12


@pytest.mark.parametrize("name", ["map.svg", "map.html"])
def test_the_map_is_drawn(pair: tuple[Path, Path], tmp_path: Path, name: str) -> None:
    done = run(*pair, "--draw", tmp_path / name)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / name).read_text()
    root = ElementTree.fromstring(text[text.index("<svg") : text.index("</svg>") + 6])
    words = " ".join(root.itertext())
    for said in (
        "seen.mp4",
        "film.mp4",
        "time in the reaction, seconds",
        "time in the content, seconds",
        "covered by 1 ",
    ):
        assert said in words
    refused = run(*pair, "--draw", tmp_path / "map.png")
    assert (refused.returncode, "end it in .svg, .html" in refused.stderr) == (1, True)


def test_what_cannot_be_aligned_is_one_line_and_exit_1(pair: tuple[Path, Path], tmp_path: Path) -> None:
    mute = clip(tmp_path / "mute.mp4", None, 10)
    other = clip(tmp_path / "other.mp4", cut(300, 320), 20)
    text = tmp_path / "text.mp4"
    text.write_text("this is no film")
    for wrong, said in [
        (mute, "has no sound"),
        (other, "in common"),
        (text, "text.mp4"),
        (tmp_path / "gone.mp4", "gone.mp4"),
    ]:
        for done in (run(wrong, pair[1]), run(pair[0], wrong)):
            assert (done.returncode, done.stdout) == (1, ""), done.stderr
            assert said in done.stderr
            assert len(talk(done)) == 1
            assert "Traceback" not in done.stderr


def test_wrong_use_is_exit_2(pair: tuple[Path, Path]) -> None:
    assert run(pair[0]).returncode == 2
    assert run(*pair, "--min-share", "3").returncode == 2
