"""The trained recogniser in numpy: what a face did in the last 3 s → probability of each expression (spec §3).

18 descriptions (6 a second, trailing) → LSTM 64 → LSTM 64, the last step's state → mixture of two experts and
the dummy. No torch: the base install annotates with it. Everything is float32; equal to the torch network to 1e-5.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["RecognitionConfig", "RecognitionForward", "lstm_step", "recognition_shapes"]

Array = NDArray[np.float32]

CHUNK = 2048
"""Windows computed together: 18 steps of 256 float32 each for gates, some 40 MB."""


@dataclass(frozen=True)
class RecognitionConfig:
    """The shape of a recogniser.

    Attributes:
        describes: names of the face descriptions that it reads, in the order in which they stand side by side.
        width: numbers per face and tick, D, of all of them.
        expressions: what it scores, in order.
        ticks: descriptions in a window; 18 are 3 s at 6 Hz.
        units: size of each LSTM's state, H.
        layers: LSTMs on top of each other.
        experts: per class, beside the dummy.

    Raises:
        ValueError: for a number below 1, or names that are missing or stand twice.
    """

    describes: tuple[str, ...]
    width: int
    expressions: tuple[str, ...]
    ticks: int = 18
    units: int = 64
    layers: int = 2
    experts: int = 2

    def __post_init__(self) -> None:
        for name in ("width", "ticks", "units", "layers", "experts"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise ValueError(f"{name} must be 1 or more, got {value}")
        for name in ("describes", "expressions"):
            names = getattr(self, name)
            if not names or len(set(names)) != len(names):
                raise ValueError(f"{name} must be one or more different names, got {names}")


def recognition_shapes(config: RecognitionConfig) -> dict[str, tuple[int, ...]]:
    """Name → shape of every array of a recogniser."""
    found: dict[str, tuple[int, ...]] = {"scale.mean": (config.width,), "scale.deviation": (config.width,)}
    for layer in range(config.layers):
        below = config.width if layer == 0 else config.units
        found[f"lstm.weight_ih_l{layer}"] = (4 * config.units, below)
        found[f"lstm.weight_hh_l{layer}"] = (4 * config.units, config.units)
        found[f"lstm.bias_ih_l{layer}"] = found[f"lstm.bias_hh_l{layer}"] = (4 * config.units,)
    classes = len(config.expressions)
    found["experts.gate_weight"] = (classes, config.experts + 1, config.units)
    found["experts.expert_weight"] = (classes, config.experts, config.units)
    found["experts.expert_bias"] = (classes, config.experts)
    return found


class RecognitionForward:
    """A trained recogniser's arithmetic.

    Args:
        config: its shape.
        arrays: every array of `recognition_shapes(config)`, float32.

    Raises:
        ValueError: if an array is missing, left over, or of another shape.
    """

    def __init__(self, config: RecognitionConfig, arrays: Mapping[str, Array]) -> None:
        found, wanted = {name: a.shape for name, a in arrays.items()}, recognition_shapes(config)
        if found != wanted:
            wrong = sorted(n for n in found.keys() | wanted.keys() if found.get(n) != wanted.get(n))
            raise ValueError(f"these arrays do not fit the config: {', '.join(wrong)}")
        self.config = config
        self._arrays = {name: np.ascontiguousarray(a, dtype=np.float32) for name, a in arrays.items()}

    def __call__(self, rows: NDArray[np.floating]) -> Array:
        """Score every tick from the window that ends there.

        Args:
            rows: (T, D), all finite: the descriptions of one face, tick after tick; the first is repeated
                before the start.

        Returns:
            float32, shape (T, K), in [0, 1].

        Raises:
            ValueError: for another width, or numbers that are not finite.
        """
        given = np.asarray(rows, dtype=np.float32)
        if given.ndim != 2 or given.shape[1] != self.config.width:
            raise ValueError(f"the recogniser reads rows of {self.config.width} numbers, got {given.shape}")
        if not np.isfinite(given).all():
            raise ValueError("descriptions hold numbers that are not finite; leave ticks without a face out first")
        if not len(given):
            return np.zeros((0, len(self.config.expressions)), dtype=np.float32)
        padded = np.concatenate([np.repeat(given[:1], self.config.ticks - 1, axis=0), given])
        projected = self._projected(padded)  # (T + ticks - 1, 4H), shared by the windows
        spans = [(start, min(start + CHUNK, len(given))) for start in range(0, len(given), CHUNK)]
        ticks = range(self.config.ticks)
        states = [self._last_states([projected[a + k : b + k] for k in ticks], b - a) for a, b in spans]
        return self._judged(np.concatenate(states))

    def windows(self, windows: NDArray[np.floating]) -> Array:
        """Score windows that share nothing, (N, ticks, D) all finite → (N, K): many short clips at once."""
        shape = (self.config.ticks, self.config.width)
        given = np.asarray(windows, dtype=np.float32)
        if given.ndim != 3 or given.shape[1:] != shape:
            raise ValueError(f"the recogniser reads windows of {shape} numbers, got {given.shape}")
        if not np.isfinite(given).all():
            raise ValueError("descriptions hold numbers that are not finite; leave ticks without a face out first")
        out = [np.zeros((0, len(self.config.expressions)), dtype=np.float32)]
        for start in range(0, len(given), CHUNK):
            projected = self._projected(given[start : start + CHUNK].transpose(1, 0, 2))  # (ticks, n, 4H)
            out.append(self._judged(self._last_states(list(projected), projected.shape[1])))
        return np.concatenate(out)

    def _projected(self, rows: Array) -> Array:
        a = self._arrays
        shown = (rows - a["scale.mean"]) / a["scale.deviation"]
        return np.asarray(shown @ a["lstm.weight_ih_l0"].T + (a["lstm.bias_ih_l0"] + a["lstm.bias_hh_l0"]))

    def _last_states(self, seen: Sequence[Array], windows: int) -> Array:
        """Tick by tick the input side of each window, (windows, 4H) → top state after the last, (windows, H)."""
        a, units = self._arrays, self.config.units
        hidden = [np.zeros((windows, units), dtype=np.float32) for _ in range(self.config.layers)]
        cell = [np.zeros((windows, units), dtype=np.float32) for _ in range(self.config.layers)]
        for x in seen:
            for layer in range(self.config.layers):
                if layer:
                    bias = a[f"lstm.bias_ih_l{layer}"] + a[f"lstm.bias_hh_l{layer}"]
                    x = hidden[layer - 1] @ a[f"lstm.weight_ih_l{layer}"].T + bias
                hidden[layer], cell[layer] = lstm_step(x, hidden[layer], cell[layer], a[f"lstm.weight_hh_l{layer}"])
        return hidden[-1]

    def _judged(self, states: Array) -> Array:
        a = self._arrays
        gates = np.einsum("bn,kmn->bkm", states, a["experts.gate_weight"], optimize=True)
        gates = np.exp(gates - gates.max(axis=-1, keepdims=True))
        gates /= gates.sum(axis=-1, keepdims=True)
        says = np.einsum("bn,kmn->bkm", states, a["experts.expert_weight"], optimize=True)
        return np.asarray((gates[..., :-1] * sigmoid(says + a["experts.expert_bias"])).sum(axis=-1))


def lstm_step(x: Array, hidden: Array, cell: Array, weight: Array) -> tuple[Array, Array]:
    """One step of an LSTM, as torch's (gates in the order input, forget, cell, output).

    Args:
        x: input side with both biases, (N, 4H).
        hidden, cell: (N, H) before the step.
        weight: recurrent weight, (4H, H).

    Returns:
        hidden and cell after the step.
    """
    units = hidden.shape[1]
    g = x + hidden @ weight.T
    into, keep, out = sigmoid(g[:, :units]), sigmoid(g[:, units : 2 * units]), sigmoid(g[:, 3 * units :])
    cell = keep * cell + into * np.tanh(g[:, 2 * units : 3 * units])
    return out * np.tanh(cell), cell


def sigmoid(x: Array) -> Array:
    """1 / (1 + e^-x) by way of tanh, which does not overflow."""
    return np.asarray(np.float32(0.5) * (np.float32(1) + np.tanh(np.float32(0.5) * x)))
