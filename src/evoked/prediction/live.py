"""Live prediction: each second of a video that is still being written, as soon as that second is complete."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.core.damage import Damage, damage_texts, of_file
from evoked.core.provenance import Provenance
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.features.audio import HZ
from evoked.features.extract import Extractor
from evoked.features.live import LiveRows
from evoked.media.live import LiveReader
from evoked.prediction.predictor import RANGES, Model
from evoked.weights.cache import Cache

__all__ = ["LivePredictor", "LiveSecond", "collect_live"]


@dataclass(frozen=True, eq=False)
class LiveSecond:
    """One second's prediction.

    Attributes:
        second: its number, from 0.
        values: float32 (K,), in the ranges of RANGES.
        work_s: delay in seconds from when its last piece was read until it was predicted.
    """

    second: int
    values: NDArray[np.float32]
    work_s: float


class LivePredictor:
    """A model that predicts a stream.

    The model is causal: a second depends on itself and those before it. Predictions equal those of `Predictor` for
    the finished file, but for the rounding of features to float16 (docs/predict.md has the measurements).

    Args:
        model: from load_model.
        cache: where the pretrained networks are.
        threads: of the networks; 0 = as many as there are cores.

    Attributes:
        damage: of the stream, known when it has ended.
        notes: which of its several audio tracks is read, one line.

    Raises:
        CheckpointError, WeightsError: as Predictor.
    """

    def __init__(self, model: Model, cache: Cache | None = None, threads: int = 0) -> None:
        self._model = model
        self._extractor = Extractor(model.feature_config(threads, cache), cache, batch=1)
        self._sha256 = ""
        self._name = ""
        self.damage: tuple[Damage, ...] = ()
        self.notes: tuple[str, ...] = ()

    def __call__(self, path: Path | None, patience_s: float = 10.0, audio_track: int = 0) -> Iterator[LiveSecond]:
        """Predict a growing file, a pipe or standard input.

        Args:
            path: the file or pipe; None: standard input.
            patience_s: seconds without growth after which a file is taken as finished.
            audio_track: which of its audio tracks, from 1; 0: the one that a player plays.

        Yields:
            One prediction per second, in order.

        Raises:
            MediaError: or a subclass, as LiveReader.
        """
        forward = self._model.forward
        carry: dict[str, NDArray[np.float32]] = {}
        reader = LiveReader(path, HZ, patience_s, audio_track)
        self.notes = reader.notes
        self._name = path.name if path else "-"
        try:
            for second in LiveRows(self._extractor, reader):
                values = RANGES[forward.config.answer](forward.predict_next(second.rows, carry))[0]
                yield LiveSecond(second.step, values, time.monotonic() - second.came_s)
        finally:
            self._sha256, self.damage = reader.sha256, reader.damage
            reader.close()

    def provenance(self) -> Provenance:
        """Provenance of the predictions; the digest is of the bytes that were read."""
        notes = tuple(str(note) for note in self._model.checkpoint.provenance.get("notes", ()))
        config = {"features": self._extractor.config.as_dict(), "live": True}
        inputs = {self._name: self._sha256, "model": self._model.sha256}
        notes = (*notes, *damage_texts(self.damage), *self.notes)
        damage = of_file(self._name, self.damage)
        return Provenance("predict", config, inputs, self._extractor.nets, notes, damage)


def collect_live(seconds: list[LiveSecond], expressions: tuple[str, ...]) -> Track:
    """Collect live predictions in a Track, as `Predictor` returns it.

    Args:
        seconds: every second from 0, in order.
        expressions: names of the K values.

    Returns:
        1 Hz, all seconds valid.
    """
    values = np.array([s.values for s in seconds], dtype=np.float32).reshape(len(seconds), len(expressions))
    return Track(TimeGrid(Fraction(1), len(seconds)), expressions, values, np.ones(len(seconds), dtype=np.bool_))
