"""The real command line, in this process; small films made once; a tiny model trained by the verbs themselves."""

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


class Ran(NamedTuple):
    """What a command line came to."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """Lines on stderr."""
        return self.err.splitlines()


Evoked = Callable[..., Ran]


def run_line(*words: object) -> Ran:
    """Run a command line in this process."""
    code, out, err = 0, io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["evoked", *map(str, words)])
        patch.setattr("evoked.cli.progress.QUIET_S", float("inf"))  # no lines by the clock: machines are busy at times
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    return Ran(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def evoked() -> Evoked:
    """Runs a command line."""
    return run_line


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every film of odd_media, by name."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg makes these films: install it")
    return odd_media.everything(tmp_path_factory.mktemp("media"))


@pytest.fixture(scope="session")
def model(media: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained on six seconds: its numbers mean little, but it is a real model of real features."""
    folder = tmp_path_factory.mktemp("model")
    sizes = {"image-units": 8, "face-units": 4, "audio-units": 4, "window-s": 3, "epochs": 2, "threads": 1}
    small = [word for name, size in sizes.items() for word in (f"--{name}", size)]
    lines = [
        ["features", media["plain"], "-o", folder / "features" / "plain.mp4.safetensors"],
        ["annotate", media["plain"], "--labels", "-o", folder / "labels.parquet"],
        ["train", "--features", folder / "features", "--labels", folder / "labels.parquet", "-o", folder, *small],
    ]
    for words in lines:
        ran = run_line(*words)
        assert ran.code == 0, ran.err
    return folder
