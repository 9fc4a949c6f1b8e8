"""A model nobody trained, and a video."""

from collections.abc import Callable
from pathlib import Path

import pytest

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
