"""The numpy way equals the float64 formula and the torch network, whatever the chunk."""

import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
from float64_model import predict, small_config, some_arrays, some_features

from evoked.core.expressions import EEV5
from evoked.model.config import ModelSettings
from evoked.model.network import Network
from evoked.prediction.forward import Forward

CHOICES = [
    {},
    {"layers": 3},
    {"input_gate": False},
    {"output_gate_from": "input"},
    {"remove_diagonal": True},
    {"output_gate": False},
    {"experts": 1},
    {"experts": 0},
    {"window_s": 1},
]
CHOICES += [{"answer": "value"}, {"answer": "value", "output_gate": False}, {"answer": "share"}]


@pytest.mark.parametrize("choices", CHOICES, ids=str)
def test_forward_is_the_formula(choices: dict[str, object]) -> None:
    config = small_config(**choices)
    arrays, features = some_arrays(config), some_features(config, 40)

    p = Forward(config, arrays, chunk_s=16)(features)

    assert p.dtype == np.float32
    assert p.shape == (40, 3)
    expected = predict(config, arrays, {n: f.astype(np.float64) for n, f in features.items()})
    np.testing.assert_allclose(p, expected, atol=2e-6)


@pytest.mark.parametrize("architecture", ["gru", "tcn"])
def test_forward_equals_torch_at_the_open_size(architecture: str) -> None:
    config = ModelSettings(architecture=architecture).fit({"image": 1280, "face": 256, "audio": 1024}, EEV5)
    network = Network(config, seed=2).eval()
    seconds, pad = 130, config.window_s - 1  # more than two windows: most see no repeated second
    features = some_features(config, seconds)

    p = Forward(config, network.arrays())(features)

    rows = {
        n: torch.from_numpy(np.concatenate([np.repeat(f[:1], pad, axis=0), f]))[:, None] for n, f in features.items()
    }
    source = torch.arange(pad + seconds)[:, None].clamp(min=pad)
    with torch.no_grad():
        expected = network(rows, source, torch.ones(seconds, 1, dtype=torch.bool), plain=True)
    np.testing.assert_allclose(p, expected.numpy(), atol=1e-6)


@pytest.mark.parametrize("chunk_s", [1, 3, 8, 9, 10, 1000])
def test_the_chunk_changes_nothing(chunk_s: int) -> None:
    config = small_config()
    arrays, features = some_arrays(config), some_features(config, 31)

    at_once, chunked = (Forward(config, arrays, chunk_s=c)(features) for c in (31, chunk_s))

    np.testing.assert_allclose(chunked, at_once, atol=1e-6)


@pytest.mark.parametrize("pieces", [(1,) * 31, (1, 5, 12, 13), (30, 1)])
@pytest.mark.parametrize("settings", [{"layers": 2}, {"architecture": "tcn"}], ids=str)
def test_a_video_in_pieces_is_the_whole_video(pieces: tuple[int, ...], settings: dict[str, object]) -> None:
    config = small_config(**settings)
    forward, features = Forward(config, some_arrays(config)), some_features(config, 31)
    carry: dict[str, np.ndarray] = {}
    out, start = [], 0
    for n in pieces:
        out.append(forward.predict_next({m: f[start : start + n] for m, f in features.items()}, carry))
        start += n
    np.testing.assert_allclose(np.concatenate(out), forward(features), atol=1e-6)


@pytest.mark.parametrize("architecture", ["gru", "tcn"])
def test_a_second_does_not_see_the_future_nor_beyond_its_window(architecture: str) -> None:
    config = small_config(architecture=architecture)
    arrays, features = some_arrays(config), some_features(config, 40)
    second = {n: f.copy() for n, f in features.items()}
    for rows in second.values():
        rows[20] += 1

    first, two = (Forward(config, arrays)(f) for f in (features, second))

    changed = np.flatnonzero((first != two).any(axis=1))
    assert changed[0] == 20
    assert changed[-1] < 20 + config.window_s
    assert architecture == "gru" or changed[-1] == 20 + config.window_s - 1  # a convolution sees its whole window


def test_half_precision_features_and_other_modalities_are_welcome() -> None:
    config = small_config()
    arrays, features = some_arrays(config), some_features(config, 12)
    halves = {n: f.astype(np.float16) for n, f in features.items()}

    p = Forward(config, arrays)(halves | {"smell": np.zeros((3, 1), dtype=np.float16)})

    np.testing.assert_array_equal(p, Forward(config, arrays)({n: f.astype(np.float32) for n, f in halves.items()}))


def test_no_seconds_no_predictions() -> None:
    config = small_config()

    assert Forward(config, some_arrays(config))(some_features(config, 0)).shape == (0, 3)


def test_progress_is_told_in_seconds() -> None:
    config, reports = small_config(), []

    Forward(config, some_arrays(config), chunk_s=8)(
        some_features(config, 20), lambda done, total, note="": reports.append((done, total))
    )

    assert reports == [(8, 20), (16, 20), (20, 20)]


def test_wrong_features_are_named() -> None:
    config = small_config()
    forward, good = Forward(config, some_arrays(config)), some_features(config, 5)
    nan = good["face"].copy()
    nan[2, 3] = np.nan

    with pytest.raises(ValueError, match="needs features of audio; there are: image, face"):
        forward({n: good[n] for n in ("image", "face")})
    with pytest.raises(ValueError, match=r"audio features must be \(T, 3\), got \(5, 4\)"):
        forward(good | {"audio": np.zeros((5, 4), dtype=np.float32)})
    with pytest.raises(ValueError, match="features differ in length"):
        forward(good | {"audio": good["audio"][:4]})
    with pytest.raises(ValueError, match="face features hold numbers that are not finite"):
        forward(good | {"face": nan})


def test_arrays_of_another_config_are_refused() -> None:
    with pytest.raises(ValueError, match=r"do not fit the config: experts\.expert_bias"):
        Forward(small_config(), some_arrays(small_config(experts=3)))


@pytest.mark.parametrize("choices", [{}, {"layers": 2}, {"architecture": "tcn"}], ids=str)
@pytest.mark.parametrize("threads", [1, 3])
def test_threads_change_nothing(threads: int, choices: dict[str, object]) -> None:
    config = small_config(**choices)
    arrays, features = some_arrays(config), some_features(config, 300)

    single, several = (Forward(config, arrays, threads=n)(features) for n in (0, threads))

    np.testing.assert_allclose(several, single, atol=1e-6)


def test_two_predictions_at_once_do_not_meet() -> None:
    config = small_config()
    forward, features = Forward(config, some_arrays(config), chunk_s=16), some_features(config, 300)
    expected, predictions = forward(features), []
    threads = [threading.Thread(target=lambda: predictions.append(forward(features))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(predictions) == 2
    assert all(np.array_equal(prediction, expected) for prediction in predictions)


def test_a_negative_number_of_threads_is_refused() -> None:
    with pytest.raises(ValueError, match="threads must not be negative, got -1"):
        Forward(small_config(), some_arrays(small_config()), threads=-1)


def test_it_loads_no_torch() -> None:
    code = "import sys, evoked.prediction.forward, evoked.model.checkpoint; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
