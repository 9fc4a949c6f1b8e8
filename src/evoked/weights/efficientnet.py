"""EfficientNet-Lite as ONNX, from the state dictionary of the PyTorch port.

The Lite nets are EfficientNets without squeeze-and-excitation, with ReLU6 for swish, and with a stem,
a head, a first and a last stage that do not grow. Source: tensorflow/tpu, efficientnet/lite, and the
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

# repeats, kernel, stride, growth within the block, channels out
STAGES = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192))
LAST = (1, 3, 1, 6, 320)
STEM, HEAD, CLASSES = 32, 1280, 1000


@dataclass(frozen=True)
class EfficientNetSize:
    """How a member of the family differs from lite0: channels ×, repeats ×, pixels of a side."""

    width: float
    depth: float
    side: int


LITE0 = EfficientNetSize(1.0, 1.0, 224)
LITE2 = EfficientNetSize(1.1, 1.2, 260)


@dataclass(frozen=True)
class MBConvBlock:
    """One inverted bottleneck."""

    kernel: int
    stride: int
    wide: int  # channels between
    into: int
    out: int

    @property
    def skips(self) -> bool:
        return self.stride == 1 and self.into == self.out


def block_list(size: EfficientNetSize) -> list[MBConvBlock]:
    """Every block of a net, in order."""
    found: list[MBConvBlock] = []
    into = STEM
    for number, (repeats, kernel, stride, growth, out) in enumerate((*STAGES, LAST)):
        fixed = number in (0, len(STAGES))
        channels = _channels(out, size.width)
        for i in range(repeats if fixed else ceil(size.depth * repeats)):
            found.append(MBConvBlock(kernel, stride if i == 0 else 1, into * growth, into, channels))
            into = channels
    return found


def lite0(source: Path, target: Path) -> None:
    """EfficientNet-Lite0 as ONNX: pictures (n, 3, 224, 224) → features (n, 1280), logits (n, 1000)."""
    onnx.save(build_efficientnet(read_state(source), LITE0), target)


def lite2(source: Path, target: Path) -> None:
    """EfficientNet-Lite2 as ONNX: pictures (n, 3, 260, 260) → features (n, 1280), logits (n, 1000)."""
    onnx.save(build_efficientnet(read_state(source), LITE2), target)


def build_efficientnet(state: dict[str, NDArray], size: EfficientNetSize) -> onnx.ModelProto:
    """Lay out a net with these weights; each batch norm is folded into its convolution, in float64.

    Args:
        state: tensors by the port's names.
        size: which member of the family.

    Raises:
        ValueError: if a tensor is missing, has another shape, or is left over.
    """
    net = _Lite(state, size.side)
    x = net.bounded("pictures", "_conv_stem", "_bn0", Kernel(STEM, 3, (3, 3), 2))
    for number, block in enumerate(block_list(size)):
        at, before = f"_blocks.{number}", x
        if block.wide != block.into:
            x = net.bounded(x, f"{at}._expand_conv", f"{at}._bn0", Kernel(block.wide, block.into))
        deep = Kernel(block.wide, 1, (block.kernel, block.kernel), block.stride, groups=block.wide)
        x = net.bounded(x, f"{at}._depthwise_conv", f"{at}._bn1", deep)
        x = net.padded(x, f"{at}._project_conv", f"{at}._bn2", Kernel(block.out, block.wide))
        if block.skips:
            x = net.add("Add", [x, before], f"{at}.sum")
    into = block_list(size)[-1].out
    net.mean(net.bounded(x, "_conv_head", "_bn1", Kernel(HEAD, into)), "features")
    net.dense("features", "_fc", (CLASSES, HEAD), "logits")
    return net.model({"pictures": ["n", 3, size.side, size.side]}, {"features": ["n", HEAD], "logits": ["n", CLASSES]})


class _Lite(GraphBuilder):
    """A drawing whose convolutions are padded as TensorFlow's "same": the odd one goes after."""

    def __init__(self, state: dict[str, NDArray], side: int) -> None:
        super().__init__("efficientnet-lite", state)
        self._side = side
        self._ends = [self.number("low", 0), self.number("high", 6)]

    def bounded(self, x: str, name: str, norm: str, kernel: Kernel) -> str:
        """As `padded`, then ReLU6."""
        return self.add("Clip", [self.padded(x, name, norm, kernel), *self._ends], f"{name}.relu6")

    def padded(self, x: str, name: str, norm: str, kernel: Kernel) -> str:
        """Convolution with its batch norm folded in."""
        after = ceil(self._side / kernel.stride)
        pad = max((after - 1) * kernel.stride + kernel.size[0] - self._side, 0)
        self._side = after
        before = pad // 2
        return self.convolve(x, name, norm, replace(kernel, pads=(before, before, pad - before, pad - before)))


def _channels(count: int, width: float) -> int:
    """Channels × width, to the nearest multiple of 8, never more than 10 % down."""
    wanted = count * width
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wanted else rounded
