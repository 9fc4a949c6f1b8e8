"""FaceNet's NN2 up to inception (5a): the paper's face features, 1024 values, for weights that the user provides.

Source: Schroff, Kalenichenko, Philbin, "FaceNet" (2015), table 2; a batch norm after each convolution,
as in its public ports. No weights of it are public. The file is a state dictionary with these names:

    conv1, conv2.1x1, conv2.3x3                                  .conv.weight  .bn.weight  .bn.bias
    inception_3a … inception_5a, each with those present of      .bn.running_mean  .bn.running_var
      .1x1  .3x3_reduce  .3x3  .5x5_reduce  .5x5  .pool

3c and 4e have no .1x1 and no .pool. Convolutions have no bias; batch norm eps 1e-3.
"""

from dataclasses import dataclass
from pathlib import Path

import onnx
from numpy.typing import NDArray

from evoked.weights.onnx_builder import GraphBuilder, Kernel, same
from evoked.weights.torchfile import read_state

__all__ = ["InceptionRow", "build_nn2", "nn2"]

SIDE, WIDTH = 224, 1024


@dataclass(frozen=True)
class InceptionRow:
    """One row of the paper's table: output channels of each branch; 0: the branch is absent.

    Attributes:
        in_channels: of the block.
        single: of the 1×1 convolution.
        three_reduce, three, five_reduce, five: of the 3×3 and 5×5 convolutions and their reductions.
        pool: of the projection after the pool; 0: no projection, and the block has stride 2.
        l2: the pool is an L2 pool, not a max pool.
    """

    in_channels: int
    single: int
    three_reduce: int
    three: int
    five_reduce: int
    five: int
    pool: int
    l2: bool = True


ROWS = {
    "3a": InceptionRow(192, 64, 96, 128, 16, 32, 32, l2=False),
    "3b": InceptionRow(256, 64, 96, 128, 32, 64, 64),
    "3c": InceptionRow(320, 0, 128, 256, 32, 64, 0, l2=False),
    "4a": InceptionRow(640, 256, 96, 192, 32, 64, 128),
    "4b": InceptionRow(640, 224, 112, 224, 32, 64, 128),
    "4c": InceptionRow(640, 192, 128, 256, 32, 64, 128),
    "4d": InceptionRow(640, 160, 144, 288, 32, 64, 128),
    "4e": InceptionRow(640, 0, 160, 256, 64, 128, 0, l2=False),
    "5a": InceptionRow(1024, 384, 192, 384, 48, 128, 128),
}


def nn2(source: Path, target: Path) -> None:
    """Convert NN2 up to (5a) to ONNX: faces (n, 3, 224, 224) → features (n, 1024).

    Args:
        source: the PyTorch state dictionary.
        target: the ONNX file to write.

    Raises:
        ValueError: if the file is not such a state dictionary.
    """
    onnx.save(build_nn2(read_state(source)), target)


def build_nn2(state: dict[str, NDArray]) -> onnx.ModelProto:
    """Build the network with these weights.

    Args:
        state: tensors by the names above.

    Raises:
        ValueError: if a tensor is missing, has another shape, or is left over.
    """
    graph = GraphBuilder("facenet-nn2", state)
    x = graph.unit("faces", "conv1", same(64, 3, 7, 7, 2))
    x = _norm(graph, graph.max_pool(x, "pool1", pad=1), "norm1")  # 56×56
    x = graph.unit(x, "conv2.1x1", Kernel(64, 64))
    x = graph.unit(x, "conv2.3x3", same(192, 64, 3, 3))
    x = graph.max_pool(_norm(graph, x, "norm2"), "pool2", pad=1)  # 28×28
    for name, row in ROWS.items():
        x = _inception(graph, x, f"inception_{name}", row)
    graph.mean(x, "features")
    return graph.model({"faces": ["n", 3, SIDE, SIDE]}, {"features": ["n", WIDTH]})


def _inception(graph: GraphBuilder, x: str, at: str, row: InceptionRow) -> str:
    stride = 1 if row.pool else 2
    outputs = [graph.unit(x, f"{at}.1x1", Kernel(row.single, row.in_channels))] if row.single else []
    three = graph.unit(x, f"{at}.3x3_reduce", Kernel(row.three_reduce, row.in_channels))
    outputs.append(graph.unit(three, f"{at}.3x3", same(row.three, row.three_reduce, 3, 3, stride)))
    five = graph.unit(x, f"{at}.5x5_reduce", Kernel(row.five_reduce, row.in_channels))
    outputs.append(graph.unit(five, f"{at}.5x5", same(row.five, row.five_reduce, 5, 5, stride)))
    pooled = _l2_pool(graph, x, at) if row.l2 else graph.max_pool(x, f"{at}.pooled", stride, pad=1)
    outputs.append(graph.unit(pooled, f"{at}.pool", Kernel(row.pool, row.in_channels)) if row.pool else pooled)
    return graph.join(outputs, at)


def _norm(graph: GraphBuilder, x: str, output: str) -> str:
    """Local response normalisation over 5 channels: x / (1 + 1e-4 · mean of their squares)^.75, as in Torch."""
    return graph.add("LRN", [x], output, size=5, alpha=1e-4, beta=0.75, bias=1.0)


def _l2_pool(graph: GraphBuilder, x: str, at: str) -> str:
    """√(the sum over 3×3 of x² + 1e-12): the square root of 0 has no gradient."""
    squares = graph.add("Mul", [x, x], f"{at}.squares")
    mean = graph.add(
        "AveragePool", [squares], f"{at}.mean", kernel_shape=[3, 3], strides=[1, 1], pads=[1] * 4, count_include_pad=1
    )
    total = graph.add("Mul", [mean, graph.number(f"{at}.nine", 9)], f"{at}.total")
    safe = graph.add("Add", [total, graph.number(f"{at}.least", 1e-12)], f"{at}.safe")
    return graph.add("Sqrt", [safe], f"{at}.pooled")
