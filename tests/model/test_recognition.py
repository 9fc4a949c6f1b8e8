"""The recogniser's forward pass: numpy equals torch, and both equal a float64 LSTM written from its formula."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from evoked.model.recognition import RecognitionConfig, RecognitionForward, recognition_shapes, sigmoid
from evoked.model.recognition_network import RecognitionNetwork

CONFIG = RecognitionConfig(("sface",), 7, ("amusement", "doubt", "surprise"), units=5)


def network(config: RecognitionConfig = CONFIG, seed: int = 3) -> RecognitionNetwork:
    model = RecognitionNetwork(config, seed)
    random = np.random.default_rng(seed)
    arrays = {n: a + random.normal(0, 0.3, a.shape).astype(np.float32) for n, a in model.arrays().items()}
    arrays["scale.deviation"] = np.abs(arrays["scale.deviation"]) + np.float32(0.3)
    model.load_arrays(arrays)
    return model.eval()


def rows(count: int, width: int = 7, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 2, (count, width)).astype(np.float32)


def windows_of(descriptors: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    padded = np.concatenate([np.repeat(descriptors[:1], frames - 1, axis=0), descriptors])
    return np.stack([padded[k : k + frames] for k in range(len(descriptors))])


def by_formula(window: NDArray[np.float32], a: dict[str, NDArray[np.float32]]) -> NDArray[np.float64]:
    """Hochreiter and Schmidhuber's cell with a forget gate, a number at a time where it matters."""
    sigma = lambda v: 1 / (1 + np.exp(-v))  # noqa: E731
    inputs = (window.astype(np.float64) - a["scale.mean"]) / a["scale.deviation"]
    units = a["lstm.weight_hh_l0"].shape[1]
    for layer in range(2):
        hidden, cell, out = np.zeros(units), np.zeros(units), []
        for x in inputs:
            z = a[f"lstm.weight_ih_l{layer}"] @ x + a[f"lstm.weight_hh_l{layer}"].astype(np.float64) @ hidden
            z = z + a[f"lstm.bias_ih_l{layer}"] + a[f"lstm.bias_hh_l{layer}"]
            i, f, g, o = np.split(z, 4)
            cell = sigma(f) * cell + sigma(i) * np.tanh(g)
            hidden = sigma(o) * np.tanh(cell)
            out.append(hidden)
        inputs = np.array(out)
    outputs = []
    for gate, expert, bias in zip(
        a["experts.gate_weight"], a["experts.expert_weight"], a["experts.expert_bias"], strict=True
    ):
        weight = np.exp(gate.astype(np.float64) @ inputs[-1])
        weight /= weight.sum()
        outputs.append((weight[:-1] * sigma(expert.astype(np.float64) @ inputs[-1] + bias)).sum())
    return np.array(outputs)


def test_numpy_torch_and_the_formula_agree() -> None:
    model, descriptors = network(), rows(40)

    scores = RecognitionForward(CONFIG, model.arrays())(descriptors)

    with torch.no_grad():
        by_torch = model(torch.from_numpy(windows_of(descriptors, 18))).numpy()
    np.testing.assert_allclose(scores, by_torch, atol=1e-6)
    plain = np.stack([by_formula(w, model.arrays()) for w in windows_of(descriptors, 18)])
    np.testing.assert_allclose(scores, plain, atol=1e-6)
    assert scores.dtype == np.float32
    assert scores.std() > 0.01, "constant outputs would pass any comparison"


def test_a_frame_depends_on_the_3_s_before_it_only() -> None:
    forward, descriptors = RecognitionForward(CONFIG, network().arrays()), rows(60)

    changed = descriptors.copy()
    changed[20] += 5

    differs = np.abs(forward(descriptors) - forward(changed)).max(axis=1) > 0
    assert np.flatnonzero(differs).tolist() == list(range(20, 38))


def test_a_long_video_in_chunks_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    forward, descriptors = RecognitionForward(CONFIG, network().arrays()), rows(50)
    at_once = forward(descriptors)
    monkeypatch.setattr("evoked.model.recognition.CHUNK", 7)

    np.testing.assert_allclose(forward(descriptors), at_once, atol=1e-6)
    np.testing.assert_allclose(forward.windows(windows_of(descriptors, 18)), at_once, atol=1e-6)
    assert forward(descriptors[:0]).shape == (0, 3)


