"""The small class that runs nets: its contract on both runtimes, and its silence towards the network."""

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from evoked.core.errors import WeightsError
from evoked.weights.session import Device, Port, Session

RANDOM = np.random.default_rng(5)
BOTH: list[Device] = ["cpu", "onnxruntime-cpu"]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """y = x · W, z = relu(y) · 2, with a free batch."""
    value = helper.make_tensor_value_info
    weight = np.arange(12, dtype=np.float32).reshape(4, 3) / 10 - 0.5
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["y"]),
        helper.make_node("Relu", ["y"], ["r"]),
        helper.make_node("Mul", ["r", "two"], ["z"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [value("x", TensorProto.FLOAT, ["n", 4])],
        [value("y", TensorProto.FLOAT, ["n", 3]), value("z", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(weight, "w"), numpy_helper.from_array(np.float32(2), "two")],
    )
    path = tmp_path / "tiny.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def by_hand(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    y = x.astype(np.float64) @ (np.arange(12).reshape(4, 3) / 10 - 0.5)
    return y, 2 * np.maximum(y, 0)


@pytest.mark.parametrize("device", BOTH)
class TestContract:
    def test_names_shapes_and_values(self, model: Path, device: Device) -> None:
        net = Session(model, threads=1, device=device)
        x = RANDOM.normal(size=(5, 4)).astype(np.float32)

        y, z = net(x)

        assert (net.inputs, net.outputs) == (("x",), ("y", "z"))
        assert net.input_ports == (Port("x", (0, 4), "float32"),)
        assert np.abs(y - by_hand(x)[0]).max() < 1e-5
        assert np.abs(z - by_hand(x)[1]).max() < 1e-5
        assert y.dtype == np.float32

    def test_the_bytes_of_a_file_do_as_well(self, model: Path, device: Device) -> None:
        x = RANDOM.normal(size=(2, 4)).astype(np.float32)

        one, other = (Session(given, device=device)(x) for given in (model, model.read_bytes()))

        np.testing.assert_array_equal(one[1], other[1])
        with pytest.raises(WeightsError, match="these 4 bytes cannot be loaded as a network"):
            Session(b"none", device=device)

    def test_answers_are_the_callers_own(self, model: Path, device: Device) -> None:
        net = Session(model, threads=1, device=device)
        first, _ = net(np.ones((2, 4), dtype=np.float32))
        kept = first.copy()
        net(np.full((2, 4), 9, dtype=np.float32))
        assert np.array_equal(first, kept)
        first[:] = 0  # and may be written to
        assert not np.array_equal(net(np.ones((2, 4), dtype=np.float32))[0], first)

    def test_what_is_given_is_left_as_it_was_and_need_not_be_contiguous(self, model: Path, device: Device) -> None:
        x = RANDOM.normal(size=(4, 6)).astype(np.float32)
        given = x.T[::2]  # (3, 4), neither row nor column order
        before = x.copy()
        assert np.abs(Session(model, device=device)(given)[0] - by_hand(given)[0]).max() < 1e-5
        assert np.array_equal(x, before)

    def test_a_fixed_shape(self, model: Path, device: Device) -> None:
        net = Session(model, threads=1, shape=(2, 4), device=device)
        assert net.input_ports[0].shape == (2, 4)
        net(np.zeros((2, 4), dtype=np.float32))
        with pytest.raises(ValueError, match="input 'x' must have shape 2×4, got 3×4"):
            net(np.zeros((3, 4), dtype=np.float32))

    @pytest.mark.parametrize("shape", [(2,), (2, 4, 1), (-1, 4)])
    def test_a_shape_that_cannot_be(self, model: Path, device: Device, shape: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match="shape must have 2 sizes like"):
            Session(model, shape=shape, device=device)

    def test_wrong_arguments(self, model: Path, device: Device) -> None:
        net = Session(model, threads=1, device=device)
        good = np.zeros((2, 4), dtype=np.float32)
        for wrong, match in [
            ((good, good), "takes 1 arrays, got 2"),
            ((), "takes 1 arrays, got 0"),
            ((good[:, :3],), "input 'x' must have shape any×4, got 2×3"),
            ((good[0],), "must have shape any×4, got 4"),
            ((good[:0],), "must have shape any×4, got 0×4"),
            ((good.astype(np.float64),), "input 'x' must be float32, got float64"),
        ]:
            with pytest.raises(ValueError, match=match):
                net(*wrong)
        assert net(good)[0].shape == (2, 3)  # and works on

    def test_several_threads_may_call(self, model: Path, device: Device) -> None:
        net = Session(model, threads=1, device=device)
        wrong: list[int] = []

        def work(seed: int) -> None:
            random = np.random.default_rng(seed)
            for _ in range(50):
                x = random.normal(size=(seed + 1, 4)).astype(np.float32)
                if np.abs(net(x)[0] - by_hand(x)[0]).max() > 1e-5:
                    wrong.append(seed)

        threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert wrong == []

    @pytest.mark.parametrize("body", [b"", b"no net at all", None])
    def test_a_file_that_is_no_net(self, model: Path, device: Device, body: bytes | None) -> None:
        model.write_bytes(model.read_bytes()[:60] if body is None else body)
        with pytest.raises(
            WeightsError, match=r"tiny\.onnx cannot be loaded as a network: .*evoked weights verify"
        ) as e:
            Session(model, device=device)
        assert "\n" not in str(e.value)


def test_wrong_settings(model: Path) -> None:
    with pytest.raises(ValueError, match='precision must be "f32" or "bf16", got \'f16\''):
        Session(model, "f16")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="device must be"):
        Session(model, device="tpu")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="threads must not be negative"):
        Session(model, threads=-1)
    with pytest.raises(ValueError, match="device 'onnxruntime-cpu' runs at precision \"f32\" only"):
        Session(model, "bf16", device="onnxruntime-cpu")
    with pytest.raises(ValueError, match="no network 'yolo'"):
        Session("yolo")


