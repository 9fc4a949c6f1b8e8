"""Inception V3 as used for the paper's features: the ImageNet graph of 2015-12-05, not torchvision's.

Source: Szegedy et al., "Rethinking the Inception Architecture" (2015); where the graph differs from torchvision's,
pytorch-fid 0.3.0 (inception.py): average pools do not count the padding, and the pool branch of the last
block is a max pool. Batch norm eps 1e-3. Layers are named as in torchvision; the graph has no auxiliary head,
and 1,008 classes.
"""

from pathlib import Path

import onnx
from numpy.typing import NDArray

from evoked.weights.onnx_builder import GraphBuilder, Kernel, same
from evoked.weights.torchfile import read_state

__all__ = ["SIDE", "WIDTH", "build_inception", "inception_v3"]

SIDE, WIDTH, CLASSES = 299, 2048, 1008


def inception_v3(source: Path, target: Path) -> None:
    """Convert Inception V3 to ONNX: pictures (n, 3, 299, 299) → features (n, 2048), logits (n, 1008).

    Args:
        source: the PyTorch state dictionary.
        target: the ONNX file to write.

    Raises:
        ValueError: if the file is not such a state dictionary.
    """
    onnx.save(build_inception(read_state(source)), target)


def build_inception(state: dict[str, NDArray]) -> onnx.ModelProto:
    """Build the network with these weights.

    Args:
        state: tensors by torchvision's names.

    Raises:
        ValueError: if a tensor is missing, has another shape, or is left over.
    """
    graph = GraphBuilder("inception-v3", state)
    x = graph.unit("pictures", "Conv2d_1a_3x3", Kernel(32, 3, (3, 3), 2))
    x = graph.unit(x, "Conv2d_2a_3x3", Kernel(32, 32, (3, 3)))
    x = graph.unit(x, "Conv2d_2b_3x3", same(64, 32, 3, 3))
    x = graph.max_pool(x, "pool1")
    x = graph.unit(x, "Conv2d_3b_1x1", Kernel(80, 64))
    x = graph.unit(x, "Conv2d_4a_3x3", Kernel(192, 80, (3, 3)))
    x = graph.max_pool(x, "pool2")  # 35×35
    for name, channels, pool in (("Mixed_5b", 192, 32), ("Mixed_5c", 256, 64), ("Mixed_5d", 288, 64)):
        x = _block_a(graph, x, name, channels, pool)
    x = _block_b(graph, x, "Mixed_6a")  # 17×17
    for name, between in (("Mixed_6b", 128), ("Mixed_6c", 160), ("Mixed_6d", 160), ("Mixed_6e", 192)):
        x = _block_c(graph, x, name, between)
    x = _block_d(graph, x, "Mixed_7a")  # 8×8
    x = _block_e(graph, x, "Mixed_7b", 1280, _mean_pool(graph, x, "Mixed_7b.pool"))
    x = _block_e(graph, x, "Mixed_7c", WIDTH, graph.max_pool(x, "Mixed_7c.pool", stride=1, pad=1))
    graph.mean(x, "features")
    graph.dense("features", "fc", (CLASSES, WIDTH), "logits")
    return graph.model({"pictures": ["n", 3, SIDE, SIDE]}, {"features": ["n", WIDTH], "logits": ["n", CLASSES]})


def _mean_pool(graph: GraphBuilder, x: str, output: str) -> str:
    """Average pooling over 3×3 that does not count the padding."""
    return graph.add(
        "AveragePool", [x], output, kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1], count_include_pad=0
    )


