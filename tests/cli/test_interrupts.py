"""Commands that are ended by a signal: exit code, what is said, and that no worker and no half-written file is left."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from evoked.cli.interrupts import interruption_note
from evoked.media.probe import probe
from evoked.media.write import VideoWriter

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks processes up in /proc")
EVOKED = (sys.executable, "-c", "from evoked.cli.main import main; main()")
PATIENCE_S = 60.0  # a hang is a failure; nothing is measured
FRESH = "the same command starts from the beginning"


def heeding_signals() -> None:
    """A test run under nohup leaves SIGHUP ignored to what it starts: back to what a terminal gives."""
    for sent in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sent, signal.SIG_DFL)


def started(words: list[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*EVOKED, *words], stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=heeding_signals
    )


def until(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not met():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def session_members(session: int) -> list[int]:
    """Processes of a session that run: fourth field behind the name in /proc/PID/stat; Z are only not yet counted."""
    members = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            members.append(int(stat.parent.name))
    return members


def readers(session: int, video: Path) -> set[int]:
    """Processes of a session that have the video open."""
    found = set()
    for process in session_members(session):
        try:
            links = [os.readlink(link) for link in Path(f"/proc/{process}/fd").iterdir()]
        except OSError:
            continue
        if str(video) in links:
            found.add(process)
    return found


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two minutes of noise each: work that no machine ends before it is interrupted."""
    folder = tmp_path_factory.mktemp("videos")
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (8, 96, 128, 3), dtype=np.uint8)
    made = folder / "a.mp4", folder / "b.mp4"
    for path in made:
        with VideoWriter(path, (128, 96), Fraction(8), 16000) as video:
            for i in range(8 * 120):
                video.picture(pictures[i % 8])
                video.sound(np.zeros(2000, np.float32))
    return made


@pytest.mark.nets
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_workers_end_with_their_parent(videos: tuple[Path, Path], tmp_path: Path, sent: signal.Signals) -> None:
    words = ["features", *map(str, videos), "-o", str(tmp_path / "out"), "--workers", "2"]
    process = started(words)
    until(lambda: len(readers(process.pid, videos[0]) | readers(process.pid, videos[1])) == 2)
    process.send_signal(sent)  # to the parent alone
    _, said = process.communicate(timeout=PATIENCE_S)  # returns when the last holder of stderr is gone
    until(lambda: not session_members(process.pid))
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert [name for name in written if not name.endswith(".safetensors") or name.startswith(".")] == []  # none in half
    assert "Traceback" not in said
    if len(written) == 2:  # both were done before the signal was
        return
    if sent is signal.SIGKILL:
        assert process.returncode == -9
    else:
        assert process.returncode == 128 + sent
        assert said.splitlines()[-1] == interruption_note(words)
        assert FRESH in said


@pytest.mark.nets
@pytest.mark.parametrize(("command", "sent"), [("run", signal.SIGHUP), ("predict", signal.SIGTERM)])
def test_workers_of_a_study_and_of_a_prediction_end_with_them(
    videos: tuple[Path, Path], model: Path, tmp_path: Path, command: str, sent: signal.Signals
) -> None:
    if command == "run":
        for folder in ("contents", "reactions"):
            (tmp_path / "study" / folder).mkdir(parents=True)
            for video in videos:
                (tmp_path / "study" / folder / video.name).symlink_to(video)
        lines = [f"{video.name},{video.name}\n" for video in videos]
        (tmp_path / "study" / "pairs.csv").write_text("reaction,content\n" + "".join(lines))
        words = ["run", str(tmp_path / "study"), "--workers", "2"]
    else:
        words = ["predict", *map(str, videos), "--model", str(model), "-o", f"{tmp_path}/out/", "--workers", "2"]
    process = started(words)
    until(lambda: len(readers(process.pid, videos[0]) | readers(process.pid, videos[1])) == 2)
    process.send_signal(sent)
    _, said = process.communicate(timeout=PATIENCE_S)  # returns when the last holder of stderr is gone
    until(lambda: not session_members(process.pid))
    assert process.returncode == 128 + sent
    assert said.splitlines()[-1] == interruption_note(words)
    assert "Traceback" not in said
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path.name for path in written if path.name.startswith(".") and path.name != ".evoked.lock"] == []
    assert not list(tmp_path.rglob("*.parquet"))


@pytest.mark.nets
def test_a_sample_ends_and_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    words = ["sample", str(folder), "--offline"]
    process = started(words)
    until(lambda: (folder / "contents").is_dir() and any((folder / "contents").iterdir()))
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 143
    assert said.splitlines()[-1] == interruption_note(words)
    assert "run the same command again to continue" in said
    videos = [path for part in ("contents", "reactions") for path in (folder / part).glob("*")]
    assert [path.name for path in videos if path.name.startswith(".")] == []  # no half-written video
    for path in videos:
        assert probe(path).stated_s is not None


@pytest.mark.nets
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP])
def test_without_workers_it_ends_alike(videos: tuple[Path, Path], tmp_path: Path, sent: signal.Signals) -> None:
    words = ["annotate", str(videos[0]), "-o", str(tmp_path / "out" / "a.csv")]
    process = started(words)
    until(lambda: bool(readers(process.pid, videos[0])))
    process.send_signal(sent)
    process.send_signal(sent)  # a second one changes nothing
    _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 128 + sent
    assert list((tmp_path / "out").iterdir()) == []
    assert said.splitlines()[-1] == f"interrupted: no unfinished file was written; {FRESH}"


@pytest.mark.nets
def test_under_nohup_the_end_of_the_terminal_is_ignored(videos: tuple[Path, Path], tmp_path: Path) -> None:
    words = ["annotate", str(videos[0]), "-o", str(tmp_path / "a.csv")]
    ignoring = (
        "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    )
    process = subprocess.Popen([sys.executable, "-c", ignoring, *EVOKED, *words], stderr=subprocess.PIPE, text=True)
    until(lambda: any("a.mp4" in link for link in open_files(process.pid)))
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 143


def open_files(process: int) -> list[str]:
    try:
        return [os.readlink(link) for link in Path(f"/proc/{process}/fd").iterdir()]
    except OSError:
        return []


@pytest.mark.parametrize(
    ("words", "goes_on"),
    [
        (["run", "study"], True),
        (["sample", "study"], True),
        (["library", "add", "lib", "a.mp4"], True),
        (["library", "find", "lib", "a.mp4"], False),
        (["predict", "a.mp4", "--model", "m"], False),
        (["annotate", "a.mp4"], False),
        ([], False),
    ],
)
def test_only_what_goes_on_is_said_to_go_on(words: list[str], goes_on: bool) -> None:
    assert ("to continue" in interruption_note(words)) is goes_on
    assert (FRESH in interruption_note(words)) is not goes_on


def test_a_live_prediction_is_neither() -> None:
    assert interruption_note(["predict", "-", "--model", "m", "--live"]) == "interrupted"
    for option in (["--from", "list.txt"], ["--from=list.txt"]):  # parts that are whole are kept
        assert "to continue" in interruption_note(["predict", "-o", "out", *option])
