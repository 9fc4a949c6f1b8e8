"""YAMNet without its rounding, against the carrier's own file with it."""

import zipfile
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from evoked.weights.cache import default_cache
from evoked.weights.catalogue import NETS
from evoked.weights.session import open_net
from evoked.weights.yamnet import POOL, plain_yamnet

HZ = 16_000
SPEECH, MUSIC, SINE, SILENCE, WHITE_NOISE = 0, 132, 495, 494, 514


def patches(samples: np.ndarray) -> np.ndarray:
    """Log mel patches as the carrier makes them: (n, 1, 96, 64), float64 inside."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, 400)[::160]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    spectrum = np.abs(np.fft.rfft(frames * window, 512))
    mel = 2595 * np.log10(1 + np.array([125.0, 7500.0]) / 700)
    ends = 700 * (10 ** (np.linspace(*mel, 66) / 2595) - 1)
    hz = np.linspace(0, HZ / 2, 257)[:, None]
    rise, fall = (hz - ends[:-2]) / (ends[1:-1] - ends[:-2]), (ends[2:] - hz) / (ends[2:] - ends[1:-1])
    log_mel = np.log(spectrum @ np.maximum(0, np.minimum(rise, fall)) + 1e-6)
    return np.stack([log_mel[i : i + 96] for i in range(0, len(log_mel) - 95, 96)])[:, None].astype(np.float32)


def sounds() -> dict[str, np.ndarray]:
    t = np.arange(3 * HZ) / HZ
    random = np.random.default_rng(1)
    chord = sum(np.sin(2 * np.pi * f * t) * np.exp(-3 * (t % 0.5)) for f in (262, 330, 392, 523))
    return {
        "tones": 0.3 * np.sin(2 * np.pi * 440 * t) + 0.2 * np.sin(2 * np.pi * 660 * t),
        "noise": random.normal(0, 0.1, len(t)),
        "silence": np.zeros(len(t)),
        "chord": 0.2 * chord,
        "nearly silent": random.normal(0, 1e-4, len(t)),
    }


@cache
def carriers_own() -> onnx.ModelProto:
    """The quantised file as it is, with its weights inside and the pool as an output."""
    with zipfile.ZipFile(default_cache().path("yamnet")) as packed:
        names = {Path(n).name: n for n in packed.namelist()}
        model = onnx.load(BytesIO(packed.read(names["model.onnx"])), load_external_data=False)
        data = packed.read(names["model.data"])
    for tensor in model.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            where = {e.key: e.value for e in tensor.external_data}
            start = int(where.get("offset", 0))
            tensor.raw_data = data[start : start + int(where["length"])]
            tensor.data_location = TensorProto.DEFAULT
            del tensor.external_data[:]
    model.graph.output.append(helper.make_tensor_value_info(POOL, TensorProto.FLOAT, [1, 1024, 1, 1]))
    return model


@pytest.mark.parametrize("kind", list(sounds()))
@pytest.mark.nets
def test_features_stay_close_to_the_quantised_files(kind: str) -> None:
    model = carriers_own()
    constants = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    scale, zero = float(constants["audio_scale"]), int(constants["audio_zero_point"])
    options = onnxruntime.SessionOptions()
    # as it is written: the fused kernels of processors without VNNI overflow their 16 bits
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    given = patches(sounds()[kind])
    rounded = np.clip(np.round(given / scale) + zero, 0, 255).astype(np.uint8)
    theirs = np.concatenate([session.run([POOL], {"audio": p[None]})[0].reshape(1, -1) for p in rounded])

    features, _ = open_net("yamnet", threads=1)(given)

    cosine = (features * theirs).sum(1) / np.linalg.norm(features, axis=1) / np.linalg.norm(theirs, axis=1)
    assert features.shape == (len(given), 1024)
    assert cosine.min() > 0.96  # without the ranges: .32 for silence
    assert np.abs(np.log(np.linalg.norm(features, axis=1) / np.linalg.norm(theirs, axis=1))).max() < 0.2


@pytest.mark.nets
def test_it_knows_what_it_hears_and_a_batch_is_its_patches_one_by_one() -> None:
    net = open_net("yamnet", threads=1)
    heard = {kind: net(patches(samples))[1].mean(axis=0) for kind, samples in sounds().items()}

    assert net.inputs == ("log_mel",)
    assert net.outputs == ("features", "scores")
    assert heard["tones"].argmax() == SINE
    assert heard["noise"].argmax() == WHITE_NOISE
    assert heard["silence"].argmax() == SILENCE
    assert heard["chord"][MUSIC] > heard["chord"][SPEECH]
    given = patches(sounds()["chord"])
    one_by_one = np.concatenate([net(p[None])[0] for p in given])
    assert np.abs(net(given)[0] - one_by_one).max() < 1e-4
    second = open_net("yamnet", threads=1, device="onnxruntime-cpu")(given)
    assert np.abs(second[0] - net(given)[0]).max() < 1e-4


@pytest.mark.nets
def test_every_weight_is_on_its_int8_grid() -> None:
    """So that nothing is lost where the weights' rounding is left out."""
    model = carriers_own()
    constants = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    rounded = [n for n in model.graph.node if n.op_type == "QuantizeLinear" and n.input[0] in constants]

    assert len(rounded) == 28  # 27 convolutions and the classifier
    for node in rounded:
        weight, scale = constants[node.input[0]], constants[node.input[1]]
        steps = weight / (scale.reshape(-1, 1, 1, 1) if scale.ndim else scale)
        assert np.abs(steps - np.round(steps)).max() < 1e-4


def test_a_zip_with_another_net_in_it_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "net.zip", "w") as packed:
        for member in NETS["yamnet"].holds:
            packed.writestr(member, b"something else")
    with pytest.raises(ValueError, match="the catalogue says 6033a308ddfc"):
        plain_yamnet(tmp_path / "net.zip", tmp_path / "net.onnx")
