"""Export of a trained model to ONNX, for other runtimes and languages, with equal outputs.

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
from evoked.prediction.head_graph import build_head
from evoked.weights.onnx_builder import GraphBuilder

__all__ = ["as_onnx", "read_metadata", "write_onnx"]


def write_onnx(path: Path, checkpoint: Checkpoint) -> None:
    """Write a model as ONNX; its provenance is in the file's metadata under `evoked`.

    Args:
        path: a file that ends in .onnx.
        checkpoint: the model.

    Raises:
        CheckpointError: if its architecture has no graph.
        OutputError: if it cannot be written, or the name does not end in .onnx.
    """
    if path.suffix.lower() != ".onnx":
        raise OutputError(f"cannot tell what to write from {path.name!r}: end it in .onnx")
    model = as_onnx(checkpoint)
    with writing(path) as temporary:
        onnx.save(model, temporary)


def read_metadata(path: Path) -> str:
    """What `write_onnx` wrote of the model into the file's metadata; KeyError where it is no such file."""
    model = onnx.load(path, load_external_data=False)
    return str({entry.key: entry.value for entry in model.metadata_props}["evoked"])


def as_onnx(checkpoint: Checkpoint) -> onnx.ModelProto:
    """The model's graph, checked by ONNX's checker.

    Raises:
        CheckpointError: if its architecture has no graph.
    """
    config = checkpoint.config
    if config.architecture not in STATES:
        raise CheckpointError(
            f"a model of architecture {config.architecture!r} cannot be exported; "
            f"there are graphs of {', '.join(STATES)}"
        )
    graph = GraphBuilder("evoked", {})
    states = [STATES[config.architecture](graph, checkpoint, m) for m in config.modalities]
    joined = graph.join(states, "states") if len(states) > 1 else states[0]
    graph.add("Identity", [build_head(graph, config, checkpoint.arrays, joined)], "expressions")
    model = graph.model(
        {m.name: ("n", config.window_s, m.width) for m in config.modalities},
        {"expressions": ("n", len(config.expressions))},
    )
    model.producer_version = __version__
    about = json.dumps(checkpoint.about(), sort_keys=True, ensure_ascii=False, allow_nan=False)
    helper.set_model_props(model, {"evoked": about, "expressions": ",".join(config.expressions)})
    return model


def _gru_state(graph: GraphBuilder, checkpoint: Checkpoint, modality: Modality) -> str:
    """(n, window_s, D) → the last GRU layer's state after the window, (n, H)."""
    name = f"gru.{modality.name}"
    rows = graph.add("Transpose", [_standardised(graph, checkpoint, modality)], f"{name}.rows", perm=[1, 0, 2])
    layers, arrays = checkpoint.config.layers, checkpoint.arrays
    for layer in range(layers):
        prefix = f"{name}.{layer}"
        weights = [
            graph.number(f"{prefix}.{array}", _in_onnx_order(arrays[f"{prefix}.{array}"])[None])
            for array in ("weight_ih", "weight_hh")
        ]
        biases = [_in_onnx_order(arrays[f"{prefix}.{array}"]) for array in ("bias_ih", "bias_hh")]
        inputs = [rows, *weights, graph.number(f"{prefix}.bias", np.concatenate(biases)[None])]
        options = {"hidden_size": modality.units, "linear_before_reset": 1}
        if layer + 1 == layers:
            last = graph.second("GRU", inputs, f"{prefix}.last", **options)  # (1, n, H)
            return graph.add("Squeeze", [last, graph.whole(f"{prefix}.first", [0])], f"{prefix}.state")
        states = graph.add("GRU", inputs, f"{prefix}.every", **options)  # (steps, 1, n, H)
        rows = graph.add("Squeeze", [states, graph.whole(f"{prefix}.second", [1])], f"{prefix}.states")
    raise AssertionError("a model has at least one layer")


