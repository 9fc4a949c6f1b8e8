"""Real and generated videos; models by name from the cache."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from evoked.features.extract import Extractor, Features
from evoked.media.write import VideoWriter
from evoked.weights.cache import Cache

Maker = Callable[..., Path]


@pytest.fixture(scope="session")
def extractor(cache: Cache) -> Extractor:
    return Extractor(cache=cache)


@pytest.fixture(scope="session")
def woman(extractor: Extractor, cache: Cache) -> Features:
    """20 s of one woman, with sound."""
    return extractor(cache.clip("WolfgangLanger_Pexels.mp4"))


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """make(pictures, rate, sound): a video of RGB frames, with mono 16 kHz audio where given."""
    folder = tmp_path_factory.mktemp("videos")

    def made(pictures: list[NDArray[np.uint8]], rate: int = 5, sound: NDArray[np.float32] | None = None) -> Path:
        path = folder / f"video{len(list(folder.iterdir()))}.mp4"
        height, width = pictures[0].shape[:2]
        hz = 16_000 if sound is not None else None
        with VideoWriter(path, (width, height), Fraction(rate), hz) as writer:
            for number, rgb in enumerate(pictures):
                writer.picture(rgb)
                if sound is not None:
                    writer.sound(sound[number * 16_000 // rate : (number + 1) * 16_000 // rate])
        return path

    return made
