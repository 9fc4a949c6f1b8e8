"""Inception-ResNet-v1 trained on VGGFace2: of the face networks with public weights the nearest to the paper's.

Source: Szegedy et al., "Inception-v4, Inception-ResNet" (2016); layers, names and scales of the residuals
(.17, .10, .20, the last block 1 and without ReLU) as in facenet-pytorch 2.6.0, whose file this reads.
Batch norm eps 1e-3.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from evoked.weights.onnx_builder import GraphBuilder, Kernel, same
from evoked.weights.torchfile import read_state

__all__ = ["build_inception_resnet", "inception_resnet_v1"]

SIDE, WIDTH, EMBEDDING, PEOPLE = 160, 1792, 512, 8631
EPS = 1e-3


def inception_resnet_v1(source: Path, target: Path) -> None:
    """Convert the network to ONNX: faces (n, 3, 160, 160) → features (n, 1792), embedding (n, 512) of unit length.

    Args:
        source: the PyTorch state dictionary.
        target: the ONNX file to write.

    Raises:
        ValueError: if the file is not such a state dictionary.
    """
    onnx.save(build_inception_resnet(read_state(source)), target)


def build_inception_resnet(state: dict[str, NDArray]) -> onnx.ModelProto:
    """Build the network with these weights; the classifier of 8,631 people must be present and is left out.

    Args:
        state: tensors by facenet-pytorch's names.

    Raises:
        ValueError: if a tensor is missing, has another shape, or is left over.
    """
    graph = GraphBuilder("inception-resnet-v1", state)
    x = graph.unit("faces", "conv2d_1a", Kernel(32, 3, (3, 3), 2))
    x = graph.unit(x, "conv2d_2a", Kernel(32, 32, (3, 3)))
    x = graph.unit(x, "conv2d_2b", same(64, 32, 3, 3))
    x = graph.max_pool(x, "maxpool_3a")
    x = graph.unit(x, "conv2d_3b", Kernel(80, 64))
    x = graph.unit(x, "conv2d_4a", Kernel(192, 80, (3, 3)))
    x = graph.unit(x, "conv2d_4b", Kernel(256, 192, (3, 3), 2))  # 17×17
    for i in range(5):
        x = _block35(graph, x, f"repeat_1.{i}")
    x = _mixed_6a(graph, x)  # 8×8×896
    for i in range(10):
        x = _block17(graph, x, f"repeat_2.{i}")
    x = _mixed_7a(graph, x)  # 3×3×1792
    for i in range(5):
        x = graph.add("Relu", [_block8(graph, x, f"repeat_3.{i}", 0.20)], f"repeat_3.{i}")
    graph.mean(_block8(graph, x, "block8", 1.0), "features")
    _embed(graph)
    graph.tensor("logits.weight", (PEOPLE, EMBEDDING))
    graph.tensor("logits.bias", (PEOPLE,))
    return graph.model({"faces": ["n", 3, SIDE, SIDE]}, {"features": ["n", WIDTH], "embedding": ["n", EMBEDDING]})


def _embed(graph: GraphBuilder) -> None:
    """Linear without bias, batch norm, unit length."""
    names = ("weight", "bias", "running_mean", "running_var")
    gamma, beta, mean, var = (graph.tensor(f"last_bn.{n}", (EMBEDDING,)).astype(np.float64) for n in names)
    gain = gamma / np.sqrt(var + EPS)
    weight = graph.tensor("last_linear.weight", (EMBEDDING, WIDTH)).astype(np.float64) * gain[:, None]
    inputs = [
        "features",
        graph.number("last_linear.weight", weight),
        graph.number("last_linear.bias", beta - mean * gain),
    ]
    graph.add("LpNormalization", [graph.add("Gemm", inputs, "last_bn.out", transB=1)], "embedding", axis=1, p=2)


def _chain(graph: GraphBuilder, x: str, at: str, kernels: Sequence[Kernel]) -> str:
    """Several convolutions, named AT.0, AT.1, …; a single one is named AT."""
    for i, kernel in enumerate(kernels):
        x = graph.unit(x, at if len(kernels) == 1 else f"{at}.{i}", kernel)
    return x


def _residual(graph: GraphBuilder, x: str, at: str, branches: Sequence[Sequence[Kernel]], scale: float) -> str:
    """x + scale · a 1×1 convolution of the concatenated branches; before any ReLU."""
    outputs = [_chain(graph, x, f"{at}.branch{i}", kernels) for i, kernels in enumerate(branches)]
    joined, channels = sum(k[-1].out_channels for k in branches), branches[0][0].in_channels
    mixed = graph.biased(graph.join(outputs, f"{at}.joined"), f"{at}.conv2d", Kernel(channels, joined))
    scaled = graph.add("Mul", [mixed, graph.number(f"{at}.scale", scale)], f"{at}.scaled")
    return graph.add("Add", [scaled, x], f"{at}.sum")


def _block35(graph: GraphBuilder, x: str, at: str) -> str:
    first, three = Kernel(32, 256), same(32, 32, 3, 3)
    return graph.add("Relu", [_residual(graph, x, at, ([first], [first, three], [first, three, three]), 0.17)], at)


def _block17(graph: GraphBuilder, x: str, at: str) -> str:
    first = Kernel(128, 896)
    branches = ([first], [first, same(128, 128, 1, 7), same(128, 128, 7, 1)])
    return graph.add("Relu", [_residual(graph, x, at, branches, 0.10)], at)


def _block8(graph: GraphBuilder, x: str, at: str, scale: float) -> str:
    first = Kernel(192, WIDTH)
    return _residual(graph, x, at, ([first], [first, same(192, 192, 1, 3), same(192, 192, 3, 1)]), scale)


def _reduce(graph: GraphBuilder, x: str, at: str, branches: Sequence[Sequence[Kernel]]) -> str:
    outputs = [_chain(graph, x, f"{at}.branch{i}", kernels) for i, kernels in enumerate(branches)]
    return graph.join([*outputs, graph.max_pool(x, f"{at}.pool")], at)


def _mixed_6a(graph: GraphBuilder, x: str) -> str:
    double = [Kernel(192, 256), same(192, 192, 3, 3), Kernel(256, 192, (3, 3), 2)]
    return _reduce(graph, x, "mixed_6a", ([Kernel(384, 256, (3, 3), 2)], double))


def _mixed_7a(graph: GraphBuilder, x: str) -> str:
    first = Kernel(256, 896)
    wide, narrow = Kernel(384, 256, (3, 3), 2), Kernel(256, 256, (3, 3), 2)
    return _reduce(graph, x, "mixed_7a", ([first, wide], [first, narrow], [first, same(256, 256, 3, 3), narrow]))
