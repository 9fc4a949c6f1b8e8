"""Locks on folders, with real processes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from evoked.core.errors import BusyError, OutputError
from evoked.core.locks import LOCK, locked

HOLD = """
import sys
from pathlib import Path
from evoked.core.locks import locked
with locked(Path(sys.argv[1]), "evoked run"):
    print("locked", flush=True)
    sys.stdin.read()
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    """A process that has the lock until its stdin ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    return process


def test_who_has_it_and_since_when_is_one_line(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        with pytest.raises(BusyError) as refused, locked(tmp_path, "evoked train"):
            pytest.fail("two have the lock")
        process.communicate("")
    pattern = (
        rf"{re.escape(str(tmp_path))} is in use by process {process.pid} "
        r"\(evoked run, since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d\)\. Wait until it has ended, then .*"
    )
    assert re.fullmatch(pattern, str(refused.value))


@pytest.mark.parametrize("end", ["kill", "terminate"])
def test_it_is_gone_with_its_process(tmp_path: Path, end: str) -> None:
    process = holder(tmp_path)
    getattr(process, end)()
    process.wait()
    with locked(tmp_path, "evoked run"):
        assert (tmp_path / LOCK).exists()
    process.communicate()


def test_who_waits_says_so_and_comes_next(tmp_path: Path) -> None:
    said: list[str] = []
    process = holder(tmp_path)

    def waiting(line: str) -> None:
        said.append(line)
        process.communicate("")  # the other one ends now

    with locked(tmp_path, "evoked library add", waiting=waiting):
        assert process.returncode == 0
    assert len(said) == 1
    assert f"in use by process {process.pid} (evoked run, since " in said[0]


def test_a_block_that_fails_gives_it_back(tmp_path: Path) -> None:
    with pytest.raises(KeyError), locked(tmp_path, "evoked run"):
        raise KeyError
    with locked(tmp_path, "evoked run"):
        pass


def test_a_file_in_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot lock"), locked(tmp_path / "file", "evoked train"):
        pytest.fail("a file was locked")
