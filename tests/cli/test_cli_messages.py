"""-v, -q and --log-file: what is shown besides the result, and what a log file holds."""

import re
from pathlib import Path

import pytest

from evoked.cli.command_list import COMMANDS
from evoked.cli.messages import set_up_messages

STUDY = "[train]\nepochs = 1\nthreads = 1\n"


@pytest.fixture(autouse=True)
def as_before() -> object:
    """The messages of the test process are set up anew after each test."""
    yield
    set_up_messages()


@pytest.mark.nets
def test_a_note_is_shown_hidden_or_logged(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    plain = evoked("align", media["plain"], media["content"], "-o", tmp_path / "a.json")
    assert "plays" in plain.err
    quiet = evoked("align", media["plain"], media["content"], "-o", tmp_path / "b.json", "-q")
    assert (quiet.code, quiet.err) == (0, "")
    assert (tmp_path / "b.json").read_bytes() == (tmp_path / "a.json").read_bytes()
    log = tmp_path / "run.log"
    logged = evoked("align", media["plain"], media["content"], "-o", tmp_path / "c.json", "-q", "--log-file", log)
    assert logged.err == ""
    lines = log.read_text().splitlines()
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} DEBUG evoked", lines[0])
    assert "evoked 0.1.0, Python 3." in lines[0]
    assert any("INFO" in line and "plays" in line for line in lines)


def test_a_failure_is_shown_with_q_and_logged(evoked, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    log = tmp_path / "run.log"
    result = evoked("config", tmp_path / "none", "--show", "-q", "--log-file", log)
    assert result.code == 1
    assert result.lines == [f"evoked: no study folder or settings file at {tmp_path / 'none'}"]
    assert f"ERROR evoked: no study folder or settings file at {tmp_path / 'none'}" in log.read_text()
    before = log.read_text()
    evoked("config", tmp_path / "none", "--show", "--log-file", log)
    assert log.read_text().startswith(before)  # a second command adds to it


def test_v_shows_versions(evoked) -> None:  # type: ignore[no-untyped-def]
    assert evoked("doctor", "-v").err.startswith("evoked 0.1.0, Python 3.")
    assert evoked("doctor").err == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("-v", "-q"), "give either -v or -q"),
        (("--log-file", "no/such/folder/x.log"), "cannot write the log file no/such/folder/x.log"),
    ],
)
def test_a_mistake(evoked, options: tuple[str, ...], message: str) -> None:  # type: ignore[no-untyped-def]
    result = evoked("doctor", *options)
    assert result.code in (1, 2)
    assert message in result.err


def test_every_command_has_them(evoked) -> None:  # type: ignore[no-untyped-def]
    groups = {"dataset": "import", "library": "add", "rate": "new", "recogniser": "train", "weights": "list"}
    for name in COMMANDS:
        shown = evoked(name, *([groups[name]] if name in groups else []), "--help").out
        assert all(option in shown for option in ("--verbose", "--quiet", "--log-file")), name
