"""From the joined states of all modalities to what a second evokes, as a graph: gates and experts (spec §7).

`Forward` runs it beside the GRU's steps; a model that is exported carries it.
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
    """`states` (n, fused) → `expressions` (n, K): probabilities, or values where `config.answer` is value."""
    net = GraphBuilder("judge", {})
    net.add("Identity", [build_head(net, config, arrays, "states")], "expressions")
    return net.model({"states": ("n", config.fused)}, {"expressions": ("n", len(config.expressions))})


def build_head(net: GraphBuilder, config: ModelConfig, arrays: Mapping[str, Array], states: str) -> str:
    """Draw gates and experts on a graph.

    Args:
        net: the graph.
        config: the model's shape.
        arrays: its arrays, as `shapes(config)` names them.
        states: name of the joined states, (n, fused).

    Returns:
        Name of what is evoked, (n, K).
    """
    fused = _gated(net, config, arrays, "input_gate", (states, states)) if config.input_gate else states
    p = _experts(net, config, arrays, fused)
    if not config.output_gate:
        return p
    return _gated(net, config, arrays, "output_gate", (p, fused if config.output_gate_from == "input" else p))


def _gated(
    net: GraphBuilder, config: ModelConfig, arrays: Mapping[str, Array], name: str, both: tuple[str, str]
) -> str:
    """x ∘ σ(BN(W seen)) of (x, seen); the batch norm is worked into W and a bias, in float64."""
    x, seen = both
    weight = arrays[f"{name}.weight"].astype(np.float64)
    if config.remove_diagonal and (name == "input_gate" or config.output_gate_from == "probabilities"):
        weight = weight * (1 - np.eye(len(weight)))
    gain, bias, mean, variance = (
        arrays[f"{name}.{part}"].astype(np.float64) for part in ("gain", "bias", "mean", "variance")
    )
    by = gain / np.sqrt(variance + BN_EPSILON)
    inputs = [
        seen,
        net.number(f"{name}.weight", (weight * by[:, None]).T),
        net.number(f"{name}.bias", bias - mean * by),
    ]
    opened = net.add("Sigmoid", [net.add("Gemm", inputs, f"{name}.logits")], f"{name}.open")
    return net.add("Mul", [x, opened], name)


def _experts(net: GraphBuilder, config: ModelConfig, arrays: Mapping[str, Array], fused: str) -> str:
    k, m, n = len(config.expressions), max(config.experts, 1), config.fused
    weight = net.number("experts.weight", arrays["experts.expert_weight"].reshape(-1, n).T)
    bias = net.number("experts.bias", arrays["experts.expert_bias"].reshape(-1))
    says = net.add("Gemm", [fused, weight, bias], "experts.logits")
    says = says if config.answer == "value" else net.add("Sigmoid", [says], "experts.says")
    if not config.experts:
        return says
    weight = net.number("experts.gates.weight", arrays["experts.gate_weight"].reshape(-1, n).T)
    gates = net.add("MatMul", [fused, weight], "experts.gates.logits")
    gates = net.add("Reshape", [gates, net.whole("experts.gates.shape", [-1, k, m + 1])], "experts.gates.each")
    gates = net.add("Softmax", [gates], "experts.gates.shares", axis=2)
    span = [net.whole(f"experts.{name}", [value]) for name, value in (("first", 0), ("dummy", m), ("axis", 2))]
    gates = net.add("Slice", [gates, *span], "experts.gates")  # the dummy's gate goes nowhere
    says = net.add("Reshape", [says, net.whole("experts.shape", [-1, k, m])], "experts.each")
    over = net.whole("experts.over", [2])
    return net.add("ReduceSum", [net.add("Mul", [gates, says], "experts.weighed"), over], "experts.sum", keepdims=0)