def test_a_card_that_is_not_there(model: Path) -> None:
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this machine has one")
    with pytest.raises(WeightsError, match=r"needs an ONNX Runtime with CUDAExecutionProvider.*evoked\[cuda\]"):
        Session(model, device="cuda")


def test_f32_is_f32_where_the_cpu_has_bf16(model: Path) -> None:
    """OpenVINO's own default would be bf16 there; the settings must have come through."""
    compiled = Session(model, threads=1)._runtime._compiled  # type: ignore[attr-defined]
    assert compiled.get_property("INFERENCE_PRECISION_HINT").to_string() == "f32"
    assert compiled.get_property("NUM_STREAMS") == 1
    assert compiled.get_property("INFERENCE_NUM_THREADS") == 1
    assert compiled.get_property("ENABLE_CPU_PINNING") is False


SILENCE = """
import socket, sys
asked = []
def note(self, address, *more): asked.append(address); raise OSError("no network in this test")
socket.socket.connect = note
socket.getaddrinfo = lambda *a, **k: (asked.append(a), (_ for _ in ()).throw(OSError("no names")))[1]
import subprocess, multiprocessing.process as mp
mp.BaseProcess.start = lambda self: asked.append(("process", self.name))
{body}
import time; time.sleep(0.3)
print(asked, sorted(m for m in sys.modules if "telemetry" in m))
"""
RUN = """
import numpy as np
from evoked.weights.session import Session
from pathlib import Path
Session(Path({model!r}), threads=1)(np.zeros((1, 4), dtype=np.float32))
"""


def speak(body: str, home: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", SILENCE.format(body=body)],
        capture_output=True,
        text=True,
        check=True,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
    )
    return done.stdout


def test_nothing_is_sent_nor_written_about_the_user(model: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    assert speak(RUN.format(model=str(model)), home) == "[] []\n"
    assert list(home.iterdir()) == []


def test_openvino_by_itself_would(tmp_path: Path) -> None:
    """Importing it brings its telemetry along; if this ever changes, the bar can go."""
    home = tmp_path / "home"
    home.mkdir()
    assert "openvino_telemetry" in speak("import openvino", home)
    assert list(home.iterdir()) != []
