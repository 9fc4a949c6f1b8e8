"""VGGish: AudioSet's sound features, 128 numbers a patch.

Source: Hershey and others, "CNN Architectures for Large-Scale Audio Classification" (2017), and the
released graph, read through torchvggish's file (v0.1). That port puts a ReLU after the last layer, which
the features of AudioSet do not have: here it is left out. The flat row between the two halves goes
height, width, channel, as TensorFlow keeps pictures.
"""

from pathlib import Path

import onnx
from numpy.typing import NDArray

from evoked.weights.onnx_builder import GraphBuilder, same
from evoked.weights.torchfile import read_state

__all__ = ["BANDS", "FRAMES", "vggish"]

FRAMES, BANDS, WIDTH = 96, 64, 128
HIDDEN = 4096
# its place in the port's list of layers, channels out, channels in, a pool after it
CONVOLUTIONS = (
    (0, 64, 1, True),
    (3, 128, 64, True),
    (6, 256, 128, False),
    (8, 256, 256, True),
    (11, 512, 256, False),
    (13, 512, 512, True),
)


def vggish(source: Path, target: Path) -> None:
    """VGGish as ONNX: log mel patches (n, 1, 96, 64) → features (n, 128), which may be negative."""
    onnx.save(build_vggish(read_state(source)), target)


def build_vggish(state: dict[str, NDArray]) -> onnx.ModelProto:
    """Lay out the net with these weights.

    Args:
        state: tensors by torchvggish's names.

    Raises:
        ValueError: if a tensor is missing, has another shape, or is left over.
    """
    net = GraphBuilder("vggish", state)
    x = "log_mel"
    for place, out, into, pooled in CONVOLUTIONS:
        at = f"features.{place}"
        x = net.add("Relu", [net.biased(x, at, same(out, into, 3, 3))], f"{at}.relu")
        if pooled:
            x = net.add("MaxPool", [x], f"{at}.pool", kernel_shape=[2, 2], strides=[2, 2])
    x = net.add("Transpose", [x], "channels_last", perm=[0, 2, 3, 1])  # (n, 6, 4, 512)
    x = net.add("Flatten", [x], "flat", axis=1)
    into = (FRAMES // 16) * (BANDS // 16) * 512
    for place, wide in ((0, into), (2, HIDDEN)):
        at = f"embeddings.{place}"
        x = net.add("Relu", [net.dense(x, at, (HIDDEN, wide), f"{at}.out")], f"{at}.relu")
    net.dense(x, "embeddings.4", (WIDTH, HIDDEN), "features")
    return net.model({"log_mel": ["n", 1, FRAMES, BANDS]}, {"features": ["n", WIDTH]})
