"""The command line, run in this process; small videos, rendered once; a tiny model, trained by the commands."""

import io
import shutil
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for odd_media, which is also a script

import odd_media

from evoked.cli.main import main


class CommandResult(NamedTuple):
    """Exit code and output of a command line."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """Lines on stderr."""
        return self.err.splitlines()


RunCommand = Callable[..., CommandResult]


def run_command(*arguments: object) -> CommandResult:
    """Run a command line in this process."""
    code, out, err = 0, io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["evoked", *map(str, arguments)])
        patch.setattr("evoked.cli.progress.QUIET_S", float("inf"))  # no progress lines, which depend on the time
        try:
            main()
        except SystemExit as exit_request:
            code = int(exit_request.code or 0)
    return CommandResult(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def evoked() -> RunCommand:
    """Runs a command line."""
    return run_command


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every video of odd_media, by name."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg renders these videos: install it")
    return odd_media.render_all(tmp_path_factory.mktemp("media"))


@pytest.fixture(scope="session")
def model(media: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model trained on six seconds: its scores mean little, but its format and its features are real."""
    folder = tmp_path_factory.mktemp("model")
    sizes = {"image-units": 8, "face-units": 4, "audio-units": 4, "window-s": 3, "epochs": 2, "threads": 1}
    model_options = [argument for name, size in sizes.items() for argument in (f"--{name}", size)]
    commands = [
        ["features", media["plain"], "-o", folder / "features" / "plain.mp4.safetensors"],
        ["annotate", media["plain"], "--labels", "-o", folder / "labels.parquet"],
        [
            "train",
            "--features",
            folder / "features",
            "--labels",
            folder / "labels.parquet",
            "-o",
            folder,
            *model_options,
        ],
    ]
    for arguments in commands:
        result = run_command(*arguments)
        assert result.code == 0, result.err
    return folder
