"""Networks built as ONNX graphs from a state dictionary: each tensor is requested by name and shape, none is left over.

Batch norms are folded into their convolutions, in float64. A wrong name, a wrong shape and an unused tensor are
errors, so that another network's file is never mistaken for this one's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

__all__ = ["GraphBuilder", "Kernel", "Pads", "Shapes", "same"]

Pads = tuple[int, int, int, int]
Shapes = Mapping[str, Sequence[int | str]]
Attribute = int | float | Sequence[int]


@dataclass(frozen=True)
class Kernel:
    """The shape of a convolution.

    Attributes:
        out_channels: channels of the output.
        in_channels: channels of the input that each group reads.
        size: height and width.
        stride: in both directions.
        pads: top, left, bottom, right.
        groups: groups of channels, convolved separately.
    """

    out_channels: int
    in_channels: int
    size: tuple[int, int] = (1, 1)
    stride: int = 1
    pads: Pads = (0, 0, 0, 0)
    groups: int = 1

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of its weights."""
        return self.out_channels, self.in_channels, *self.size

    def attributes(self) -> dict[str, Attribute]:
        """Attributes of ONNX's Conv."""
        return {"strides": [self.stride] * 2, "pads": list(self.pads), "group": self.groups}


def same(out_channels: int, in_channels: int, height: int, width: int, stride: int = 1) -> Kernel:
    """A kernel of odd size, padded so that at stride 1 the output has the input's height and width.

    Args:
        out_channels, in_channels: as `Kernel` has them.
        height, width: of the kernel, odd.
        stride: in both directions.

    Returns:
        The kernel with its pads.
    """
    tall, wide = height // 2, width // 2
    return Kernel(out_channels, in_channels, (height, width), stride, (tall, wide, tall, wide))


