"""A trained model as an ONNX file: for other runtimes and other languages, with equal outputs.

One input per modality, the rows of n windows, (n, window_s, D) float32; one output, (n, K). The window of
second t is rows max(0, t − window_s + 1 + k), k = 0 … window_s − 1, of features as `evoked features` writes them,
zeros where absent.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from evoked import __version__
from evoked.core.errors import CheckpointError, OutputError
from evoked.core.files import writing
from evoked.model.checkpoint import Checkpoint
from evoked.model.config import Modality, dilations
from evoked.predict.head_graph import build_head
from evoked.weights.onnx_builder import GraphBuilder

__all__ = ["as_onnx", "write_onnx"]


def write_onnx(path: Path, checkpoint: Checkpoint) -> None:
    """Write a model as ONNX; its provenance is in the file's metadata under `evoked`.

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
    if config.architecture not in STATES:
        raise CheckpointError(
            f"a model of architecture {config.architecture!r} cannot be exported; "
            f"there are graphs of {', '.join(STATES)}"
        )
    net = GraphBuilder("evoked", {})
    states = [STATES[config.architecture](net, checkpoint, m) for m in config.modalities]
    joined = net.join(states, "states") if len(states) > 1 else states[0]
    net.add("Identity", [build_head(net, config, checkpoint.arrays, joined)], "expressions")
    made = net.model(
        {m.name: ("n", config.window_s, m.width) for m in config.modalities},
        {"expressions": ("n", len(config.expressions))},
    )
    made.producer_version = __version__
    about = json.dumps(checkpoint.about(), sort_keys=True, ensure_ascii=False, allow_nan=False)
    helper.set_model_props(made, {"evoked": about, "expressions": ",".join(config.expressions)})
    return made


def _gru_state(net: GraphBuilder, checkpoint: Checkpoint, m: Modality) -> str:
    """(n, window_s, D) → the last GRU layer's state after the window, (n, H)."""
    rows = net.add("Transpose", [_scaled(net, checkpoint, m)], f"gru.{m.name}.rows", perm=[1, 0, 2])  # (steps, n, D)
    layers, arrays = checkpoint.config.layers, checkpoint.arrays
    for layer in range(layers):
        own = f"gru.{m.name}.{layer}"
        weights = [
            net.number(f"{own}.{name}", _in_onnx_order(arrays[f"{own}.{name}"])[None])
            for name in ("weight_ih", "weight_hh")
        ]
        both = [_in_onnx_order(arrays[f"{own}.{name}"]) for name in ("bias_ih", "bias_hh")]
        bias = net.number(f"{own}.bias", np.concatenate(both)[None])
        inputs, choices = [rows, *weights, bias], {"hidden_size": m.units, "linear_before_reset": 1}
        if layer + 1 == layers:
            last = net.second("GRU", inputs, f"{own}.last", **choices)  # (1, n, H)
            return net.add("Squeeze", [last, net.whole(f"{own}.first", [0])], f"{own}.state")
        every = net.add("GRU", inputs, f"{own}.every", **choices)  # (steps, 1, n, H)
        rows = net.add("Squeeze", [every, net.whole(f"{own}.second", [1])], f"{own}.states")
    raise AssertionError("a model has at least one layer")


def _tcn_state(net: GraphBuilder, checkpoint: Checkpoint, m: Modality) -> str:
    """(n, window_s, D) → the last layer's row at the window's last second, (n, H)."""
    own, size, arrays = f"tcn.{m.name}", m.units, checkpoint.arrays
    first = net.number(f"{own}.first", arrays[f"{own}.first.weight"].T)
    rows = net.add("MatMul", [_scaled(net, checkpoint, m), first], f"{own}.product")
    rows = net.add("Add", [rows, net.number(f"{own}.offset", arrays[f"{own}.first.bias"])], f"{own}.rows")
    h, left = net.add("Transpose", [rows], f"{own}.columns", perm=[0, 2, 1]), checkpoint.config.window_s
    for layer, d in enumerate(dilations(checkpoint.config.window_s)):  # (n, H, left)
        name, left = f"{own}.{layer}", left - d
        now, before, bias = (arrays[f"{name}.{part}"] for part in ("now", "before", "bias"))
        kernel = net.number(f"{name}.kernel", np.stack([before, now], axis=-1))
        both = net.add("Conv", [h, kernel, net.number(f"{name}.bias", bias)], f"{name}.both", dilations=[d])
        let_in = net.add("Tanh", [_part(net, f"{name}.a", both, 1, (0, size))], f"{name}.let_in")
        how_much = net.add("Sigmoid", [_part(net, f"{name}.b", both, 1, (size, 2 * size))], f"{name}.how_much")
        same = _part(net, f"{name}.same", h, 2, (d, d + left))
        h = net.add("Add", [same, net.add("Mul", [let_in, how_much], f"{name}.news")], f"{name}.state")
    return net.add("Squeeze", [h, net.whole(f"{own}.last", [2])], f"{own}.state")


def _part(net: GraphBuilder, name: str, x: str, axis: int, span: tuple[int, int]) -> str:
    """x from a first to before a last place along an axis."""
    ends = [net.whole(f"{name}.{what}", [value]) for what, value in zip(("from", "to"), span, strict=True)]
    return net.add("Slice", [x, *ends, net.whole(f"{name}.axis", [axis])], name)


STATES: Mapping[str, Callable[[GraphBuilder, Checkpoint, Modality], str]] = {"gru": _gru_state, "tcn": _tcn_state}
"""Kind of network → the graph that reads one modality."""


def _in_onnx_order(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """torch has reset, update, new; ONNX update, reset, new."""
    reset, update, new = np.split(array, 3)
    return np.concatenate([update, reset, new])


def _scaled(net: GraphBuilder, checkpoint: Checkpoint, m: Modality) -> str:
    own = f"scale.{m.name}"
    mean, deviation = checkpoint.arrays[f"{own}.mean"], checkpoint.arrays[f"{own}.deviation"]
    if not mean.any() and (deviation == 1).all():
        return m.name
    steps, size = checkpoint.config.window_s, m.width // m.parts
    shifted = net.add("Sub", [m.name, net.number(f"{own}.mean", mean)], f"{own}.shifted")
    scaled = net.add("Div", [shifted, net.number(f"{own}.deviation", deviation)], f"{own}.scaled")
    shape = net.whole(f"{own}.parts", [-1, steps, m.parts, size])
    sizes = net.add("Abs", [net.add("Reshape", [m.name, shape], f"{own}.each")], f"{own}.sizes")
    largest = net.add("ReduceMax", [sizes], f"{own}.largest", axes=[3], keepdims=1)
    there = net.add("Greater", [largest, net.number(f"{own}.nothing", 0)], f"{own}.there")
    present = net.add("Cast", [there], f"{own}.present", to=TensorProto.FLOAT)
    kept = net.add("Mul", [net.add("Reshape", [scaled, shape], f"{own}.scaled.each"), present], f"{own}.kept")
    return net.add("Reshape", [kept, net.whole(f"{own}.whole", [-1, steps, m.width])], f"{own}.rows")
