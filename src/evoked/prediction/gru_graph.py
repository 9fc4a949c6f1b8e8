"""Steps of a stack of GRU layers over seconds that overlapping windows share, as ONNX graphs for the runtime.

Window r reads rows r, r + 1, … of the projected seconds, which all windows share, so one step of all windows reads one
slice and nothing is gathered. A block holds some consecutive steps: one graph of few nodes, run several times.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto

from evoked.weights.onnx_builder import GraphBuilder

__all__ = ["MAX_BLOCK_STEPS", "Array", "GruLayer", "gru_block", "gru_projection", "steps_per_block"]

Array = NDArray[np.float32]

MAX_BLOCK_STEPS = 12
"""Steps in one block at most. With 1 a pass takes a quarter longer, with 60 loading takes five times as long."""


@dataclass(frozen=True, eq=False)
class GruLayer:
    """One layer's weights as torch's GRU has them; rows of reset, update and new gate, in this order.

    Attributes:
        weight_ih: (3H, inputs).
        weight_hh: (3H, H).
        bias_ih, bias_hh: (3H,).
    """

    weight_ih: Array
    weight_hh: Array
    bias_ih: Array
    bias_hh: Array

    @property
    def input_bias(self) -> Array:
        """(3H,), with reset's and update's recurrent bias added: only the new gate's must be added later."""
        gates = 2 * self.weight_hh.shape[1]
        return np.concatenate([self.bias_ih[:gates] + self.bias_hh[:gates], self.bias_ih[gates:]])


def steps_per_block(steps: int) -> int:
    """How many steps a block holds, at most MAX_BLOCK_STEPS, so that equal blocks make up `steps`."""
    return max(n for n in range(1, min(MAX_BLOCK_STEPS, steps) + 1) if steps % n == 0)


def gru_projection(layer: GruLayer) -> ModelProto:
    """The graph of a layer's input projection: `rows` (N, D) → `seconds` (N, 3H), which a block reads."""
    graph = GraphBuilder("gru-projection", {})
    product = graph.add("MatMul", ["rows", graph.number("input", layer.weight_ih.T)], "product")
    graph.add("Add", [product, graph.number("input_bias", layer.input_bias)], "seconds")
    units, width = layer.weight_ih.shape
    return graph.model({"rows": ("n", width)}, {"seconds": ("n", units)})


def gru_block(layers: Sequence[GruLayer], steps: int) -> ModelProto:
    """The graph of some consecutive steps.

    Args:
        layers: from the lowest, which reads the seconds, to the highest.
        steps: how many.

    Returns:
        Inputs: `seconds` (N + steps - 1, 3H), x W_ihᵀ + `input_bias` of the first layer; `state.0` …, (N, H), one for
        each layer. Outputs: `after.0` …, the states after the last step. The reset gate is applied after the recurrent
        product, as in torch and cuDNN. Any N ≥ 1.
    """
    size = layers[0].weight_hh.shape[1]
    graph = GraphBuilder("gru-block", {})
    for n, layer in enumerate(layers):
        graph.number(f"{n}.recurrent", layer.weight_hh.T)
        graph.number(f"{n}.inner", layer.bias_hh[2 * size :])
        if n:
            graph.number(f"{n}.input", layer.weight_ih.T)
            graph.number(f"{n}.input_bias", layer.input_bias)
    states = [f"state.{n}" for n in range(len(layers))]
    for k in range(steps):
        # from row k, all but the last steps - 1 - k rows
        window = [
            graph.whole(f"from.{k}", [k]),
            graph.whole(f"to.{k}", [k - steps + 1 or np.iinfo(np.int64).max]),
            graph.whole("axis", [0]),
        ]
        x = graph.add("Slice", ["seconds", *window], f"x.{k}")
        for n in range(len(layers)):
            if n:
                product = graph.add("MatMul", [states[n - 1], f"{n}.input"], f"{n}.{k}.below")
                x = graph.add("Add", [product, f"{n}.input_bias"], f"{n}.{k}.x")
            out = f"after.{n}" if k + 1 == steps else f"{n}.{k}.state"
            states[n] = _step(graph, x, states[n], (f"{n}.recurrent", f"{n}.inner"), out)
    shapes: Mapping[str, tuple[int | str, ...]] = {"seconds": ("rows", 3 * size)} | {
        f"state.{n}": ("windows", size) for n in range(len(layers))
    }
    return graph.model(shapes, {f"after.{n}": ("windows", size) for n in range(len(layers))})


def _step(graph: GraphBuilder, x: str, state: str, weights: tuple[str, str], out: str) -> str:
    """One step of one layer: h' = n + z ∘ (h − n), which is (1 − z) ∘ n + z ∘ h; returns the new state's name."""
    recurrent, inner = weights
    inputs = graph.split(x, 3, f"{out}.input")
    states = graph.split(graph.add("MatMul", [state, recurrent], f"{out}.product"), 3, f"{out}.recurrent")
    logits = [graph.add("Add", [inputs[i], states[i]], f"{out}.logit.{i}") for i in (0, 1)]
    reset, update = (graph.add("Sigmoid", [logit], f"{out}.gate.{i}") for i, logit in enumerate(logits))
    candidate = graph.add("Mul", [reset, graph.add("Add", [states[2], inner], f"{out}.inner")], f"{out}.reset")
    new = graph.add("Tanh", [graph.add("Add", [inputs[2], candidate], f"{out}.new.logit")], f"{out}.new")
    carried = graph.add("Mul", [update, graph.add("Sub", [state, new], f"{out}.difference")], f"{out}.carried")
    return graph.add("Add", [new, carried], out)