class GraphBuilder:
    """Collects the nodes and constants of a graph, and which tensors of a state dictionary have been used.

    Every method that adds something returns its name in the graph, which later nodes take as an input.

    Args:
        name: of the graph.
        state: tensors by name; `num_batches_tracked`, a counter of torch's batch norms, is ignored.
    """

    def __init__(self, name: str, state: Mapping[str, NDArray]) -> None:
        self._name = name
        self._state = {n: t for n, t in state.items() if not n.endswith("num_batches_tracked")}
        self._used: set[str] = set()
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, NDArray] = {}

    def tensor(self, name: str, shape: tuple[int, ...]) -> NDArray:
        """A tensor of the state dictionary.

        Args:
            name: in the state dictionary.
            shape: that it must have.

        Returns:
            The tensor, which counts as used.

        Raises:
            ValueError: if it is missing or has another shape.
        """
        if name not in self._state:
            raise ValueError(f"no tensor {name}")
        tensor = self._state[name]
        if tensor.shape != shape:
            raise ValueError(f"tensor {name} must have shape {shape}, got {tensor.shape}")
        self._used.add(name)
        return tensor

    def parameter(self, name: str, shape: tuple[int, ...]) -> str:
        """Add a tensor of the state dictionary as it is.

        Args:
            name: in the state dictionary and in the graph.
            shape: that it must have.

        Returns:
            Its name.

        Raises:
            ValueError: if it is missing or has another shape.
        """
        return self.number(name, self.tensor(name, shape))

    def number(self, name: str, value: NDArray | float) -> str:
        """Add a float32 constant.

        Args:
            name: in the graph.
            value: a number or an array.

        Returns:
            Its name.
        """
        self._constants[name] = np.asarray(value, dtype=np.float32)
        return name

    def whole(self, name: str, values: Sequence[int]) -> str:
        """Add an int64 constant: indices, axes or sizes.

        Args:
            name: in the graph.
            values: one-dimensional.

        Returns:
            Its name.
        """
        self._constants[name] = np.asarray(values, dtype=np.int64)
        return name

    def split(self, x: str, parts: int, output: str) -> list[str]:
        """Split the columns of (n, columns) into equal parts.

        Args:
            x: name of the input.
            parts: how many.
            output: prefix of the outputs' names.

        Returns:
            Names of the parts, in order.
        """
        outputs = [f"{output}.{i}" for i in range(parts)]
        self._nodes.append(helper.make_node("Split", [x], outputs, name=output, axis=1))
        return outputs

    def add(self, op_type: str, inputs: Sequence[str], output: str, **attributes: Attribute) -> str:
        """Add a node with one output.

        Args:
            op_type: ONNX operator.
            inputs: names of its inputs.
            output: name of its output and of the node.
            attributes: of the operator.

        Returns:
            The output's name.
        """
        self._nodes.append(_node(op_type, inputs, [output], attributes))
        return output

    def second(self, op_type: str, inputs: Sequence[str], output: str, **attributes: Attribute) -> str:
        """Add a node of which only the second output is used.

        Args:
            op_type: ONNX operator.
            inputs: names of its inputs.
            output: name of its second output and of the node.
            attributes: of the operator.

        Returns:
            The output's name.
        """
        self._nodes.append(_node(op_type, inputs, ["", output], attributes))
        return output

    def convolve(self, x: str, name: str, norm: str, kernel: Kernel, eps: float = 1e-3) -> str:
        """Add a convolution without bias and the batch norm after it, folded into one Conv.

        Args:
            x: name of the input.
            name: prefix of the convolution's tensors, NAME.weight.
            norm: prefix of the batch norm's tensors.
            kernel: the convolution's shape.
            eps: of the batch norm.

        Returns:
            The output's name.
        """
        parts = ("weight", "bias", "running_mean", "running_var")
        gamma, beta, mean, var = (self.tensor(f"{norm}.{p}", (kernel.out_channels,)).astype(np.float64) for p in parts)
        gain = gamma / np.sqrt(var + eps)
        weights = self.tensor(f"{name}.weight", kernel.shape).astype(np.float64) * gain[:, None, None, None]
        inputs = [x, self.number(f"{name}.weight", weights), self.number(f"{name}.bias", beta - mean * gain)]
        return self.add("Conv", inputs, f"{name}.out", **kernel.attributes())

    def unit(self, x: str, name: str, kernel: Kernel) -> str:
        """Add a convolution NAME.conv, its batch norm NAME.bn and a ReLU: the basic unit of the Inception networks.

        Args:
            x: name of the input.
            name: prefix of the tensors.
            kernel: the convolution's shape.

        Returns:
            The output's name.
        """
        return self.add("Relu", [self.convolve(x, f"{name}.conv", f"{name}.bn", kernel)], f"{name}.relu")

    def biased(self, x: str, name: str, kernel: Kernel) -> str:
        """Add a convolution with a bias.

        Args:
            x: name of the input.
            name: prefix of the tensors, NAME.weight and NAME.bias.
            kernel: the convolution's shape.

        Returns:
            The output's name.
        """
        weight = self.parameter(f"{name}.weight", kernel.shape)
        bias = self.parameter(f"{name}.bias", (kernel.out_channels,))
        return self.add("Conv", [x, weight, bias], f"{name}.out", **kernel.attributes())

    def dense(self, x: str, name: str, shape: tuple[int, int], output: str) -> str:
        """Add a fully connected layer with a bias.

        Args:
            x: name of the input, (n, columns).
            name: prefix of the tensors, NAME.weight and NAME.bias.
            shape: of the weight: columns out, columns in.
            output: name of the output.

        Returns:
            The output's name.
        """
        inputs = [x, self.parameter(f"{name}.weight", shape), self.parameter(f"{name}.bias", shape[:1])]
        return self.add("Gemm", inputs, output, transB=1)

    def max_pool(self, x: str, output: str, stride: int = 2, pad: int = 0) -> str:
        """Add a 3×3 max pooling.

        Args:
            x: name of the input.
            output: name of the output.
            stride: in both directions.
            pad: on all four sides.

        Returns:
            The output's name.
        """
        return self.add("MaxPool", [x], output, kernel_shape=[3, 3], strides=[stride] * 2, pads=[pad] * 4)

    def join(self, inputs: Sequence[str], output: str) -> str:
        """Concatenate along the channels.

        Args:
            inputs: names, in order.
            output: name of the output.

        Returns:
            The output's name.
        """
        return self.add("Concat", inputs, output, axis=1)

    def mean(self, x: str, output: str) -> str:
        """Add the mean over height and width: (n, channels).

        Args:
            x: name of the input.
            output: name of the output.

        Returns:
            The output's name.
        """
        return self.add("Flatten", [self.add("GlobalAveragePool", [x], f"{output}.pool")], output, axis=1)

    def model(self, inputs: Shapes, outputs: Shapes) -> onnx.ModelProto:
        """The finished model, checked.

        Args:
            inputs, outputs: name → shape; a string is the name of a free dimension.

        Returns:
            A model of opset 17.

        Raises:
            ValueError: if a tensor of the state dictionary was not used.
        """
        if unused := sorted(set(self._state) - self._used):
            raise ValueError(f"{len(unused)} tensors left over, the first {unused[0]}")
        value = helper.make_tensor_value_info
        graph = helper.make_graph(
            self._nodes,
            self._name,
            [value(name, TensorProto.FLOAT, list(shape)) for name, shape in inputs.items()],
            [value(name, TensorProto.FLOAT, list(shape)) for name, shape in outputs.items()],
            [numpy_helper.from_array(constant, name) for name, constant in self._constants.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="evoked")
        model.ir_version = 8  # what ONNX Runtime of 2022 and later reads
        onnx.checker.check_model(model, full_check=True)
        return model


def _node(
    op_type: str, inputs: Sequence[str], outputs: Sequence[str], attributes: Mapping[str, Attribute]
) -> onnx.NodeProto:
    """A node that is named after its last output."""
    node = helper.make_node(op_type, inputs, outputs, name=outputs[-1])
    node.attribute.extend(helper.make_attribute(name, value) for name, value in sorted(attributes.items()))
    return node
