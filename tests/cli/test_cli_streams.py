"""Standard output that is full, closed or not read; names that are not UTF-8; help texts that import nothing heavy."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

LINE = [sys.executable, "-m", "evoked.cli.main"]
PRINTS = ["weights", "list", "--json"]
"""A verb that prints much and needs neither networks nor files."""


def shell(redirection: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command line in a real process behind a real shell."""
    line = ["bash", "-c", f'"$@" {redirection}', "bash", *LINE, *words]
    return subprocess.run(line, capture_output=True, text=True, check=False)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("words", [PRINTS, ["--help"], ["weights", "list"]])
def test_a_full_standard_output_is_one_line(words: list[str]) -> None:
    ran = shell("> /dev/full", *words)
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1] == (
        "evoked: cannot write to standard output: No space left on device. Results in files are kept"
    )
    assert "Traceback" not in ran.stderr


def test_a_closed_standard_output_is_one_line_and_no_file_gets_its_number() -> None:
    ran = shell(">&-", *PRINTS)
    assert (ran.returncode, "Traceback" in ran.stderr) == (1, False)
    assert ran.stderr.splitlines()[-1].startswith("evoked: cannot write to standard output: Bad file descriptor")
    code = "import os; from evoked.cli.streams import open_streams; open_streams(); print(os.open('/dev/null', 0), file=open('/dev/fd/9', 'w'))"  # noqa: E501
    line = ["bash", "-c", '"$@" 9>&1 >&- 2>&-', "bash", sys.executable, "-c", code]
    assert int(subprocess.run(line, capture_output=True, text=True, check=True).stdout) > 2


def test_standard_error_that_cannot_be_written_takes_no_result_away() -> None:
    whole = shell("", *PRINTS)
    for redirection in ("2>&-", "2> /dev/full"):
        ran = shell(redirection, *PRINTS)
        assert (ran.returncode, ran.stdout) == (0, whole.stdout)
    assert json.loads(whole.stdout)["files"]


def test_a_reader_that_is_gone_ends_it_quietly() -> None:
    ran = shell('| true; echo "${PIPESTATUS[0]}" >&2', *PRINTS, *[])
    assert ran.stderr.splitlines()[-1] in ("0", "141")  # 0: all was written before the reader went
    assert "Traceback" not in ran.stderr
    assert "cannot write" not in ran.stderr


HEAVY = ("torch", "scipy", "lightning_fabric", "tensorboardX", "openvino")


@pytest.mark.parametrize("verb", ["transfer", "ablate", "train", "recogniser"])
def test_a_help_text_imports_no_torch(verb: str) -> None:
    code = (
        "import sys\nfrom evoked.cli.main import evoked\n"
        f"try:\n    evoked.main([{verb!r}, '--help'], standalone_mode=False)\nexcept SystemExit:\n    pass\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("Usage:")
    assert ran.stderr.splitlines()[-1] == "[]"


VERBS = [
    ["features", "{}", "-o", "out.safetensors"],
    ["annotate", "{}", "-o", "out.csv"],
    ["align", "{}", "other.mp4", "-o", "out.json"],
    ["library", "add", "lib", "{}"],
    ["agree", "{}", "{}"],
    ["evaluate", "--labels", "{}", "--predictions", "p"],
    ["run", "{}"],
]


@pytest.mark.parametrize("words", VERBS, ids=lambda words: " ".join(words))
def test_a_name_that_is_not_utf8_is_refused_in_one_line(tmp_path: Path, words: list[str]) -> None:
    name = b"bad\xff.mp4"
    (tmp_path / os.fsdecode(name)).write_bytes(b"x")
    line = [*LINE, *(os.fsdecode(name) if word == "{}" else word for word in words)]
    ran = subprocess.run(line, capture_output=True, cwd=tmp_path, check=False)
    assert ran.returncode in (1, 2)
    assert b"Traceback" not in ran.stderr
    told = [text for text in ran.stderr.splitlines() if b"not UTF-8" in text]
    assert len(told) == 1
    assert rb"bad\xff.mp4" in told[0]


@pytest.mark.parametrize("words", VERBS, ids=lambda words: " ".join(words))
def test_a_pipe_is_told_at_once(tmp_path: Path, words: list[str]) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    line = [*LINE, *("pipe.mp4" if word == "{}" else word for word in words)]
    ran = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path, check=False, timeout=300)
    assert ran.returncode in (1, 2)
    assert "Traceback" not in ran.stderr
    assert "pipe.mp4 is a pipe" in ran.stderr
