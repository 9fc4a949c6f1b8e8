"""Runtime encoders: the temporal model of one modality without torch, a class per architecture.

An encoder is built once per model and modality from the arrays of its architecture (`model/config.py`), and may lay
them out as it likes. `encoder(rows, carry)` encodes the next n seconds of a video.
"""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from evoked.model.config import Modality, ModelConfig, dilations
from evoked.prediction.gru_graph import GruLayer, gru_block, gru_projection, steps_per_block
from evoked.weights.session import Session

__all__ = ["RUNTIME_ENCODERS", "Array", "GruRuntimeEncoder", "RuntimeEncoder", "TcnRuntimeEncoder"]

Array = NDArray[np.float32]


class RuntimeEncoder(Protocol):
    """The temporal model of one modality: features of a window of seconds → its state.

    Args:
        config: of the model.
        modality: the one to encode.
        arrays: of this modality, without the prefix `architecture.modality.`.
        threads: of the runtime; 0 = as many as there are cores.
    """

    def __init__(
        self, config: ModelConfig, modality: Modality, arrays: Mapping[str, Array], threads: int = 0
    ) -> None: ...

    def __call__(self, rows: Array, carry: Array | None) -> tuple[Array, Array]:
        """Encode the next n seconds of a video.

        Args:
            rows: (n, D), standardised; n at least 1.
            carry: the second array that the call before returned; None at second 0.

        Returns:
            (n, H), the state of each second's window (spec §7: the first second is repeated before second 0);
            and the carry for the next call.
        """
        ...


class GruRuntimeEncoder:
    """GRU layers; each second is projected once for all windows that hold it, and the runtime computes their steps."""

    def __init__(self, config: ModelConfig, modality: Modality, arrays: Mapping[str, Array], threads: int = 0) -> None:
        layers = [
            GruLayer(*(arrays[f"{layer}.{name}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")))
            for layer in range(config.layers)
        ]
        self._steps, self._units, self._layers = config.window_s, modality.units, config.layers
        self._block_steps = steps_per_block(config.window_s)
        self._projection = Session(gru_projection(layers[0]).SerializeToString(), threads=threads)
        self._block = Session(gru_block(layers, self._block_steps).SerializeToString(), threads=threads)

    def __call__(self, rows: Array, carry: Array | None) -> tuple[Array, Array]:
        """See RuntimeEncoder; the carry is the last window_s - 1 projected seconds."""
        (projected,) = self._projection(rows)
        before = np.repeat(projected[:1], self._steps - 1, axis=0) if carry is None else carry
        seconds = np.concatenate([before, projected])  # (window_s - 1 + n, 3H)
        states = tuple(np.zeros((len(rows), self._units), dtype=np.float32) for _ in range(self._layers))
        for k in range(0, self._steps, self._block_steps):
            states = self._block(seconds[k : k + len(rows) + self._block_steps - 1], *states)
        return states[-1], seconds[len(rows) :].copy()


class TcnRuntimeEncoder:
    """A causal convolution as `model.encoders.TcnEncoder`: about log2(window_s) layers for all seconds at once.

    A dozen matrix products for each chunk: numpy's BLAS computes them on as many threads as it may use.

    σ is computed as tanh of half its logit; the half, which is exact in binary, is folded into the arrays.
    """

    def __init__(self, config: ModelConfig, modality: Modality, arrays: Mapping[str, Array], threads: int = 0) -> None:
        self._steps, self._units, self._dilations = config.window_s, modality.units, dilations(config.window_s)
        self._first = (np.ascontiguousarray(arrays["first.weight"].T), arrays["first.bias"])
        half = np.repeat(np.array([1, 0.5], dtype=np.float32), modality.units)
        self._layers = [
            (
                np.ascontiguousarray(np.concatenate([arrays[f"{n}.now"], arrays[f"{n}.before"]], axis=1).T * half),
                arrays[f"{n}.bias"] * half,
            )
            for n in range(len(self._dilations))
        ]

    def __call__(self, rows: Array, carry: Array | None) -> tuple[Array, Array]:
        """See RuntimeEncoder; the carry is the last window_s - 1 projected seconds."""
        weight, bias = self._first
        projected = rows @ weight
        projected += bias
        before = np.repeat(projected[:1], self._steps - 1, axis=0) if carry is None else carry
        seconds = np.concatenate([before, projected])  # (window_s - 1 + n, H)
        state = seconds
        for d, (weight, bias) in zip(self._dilations, self._layers, strict=True):
            outputs = np.concatenate([state[d:], state[:-d]], axis=1) @ weight
            outputs += bias
            np.tanh(outputs, out=outputs)
            update, gate = outputs[:, : self._units], outputs[:, self._units :]
            gate += np.float32(1)
            gate *= np.float32(0.5)
            update *= gate
            update += state[d:]
            state = update
        return np.ascontiguousarray(state), seconds[len(rows) :].copy()


RUNTIME_ENCODERS: Mapping[str, type[RuntimeEncoder]] = {"gru": GruRuntimeEncoder, "tcn": TcnRuntimeEncoder}
"""Architecture → the encoder of one modality."""
