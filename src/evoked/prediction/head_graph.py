"""The head of the content model as an ONNX graph: states of all modalities → expressions (gates, experts; spec §7).

`Forward` runs it after the runtime encoders; it is also part of an exported model.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto

from evoked.model.config import BN_EPSILON, ModelConfig
from evoked.weights.onnx_builder import GraphBuilder

__all__ = ["build_head", "head_model"]

Array = NDArray[np.float32]


def head_model(config: ModelConfig, arrays: Mapping[str, Array]) -> ModelProto:
    """The head as a graph of its own.

    Args:
        config: the model's shape.
        arrays: its arrays, as `shapes(config)` names them.

    Returns:
        Input: `states` (n, fused). Output: `expressions` (n, K): probabilities, or values where `config.answer` is
        value.
    """
    graph = GraphBuilder("head", {})
    graph.add("Identity", [build_head(graph, config, arrays, "states")], "expressions")
    return graph.model({"states": ("n", config.fused)}, {"expressions": ("n", len(config.expressions))})


def build_head(graph: GraphBuilder, config: ModelConfig, arrays: Mapping[str, Array], states: str) -> str:
    """Add gates and experts to a graph.

    Args:
        graph: the graph.
        config: the model's shape.
        arrays: its arrays, as `shapes(config)` names them.
        states: name of the concatenated states, (n, fused).

    Returns:
        Name of the output, (n, K).
    """
    fused = _gated(graph, config, arrays, "input_gate", (states, states)) if config.input_gate else states
    probabilities = _experts(graph, config, arrays, fused)
    if not config.output_gate:
        return probabilities
    gate_input = fused if config.output_gate_from == "input" else probabilities
    return _gated(graph, config, arrays, "output_gate", (probabilities, gate_input))


def _gated(
    graph: GraphBuilder, config: ModelConfig, arrays: Mapping[str, Array], name: str, inputs: tuple[str, str]
) -> str:
    """Context gating x ∘ σ(BN(W y)) of the inputs (x, y); the batch norm is folded into W and a bias, in float64."""
    x, y = inputs
    weight = arrays[f"{name}.weight"].astype(np.float64)
    if config.remove_diagonal and (name == "input_gate" or config.output_gate_from == "probabilities"):
        weight = weight * (1 - np.eye(len(weight)))
    gain, bias, mean, variance = (
        arrays[f"{name}.{statistic}"].astype(np.float64) for statistic in ("gain", "bias", "mean", "variance")
    )
    factor = gain / np.sqrt(variance + BN_EPSILON)
    terms = [
        y,
        graph.number(f"{name}.weight", (weight * factor[:, None]).T),
        graph.number(f"{name}.bias", bias - mean * factor),
    ]
    gate = graph.add("Sigmoid", [graph.add("Gemm", terms, f"{name}.logits")], f"{name}.gate")
    return graph.add("Mul", [x, gate], name)


def _experts(graph: GraphBuilder, config: ModelConfig, arrays: Mapping[str, Array], fused: str) -> str:
    """Mixture of experts: per expression the softmax-weighted sum of logistic experts, (n, K)."""
    k, m, n = len(config.expressions), max(config.experts, 1), config.fused
    weight = graph.number("experts.weight", arrays["experts.expert_weight"].reshape(-1, n).T)
    bias = graph.number("experts.bias", arrays["experts.expert_bias"].reshape(-1))
    outputs = graph.add("Gemm", [fused, weight, bias], "experts.logits")
    outputs = outputs if config.answer == "value" else graph.add("Sigmoid", [outputs], "experts.outputs")
    if not config.experts:
        return outputs
    weight = graph.number("experts.gates.weight", arrays["experts.gate_weight"].reshape(-1, n).T)
    gates = graph.add("MatMul", [fused, weight], "experts.gates.logits")
    gates = graph.add("Reshape", [gates, graph.whole("experts.gates.shape", [-1, k, m + 1])], "experts.gates.each")
    gates = graph.add("Softmax", [gates], "experts.gates.shares", axis=2)
    span = [graph.whole(f"experts.{name}", [value]) for name, value in (("first", 0), ("dummy", m), ("axis", 2))]
    gates = graph.add("Slice", [gates, *span], "experts.gates")  # the dummy expert's share is dropped
    outputs = graph.add("Reshape", [outputs, graph.whole("experts.shape", [-1, k, m])], "experts.each")
    axis = graph.whole("experts.sum.axis", [2])
    weighted = graph.add("Mul", [gates, outputs], "experts.weighted")
    return graph.add("ReduceSum", [weighted, axis], "experts.sum", keepdims=0)