def _tcn_state(graph: GraphBuilder, checkpoint: Checkpoint, modality: Modality) -> str:
    """(n, window_s, D) → the last layer's row at the window's last second, (n, H)."""
    prefix, size, arrays = f"tcn.{modality.name}", modality.units, checkpoint.arrays
    weight = graph.number(f"{prefix}.first", arrays[f"{prefix}.first.weight"].T)
    rows = graph.add("MatMul", [_standardised(graph, checkpoint, modality), weight], f"{prefix}.product")
    rows = graph.add("Add", [rows, graph.number(f"{prefix}.offset", arrays[f"{prefix}.first.bias"])], f"{prefix}.rows")
    state, steps = graph.add("Transpose", [rows], f"{prefix}.columns", perm=[0, 2, 1]), checkpoint.config.window_s
    for layer, d in enumerate(dilations(checkpoint.config.window_s)):  # state: (n, H, steps)
        name, steps = f"{prefix}.{layer}", steps - d
        kernel = graph.number(f"{name}.kernel", np.stack([arrays[f"{name}.before"], arrays[f"{name}.now"]], axis=-1))
        bias = graph.number(f"{name}.bias", arrays[f"{name}.bias"])
        outputs = graph.add("Conv", [state, kernel, bias], f"{name}.outputs", dilations=[d])
        update = graph.add("Tanh", [_slice(graph, f"{name}.a", outputs, 1, (0, size))], f"{name}.update")
        gate = graph.add("Sigmoid", [_slice(graph, f"{name}.b", outputs, 1, (size, 2 * size))], f"{name}.gate")
        residual = _slice(graph, f"{name}.residual", state, 2, (d, d + steps))
        state = graph.add("Add", [residual, graph.add("Mul", [update, gate], f"{name}.gated")], f"{name}.state")
    return graph.add("Squeeze", [state, graph.whole(f"{prefix}.last", [2])], f"{prefix}.state")


def _slice(graph: GraphBuilder, name: str, x: str, axis: int, span: tuple[int, int]) -> str:
    """The indices span[0] … span[1] − 1 of x along an axis."""
    ends = [graph.whole(f"{name}.{end}", [index]) for end, index in zip(("from", "to"), span, strict=True)]
    return graph.add("Slice", [x, *ends, graph.whole(f"{name}.axis", [axis])], name)


STATES: Mapping[str, Callable[[GraphBuilder, Checkpoint, Modality], str]] = {"gru": _gru_state, "tcn": _tcn_state}
"""Architecture → adds the encoder of one modality to a graph."""


def _in_onnx_order(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Gates from torch's order (reset, update, new) to ONNX's (update, reset, new)."""
    reset, update, new = np.split(array, 3)
    return np.concatenate([update, reset, new])


def _standardised(graph: GraphBuilder, checkpoint: Checkpoint, modality: Modality) -> str:
    """Each column standardised, (n, window_s, D); a part that is absent (such as a second face) stays zero."""
    name, prefix = modality.name, f"scale.{modality.name}"
    mean, deviation = checkpoint.arrays[f"{prefix}.mean"], checkpoint.arrays[f"{prefix}.deviation"]
    if not mean.any() and (deviation == 1).all():
        return name
    steps, size = checkpoint.config.window_s, modality.width // modality.parts
    shifted = graph.add("Sub", [name, graph.number(f"{prefix}.mean", mean)], f"{prefix}.shifted")
    scaled = graph.add("Div", [shifted, graph.number(f"{prefix}.deviation", deviation)], f"{prefix}.scaled")
    shape = graph.whole(f"{prefix}.parts", [-1, steps, modality.parts, size])
    sizes = graph.add("Abs", [graph.add("Reshape", [name, shape], f"{prefix}.each")], f"{prefix}.sizes")
    largest = graph.add("ReduceMax", [sizes], f"{prefix}.largest", axes=[3], keepdims=1)
    mask = graph.add("Greater", [largest, graph.number(f"{prefix}.zero", 0)], f"{prefix}.mask")
    present = graph.add("Cast", [mask], f"{prefix}.present", to=TensorProto.FLOAT)
    scaled = graph.add("Reshape", [scaled, shape], f"{prefix}.scaled.each")
    masked = graph.add("Mul", [scaled, present], f"{prefix}.masked")
    return graph.add("Reshape", [masked, graph.whole(f"{prefix}.shape", [-1, steps, modality.width])], f"{prefix}.rows")
