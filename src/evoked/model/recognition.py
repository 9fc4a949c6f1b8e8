"""The trained recogniser in numpy: face descriptors of the last 3 s → probability of each expression (spec §3).

18 descriptors (at 6 Hz, trailing) → LSTM 64 → LSTM 64, the last step's state → mixture of two experts and a dummy.
Without recurrence, two dense layers of 64 (tanh) read the last descriptor alone. No torch: the base install annotates
with it. Everything is float32; equal to the torch network to 1e-5.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["RecognitionConfig", "RecognitionForward", "recognition_shapes", "sigmoid"]

Array = NDArray[np.float32]

CHUNK = 2048
"""Windows computed together: 18 steps of 256 float32 each for gates, about 40 MB."""


@dataclass(frozen=True)
class RecognitionConfig:
    """The shape of a recogniser.

    Attributes:
        describes: names of the face descriptors that it reads, in the order of their columns.
        width: columns of all descriptors together, D.
        expressions: names of the outputs, in order.
        ticks: frames in a window; 18 are 3 s at 6 Hz.
        units: units of each layer, H.
        layers: number of layers.
        experts: per class, besides the dummy expert.
        recurrence: "lstm", or "none" for dense layers that read the last frame of a window only.

    Raises:
        ValueError: for a number below 1, names that are missing or repeated, or an unknown recurrence.
    """

    describes: tuple[str, ...]
    width: int
    expressions: tuple[str, ...]
    ticks: int = 18
    units: int = 64
    layers: int = 2
    experts: int = 2
    recurrence: Literal["lstm", "none"] = "lstm"

    def __post_init__(self) -> None:
        for name in ("width", "ticks", "units", "layers", "experts"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise ValueError(f"{name} must be 1 or more, got {value}")
        for name in ("describes", "expressions"):
            names = getattr(self, name)
            if not names or len(set(names)) != len(names):
                raise ValueError(f"{name} must be one or more different names, got {names}")
        if self.recurrence not in ("lstm", "none"):
            raise ValueError(f"recurrence must be lstm or none, got {self.recurrence!r}")


def recognition_shapes(config: RecognitionConfig) -> dict[str, tuple[int, ...]]:
    """Name → shape of every array of a recogniser."""
    array_shapes: dict[str, tuple[int, ...]] = {"scale.mean": (config.width,), "scale.deviation": (config.width,)}
    for layer in range(config.layers):
        inputs = config.width if layer == 0 else config.units
        if config.recurrence == "none":
            array_shapes[f"dense.weight_l{layer}"] = (config.units, inputs)
            array_shapes[f"dense.bias_l{layer}"] = (config.units,)
            continue
        array_shapes[f"lstm.weight_ih_l{layer}"] = (4 * config.units, inputs)
        array_shapes[f"lstm.weight_hh_l{layer}"] = (4 * config.units, config.units)
        array_shapes[f"lstm.bias_ih_l{layer}"] = array_shapes[f"lstm.bias_hh_l{layer}"] = (4 * config.units,)
    classes = len(config.expressions)
    array_shapes["experts.gate_weight"] = (classes, config.experts + 1, config.units)
    array_shapes["experts.expert_weight"] = (classes, config.experts, config.units)
    array_shapes["experts.expert_bias"] = (classes, config.experts)
    return array_shapes


class RecognitionForward:
    """The forward pass of a trained recogniser.

    Args:
        config: its shape.
        arrays: every array of `recognition_shapes(config)`, float32.

    Raises:
        ValueError: if an array is missing, left over, or of another shape.
    """

    def __init__(self, config: RecognitionConfig, arrays: Mapping[str, Array]) -> None:
        present, wanted = {name: a.shape for name, a in arrays.items()}, recognition_shapes(config)
        if present != wanted:
            wrong = sorted(n for n in present.keys() | wanted.keys() if present.get(n) != wanted.get(n))
            raise ValueError(f"these arrays do not fit the config: {', '.join(wrong)}")
        self.config = config
        self._arrays = {name: np.ascontiguousarray(a, dtype=np.float32) for name, a in arrays.items()}

    def __call__(self, rows: NDArray[np.floating]) -> Array:
        """Score every frame from the window that ends there.

        Args:
            rows: (T, D), all finite: the descriptors of one face at 6 Hz; the first is repeated before the start.

        Returns:
            float32, shape (T, K), in [0, 1].

        Raises:
            ValueError: for another width, or numbers that are not finite.
        """
        descriptors = np.asarray(rows, dtype=np.float32)
        if descriptors.ndim != 2 or descriptors.shape[1] != self.config.width:
            raise ValueError(f"the recogniser reads rows of {self.config.width} numbers, got {descriptors.shape}")
        if not np.isfinite(descriptors).all():
            raise ValueError("descriptors hold numbers that are not finite; leave out frames without a face first")
        if not len(descriptors):
            return np.zeros((0, len(self.config.expressions)), dtype=np.float32)
        if self.config.recurrence == "none":
            return self._expert_outputs(self._dense_states(descriptors))
        padded = np.concatenate([np.repeat(descriptors[:1], self.config.ticks - 1, axis=0), descriptors])
        projected = self._projected(padded)  # (T + ticks - 1, 4H), shared by the windows
        spans = [(start, min(start + CHUNK, len(descriptors))) for start in range(0, len(descriptors), CHUNK)]
        frames = range(self.config.ticks)
        states = [
            self._last_states([projected[start + frame : stop + frame] for frame in frames], stop - start)
            for start, stop in spans
        ]
        return self._expert_outputs(np.concatenate(states))

    def windows(self, windows: NDArray[np.floating]) -> Array:
        """Score separate windows, (N, ticks, D) all finite → (N, K): many short clips at once."""
        shape = (self.config.ticks, self.config.width)
        descriptors = np.asarray(windows, dtype=np.float32)
        if descriptors.ndim != 3 or descriptors.shape[1:] != shape:
            raise ValueError(f"the recogniser reads windows of {shape} numbers, got {descriptors.shape}")
        if not np.isfinite(descriptors).all():
            raise ValueError("descriptors hold numbers that are not finite; leave out frames without a face first")
        if self.config.recurrence == "none":
            return self._expert_outputs(self._dense_states(descriptors[:, -1]))
        out = [np.zeros((0, len(self.config.expressions)), dtype=np.float32)]
        for start in range(0, len(descriptors), CHUNK):
            projected = self._projected(descriptors[start : start + CHUNK].transpose(1, 0, 2))  # (ticks, n, 4H)
            out.append(self._expert_outputs(self._last_states(list(projected), projected.shape[1])))
        return np.concatenate(out)

    def _standardised(self, rows: Array) -> Array:
        return np.asarray((rows - self._arrays["scale.mean"]) / self._arrays["scale.deviation"])

    def _dense_states(self, rows: Array) -> Array:
        """Rows (N, D) → last state of the dense layers, (N, H)."""
        state = self._standardised(rows)
        for layer in range(self.config.layers):
            weight, bias = self._arrays[f"dense.weight_l{layer}"], self._arrays[f"dense.bias_l{layer}"]
            state = np.tanh(state @ weight.T + bias)
        return state

    def _projected(self, rows: Array) -> Array:
        arrays = self._arrays
        return np.asarray(
            self._standardised(rows) @ arrays["lstm.weight_ih_l0"].T
            + (arrays["lstm.bias_ih_l0"] + arrays["lstm.bias_hh_l0"])
        )

    def _last_states(self, projected: Sequence[Array], windows: int) -> Array:
        """Projected inputs of each frame, (windows, 4H) → last state of the top layer, (windows, H)."""
        arrays, units = self._arrays, self.config.units
        hidden = [np.zeros((windows, units), dtype=np.float32) for _ in range(self.config.layers)]
        cell = [np.zeros((windows, units), dtype=np.float32) for _ in range(self.config.layers)]
        for x in projected:
            for layer in range(self.config.layers):
                if layer:
                    bias = arrays[f"lstm.bias_ih_l{layer}"] + arrays[f"lstm.bias_hh_l{layer}"]
                    x = hidden[layer - 1] @ arrays[f"lstm.weight_ih_l{layer}"].T + bias
                hidden[layer], cell[layer] = _lstm_step(
                    x, hidden[layer], cell[layer], arrays[f"lstm.weight_hh_l{layer}"]
                )
        return hidden[-1]

    def _expert_outputs(self, states: Array) -> Array:
        arrays = self._arrays
        gates = np.einsum("bn,kmn->bkm", states, arrays["experts.gate_weight"], optimize=True)
        gates = np.exp(gates - gates.max(axis=-1, keepdims=True))
        gates /= gates.sum(axis=-1, keepdims=True)
        logits = np.einsum("bn,kmn->bkm", states, arrays["experts.expert_weight"], optimize=True)
        return np.asarray((gates[..., :-1] * sigmoid(logits + arrays["experts.expert_bias"])).sum(axis=-1))


def _lstm_step(x: Array, hidden: Array, cell: Array, weight: Array) -> tuple[Array, Array]:
    """One step of an LSTM, as in torch (gates in the order input, forget, cell, output).

    Args:
        x: projected input with both biases, (N, 4H).
        hidden, cell: (N, H) before the step.
        weight: recurrent weight, (4H, H).

    Returns:
        Hidden and cell state after the step.
    """
    units = hidden.shape[1]
    gates = x + hidden @ weight.T
    input_gate, forget_gate, output_gate = (
        sigmoid(gates[:, :units]),
        sigmoid(gates[:, units : 2 * units]),
        sigmoid(gates[:, 3 * units :]),
    )
    cell = forget_gate * cell + input_gate * np.tanh(gates[:, 2 * units : 3 * units])
    return output_gate * np.tanh(cell), cell


def sigmoid(x: Array) -> Array:
    """1 / (1 + e^-x), computed with tanh, which does not overflow."""
    return np.asarray(np.float32(0.5) * (np.float32(1) + np.tanh(np.float32(0.5) * x)))
