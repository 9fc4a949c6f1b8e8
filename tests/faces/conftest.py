"""Real faces and the nets that see them; both come through the cache by package name."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from evoked.faces.detect import FaceDetector
from evoked.faces.identity import FaceIdentity
from evoked.faces.mesh import FaceMesh
from evoked.media.images import read_image
from evoked.weights.cache import Cache


@pytest.fixture(scope="session")
def detector(cache: Cache) -> FaceDetector:
    return FaceDetector(cache=cache)


@pytest.fixture(scope="session")
def mesh(cache: Cache) -> FaceMesh:
    return FaceMesh(cache)


@pytest.fixture(scope="session")
def identity(cache: Cache) -> FaceIdentity:
    return FaceIdentity(cache)


@pytest.fixture(scope="session")
def group(cache: Cache) -> NDArray[np.uint8]:
    """Five people, (667, 1000, 3)."""
    return read_image(cache.clip("multi_face.jpg"))


@pytest.fixture(scope="session")
def smiling_man(cache: Cache) -> Path:
    """2.4 s: neutral, then smiling."""
    return cache.clip("single_face.mp4")