def _block_a(graph: GraphBuilder, x: str, at: str, channels: int, pool: int) -> str:
    single = graph.unit(x, f"{at}.branch1x1", Kernel(64, channels))
    five = graph.unit(x, f"{at}.branch5x5_1", Kernel(48, channels))
    five = graph.unit(five, f"{at}.branch5x5_2", same(64, 48, 5, 5))
    three = graph.unit(x, f"{at}.branch3x3dbl_1", Kernel(64, channels))
    three = graph.unit(three, f"{at}.branch3x3dbl_2", same(96, 64, 3, 3))
    three = graph.unit(three, f"{at}.branch3x3dbl_3", same(96, 96, 3, 3))
    pooled = graph.unit(_mean_pool(graph, x, f"{at}.pool"), f"{at}.branch_pool", Kernel(pool, channels))
    return graph.join([single, five, three, pooled], at)


def _block_b(graph: GraphBuilder, x: str, at: str) -> str:
    three = graph.unit(x, f"{at}.branch3x3", Kernel(384, 288, (3, 3), 2))
    double = graph.unit(x, f"{at}.branch3x3dbl_1", Kernel(64, 288))
    double = graph.unit(double, f"{at}.branch3x3dbl_2", same(96, 64, 3, 3))
    double = graph.unit(double, f"{at}.branch3x3dbl_3", Kernel(96, 96, (3, 3), 2))
    return graph.join([three, double, graph.max_pool(x, f"{at}.pool")], at)


def _block_c(graph: GraphBuilder, x: str, at: str, between: int) -> str:
    single = graph.unit(x, f"{at}.branch1x1", Kernel(192, 768))
    seven = graph.unit(x, f"{at}.branch7x7_1", Kernel(between, 768))
    seven = graph.unit(seven, f"{at}.branch7x7_2", same(between, between, 1, 7))
    seven = graph.unit(seven, f"{at}.branch7x7_3", same(192, between, 7, 1))
    double = graph.unit(x, f"{at}.branch7x7dbl_1", Kernel(between, 768))
    double = graph.unit(double, f"{at}.branch7x7dbl_2", same(between, between, 7, 1))
    double = graph.unit(double, f"{at}.branch7x7dbl_3", same(between, between, 1, 7))
    double = graph.unit(double, f"{at}.branch7x7dbl_4", same(between, between, 7, 1))
    double = graph.unit(double, f"{at}.branch7x7dbl_5", same(192, between, 1, 7))
    pooled = graph.unit(_mean_pool(graph, x, f"{at}.pool"), f"{at}.branch_pool", Kernel(192, 768))
    return graph.join([single, seven, double, pooled], at)


def _block_d(graph: GraphBuilder, x: str, at: str) -> str:
    three = graph.unit(x, f"{at}.branch3x3_1", Kernel(192, 768))
    three = graph.unit(three, f"{at}.branch3x3_2", Kernel(320, 192, (3, 3), 2))
    seven = graph.unit(x, f"{at}.branch7x7x3_1", Kernel(192, 768))
    seven = graph.unit(seven, f"{at}.branch7x7x3_2", same(192, 192, 1, 7))
    seven = graph.unit(seven, f"{at}.branch7x7x3_3", same(192, 192, 7, 1))
    seven = graph.unit(seven, f"{at}.branch7x7x3_4", Kernel(192, 192, (3, 3), 2))
    return graph.join([three, seven, graph.max_pool(x, f"{at}.pool")], at)


def _block_e(graph: GraphBuilder, x: str, at: str, channels: int, pooled: str) -> str:
    single = graph.unit(x, f"{at}.branch1x1", Kernel(320, channels))
    three = graph.unit(x, f"{at}.branch3x3_1", Kernel(384, channels))
    double = graph.unit(x, f"{at}.branch3x3dbl_1", Kernel(448, channels))
    double = graph.unit(double, f"{at}.branch3x3dbl_2", same(384, 448, 3, 3))
    outputs = [single]
    for branch, start in (("branch3x3_2", three), ("branch3x3dbl_3", double)):
        outputs.append(graph.unit(start, f"{at}.{branch}a", same(384, 384, 1, 3)))
        outputs.append(graph.unit(start, f"{at}.{branch}b", same(384, 384, 3, 1)))
    return graph.join([*outputs, graph.unit(pooled, f"{at}.branch_pool", Kernel(192, channels))], at)
