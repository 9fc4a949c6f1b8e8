"""VGGish: AudioSet's audio features, 128 values per patch.

Source: Hershey et al., "CNN Architectures for Large-Scale Audio Classification" (2017), and the released graph,
from torchvggish's file (v0.1). That port has a ReLU after the last layer, which the features of AudioSet do not
have: here it is left out. Between convolutions and dense layers the values are flattened in the order height,
width, channel, as in TensorFlow.
"""

from pathlib import Path

import onnx
from numpy.typing import NDArray

from evoked.weights.onnx_builder import GraphBuilder, same
from evoked.weights.torchfile import read_state

__all__ = ["BANDS", "FRAMES", "vggish"]

FRAMES, BANDS, WIDTH = 96, 64, 128
HIDDEN = 4096
# index in the port's list of layers, output channels, input channels, a pool after it
CONVOLUTIONS = (
    (0, 64, 1, True),
    (3, 128, 64, True),
    (6, 256, 128, False),
    (8, 256, 256, True),
    (11, 512, 256, False),
    (13, 512, 512, True),
)


def vggish(source: Path, target: Path) -> None:
    """Convert VGGish to ONNX: log mel patches (n, 1, 96, 64) → features (n, 128), which may be negative.

    Args:
        source: the PyTorch state dictionary.
        target: the ONNX file to write.

    Raises:
        ValueError: if the file is not such a state dictionary.
    """
    onnx.save(_build_vggish(read_state(source)), target)


def _build_vggish(state: dict[str, NDArray]) -> onnx.ModelProto:
    """Build the network with these weights.

    Args:
        state: tensors by torchvggish's names.

    Raises:
        ValueError: if a tensor is missing, has another shape, or is left over.
    """
    graph = GraphBuilder("vggish", state)
    x = "log_mel"
    for index, out_channels, in_channels, pooled in CONVOLUTIONS:
        at = f"features.{index}"
        x = graph.add("Relu", [graph.biased(x, at, same(out_channels, in_channels, 3, 3))], f"{at}.relu")
        if pooled:
            x = graph.add("MaxPool", [x], f"{at}.pool", kernel_shape=[2, 2], strides=[2, 2])
    x = graph.add("Transpose", [x], "channels_last", perm=[0, 2, 3, 1])  # (n, 6, 4, 512)
    x = graph.add("Flatten", [x], "flat", axis=1)
    flat = (FRAMES // 16) * (BANDS // 16) * 512
    for index, columns in ((0, flat), (2, HIDDEN)):
        at = f"embeddings.{index}"
        x = graph.add("Relu", [graph.dense(x, at, (HIDDEN, columns), f"{at}.out")], f"{at}.relu")
    graph.dense(x, "embeddings.4", (WIDTH, HIDDEN), "features")
    return graph.model({"log_mel": ["n", 1, FRAMES, BANDS]}, {"features": ["n", WIDTH]})
