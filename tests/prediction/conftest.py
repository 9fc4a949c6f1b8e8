"""A model nobody trained, and a video."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from evoked.cli.main import main
from evoked.weights.cache import default_cache
from small_model import model_in


@pytest.fixture
def make_model() -> Callable[..., Path]:
    return model_in


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model_in(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def video() -> Path:
    """Five seconds of Big Buck Bunny, with sound."""
    return default_cache().clip("bigbuckbunny.mp4")


@pytest.fixture
def evoked(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """Run a command line; gives exit code, stdout, stderr."""

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["evoked", *map(str, words)])
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return run
