"""The content model in numpy: what `predict` runs, with no torch installed (spec §7).

Each second's input projection is computed once and shared by the 60 windows that see it; seconds are taken
in chunks, so memory does not grow with the video. Everything is float32; equal to the torch network to 1e-5.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from evoked.core.progress import Progress, silent
from evoked.core.rows import Rows
from evoked.model.config import Modality, ModelConfig, shapes
from evoked.model.readers import READERS, Reader
from evoked.model.spreading import Spread

Array = NDArray[np.float32]

CHUNK_S = 256
"""Windows computed together. 64 is 15 % slower on two cores, 1024 no faster and three times the memory."""
GATES = ("input_gate", "output_gate")
BN_EPSILON = np.float32(1e-3)


class Forward:
    """A trained model, ready to predict.

    Args:
        config: its shape.
        arrays: every array of `shapes(config)`, float32.
        chunk_s: windows computed together.
        threads: that share a chunk's windows; 0: as many as numpy's BLAS may use. They change nothing beyond 1e-6.

    Raises:
        ValueError: if an array is missing, left over, or of another shape.
    """

    def __init__(
        self, config: ModelConfig, arrays: Mapping[str, Array], chunk_s: int = CHUNK_S, threads: int = 0
    ) -> None:
        found = {name: a.shape for name, a in arrays.items()}
        if found != shapes(config):
            wrong = sorted(n for n in found.keys() | shapes(config).keys() if found.get(n) != shapes(config).get(n))
            raise ValueError(f"these arrays do not fit the config: {', '.join(wrong)}")
        if chunk_s < 1:
            raise ValueError(f"chunk_s must be 1 or more, got {chunk_s}")
        self.config = config
        self._arrays = {name: np.ascontiguousarray(a, dtype=np.float32) for name, a in arrays.items()}
        self._gates = {n: gate_weight(config, self._arrays, n) for n in GATES if f"{n}.weight" in self._arrays}
        self._readers = {m.name: self._reader(m) for m in config.modalities}
        self._chunk_s, self._spread = chunk_s, Spread(threads)

    def __call__(self, features: Mapping[str, Rows], progress: Progress = silent) -> Array:
        """Predict every second of one video.

        Args:
            features: modality → (T, D) of any float type, arrays or rows on disk, all finite, zeros where
                absent. Modalities that the model does not read are left alone.
            progress: told in seconds of video.

        Returns:
            float32, shape (T, K), columns as `config.expressions`; any numbers where `config.answer` is
            value, else in [0, 1].

        Raises:
            ValueError: if a modality is missing, of another width or length, or holds what is not finite.
        """
        seconds = self._seconds(features)
        out = np.empty((seconds, len(self.config.expressions)), dtype=np.float32)
        carry: dict[str, Array] = {}
        for start in range(0, seconds, self._chunk_s):
            stop = min(start + self._chunk_s, seconds)
            chunk = {m.name: features[m.name][start:stop] for m in self.config.modalities}
            out[start:stop] = self.go_on(chunk, carry)
            progress(stop, seconds)
        return out

    def go_on(self, features: Mapping[str, NDArray[np.floating]], carry: dict[str, Array]) -> Array:
        """Predict the next n seconds of a video that comes piece by piece.

        Args:
            features: modality → (n, D), as a call takes them; n at least 1.
            carry: what the seconds before left behind; empty at second 0. It is brought up to date.

        Returns:
            float32, shape (n, K); the same as of the whole video at once, to 1e-6.

        Raises:
            ValueError: if a row holds what is not finite.
        """
        states = []
        for m in self.config.modalities:
            rows = np.asarray(features[m.name], dtype=np.float32)
            if not np.isfinite(rows).all():
                raise ValueError(f"{m.name} features hold numbers that are not finite; absent is zero here")
            state, carry[m.name] = self._readers[m.name](self._scaled(m, rows), carry.get(m.name), self._spread)
            states.append(state)
        return self._judged(np.concatenate(states, axis=1))

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

    def _reader(self, m: Modality) -> Reader:
        own = f"{self.config.kind}.{m.name}."
        arrays = {name.removeprefix(own): array for name, array in self._arrays.items() if name.startswith(own)}
        return READERS[self.config.kind](self.config, m, arrays)

    def _scaled(self, m: Modality, rows: Array) -> Array:
        """(n, D), each column standardised; a part that is absent stays zero."""
        mean, deviation = self._arrays[f"scale.{m.name}.mean"], self._arrays[f"scale.{m.name}.deviation"]
        if self.config.standardise == "none" and not mean.any() and (deviation == 1).all():
            return rows
        present = rows.reshape(len(rows), m.parts, -1).any(axis=-1)
        return np.asarray((rows - mean) / deviation * np.repeat(present, m.width // m.parts, axis=1))

    def _judged(self, fused: Array) -> Array:
        if self.config.input_gate:
            fused = self._gated("input_gate", fused, fused)
        says = np.einsum("bn,kmn->bkm", fused, self._arrays["experts.expert_weight"], optimize=True)
        says = says + self._arrays["experts.expert_bias"]
        says = says if self.config.answer == "value" else sigmoid(says)
        if self.config.experts:
            gates = np.einsum("bn,kmn->bkm", fused, self._arrays["experts.gate_weight"], optimize=True)
            gates = np.exp(gates - gates.max(axis=-1, keepdims=True))
            gates /= gates.sum(axis=-1, keepdims=True)
            says = gates[..., :-1] * says
        p = says.sum(axis=-1)
        seen = fused if self.config.output_gate_from == "input" else p
        return self._gated("output_gate", p, seen) if self.config.output_gate else np.asarray(p)

    def _gated(self, name: str, x: Array, seen: Array) -> Array:
        gain, bias, mean, variance = (self._arrays[f"{name}.{part}"] for part in ("gain", "bias", "mean", "variance"))
        return np.asarray(
            x * sigmoid((seen @ self._gates[name].T - mean) / np.sqrt(variance + BN_EPSILON) * gain + bias)
        )


def gate_weight(config: ModelConfig, arrays: Mapping[str, Array], name: str) -> Array:
    """A gate's W as it is used, (n, sees): without its diagonal where the model leaves that out."""
    weight = arrays[f"{name}.weight"]
    if config.remove_diagonal and (name == "input_gate" or config.output_gate_from == "probabilities"):
        return np.asarray(weight * (1 - np.eye(len(weight), dtype=np.float32)))
    return weight


def sigmoid(x: Array) -> Array:
    """1 / (1 + e^-x) by way of tanh, which does not overflow."""
    return np.asarray(np.float32(0.5) * (np.float32(1) + np.tanh(np.float32(0.5) * x)))
