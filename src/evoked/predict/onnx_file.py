"""A trained model as an ONNX file: for other runtimes and other languages, with equal outputs.

One input per modality, the rows of n windows, (n, window_s, D) float32; one output, (n, K). The window of
second t is rows max(0, t − window_s + 1 + k), k = 0 … window_s − 1, of features as `evoked features` writes them,
zeros where absent.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from evoked import __version__
from evoked.core.errors import CheckpointError, OutputError
from evoked.core.files import writing
from evoked.model.checkpoint import Checkpoint
from evoked.model.config import Modality, ModelConfig, dilations
from evoked.model.forward import gate_weight

OPSET = 17
BN_EPSILON = 1e-3


def write_onnx(path: Path, checkpoint: Checkpoint) -> None:
    """Write a model as ONNX; what made it stands in the file's metadata under `evoked`.

    Raises:
        CheckpointError: if the model is of a kind that has no graph.
        OutputError: if it cannot be written, or the name does not end in .onnx.
    """
    if path.suffix.lower() != ".onnx":
        raise OutputError(f"cannot tell what to write from {path.name!r}: end it in .onnx")
    made = as_onnx(checkpoint)
    with writing(path) as part:
        onnx.save(made, part)


def as_onnx(checkpoint: Checkpoint) -> onnx.ModelProto:
    """The model's graph, checked by ONNX's own checker."""
    config = checkpoint.config
    if config.kind not in STATES:
        raise CheckpointError(
            f"a model of kind {config.kind!r} cannot be exported; there are graphs of {', '.join(STATES)}"
        )
    graph = _Graph(checkpoint.arrays)
    states = [STATES[config.kind](graph, checkpoint, m) for m in config.modalities]
    fused = graph.add("Concat", states, axis=1) if len(states) > 1 else states[0]
    if config.input_gate:
        fused = _gated(graph, config, "input_gate", (fused, fused))
    p = _experts(graph, checkpoint, fused)
    if config.output_gate:
        p = _gated(graph, config, "output_gate", (p, fused if config.output_gate_from == "input" else p))
    graph.nodes.append(helper.make_node("Identity", [p], ["expressions"]))
    inputs = [
        helper.make_tensor_value_info(m.name, TensorProto.FLOAT, ["n", config.window_s, m.width])
        for m in config.modalities
    ]
    output = helper.make_tensor_value_info("expressions", TensorProto.FLOAT, ["n", len(config.expressions)])
    made = helper.make_model(
        helper.make_graph(graph.nodes, "evoked", inputs, [output], list(graph.constants.values())),
        opset_imports=[helper.make_opsetid("", OPSET)],
        producer_name="evoked",
        producer_version=__version__,
        ir_version=8,
    )
    about = json.dumps(checkpoint.about(), sort_keys=True, ensure_ascii=False, allow_nan=False)
    helper.set_model_props(made, {"evoked": about, "expressions": ",".join(config.expressions)})
    onnx.checker.check_model(made, full_check=True)
    return made


class _Graph:
    """Nodes and constants as they are added; every result has a name of its own."""

    def __init__(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        self.arrays = arrays
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}

    def add(self, kind: str, inputs: list[str], outputs: int = 1, **attributes: Any) -> str:
        """A node; the name of its last output (the others are not used)."""
        stem = f"{kind.lower()}_{len(self.nodes)}"
        names = [f"{stem}_{i}" if i + 1 == outputs else "" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, **attributes))
        return names[-1]

    def constant(self, name: str, value: NDArray[Any]) -> str:
        """A constant of this name."""
        self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def whole(self, name: str, *values: int) -> str:
        """A constant of whole numbers, e.g. a shape."""
        return self.constant(name, np.array(values, dtype=np.int64))


def _gru_state(graph: _Graph, checkpoint: Checkpoint, m: Modality) -> str:
    """(n, window_s, D) → the last GRU layer's state after the window, (n, H)."""
    rows = graph.add("Transpose", [_scaled(graph, checkpoint, m)], perm=[1, 0, 2])  # (steps, n, D)
    layers = checkpoint.config.layers
    for layer in range(layers):
        own = f"gru.{m.name}.{layer}"
        weights = [
            graph.constant(f"{own}.{name}", _in_onnx_order(graph.arrays[f"{own}.{name}"])[None])
            for name in ("weight_ih", "weight_hh")
        ]
        both = [_in_onnx_order(graph.arrays[f"{own}.{name}"]) for name in ("bias_ih", "bias_hh")]
        bias = graph.constant(f"{own}.bias", np.concatenate(both)[None])
        inputs, choices = [rows, *weights, bias], {"hidden_size": m.units, "linear_before_reset": 1}
        if layer + 1 == layers:
            last = graph.add("GRU", inputs, outputs=2, **choices)  # (1, n, H)
            return graph.add("Squeeze", [last, graph.whole(f"{own}.first", 0)])
        every = graph.add("GRU", inputs, **choices)  # (steps, 1, n, H)
        rows = graph.add("Squeeze", [every, graph.whole(f"{own}.second", 1)])
    raise AssertionError("a model has at least one layer")


