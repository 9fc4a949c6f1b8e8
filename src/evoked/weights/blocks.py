"""ONNX nets whose weights are int8 in blocks, unpacked to plain fp32.

YuNet and SFace come with a DequantizeLinear before each layer: ONNX Runtime would unpack at every
run, and OpenVINO 2026 does not take SFace's blocks at all.
"""

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

__all__ = ["dequantise", "plain_sface", "plain_yunet", "rebuild", "unpacked"]


def plain_yunet(source: Path, target: Path) -> None:
    """YuNet with fp32 weights and a free height and width (multiples of 32).

    The net is fully convolutional; only the stated 640×640 stood in the way.
    """
    model = unpacked(onnx.load(source))
    _free(model, "input", (1, 3, "height", "width"))
    onnx.save(model, target)


def plain_sface(source: Path, target: Path) -> None:
    """SFace with fp32 weights, a free batch, and `data` as its only input."""
    model = unpacked(onnx.load(source))
    stale = [i for i in model.graph.input if i.name != "data"]  # weights, listed as inputs as well
    for i in stale:
        model.graph.input.remove(i)
    _free(model, "data", ("n", 3, 112, 112))
    onnx.save(model, target)


def dequantise(q: NDArray, scale: NDArray, zero: NDArray | None, axis: int = 1, block: int = 0) -> NDArray[np.float32]:
    """(q - zero) * scale as ONNX's DequantizeLinear has it, per tensor, per axis or per block.

    Args:
        q: integers.
        scale, zero: scalars; or one per index of `axis`; or, where `block` is not 0, of q's own rank
            with one per run of `block` along `axis` (the last run may be short).
    """
    if block:
        length = q.shape[axis]
        scale = np.repeat(scale, block, axis=axis).take(range(length), axis=axis)
        zero = None if zero is None else np.repeat(zero, block, axis=axis).take(range(length), axis=axis)
    elif scale.ndim == 1:
        shape = [-1 if i == axis % q.ndim else 1 for i in range(q.ndim)]
        scale = scale.reshape(shape)
        zero = None if zero is None else zero.reshape(shape)
    whole = q.astype(np.int32) - (0 if zero is None else zero.astype(np.int32))
    return (whole.astype(np.float32) * scale.astype(np.float32)).astype(np.float32)


def unpacked(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model with every DequantizeLinear and Reshape of a constant folded, and unused nodes removed.

    Raises:
        ValueError: if a DequantizeLinear is left, for then something is quantised that is no constant.
    """
    graph = model.graph
    constants = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    kept = []
    for node in graph.node:
        if node.op_type not in ("DequantizeLinear", "Reshape") or any(i not in constants for i in node.input):
            kept.append(node)
            continue
        values = [constants[i] for i in node.input]
        if node.op_type == "Reshape":
            constants[node.output[0]] = values[0].reshape(values[1])
        else:
            options = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            zero = values[2] if len(values) > 2 else None
            constants[node.output[0]] = dequantise(
                values[0], values[1], zero, options.get("axis", 1), options.get("block_size", 0)
            )
    left = [n.name or n.output[0] for n in kept if n.op_type == "DequantizeLinear"]
    if left:
        raise ValueError(f"{len(left)} DequantizeLinear of values that are no constants, the first {left[0]!r}")
    rebuild(model, kept, constants)
    return model


def rebuild(model: onnx.ModelProto, nodes: list[onnx.NodeProto], constants: dict[str, NDArray]) -> None:
    """Give a model these nodes, and of these constants those that the nodes use."""
    graph = model.graph
    used = {i for n in nodes for i in n.input}
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.initializer[:]
    graph.initializer.extend(
        numpy_helper.from_array(np.ascontiguousarray(v), name) for name, v in constants.items() if name in used
    )
    del graph.value_info[:]  # shapes that no longer hold


def _free(model: onnx.ModelProto, name: str, shape: tuple[int | str, ...]) -> None:
    """Give the input new dimensions (a word is free) and let the outputs' follow."""
    found = next(i for i in model.graph.input if i.name == name)
    found.CopyFrom(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape))
    for output in model.graph.output:
        rank = len(output.type.tensor_type.shape.dim)
        free: list[int | str] = [f"{output.name}_{i}" for i in range(rank)]
        output.CopyFrom(helper.make_tensor_value_info(output.name, onnx.TensorProto.FLOAT, free))
    onnx.checker.check_model(model)
