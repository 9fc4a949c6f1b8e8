"""The study that the tests of rating share."""

from pathlib import Path

import pytest
from rated_study import make_study


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings, 14 spans of 3 s; not to be changed."""
    return make_study(tmp_path_factory.mktemp("rated") / "study", "anna.mp4", "ben.mp4")
