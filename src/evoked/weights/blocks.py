"""ONNX networks with block-quantised int8 weights, dequantised to fp32.

YuNet and SFace have a DequantizeLinear before each layer: ONNX Runtime would dequantise at every
run, and OpenVINO 2026 cannot read SFace's blocks at all.
"""

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

__all__ = ["dequantise", "plain_sface", "plain_yunet", "rebuild", "unpacked"]


def plain_yunet(source: Path, target: Path) -> None:
    """Write YuNet with fp32 weights and a free height and width (multiples of 32).

    The network is fully convolutional; only its declared input of 640×640 is replaced.

    Args:
        source: the ONNX file as distributed.
        target: the ONNX file to write.

    Raises:
        ValueError: if something is quantised that is not a constant.
    """
    model = unpacked(onnx.load(source))
    _free(model, "input", (1, 3, "height", "width"))
    onnx.save(model, target)


def plain_sface(source: Path, target: Path) -> None:
    """Write SFace with fp32 weights, a free batch size, and `data` as its only input.

    Args:
        source: the ONNX file as distributed.
        target: the ONNX file to write.

    Raises:
        ValueError: if something is quantised that is not a constant.
    """
    model = unpacked(onnx.load(source))
    weights = [i for i in model.graph.input if i.name != "data"]  # declared as inputs as well
    for weight in weights:
        model.graph.input.remove(weight)
    _free(model, "data", ("n", 3, 112, 112))
    onnx.save(model, target)


def dequantise(q: NDArray, scale: NDArray, zero: NDArray | None, axis: int = 1, block: int = 0) -> NDArray[np.float32]:
    """(q - zero) * scale as defined by ONNX's DequantizeLinear, per tensor, per axis or per block.

    Args:
        q: integers.
        scale, zero: scalars; or one per index of `axis`; or, where `block` is not 0, of q's rank
            with one per block along `axis` (the last block may be short).
        axis: the quantised axis.
        block: length of a block; 0: not per block.

    Returns:
        float32, the shape of `q`.
    """
    if block:
        length = q.shape[axis]
        scale = np.repeat(scale, block, axis=axis).take(range(length), axis=axis)
        zero = None if zero is None else np.repeat(zero, block, axis=axis).take(range(length), axis=axis)
    elif scale.ndim == 1:
        shape = [-1 if i == axis % q.ndim else 1 for i in range(q.ndim)]
        scale = scale.reshape(shape)
        zero = None if zero is None else zero.reshape(shape)
    centred = q.astype(np.int32) - (0 if zero is None else zero.astype(np.int32))
    return (centred.astype(np.float32) * scale.astype(np.float32)).astype(np.float32)


def unpacked(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model with every DequantizeLinear and Reshape of a constant folded, and unused constants removed.

    Raises:
        ValueError: if a DequantizeLinear remains, because what it reads is not a constant.
    """
    graph = model.graph
    constants = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    nodes = []
    for node in graph.node:
        if node.op_type not in ("DequantizeLinear", "Reshape") or any(i not in constants for i in node.input):
            nodes.append(node)
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
    remaining = [n.name or n.output[0] for n in nodes if n.op_type == "DequantizeLinear"]
    if remaining:
        raise ValueError(
            f"{len(remaining)} DequantizeLinear of values that are not constants, the first {remaining[0]!r}"
        )
    rebuild(model, nodes, constants)
    return model


def rebuild(model: onnx.ModelProto, nodes: list[onnx.NodeProto], constants: dict[str, NDArray]) -> None:
    """Replace a model's nodes and constants.

    Args:
        model: changed in place.
        nodes: all of its nodes, in order.
        constants: name → value; those that no node uses are left out.
    """
    graph = model.graph
    used = {i for n in nodes for i in n.input}
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.initializer[:]
    graph.initializer.extend(
        numpy_helper.from_array(np.ascontiguousarray(v), name) for name, v in constants.items() if name in used
    )
    del graph.value_info[:]  # shapes that are no longer valid


def _free(model: onnx.ModelProto, name: str, shape: tuple[int | str, ...]) -> None:
    """Replace the input's dimensions (a string is free) and free those of the outputs."""
    value = next(i for i in model.graph.input if i.name == name)
    value.CopyFrom(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape))
    for output in model.graph.output:
        rank = len(output.type.tensor_type.shape.dim)
        free: list[int | str] = [f"{output.name}_{i}" for i in range(rank)]
        output.CopyFrom(helper.make_tensor_value_info(output.name, onnx.TensorProto.FLOAT, free))
    onnx.checker.check_model(model)
