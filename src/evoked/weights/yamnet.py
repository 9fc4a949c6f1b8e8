"""YAMNet converted to fp32 from a file that was quantised for phones.

The package's file takes uint8 and rounds to 8 bits before every layer; how int8 layers are computed
differs between CPUs. Its weights are stored as fp32 (on the int8 grid), so the rounding can be
removed: the features are finer and equal on all CPUs. The *ranges* are kept: an 8-bit value saturates,
and the network was fitted to that (the input's lower end, about ln 0.001, is where silence begins).
Measured on 208 patches of a video: cosine to the file's own features .992 (median), .970 (minimum) with
the ranges; without them patches near silence are wrong (cosine .23, six times the length).
"""

import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from evoked.core.files import sha256
from evoked.weights.blocks import rebuild
from evoked.weights.catalogue import NETS

__all__ = ["POOL", "plain_yamnet"]

POOL = "/model/GlobalAveragePool_output_0"


def plain_yamnet(source: Path, target: Path) -> None:
    """Convert YAMNet to ONNX: log mel patches (n, 1, 96, 64) → features (n, 1024), scores (n, 521) before the sigmoid.

    Args:
        source: the zip as distributed.
        target: the ONNX file to write.

    Raises:
        ValueError: if the zip's files are not those of the catalogue, or not the expected network.
    """
    with TemporaryDirectory(dir=target.parent) as folder:
        model = onnx.load(_unpack(source, Path(folder)))
    onnx.save(_without_rounding(model), target)


def _without_rounding(model: onnx.ModelProto) -> onnx.ModelProto:
    """Replace quantise-dequantise pairs by a clip to their range; on weights, remove them.

    Raises:
        ValueError: if the model does not have the layers of YAMNet's file.
    """
    graph = model.graph
    constants = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    nodes = [_clip("audio", "log_mel", "audio_scale", "audio_zero_point", constants)]
    same: dict[str, str] = {}  # output that is removed → the earlier output it equals
    for node in graph.node:
        inputs = [same.get(i, i) for i in node.input]
        if node.op_type == "DequantizeLinear" or (node.op_type == "QuantizeLinear" and node.input[0] in constants):
            same[node.output[0]] = inputs[0]
        elif node.op_type == "QuantizeLinear":
            nodes.append(_clip(node.output[0], inputs[0], node.input[1], node.input[2], constants))
        else:
            del node.input[:]
            node.input.extend(inputs)
            nodes.append(node)
    op_types = [n.op_type for n in nodes[-6:]]
    if op_types != ["GlobalAveragePool", "Clip", "Reshape", "Clip", "Gemm", "Clip"]:
        raise ValueError(f"the network should end in its pool and classifier, and ends in {op_types}")
    flat, last = nodes[-4], nodes[-1]
    nodes[-4] = helper.make_node("Flatten", [flat.input[0]], flat.output, axis=1)  # its Reshape is for one patch
    last.output[0] = "scores"
    features = helper.make_node("Flatten", [POOL], ["features"], axis=1)
    rebuild(model, [*nodes, features], constants)
    value = helper.make_tensor_value_info
    del graph.input[:], graph.output[:]
    graph.input.append(value("log_mel", TensorProto.FLOAT, ["n", 1, 96, 64]))
    graph.output.append(value("features", TensorProto.FLOAT, ["n", 1024]))
    graph.output.append(value("scores", TensorProto.FLOAT, ["n", 521]))
    onnx.checker.check_model(model, full_check=True)
    return model


def _clip(output: str, source: str, scale: str, zero: str, constants: dict[str, NDArray]) -> onnx.NodeProto:
    """A clip to the range of uint8 with this scale and zero point; its limits become constants."""
    step, zero_point = np.float32(constants[scale]), np.float32(constants[zero])
    low, high = f"{output}.low", f"{output}.high"
    constants[low], constants[high] = (np.array((end - zero_point) * step, dtype=np.float32) for end in (0, 255))
    return helper.make_node("Clip", [source, low, high], [output], name=f"{output}.range")


def _unpack(source: Path, folder: Path) -> Path:
    """Unpack the zip's two files into a folder and verify them; the model's path is returned."""
    with zipfile.ZipFile(source) as packed:
        for member, expected in NETS["yamnet"].holds.items():
            file = folder / Path(member).name
            file.write_bytes(packed.read(member))
            if (actual := sha256(file)) != expected:
                raise ValueError(f"{member} has sha256 {actual[:12]}…, the catalogue says {expected[:12]}…")
    return folder / "model.onnx"
