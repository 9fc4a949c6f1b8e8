"""Inception-ResNet-v1 trained on VGGFace2: of the face nets with public weights the nearest to the paper's.

Source: Szegedy and others, "Inception-v4, Inception-ResNet" (2016); layers, names and scales of the
residuals (.17, .10, .20, the last block 1 and without ReLU) as facenet-pytorch 2.6.0 has them, whose file
this reads. Batch norm eps 1e-3.
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
    """The net as ONNX: faces (n, 3, 160, 160) → features (n, 1792), embedding (n, 512) of unit length."""
    onnx.save(build_inception_resnet(read_state(source)), target)


def build_inception_resnet(state: dict[str, NDArray]) -> onnx.ModelProto:
    """Lay out the net with these weights; the 8,631 people it was trained on must be there and are left out.

    Args:
        state: tensors by facenet-pytorch's names.

    Raises:
        ValueError: if a tensor is missing, has another shape, or is left over.
    """
    net = GraphBuilder("inception-resnet-v1", state)
    x = net.unit("faces", "conv2d_1a", Kernel(32, 3, (3, 3), 2))
    x = net.unit(x, "conv2d_2a", Kernel(32, 32, (3, 3)))
    x = net.unit(x, "conv2d_2b", same(64, 32, 3, 3))
    x = net.max_pool(x, "maxpool_3a")
    x = net.unit(x, "conv2d_3b", Kernel(80, 64))
    x = net.unit(x, "conv2d_4a", Kernel(192, 80, (3, 3)))
    x = net.unit(x, "conv2d_4b", Kernel(256, 192, (3, 3), 2))  # 17×17
    for i in range(5):
        x = _block35(net, x, f"repeat_1.{i}")
    x = _mixed_6a(net, x)  # 8×8×896
    for i in range(10):
        x = _block17(net, x, f"repeat_2.{i}")
    x = _mixed_7a(net, x)  # 3×3×1792
    for i in range(5):
        x = net.add("Relu", [_block8(net, x, f"repeat_3.{i}", 0.20)], f"repeat_3.{i}")
    net.mean(_block8(net, x, "block8", 1.0), "features")
    _embed(net)
    net.tensor("logits.weight", (PEOPLE, EMBEDDING))
    net.tensor("logits.bias", (PEOPLE,))
    return net.model({"faces": ["n", 3, SIDE, SIDE]}, {"features": ["n", WIDTH], "embedding": ["n", EMBEDDING]})


def _embed(net: GraphBuilder) -> None:
    """Linear without bias, batch norm, unit length."""
    parts = ("weight", "bias", "running_mean", "running_var")
    gamma, beta, mean, var = (net.tensor(f"last_bn.{p}", (EMBEDDING,)).astype(np.float64) for p in parts)
    gain = gamma / np.sqrt(var + EPS)
    weight = net.tensor("last_linear.weight", (EMBEDDING, WIDTH)).astype(np.float64) * gain[:, None]
    inputs = ["features", net.number("last_linear.weight", weight), net.number("last_linear.bias", beta - mean * gain)]
    net.add("LpNormalization", [net.add("Gemm", inputs, "last_bn.out", transB=1)], "embedding", axis=1, p=2)


def _chain(net: GraphBuilder, x: str, at: str, kernels: Sequence[Kernel]) -> str:
    """Several convolutions, named AT.0, AT.1, …; one alone is named AT."""
    for i, kernel in enumerate(kernels):
        x = net.unit(x, at if len(kernels) == 1 else f"{at}.{i}", kernel)
    return x


def _residual(net: GraphBuilder, x: str, at: str, branches: Sequence[Sequence[Kernel]], scale: float) -> str:
    """x + scale · a 1×1 convolution of the branches side by side; before any ReLU."""
    parts = [_chain(net, x, f"{at}.branch{i}", kernels) for i, kernels in enumerate(branches)]
    wide, out = sum(k[-1].out for k in branches), branches[0][0].into
    mixed = net.biased(net.join(parts, f"{at}.joined"), f"{at}.conv2d", Kernel(out, wide))
    scaled = net.add("Mul", [mixed, net.number(f"{at}.scale", scale)], f"{at}.scaled")
    return net.add("Add", [scaled, x], f"{at}.sum")


def _block35(net: GraphBuilder, x: str, at: str) -> str:
    first, three = Kernel(32, 256), same(32, 32, 3, 3)
    return net.add("Relu", [_residual(net, x, at, ([first], [first, three], [first, three, three]), 0.17)], at)


def _block17(net: GraphBuilder, x: str, at: str) -> str:
    first = Kernel(128, 896)
    branches = ([first], [first, same(128, 128, 1, 7), same(128, 128, 7, 1)])
    return net.add("Relu", [_residual(net, x, at, branches, 0.10)], at)


def _block8(net: GraphBuilder, x: str, at: str, scale: float) -> str:
    first = Kernel(192, WIDTH)
    return _residual(net, x, at, ([first], [first, same(192, 192, 1, 3), same(192, 192, 3, 1)]), scale)


def _reduce(net: GraphBuilder, x: str, at: str, branches: Sequence[Sequence[Kernel]]) -> str:
    parts = [_chain(net, x, f"{at}.branch{i}", kernels) for i, kernels in enumerate(branches)]
    return net.join([*parts, net.max_pool(x, f"{at}.pool")], at)


def _mixed_6a(net: GraphBuilder, x: str) -> str:
    twice = [Kernel(192, 256), same(192, 192, 3, 3), Kernel(256, 192, (3, 3), 2)]
    return _reduce(net, x, "mixed_6a", ([Kernel(384, 256, (3, 3), 2)], twice))


def _mixed_7a(net: GraphBuilder, x: str) -> str:
    first = Kernel(256, 896)
    wide, narrow = Kernel(384, 256, (3, 3), 2), Kernel(256, 256, (3, 3), 2)
    return _reduce(net, x, "mixed_7a", ([first, wide], [first, narrow], [first, same(256, 256, 3, 3), narrow]))
