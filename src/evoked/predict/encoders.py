"""How the content model reads one modality, for prediction: a class per kind of network.

A reader is made once per model and modality as `Reader(config, modality, arrays, threads)`, with the arrays of
`config.ARCHITECTURES`, and may pack them as suits it. `reader(rows, carry)` reads the next n seconds of a video.
"""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from evoked.model.config import Modality, ModelConfig, dilations
from evoked.predict.gru_graph import GruLayer, gru_block, gru_projection, in_block
from evoked.weights.session import Session

__all__ = ["READERS", "Array", "GruRuntimeEncoder", "RuntimeEncoder", "TcnRuntimeEncoder"]

Array = NDArray[np.float32]


class RuntimeEncoder(Protocol):
    """One modality's seconds → what is known at each of them."""

    def __init__(self, config: ModelConfig, m: Modality, arrays: Mapping[str, Array], threads: int = 0) -> None: ...

    def __call__(self, rows: Array, carry: Array | None) -> tuple[Array, Array]:
        """Read n more seconds of a video.

        Args:
            rows: (n, D), scaled; n at least 1.
            carry: what the call before gave back; None at second 0.

        Returns:
            (n, H), the state of each second's window (spec §7: the first second is repeated before second 0);
            and what the next call is to be given.
        """
        ...


class GruRuntimeEncoder:
    """GRU layers; each second is projected once for all windows that see it, and the runtime takes their steps."""

    def __init__(self, config: ModelConfig, m: Modality, arrays: Mapping[str, Array], threads: int = 0) -> None:
        layers = [
            GruLayer(*(arrays[f"{layer}.{name}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")))
            for layer in range(config.layers)
        ]
        self._steps, self._units, self._layers = config.window_s, m.units, config.layers
        self._at_once = in_block(config.window_s)
        self._projection = Session(gru_projection(layers[0]).SerializeToString(), threads=threads)
        self._block = Session(gru_block(layers, self._at_once).SerializeToString(), threads=threads)

    def __call__(self, rows: Array, carry: Array | None) -> tuple[Array, Array]:
        """See Reader; what is carried are the last window_s - 1 projected seconds."""
        (projected,) = self._projection(rows)
        before = np.repeat(projected[:1], self._steps - 1, axis=0) if carry is None else carry
        seen = np.concatenate([before, projected])  # (window_s - 1 + n, 3H)
        states = tuple(np.zeros((len(rows), self._units), dtype=np.float32) for _ in range(self._layers))
        for k in range(0, self._steps, self._at_once):
            states = self._block(seen[k : k + len(rows) + self._at_once - 1], *states)
        return states[-1], seen[len(rows) :].copy()


class TcnRuntimeEncoder:
    """A causal convolution, see `encoders.TcnEncoder`: about log2(window_s) layers for all seconds at once.

    A dozen matrix products for a whole chunk: numpy's BLAS takes them on as many threads as it may use.

    σ is computed as tanh of half its logit; the half, which is exact in binary, is worked into the arrays.
    """

    def __init__(self, config: ModelConfig, m: Modality, arrays: Mapping[str, Array], threads: int = 0) -> None:
        self._steps, self._units, self._dilations = config.window_s, m.units, dilations(config.window_s)
        self._first = (np.ascontiguousarray(arrays["first.weight"].T), arrays["first.bias"])
        half = np.repeat(np.array([1, 0.5], dtype=np.float32), m.units)
        self._layers = [
            (
                np.ascontiguousarray(np.concatenate([arrays[f"{n}.now"], arrays[f"{n}.before"]], axis=1).T * half),
                arrays[f"{n}.bias"] * half,
            )
            for n in range(len(self._dilations))
        ]

    def __call__(self, rows: Array, carry: Array | None) -> tuple[Array, Array]:
        """See Reader; what is carried are the last window_s - 1 projected seconds."""
        weight, bias = self._first
        projected = rows @ weight
        projected += bias
        before = np.repeat(projected[:1], self._steps - 1, axis=0) if carry is None else carry
        seen = np.concatenate([before, projected])  # (window_s - 1 + n, H)
        h = seen
        for d, (weight, bias) in zip(self._dilations, self._layers, strict=True):
            both = np.concatenate([h[d:], h[:-d]], axis=1) @ weight
            both += bias
            np.tanh(both, out=both)
            let_in, how_much = both[:, : self._units], both[:, self._units :]
            how_much += np.float32(1)
            how_much *= np.float32(0.5)
            let_in *= how_much
            let_in += h[d:]
            h = let_in
        return np.ascontiguousarray(h), seen[len(rows) :].copy()


READERS: Mapping[str, type[RuntimeEncoder]] = {"gru": GruRuntimeEncoder, "tcn": TcnRuntimeEncoder}
"""Kind of network → how it reads a modality."""
