"""Inception V3 as the paper's features have it: the ImageNet graph of 2015-12-05, not torchvision's.

Source: Szegedy and others, "Rethinking the Inception Architecture" (2015); the graph's own ways as
pytorch-fid 0.3.0 (inception.py) found them: average pools do not count the padding, and the last
block's pool branch takes the largest, not the mean. Batch norm eps 1e-3. Layers are named as torchvision
names them; the graph has no auxiliary head, and 1,008 classes.
"""

from pathlib import Path

import onnx
from numpy.typing import NDArray

from evoked.weights.onnx_builder import GraphBuilder, Kernel, same
from evoked.weights.torchfile import read_state

__all__ = ["SIDE", "WIDTH", "build_inception", "inception_v3"]

SIDE, WIDTH, CLASSES = 299, 2048, 1008


def inception_v3(source: Path, target: Path) -> None:
    """Inception V3 as ONNX: pictures (n, 3, 299, 299) → features (n, 2048), logits (n, 1008)."""
    onnx.save(build_inception(read_state(source)), target)


def build_inception(state: dict[str, NDArray]) -> onnx.ModelProto:
    """Lay out the net with these weights.

    Args:
        state: tensors by torchvision's names.

    Raises:
        ValueError: if a tensor is missing, has another shape, or is left over.
    """
    net = GraphBuilder("inception-v3", state)
    x = net.unit("pictures", "Conv2d_1a_3x3", Kernel(32, 3, (3, 3), 2))
    x = net.unit(x, "Conv2d_2a_3x3", Kernel(32, 32, (3, 3)))
    x = net.unit(x, "Conv2d_2b_3x3", same(64, 32, 3, 3))
    x = net.max_pool(x, "pool1")
    x = net.unit(x, "Conv2d_3b_1x1", Kernel(80, 64))
    x = net.unit(x, "Conv2d_4a_3x3", Kernel(192, 80, (3, 3)))
    x = net.max_pool(x, "pool2")  # 35×35
    for name, into, pool in (("Mixed_5b", 192, 32), ("Mixed_5c", 256, 64), ("Mixed_5d", 288, 64)):
        x = _block_a(net, x, name, into, pool)
    x = _block_b(net, x, "Mixed_6a")  # 17×17
    for name, between in (("Mixed_6b", 128), ("Mixed_6c", 160), ("Mixed_6d", 160), ("Mixed_6e", 192)):
        x = _block_c(net, x, name, between)
    x = _block_d(net, x, "Mixed_7a")  # 8×8
    x = _block_e(net, x, "Mixed_7b", 1280, _mean_pool(net, x, "Mixed_7b.pool"))
    x = _block_e(net, x, "Mixed_7c", WIDTH, net.max_pool(x, "Mixed_7c.pool", stride=1, pad=1))
    net.mean(x, "features")
    net.dense("features", "fc", (CLASSES, WIDTH), "logits")
    return net.model({"pictures": ["n", 3, SIDE, SIDE]}, {"features": ["n", WIDTH], "logits": ["n", CLASSES]})


def _mean_pool(net: GraphBuilder, x: str, output: str) -> str:
    """The mean of those of 3×3 that lie inside the picture."""
    return net.add(
        "AveragePool", [x], output, kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1], count_include_pad=0
    )


def _block_a(net: GraphBuilder, x: str, at: str, into: int, pool: int) -> str:
    one = net.unit(x, f"{at}.branch1x1", Kernel(64, into))
    five = net.unit(x, f"{at}.branch5x5_1", Kernel(48, into))
    five = net.unit(five, f"{at}.branch5x5_2", same(64, 48, 5, 5))
    three = net.unit(x, f"{at}.branch3x3dbl_1", Kernel(64, into))
    three = net.unit(three, f"{at}.branch3x3dbl_2", same(96, 64, 3, 3))
    three = net.unit(three, f"{at}.branch3x3dbl_3", same(96, 96, 3, 3))
    pooled = net.unit(_mean_pool(net, x, f"{at}.pool"), f"{at}.branch_pool", Kernel(pool, into))
    return net.join([one, five, three, pooled], at)


def _block_b(net: GraphBuilder, x: str, at: str) -> str:
    three = net.unit(x, f"{at}.branch3x3", Kernel(384, 288, (3, 3), 2))
    twice = net.unit(x, f"{at}.branch3x3dbl_1", Kernel(64, 288))
    twice = net.unit(twice, f"{at}.branch3x3dbl_2", same(96, 64, 3, 3))
    twice = net.unit(twice, f"{at}.branch3x3dbl_3", Kernel(96, 96, (3, 3), 2))
    return net.join([three, twice, net.max_pool(x, f"{at}.pool")], at)


def _block_c(net: GraphBuilder, x: str, at: str, between: int) -> str:
    one = net.unit(x, f"{at}.branch1x1", Kernel(192, 768))
    seven = net.unit(x, f"{at}.branch7x7_1", Kernel(between, 768))
    seven = net.unit(seven, f"{at}.branch7x7_2", same(between, between, 1, 7))
    seven = net.unit(seven, f"{at}.branch7x7_3", same(192, between, 7, 1))
    twice = net.unit(x, f"{at}.branch7x7dbl_1", Kernel(between, 768))
    twice = net.unit(twice, f"{at}.branch7x7dbl_2", same(between, between, 7, 1))
    twice = net.unit(twice, f"{at}.branch7x7dbl_3", same(between, between, 1, 7))
    twice = net.unit(twice, f"{at}.branch7x7dbl_4", same(between, between, 7, 1))
    twice = net.unit(twice, f"{at}.branch7x7dbl_5", same(192, between, 1, 7))
    pooled = net.unit(_mean_pool(net, x, f"{at}.pool"), f"{at}.branch_pool", Kernel(192, 768))
    return net.join([one, seven, twice, pooled], at)


def _block_d(net: GraphBuilder, x: str, at: str) -> str:
    three = net.unit(x, f"{at}.branch3x3_1", Kernel(192, 768))
    three = net.unit(three, f"{at}.branch3x3_2", Kernel(320, 192, (3, 3), 2))
    seven = net.unit(x, f"{at}.branch7x7x3_1", Kernel(192, 768))
    seven = net.unit(seven, f"{at}.branch7x7x3_2", same(192, 192, 1, 7))
    seven = net.unit(seven, f"{at}.branch7x7x3_3", same(192, 192, 7, 1))
    seven = net.unit(seven, f"{at}.branch7x7x3_4", Kernel(192, 192, (3, 3), 2))
    return net.join([three, seven, net.max_pool(x, f"{at}.pool")], at)


def _block_e(net: GraphBuilder, x: str, at: str, into: int, pooled: str) -> str:
    one = net.unit(x, f"{at}.branch1x1", Kernel(320, into))
    three = net.unit(x, f"{at}.branch3x3_1", Kernel(384, into))
    twice = net.unit(x, f"{at}.branch3x3dbl_1", Kernel(448, into))
    twice = net.unit(twice, f"{at}.branch3x3dbl_2", same(384, 448, 3, 3))
    parts = [one]
    for branch, start in (("branch3x3_2", three), ("branch3x3dbl_3", twice)):
        parts.append(net.unit(start, f"{at}.{branch}a", same(384, 384, 1, 3)))
        parts.append(net.unit(start, f"{at}.{branch}b", same(384, 384, 3, 1)))
    return net.join([*parts, net.unit(pooled, f"{at}.branch_pool", Kernel(192, into))], at)
