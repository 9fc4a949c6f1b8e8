"""What a video evokes while it plays: a prediction for each second as soon as that second is known."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.core.provenance import Provenance
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.features.audio import HZ
from evoked.features.extract import Extractor
from evoked.features.live import LiveRows
from evoked.media.live import LiveReader
from evoked.predict.predictor import RANGES, Model
from evoked.weights.cache import Cache

__all__ = ["LivePredictor", "LiveSecond", "collect_live"]


@dataclass(frozen=True, eq=False)
class LiveSecond:
    """One second's prediction.

    Attributes:
        second: which one, from 0.
        values: float32 (K,), as `predict` gives them.
        work_s: seconds that went by from when its last piece came until it was predicted.
    """

    second: int
    values: NDArray[np.float32]
    work_s: float


class LivePredictor:
    """A model that follows what is played.

    Causal as the model is: a second sees itself and those before it. The same numbers as `Predictor` gives of
    the finished file, to float16's rounding of features (see docs/predict.md for what was measured).

    Args:
        model: from load_model.
        cache: where the nets are.
        threads: of the nets; 0 = as many as there are cores.

    Raises:
        CheckpointError, WeightsError: as Predictor.
    """

    def __init__(self, model: Model, cache: Cache | None = None, threads: int = 0) -> None:
        self._model = model
        self._extractor = Extractor(model.feature_config(threads, cache), cache, batch=1)
        self._sha256 = ""
        self._name = ""

    def __call__(self, path: Path | None, patience_s: float = 10.0) -> Iterator[LiveSecond]:
        """Follow a file that grows, a pipe, or (None) standard input.

        Raises:
            MediaError: or a subclass, as LiveReader.
        """
        forward = self._model.forward
        carry: dict[str, NDArray[np.float32]] = {}
        playing = LiveReader(path, HZ, patience_s)
        self._name = path.name if path else "-"
        try:
            for second in LiveRows(self._extractor, playing):
                values = RANGES[forward.config.answer](forward.go_on(second.rows, carry))[0]
                yield LiveSecond(second.step, values, time.monotonic() - second.came_s)
        finally:
            self._sha256 = playing.sha256
            playing.close()

    def provenance(self) -> Provenance:
        """What made the predictions; the digest is of the bytes that came."""
        notes = tuple(str(note) for note in self._model.checkpoint.provenance.get("notes", ()))
        config = {"features": self._extractor.config.as_dict(), "live": True}
        inputs = {self._name: self._sha256, "model": self._model.sha256}
        return Provenance("predict", config, inputs, self._extractor.nets, notes)


def collect_live(seconds: list[LiveSecond], expressions: tuple[str, ...]) -> Track:
    """The seconds as one Track, as `predict` gives it."""
    values = np.array([s.values for s in seconds], dtype=np.float32).reshape(len(seconds), len(expressions))
    return Track(TimeGrid(Fraction(1), len(seconds)), expressions, values, np.ones(len(seconds), dtype=np.bool_))
