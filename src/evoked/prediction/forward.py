"""The content model without torch, as `predict` runs it (spec §7): ONNX Runtime and numpy.

Each second's input projection is computed once and shared by the 60 windows that hold it; seconds are processed
in chunks, so memory does not grow with the video. Everything is float32; equal to the torch network to 1e-6.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from evoked.core.progress import Progress, silent
from evoked.core.rows import Rows
from evoked.model.config import Modality, ModelConfig, shapes
from evoked.prediction.encoders import RUNTIME_ENCODERS, RuntimeEncoder
from evoked.prediction.head_graph import head_model
from evoked.weights.session import Session

__all__ = ["Array", "Forward"]

Array = NDArray[np.float32]

CHUNK_S = 256
"""Windows computed together. 64 is 15 % slower on two cores, 1024 no faster and three times the memory."""


class Forward:
    """A trained model, ready to predict.

    Args:
        config: its shape.
        arrays: every array of `shapes(config)`, float32.
        chunk_s: windows computed together.
        threads: of the runtime; 0 = as many as there are cores. Results differ by at most 1e-6.

    Raises:
        ValueError: if an array is missing, left over, or of another shape, or threads is negative.
    """

    def __init__(
        self, config: ModelConfig, arrays: Mapping[str, Array], chunk_s: int = CHUNK_S, threads: int = 0
    ) -> None:
        wanted, present = shapes(config), {name: array.shape for name, array in arrays.items()}
        if present != wanted:
            wrong = sorted(n for n in present.keys() | wanted.keys() if present.get(n) != wanted.get(n))
            raise ValueError(f"these arrays do not fit the config: {', '.join(wrong)}")
        if chunk_s < 1:
            raise ValueError(f"chunk_s must be 1 or more, got {chunk_s}")
        self.config = config
        self._arrays = {name: np.ascontiguousarray(a, dtype=np.float32) for name, a in arrays.items()}
        self._encoders = {m.name: self._encoder(m, threads) for m in config.modalities}
        self._head = Session(head_model(config, self._arrays).SerializeToString(), threads=threads)
        self._chunk_s = chunk_s

    def __call__(self, features: Mapping[str, Rows], progress: Progress = silent) -> Array:
        """Predict every second of one video.

        Args:
            features: modality → (T, D) of any float type, arrays or rows on disk, all finite, zeros where
                absent. Modalities that the model does not read are ignored.
            progress: called with the seconds done and their total.

        Returns:
            float32, shape (T, K), columns as `config.expressions`; any numbers where `config.answer` is
            value, else in [0, 1].

        Raises:
            ValueError: if a modality is missing, of another width or length, or holds numbers that are not finite.
        """
        seconds = self._seconds(features)
        out = np.empty((seconds, len(self.config.expressions)), dtype=np.float32)
        carry: dict[str, Array] = {}
        for start in range(0, seconds, self._chunk_s):
            stop = min(start + self._chunk_s, seconds)
            chunk = {m.name: features[m.name][start:stop] for m in self.config.modalities}
            out[start:stop] = self.predict_next(chunk, carry)
            progress(stop, seconds)
        return out

    def predict_next(self, features: Mapping[str, NDArray[np.floating]], carry: dict[str, Array]) -> Array:
        """Predict the next n seconds of a video that is read in pieces.

        Args:
            features: modality → (n, D), as for a call; n at least 1.
            carry: modality → state of its encoder after the seconds before; empty at second 0. Updated in place.

        Returns:
            float32, shape (n, K); equal to 1e-6 to those of the video predicted at once.

        Raises:
            ValueError: if a row holds numbers that are not finite.
        """
        states = []
        for m in self.config.modalities:
            rows = np.asarray(features[m.name], dtype=np.float32)
            if not np.isfinite(rows).all():
                raise ValueError(f"{m.name} features hold numbers that are not finite; absent is zero here")
            state, carry[m.name] = self._encoders[m.name](self._standardised(m, rows), carry.get(m.name))
            states.append(state)
        return self._head(np.concatenate(states, axis=1))[0]

    def _seconds(self, features: Mapping[str, Rows]) -> int:
        modalities = self.config.modalities
        if missing := [m.name for m in modalities if m.name not in features]:
            raise ValueError(f"the model needs features of {', '.join(missing)}; there are: {', '.join(features)}")
        for m in modalities:
            if features[m.name].ndim != 2 or features[m.name].shape[1] != m.width:
                raise ValueError(f"{m.name} features must be (T, {m.width}), got {features[m.name].shape}")
        lengths = {m.name: len(features[m.name]) for m in modalities}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"features differ in length: {lengths}")
        return next(iter(lengths.values()))

    def _encoder(self, modality: Modality, threads: int) -> RuntimeEncoder:
        prefix = f"{self.config.architecture}.{modality.name}."
        arrays = {name.removeprefix(prefix): a for name, a in self._arrays.items() if name.startswith(prefix)}
        return RUNTIME_ENCODERS[self.config.architecture](self.config, modality, arrays, threads)

    def _standardised(self, modality: Modality, rows: Array) -> Array:
        """(n, D), each column standardised; a part that is absent (such as a second face) stays zero."""
        prefix = f"scale.{modality.name}"
        mean, deviation = self._arrays[f"{prefix}.mean"], self._arrays[f"{prefix}.deviation"]
        if self.config.standardise == "none" and not mean.any() and (deviation == 1).all():
            return rows
        present = rows.reshape(len(rows), modality.parts, -1).any(axis=-1)
        return np.asarray((rows - mean) / deviation * np.repeat(present, modality.width // modality.parts, axis=1))