def test_the_paper_s_shape_and_the_forget_bias() -> None:
    config = RecognitionConfig(("sface",), 128, ("amusement",))
    arrays = RecognitionNetwork(config).arrays()

    assert recognition_shapes(config)["lstm.weight_ih_l0"] == (256, 128)
    assert recognition_shapes(config)["lstm.weight_ih_l1"] == (256, 64)
    assert arrays["experts.gate_weight"].shape == (1, 3, 64)  # two experts and the dummy
    for layer in range(2):
        bias = arrays[f"lstm.bias_ih_l{layer}"] + arrays[f"lstm.bias_hh_l{layer}"]
        np.testing.assert_array_equal(bias, np.repeat(np.float32([0, 1, 0, 0]), 64))


def test_first_weights_come_from_the_seed_alone() -> None:
    torch.manual_seed(1)
    first, state = RecognitionNetwork(CONFIG, 5).arrays(), torch.get_rng_state()
    torch.manual_seed(2)

    again = RecognitionNetwork(CONFIG, 5).arrays()

    assert all(np.array_equal(first[n], again[n]) for n in first)
    torch.manual_seed(1)
    assert torch.equal(state, torch.get_rng_state())  # torch's global generator is not used


def test_without_recurrence_the_last_frame_decides() -> None:
    config = replace(CONFIG, recurrence="none")
    model, descriptors = network(config), rows(40)
    arrays = {name: a.astype(np.float64) for name, a in model.arrays().items()}

    scores = RecognitionForward(config, model.arrays())(descriptors)

    state = (descriptors - arrays["scale.mean"]) / arrays["scale.deviation"]
    for layer in range(2):
        state = np.tanh(state @ arrays[f"dense.weight_l{layer}"].T + arrays[f"dense.bias_l{layer}"])
    gates = np.exp(np.einsum("nh,kmh->nkm", state, arrays["experts.gate_weight"]))
    gates /= gates.sum(axis=-1, keepdims=True)
    logits = np.einsum("nh,kmh->nkm", state, arrays["experts.expert_weight"]) + arrays["experts.expert_bias"]
    expected = (gates[..., :-1] / (1 + np.exp(-logits))).sum(axis=-1)
    np.testing.assert_allclose(scores, expected, atol=1e-6)
    windows = windows_of(descriptors, 18)
    with torch.no_grad():
        np.testing.assert_allclose(model(torch.from_numpy(windows)).numpy(), expected, atol=1e-6)
    windows[:, :-1] = 0
    np.testing.assert_allclose(RecognitionForward(config, model.arrays()).windows(windows), expected, atol=1e-6)
    assert scores.std() > 0.01
    with pytest.raises(ValueError, match="recurrence must be lstm or none, got 'gru'"):
        replace(CONFIG, recurrence="gru")  # type: ignore[arg-type]


def test_what_the_forward_refuses() -> None:
    arrays = network().arrays()
    forward = RecognitionForward(CONFIG, arrays)
    with pytest.raises(ValueError, match="reads rows of 7 numbers"):
        forward(rows(3, 6))
    with pytest.raises(ValueError, match=r"reads windows of \(18, 7\) numbers"):
        forward.windows(np.zeros((2, 17, 7)))
    with pytest.raises(ValueError, match="not finite"):
        forward.windows(np.full((2, 18, 7), np.inf))
    with pytest.raises(ValueError, match="not finite"):
        forward(np.full((3, 7), np.nan, np.float32))
    with pytest.raises(ValueError, match=r"do not fit the config: lstm\.bias_hh_l1"):
        RecognitionForward(CONFIG, {n: a for n, a in arrays.items() if n != "lstm.bias_hh_l1"})
    with pytest.raises(ValueError, match="width must be 1 or more, got 0"):
        RecognitionConfig(("sface",), 0, ("amusement",))
    with pytest.raises(ValueError, match="expressions must be one or more different names"):
        RecognitionConfig(("sface",), 7, ("doubt", "doubt"))


def test_sigmoid_does_not_overflow() -> None:
    x = np.array([-1000, -2, 0, 2, 1000], dtype=np.float32)

    np.testing.assert_allclose(sigmoid(x), [0, 0.11920292, 0.5, 0.88079708, 1], atol=1e-7)
