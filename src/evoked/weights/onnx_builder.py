"""Networks laid out as ONNX from a state dictionary: every tensor asked for by name and shape, none left over.

Batch norms are folded into their convolutions, in float64. A wrong name, a wrong shape and a tensor that
nobody asked for are errors, so that another network's file is never taken for this one's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

__all__ = ["GraphBuilder", "Kernel", "Limits", "Pads", "same"]

Pads = tuple[int, int, int, int]
Limits = Mapping[str, Sequence[int | str]]


@dataclass(frozen=True)
class Kernel:
    """A convolution's shape.

    Attributes:
        out, into: channels.
        size: height and width.
        stride: both ways.
        pads: top, left, bottom, right.
        groups: each reads its own `into` channels.
    """

    out: int
    into: int
    size: tuple[int, int] = (1, 1)
    stride: int = 1
    pads: Pads = (0, 0, 0, 0)
    groups: int = 1

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of its weights."""
        return self.out, self.into, *self.size

    def options(self) -> dict[str, object]:
        """For ONNX's Conv."""
        return {"strides": [self.stride] * 2, "pads": list(self.pads), "group": self.groups}


def same(out: int, into: int, height: int, width: int, stride: int = 1) -> Kernel:
    """A kernel of odd sides, padded so that at stride 1 the picture keeps its size."""
    tall, wide = height // 2, width // 2
    return Kernel(out, into, (height, width), stride, (tall, wide, tall, wide))


class GraphBuilder:
    """Nodes and weights as they come, and which tensors have been used.

    Args:
        name: of the graph.
        state: tensors by name; `num_batches_tracked`, which torch counts beside each batch norm, is no weight.
    """

    def __init__(self, name: str, state: Mapping[str, NDArray]) -> None:
        self._name = name
        self._state = {n: t for n, t in state.items() if not n.endswith("num_batches_tracked")}
        self._used: set[str] = set()
        self._nodes: list[onnx.NodeProto] = []
        self._weights: dict[str, NDArray] = {}

    def tensor(self, name: str, shape: tuple[int, ...]) -> NDArray:
        """A tensor of the state dictionary; ValueError if it is missing or has another shape."""
        if name not in self._state:
            raise ValueError(f"no tensor {name}")
        found = self._state[name]
        if found.shape != shape:
            raise ValueError(f"tensor {name} must have shape {shape}, got {found.shape}")
        self._used.add(name)
        return found

    def given(self, name: str, shape: tuple[int, ...]) -> str:
        """A tensor of the state dictionary as it is; its name in the graph is returned."""
        return self.number(name, self.tensor(name, shape))

    def number(self, name: str, value: NDArray | float) -> str:
        """A constant, float32; its name in the graph is returned."""
        self._weights[name] = np.asarray(value, dtype=np.float32)
        return name

    def whole(self, name: str, values: Sequence[int]) -> str:
        """A constant of whole numbers, int64: places, axes and sizes; its name in the graph is returned."""
        self._weights[name] = np.asarray(values, dtype=np.int64)
        return name

    def split(self, x: str, parts: int, output: str) -> list[str]:
        """Equal parts of the columns of (n, columns); their names are returned."""
        outputs = [f"{output}.{i}" for i in range(parts)]
        self._nodes.append(helper.make_node("Split", [x], outputs, name=output, axis=1))
        return outputs

    def add(self, kind: str, inputs: Sequence[str], output: str, **options: object) -> str:
        """A node with one output, whose name is returned."""
        self._nodes.append(helper.make_node(kind, list(inputs), [output], name=output, **options))
        return output

    def second(self, kind: str, inputs: Sequence[str], output: str, **options: object) -> str:
        """A node whose second output alone is used; its name is returned."""
        self._nodes.append(helper.make_node(kind, list(inputs), ["", output], name=output, **options))
        return output

    def convolve(self, x: str, name: str, norm: str, kernel: Kernel, eps: float = 1e-3) -> str:
        """The convolution NAME.weight, without bias, and the batch norm `norm` after it, as one."""
        parts = ("weight", "bias", "running_mean", "running_var")
        gamma, beta, mean, var = (self.tensor(f"{norm}.{p}", (kernel.out,)).astype(np.float64) for p in parts)
        gain = gamma / np.sqrt(var + eps)
        weights = self.tensor(f"{name}.weight", kernel.shape).astype(np.float64) * gain[:, None, None, None]
        inputs = [x, self.number(f"{name}.weight", weights), self.number(f"{name}.bias", beta - mean * gain)]
        return self.add("Conv", inputs, f"{name}.out", **kernel.options())

    def unit(self, x: str, name: str, kernel: Kernel) -> str:
        """A convolution NAME.conv, its batch norm NAME.bn and a ReLU: what the Inception nets are made of."""
        return self.add("Relu", [self.convolve(x, f"{name}.conv", f"{name}.bn", kernel)], f"{name}.relu")

    def biased(self, x: str, name: str, kernel: Kernel) -> str:
        """A convolution with a bias of its own."""
        inputs = [x, self.given(f"{name}.weight", kernel.shape), self.given(f"{name}.bias", (kernel.out,))]
        return self.add("Conv", inputs, f"{name}.out", **kernel.options())

    def dense(self, x: str, name: str, shape: tuple[int, int], output: str) -> str:
        """A fully connected layer with a bias; shape: out, into."""
        inputs = [x, self.given(f"{name}.weight", shape), self.given(f"{name}.bias", shape[:1])]
        return self.add("Gemm", inputs, output, transB=1)

    def max_pool(self, x: str, output: str, stride: int = 2, pad: int = 0) -> str:
        """The largest of 3×3."""
        return self.add("MaxPool", [x], output, kernel_shape=[3, 3], strides=[stride] * 2, pads=[pad] * 4)

    def join(self, parts: Sequence[str], output: str) -> str:
        """Channels side by side."""
        return self.add("Concat", parts, output, axis=1)

    def mean(self, x: str, output: str) -> str:
        """The mean over height and width: (n, channels)."""
        return self.add("Flatten", [self.add("GlobalAveragePool", [x], f"{output}.pool")], output, axis=1)

    def model(self, inputs: Limits, outputs: Limits) -> onnx.ModelProto:
        """The whole, checked.

        Args:
            inputs, outputs: name → shape; a word is free.

        Raises:
            ValueError: if a tensor is left over.
        """
        if left := sorted(set(self._state) - self._used):
            raise ValueError(f"{len(left)} tensors left over, the first {left[0]}")
        value = helper.make_tensor_value_info
        graph = helper.make_graph(
            self._nodes,
            self._name,
            [value(name, TensorProto.FLOAT, list(shape)) for name, shape in inputs.items()],
            [value(name, TensorProto.FLOAT, list(shape)) for name, shape in outputs.items()],
            [numpy_helper.from_array(w, name) for name, w in self._weights.items()],
        )
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="evoked")
        made.ir_version = 8  # what ONNX Runtime of 2022 and later reads
        onnx.checker.check_model(made, full_check=True)
        return made
