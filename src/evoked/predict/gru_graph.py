"""Steps of a stack of GRU layers over seconds that overlapping windows share, laid out as ONNX for the runtime.

Window r reads rows r, r + 1, … of what is projected once for all of them, so one step of all windows reads one
slice and nothing is gathered. A block holds some consecutive steps: one graph of few nodes, run several times over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto

from evoked.weights.onnx_builder import GraphBuilder

__all__ = ["LONGEST", "Array", "GruLayer", "gru_block", "gru_projection", "in_block"]

Array = NDArray[np.float32]

LONGEST = 12
"""Steps in one block at most. With 1 a pass takes a quarter longer, with 60 loading takes five times as long."""


@dataclass(frozen=True, eq=False)
class GruLayer:
    """One layer's weights as torch's GRU has them; rows of reset, update and new gate, in this order.

    Attributes:
        weight_ih: (3H, what comes in).
        weight_hh: (3H, H).
        bias_ih, bias_hh: (3H,).
    """

    weight_ih: Array
    weight_hh: Array
    bias_ih: Array
    bias_hh: Array

    @property
    def input_bias(self) -> Array:
        """(3H,), with reset's and update's recurrent bias in it: only the new gate's must stand apart."""
        early = 2 * self.weight_hh.shape[1]
        return np.concatenate([self.bias_ih[:early] + self.bias_hh[:early], self.bias_ih[early:]])


def in_block(steps: int) -> int:
    """How many steps a block holds, so that equal blocks make up `steps`."""
    return max(n for n in range(1, min(LONGEST, steps) + 1) if steps % n == 0)


def gru_projection(layer: GruLayer) -> ModelProto:
    """The graph of what a layer makes of each second alone: `rows` (N, D) → `seconds` (N, 3H), which a block reads."""
    net = GraphBuilder("gru-projection", {})
    product = net.add("MatMul", ["rows", net.number("input", layer.weight_ih.T)], "product")
    net.add("Add", [product, net.number("input_bias", layer.input_bias)], "seconds")
    three, width = layer.weight_ih.shape
    return net.model({"rows": ("n", width)}, {"seconds": ("n", three)})


def gru_block(layers: Sequence[GruLayer], steps: int) -> ModelProto:
    """The graph of some steps.

    Args:
        layers: from the one that reads the seconds up.
        steps: how many.

    Returns:
        Inputs: `seconds` (N + steps - 1, 3H), x W_ihᵀ + `input_bias` of the first layer; `state.0` …, (N, H), one for
        each layer. Outputs: `after.0` …, the states after the last step. The reset gate stands after the recurrent
        product, as in torch and cuDNN. N ≥ 1 is free.
    """
    size = layers[0].weight_hh.shape[1]
    net = GraphBuilder("gru-block", {})
    for n, layer in enumerate(layers):
        net.number(f"{n}.recurrent", layer.weight_hh.T)
        net.number(f"{n}.inner", layer.bias_hh[2 * size :])
        if n:
            net.number(f"{n}.input", layer.weight_ih.T)
            net.number(f"{n}.input_bias", layer.input_bias)
    states = [f"state.{n}" for n in range(len(layers))]
    for k in range(steps):
        # from row k on, all but the last steps - 1 - k
        window = [
            net.whole(f"from.{k}", [k]),
            net.whole(f"to.{k}", [k - steps + 1 or np.iinfo(np.int64).max]),
            net.whole("axis", [0]),
        ]
        x = net.add("Slice", ["seconds", *window], f"x.{k}")
        for n in range(len(layers)):
            if n:
                product = net.add("MatMul", [states[n - 1], f"{n}.input"], f"{n}.{k}.below")
                x = net.add("Add", [product, f"{n}.input_bias"], f"{n}.{k}.x")
            out = f"after.{n}" if k + 1 == steps else f"{n}.{k}.state"
            states[n] = _step(net, x, states[n], (f"{n}.recurrent", f"{n}.inner"), out)
    shapes: Mapping[str, tuple[int | str, ...]] = {"seconds": ("rows", 3 * size)} | {
        f"state.{n}": ("windows", size) for n in range(len(layers))
    }
    return net.model(shapes, {f"after.{n}": ("windows", size) for n in range(len(layers))})


def _step(net: GraphBuilder, x: str, state: str, weights: tuple[str, str], out: str) -> str:
    recurrent, inner = weights
    seen = net.split(x, 3, f"{out}.input")
    own = net.split(net.add("MatMul", [state, recurrent], f"{out}.product"), 3, f"{out}.own")
    reset, update = (
        net.add("Sigmoid", [net.add("Add", [seen[i], own[i]], f"{out}.logit.{i}")], f"{out}.gate.{i}") for i in (0, 1)
    )
    remembered = net.add("Mul", [reset, net.add("Add", [own[2], inner], f"{out}.inner")], f"{out}.remembered")
    new = net.add("Tanh", [net.add("Add", [seen[2], remembered], f"{out}.new.logit")], f"{out}.new")
    kept = net.add("Mul", [update, net.add("Sub", [state, new], f"{out}.apart")], f"{out}.kept")
    return net.add("Add", [new, kept], out)
