"""EfficientNet-Lite as ONNX, from the state dictionary of the PyTorch port.

The Lite nets are EfficientNets without squeeze-and-excitation, with ReLU6 for swish, and with a stem,
a head, a first and a last stage that do not grow. Source: tensorflow/tpu, efficientnet/lite, and the
port's model.py (efficientnet_lite_pytorch 0.1.0): "same" padding as TensorFlow's, batch norm eps 1e-3.
"""

from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from evoked.weights.torchfile import read_state

EPS = 1e-3
# repeats, kernel, stride, growth within the block, channels out
STAGES = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192))
LAST = (1, 3, 1, 6, 320)
STEM, HEAD, CLASSES = 32, 1280, 1000


@dataclass(frozen=True)
class Size:
    """How a member of the family differs from lite0: channels ×, repeats ×, pixels of a side."""

    width: float
    depth: float
    side: int


LITE0 = Size(1.0, 1.0, 224)
LITE2 = Size(1.1, 1.2, 260)


@dataclass(frozen=True)
class Block:
    """One inverted bottleneck."""

    kernel: int
    stride: int
    wide: int  # channels between
    into: int
    out: int

    @property
    def skips(self) -> bool:
        return self.stride == 1 and self.into == self.out


def blocks(size: Size) -> list[Block]:
    """Every block of a net, in order."""
    found: list[Block] = []
    into = STEM
    for number, (repeats, kernel, stride, growth, out) in enumerate((*STAGES, LAST)):
        fixed = number in (0, len(STAGES))
        channels = _channels(out, size.width)
        for i in range(repeats if fixed else ceil(size.depth * repeats)):
            found.append(Block(kernel, stride if i == 0 else 1, into * growth, into, channels))
            into = channels
    return found


def lite0(source: Path, target: Path) -> None:
    """EfficientNet-Lite0 as ONNX: pictures (n, 3, 224, 224) → features (n, 1280), logits (n, 1000)."""
    onnx.save(build(read_state(source), LITE0), target)


def lite2(source: Path, target: Path) -> None:
    """EfficientNet-Lite2 as ONNX: pictures (n, 3, 260, 260) → features (n, 1280), logits (n, 1000)."""
    onnx.save(build(read_state(source), LITE2), target)


def build(state: dict[str, NDArray], size: Size) -> onnx.ModelProto:
    """Lay out a net with these weights; each batch norm is folded into its convolution, in float64.

    Args:
        state: tensors by the port's names.
        size: which member of the family.

    Raises:
        ValueError: if a tensor is missing, has another shape, or is left over.
    """
    net = _Drawing(state, size.side)
    x = net.conv("pictures", "_conv_stem", "_bn0", (STEM, 3, 3, 3), stride=2)
    for number, block in enumerate(blocks(size)):
        at, before = f"_blocks.{number}", x
        if block.wide != block.into:
            x = net.conv(x, f"{at}._expand_conv", f"{at}._bn0", (block.wide, block.into, 1, 1))
        deep = (block.wide, 1, block.kernel, block.kernel)
        x = net.conv(x, f"{at}._depthwise_conv", f"{at}._bn1", deep, stride=block.stride, groups=block.wide)
        x = net.conv(x, f"{at}._project_conv", f"{at}._bn2", (block.out, block.wide, 1, 1), bounded=False)
        if block.skips:
            x = net.add("Add", [x, before], f"{at}.sum")
    into = blocks(size)[-1].out
    x = net.conv(x, "_conv_head", "_bn1", (HEAD, into, 1, 1))
    x = net.add("GlobalAveragePool", [x], "pool")
    net.add("Flatten", [x], "features", axis=1)
    weights = [net.constant("_fc.weight", (CLASSES, HEAD)), net.constant("_fc.bias", (CLASSES,))]
    net.add("Gemm", ["features", *weights], "logits", transB=1)
    return net.model(size.side)


class _Drawing:
    """Nodes and weights as they come, and which tensors have been used."""

    def __init__(self, state: dict[str, NDArray], side: int) -> None:
        self._state = {n: t for n, t in state.items() if not n.endswith("num_batches_tracked")}
        self._used: set[str] = set()
        self._side = side
        self._nodes: list[onnx.NodeProto] = []
        self._weights: dict[str, NDArray] = {"low": np.array(0, np.float32), "high": np.array(6, np.float32)}

    def tensor(self, name: str, shape: tuple[int, ...]) -> NDArray:
        if name not in self._state:
            raise ValueError(f"no tensor {name}")
        found = self._state[name]
        if found.shape != shape:
            raise ValueError(f"tensor {name} must have shape {shape}, got {found.shape}")
        self._used.add(name)
        return found

    def constant(self, name: str, shape: tuple[int, ...]) -> str:
        self._weights[name] = self.tensor(name, shape).astype(np.float32)
        return name

    def add(self, kind: str, inputs: list[str], output: str, **options: object) -> str:
        self._nodes.append(helper.make_node(kind, inputs, [output], name=output, **options))
        return output

    def conv(
        self,
        x: str,
        name: str,
        norm: str,
        shape: tuple[int, int, int, int],
        *,
        stride: int = 1,
        groups: int = 1,
        bounded: bool = True,
    ) -> str:
        """Convolution with its batch norm folded in, then ReLU6 if `bounded`."""
        gamma, beta, mean, var = (
            self.tensor(f"{norm}.{part}", shape[:1]).astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        gain = gamma / np.sqrt(var + EPS)
        kernel = self.tensor(f"{name}.weight", shape).astype(np.float64) * gain[:, None, None, None]
        self._weights[f"{name}.weight"] = kernel.astype(np.float32)
        self._weights[f"{name}.bias"] = (beta - mean * gain).astype(np.float32)
        after = ceil(self._side / stride)
        pad = max((after - 1) * stride + shape[2] - self._side, 0)  # TensorFlow's "same": the odd one goes after
        self._side = after
        pads = [pad // 2, pad // 2, pad - pad // 2, pad - pad // 2]
        x = self.add(
            "Conv", [x, f"{name}.weight", f"{name}.bias"], f"{name}.out", strides=[stride] * 2, group=groups, pads=pads
        )
        return self.add("Clip", [x, "low", "high"], f"{name}.relu6") if bounded else x

    def model(self, side: int) -> onnx.ModelProto:
        if left := sorted(set(self._state) - self._used):
            raise ValueError(f"{len(left)} tensors left over, the first {left[0]}")
        value = helper.make_tensor_value_info
        graph = helper.make_graph(
            self._nodes,
            "efficientnet-lite",
            [value("pictures", TensorProto.FLOAT, ["n", 3, side, side])],
            [value("features", TensorProto.FLOAT, ["n", HEAD]), value("logits", TensorProto.FLOAT, ["n", CLASSES])],
            [numpy_helper.from_array(w, name) for name, w in self._weights.items()],
        )
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="evoked")
        made.ir_version = 8  # what ONNX Runtime of 2022 and later reads
        onnx.checker.check_model(made, full_check=True)
        return made


def _channels(count: int, width: float) -> int:
    """Channels × width, to the nearest multiple of 8, never more than 10 % down."""
    wanted = count * width
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wanted else rounded
