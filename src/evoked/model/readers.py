"""How the content model reads one modality, in numpy: a class per kind of network, for prediction.

A reader is made once per model and modality as `Reader(config, modality, arrays)`, with the arrays of
`config.KINDS`, and may pack them as suits it. `reader(rows, carry)` reads the next n seconds of a video.
"""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from evoked.model.config import Modality, ModelConfig, dilations
from evoked.model.spreading import Spread

Array = NDArray[np.float32]


class Reader(Protocol):
    """One modality's seconds → what is known at each of them."""

    def __init__(self, config: ModelConfig, m: Modality, arrays: Mapping[str, Array]) -> None: ...

    def __call__(self, rows: Array, carry: Array | None, spread: Spread) -> tuple[Array, Array]:
        """Read n more seconds of a video.

        Args:
            rows: (n, D), scaled; n at least 1.
            carry: what the call before gave back; None at second 0.
            spread: how rows that do not need each other share the cores.

        Returns:
            (n, H), the state of each second's window (spec §7: the first second is repeated before second 0);
            and what the next call is to be given.
        """
        ...


class GruReader:
    """GRU layers; each second is projected once for all windows that see it.

    Reset and update gates are computed as tanh of half their logits; the half, which is exact in binary, and the
    recurrent bias are worked into the arrays beforehand.
    """

    def __init__(self, config: ModelConfig, m: Modality, arrays: Mapping[str, Array]) -> None:
        self._steps, self._units = config.window_s, m.units
        self._layers = [
            _packed(*(arrays[f"{layer}.{name}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")))
            for layer in range(config.layers)
        ]

    def __call__(self, rows: Array, carry: Array | None, spread: Spread) -> tuple[Array, Array]:
        """See Reader; what is carried are the last window_s - 1 projected seconds."""
        weight, bias, *_ = self._layers[0]
        projected = np.concatenate(spread(lambda some: rows[some] @ weight + bias, len(rows)))
        before = np.repeat(projected[:1], self._steps - 1, axis=0) if carry is None else carry
        seen = np.concatenate([before, projected])  # (window_s - 1 + n, 3H)
        states = spread(lambda some: self._states(seen, some), len(rows))
        return np.concatenate(states), seen[len(rows) :].copy()

    def _states(self, seen: Array, some: slice) -> Array:
        """The state at the end of these windows, (some, H); each window's steps need no other window."""
        windows = some.stop - some.start
        inputs = (seen[some.start + k : some.stop + k] for k in range(self._steps))
        room = np.empty((windows, 3 * self._units), dtype=np.float32)
        for layer, (_, _, turned, inner) in enumerate(self._layers):
            state = np.zeros((windows, self._units), dtype=np.float32)
            if layer + 1 == len(self._layers):
                for x in inputs:
                    step(x, state, turned, inner, room)
                return state
            below = [step(x, state, turned, inner, room).copy() for x in inputs]
            weight, bias, *_ = self._layers[layer + 1]
            inputs = (one @ weight + bias for one in below)
        raise AssertionError("a model has at least one layer")


def step(x: Array, state: Array, turned: Array, inner: Array, room: Array) -> Array:
    """One step of a GRU as torch's (the reset gate stands after the recurrent product), in place.

    Args:
        x: input side of reset, update and new gate, (N, 3H), packed as `_packed` does.
        state: (N, H), before the step and then after it.
        turned: recurrent weight, packed, (H, 3H).
        inner: recurrent bias of the new gate, (H,).
        room: (N, 3H), written over.

    Returns:
        `state`.
    """
    size = state.shape[1]
    np.matmul(state, turned, out=room)
    both, new = room[:, : 2 * size], room[:, 2 * size :]
    both += x[:, : 2 * size]
    np.tanh(both, out=both)
    both *= np.float32(0.5)
    both += np.float32(0.5)
    new += inner
    new *= both[:, :size]
    new += x[:, 2 * size :]
    np.tanh(new, out=new)
    state -= new
    state *= both[:, size:]
    state += new
    return state


def _packed(weight_ih: Array, weight_hh: Array, bias_ih: Array, bias_hh: Array) -> tuple[Array, Array, Array, Array]:
    """Weights turned for x @ w; rows of reset and update halved, and their recurrent bias joined to the input's."""
    size = weight_hh.shape[1]
    half = np.repeat(np.array([0.5, 0.5, 1], dtype=np.float32), size)
    joined = bias_ih + np.concatenate([bias_hh[: 2 * size], np.zeros(size, dtype=np.float32)])
    turned = [np.ascontiguousarray((w * half[:, None]).T) for w in (weight_ih, weight_hh)]
    return turned[0], joined * half, turned[1], bias_hh[2 * size :]


class TcnReader:
    """A causal convolution, see `encoders.TcnEncoder`: about log2(window_s) layers for all seconds at once.

    Seconds need each other's rows here, so nothing is spread: BLAS uses the cores.

    σ is computed as tanh of half its logit; the half, which is exact in binary, is worked into the arrays.
    """

    def __init__(self, config: ModelConfig, m: Modality, arrays: Mapping[str, Array]) -> None:
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

    def __call__(self, rows: Array, carry: Array | None, spread: Spread) -> tuple[Array, Array]:
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


READERS: Mapping[str, type[Reader]] = {"gru": GruReader, "tcn": TcnReader}
"""Kind of network → how it reads a modality."""