def _tcn_state(graph: _Graph, checkpoint: Checkpoint, m: Modality) -> str:
    """(n, window_s, D) → the last layer's row at the window's last second, (n, H)."""
    own, size = f"tcn.{m.name}", m.units
    first = graph.constant(f"{own}.first", graph.arrays[f"{own}.first.weight"].T)
    rows = graph.add("MatMul", [_scaled(graph, checkpoint, m), first])
    rows = graph.add("Add", [rows, graph.constant(f"{own}.offset", graph.arrays[f"{own}.first.bias"])])
    h, left = graph.add("Transpose", [rows], perm=[0, 2, 1]), checkpoint.config.window_s  # (n, H, window_s)
    for layer, d in enumerate(dilations(checkpoint.config.window_s)):
        name, left = f"{own}.{layer}", left - d
        now, before, bias = (graph.arrays[f"{name}.{part}"] for part in ("now", "before", "bias"))
        kernel = graph.constant(f"{name}.kernel", np.stack([before, now], axis=-1))
        both = graph.add("Conv", [h, kernel, graph.constant(f"{name}.bias", bias)], dilations=[d])
        let_in = graph.add("Tanh", [_part(graph, f"{name}.let_in", both, 1, (0, size))])
        how_much = graph.add("Sigmoid", [_part(graph, f"{name}.how_much", both, 1, (size, 2 * size))])
        same = _part(graph, f"{name}.same", h, 2, (d, d + left))
        h = graph.add("Add", [same, graph.add("Mul", [let_in, how_much])])
    return graph.add("Squeeze", [h, graph.whole(f"{own}.last", 2)])


def _part(graph: _Graph, name: str, x: str, axis: int, span: tuple[int, int]) -> str:
    """x from a first to before a last place along an axis."""
    ends = [graph.whole(f"{name}.{what}", value) for what, value in zip(("from", "to"), span, strict=True)]
    return graph.add("Slice", [x, *ends, graph.whole(f"{name}.axis", axis)])


STATES: Mapping[str, Callable[[_Graph, Checkpoint, Modality], str]] = {"gru": _gru_state, "tcn": _tcn_state}
"""Kind of network → the graph that reads one modality."""


def _in_onnx_order(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """torch has reset, update, new; ONNX update, reset, new."""
    reset, update, new = np.split(array, 3)
    return np.concatenate([update, reset, new])


def _scaled(graph: _Graph, checkpoint: Checkpoint, m: Modality) -> str:
    mean, deviation = graph.arrays[f"scale.{m.name}.mean"], graph.arrays[f"scale.{m.name}.deviation"]
    if not mean.any() and (deviation == 1).all():
        return m.name
    steps, size = checkpoint.config.window_s, m.width // m.parts
    shifted = graph.add("Sub", [m.name, graph.constant(f"{m.name}.mean", mean)])
    scaled = graph.add("Div", [shifted, graph.constant(f"{m.name}.deviation", deviation)])
    parts = graph.whole(f"{m.name}.parts", -1, steps, m.parts, size)
    size_of_any = graph.add(
        "ReduceMax", [graph.add("Abs", [graph.add("Reshape", [m.name, parts])])], axes=[3], keepdims=1
    )
    nothing = graph.constant(f"{m.name}.nothing", np.zeros((), dtype=np.float32))
    present = graph.add("Cast", [graph.add("Greater", [size_of_any, nothing])], to=TensorProto.FLOAT)
    kept = graph.add("Mul", [graph.add("Reshape", [scaled, parts]), present])
    return graph.add("Reshape", [kept, graph.whole(f"{m.name}.whole", -1, steps, m.width)])


def _gated(graph: _Graph, config: ModelConfig, name: str, both: tuple[str, str]) -> str:
    """x ∘ σ(BN(W seen)) of (x, seen); the batch norm is worked into W and a bias."""
    x, seen = both
    weight = gate_weight(config, graph.arrays, name).astype(np.float64)
    gain, bias, mean, variance = (
        graph.arrays[f"{name}.{part}"].astype(np.float64) for part in ("gain", "bias", "mean", "variance")
    )
    by = gain / np.sqrt(variance + BN_EPSILON)
    turned = graph.constant(f"{name}.weight", (weight * by[:, None]).T.astype(np.float32))
    offset = graph.constant(f"{name}.offset", (bias - mean * by).astype(np.float32))
    return graph.add("Mul", [x, graph.add("Sigmoid", [graph.add("Gemm", [seen, turned, offset])])])


def _experts(graph: _Graph, checkpoint: Checkpoint, fused: str) -> str:
    config = checkpoint.config
    k, m, n = len(config.expressions), max(config.experts, 1), config.fused
    weight = graph.arrays["experts.expert_weight"]
    turned = graph.constant("expert_weight", weight.reshape(-1, n).T)
    says = graph.add(
        "Gemm", [fused, turned, graph.constant("expert_bias", graph.arrays["experts.expert_bias"].reshape(-1))]
    )
    says = says if config.answer == "value" else graph.add("Sigmoid", [says])
    if not config.experts:
        return says
    gate_weight = graph.arrays["experts.gate_weight"]
    gates = graph.add("MatMul", [fused, graph.constant("gate_weight", gate_weight.reshape(-1, n).T)])
    gates = graph.add("Softmax", [graph.add("Reshape", [gates, graph.whole("gates", -1, k, m + 1)])], axis=2)
    inner = [graph.whole(name, value) for name, value in (("first", 0), ("dummy", m), ("axis", 2))]
    gates = graph.add("Slice", [gates, *inner])  # the dummy's gate goes nowhere
    says = graph.add("Reshape", [says, graph.whole("says", -1, k, m)])
    return graph.add("ReduceSum", [graph.add("Mul", [gates, says]), graph.whole("over", 2)], keepdims=0)
