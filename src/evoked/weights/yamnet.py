"""YAMNet converted to fp32 from a file that was quantised for phones.

The package's file takes uint8 and rounds to 8 bits before every layer; how int8 layers are computed
differs between CPUs. Its weights are stored as fp32 (on the int8 grid), so the rounding can be taken
out: finer features, the same ones everywhere. The *ranges* stay: an 8-bit number also ends somewhere,
and the net was fitted to that (the input's lower end, about ln 0.001, is where silence begins).
Measured on 208 patches of a film: cosine to the carrier's own features .992 (median), .970 (least) with
the ranges; without them near silence goes astray (cosine .23, six times the length).
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
    """YAMNet as ONNX: log mel patches (n, 1, 96, 64) → features (n, 1024), scores (n, 521) before the sigmoid.

    Raises:
        ValueError: if the zip does not hold what the catalogue says.
    """
    with TemporaryDirectory(dir=target.parent) as folder:
        model = onnx.load(_unpack(source, Path(folder)))
    onnx.save(unrounded(model), target)


def unrounded(model: onnx.ModelProto) -> onnx.ModelProto:
    """Take the rounding out and leave the ranges: quantise and dequantise become a clip, on weights nothing.

    Raises:
        ValueError: if the net is not laid out as YAMNet's file is.
    """
    graph = model.graph
    constants = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    kept = [_clip("audio", "log_mel", "audio_scale", "audio_zero_point", constants)]
    same: dict[str, str] = {}  # an output that is only another name of an earlier one
    for node in graph.node:
        inputs = [same.get(i, i) for i in node.input]
        if node.op_type == "DequantizeLinear" or (node.op_type == "QuantizeLinear" and node.input[0] in constants):
            same[node.output[0]] = inputs[0]
        elif node.op_type == "QuantizeLinear":
            kept.append(_clip(node.output[0], inputs[0], node.input[1], node.input[2], constants))
        else:
            del node.input[:]
            node.input.extend(inputs)
            kept.append(node)
    kinds = [n.op_type for n in kept[-6:]]
    if kinds != ["GlobalAveragePool", "Clip", "Reshape", "Clip", "Gemm", "Clip"]:
        raise ValueError(f"the net should end in its pool and classifier, and ends in {kinds}")
    flat, last = kept[-4], kept[-1]
    kept[-4] = helper.make_node("Flatten", [flat.input[0]], flat.output, axis=1)  # its Reshape holds for one patch
    last.output[0] = "scores"
    features = helper.make_node("Flatten", [POOL], ["features"], axis=1)
    rebuild(model, [*kept, features], constants)
    value = helper.make_tensor_value_info
    del graph.input[:], graph.output[:]
    graph.input.append(value("log_mel", TensorProto.FLOAT, ["n", 1, 96, 64]))
    graph.output.append(value("features", TensorProto.FLOAT, ["n", 1024]))
    graph.output.append(value("scores", TensorProto.FLOAT, ["n", 521]))
    onnx.checker.check_model(model, full_check=True)
    return model


def _clip(output: str, source: str, scale: str, zero: str, constants: dict[str, NDArray]) -> onnx.NodeProto:
    """A clip to what uint8 with this scale and zero point can say; its ends become constants."""
    step, middle = np.float32(constants[scale]), np.float32(constants[zero])
    low, high = f"{output}.low", f"{output}.high"
    constants[low], constants[high] = (np.array((end - middle) * step, dtype=np.float32) for end in (0, 255))
    return helper.make_node("Clip", [source, low, high], [output], name=f"{output}.range")


def _unpack(source: Path, folder: Path) -> Path:
    """Lay the zip's two files side by side, checked; the model's path is returned."""
    with zipfile.ZipFile(source) as packed:
        for member, expected in NETS["yamnet"].holds.items():
            file = folder / Path(member).name
            file.write_bytes(packed.read(member))
            if (found := sha256(file)) != expected:
                raise ValueError(f"{member} has sha256 {found[:12]}…, the catalogue says {expected[:12]}…")
    return folder / "model.onnx"
