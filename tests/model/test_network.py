"""The whole network: the fast way equals torch's plain way, forward and backward, and both the formula."""

import numpy as np
import pytest
import torch
from float64_model import predict, small_config, some_arrays, some_features

from evoked.core.expressions import EEV5
from evoked.model.config import ModelSettings, shapes
from evoked.model.network import Network

CHOICES = [
    {},
    {"layers": 2},
    {"input_gate": False},
    {"output_gate_from": "input"},
    {"remove_diagonal": True},
    {"output_gate": False},
    {"experts": 3},
    {"experts": 0},
    {"window_s": 1},
]


def batch(
    network: Network, runs: int = 3, windows: int = 5
) -> tuple[dict[str, torch.Tensor], torch.Tensor, torch.Tensor]:
    seconds = windows + network.config.window_s - 1
    draw = torch.Generator().manual_seed(5)
    rows = {m.name: torch.randn(seconds, runs, m.width, generator=draw) for m in network.config.modalities}
    source = torch.arange(seconds)[:, None].repeat(1, runs)
    source[:, 0] = source[:, 0].clamp(min=network.config.window_s // 2)
    use = torch.ones(windows, runs, dtype=torch.bool)
    use[1, 2] = False
    return rows, source, use


def both_ways(network: Network, *given: object) -> list[tuple[torch.Tensor, dict[str, torch.Tensor]]]:
    out = []
    for plain in (False, True):
        network.zero_grad()
        p = network(*given, generator=torch.Generator().manual_seed(7), plain=plain)
        (p * torch.linspace(-1, 1, p.numel()).view_as(p)).sum().backward()
        out.append((p.detach(), {n: v.grad.clone() for n, v in network.named_parameters() if v.grad is not None}))
    return out


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("choices", CHOICES, ids=str)
def test_the_shared_way_equals_the_plain_way(choices: dict[str, object], training: bool) -> None:
    network = Network(small_config(**choices), seed=1).train(training)

    (shared, shared_grads), (plain, plain_grads) = both_ways(network, *batch(network))

    if choices != {"layers": 2} or not training:  # above the first layer, dropout is drawn per window
        assert (shared - plain).abs().max() <= 1e-6
        assert shared_grads.keys() == plain_grads.keys() == dict(network.named_parameters()).keys()
        for name, grad in shared_grads.items():
            assert (grad - plain_grads[name]).abs().max() <= 1e-5, name


def test_the_shared_way_equals_the_plain_way_at_the_paper_s_size() -> None:
    config = ModelSettings().fit({"image": 2048, "face": 2048, "audio": 128}, EEV5)
    network = Network(config, seed=1).train()

    (shared, shared_grads), (plain, plain_grads) = both_ways(network, *batch(network, runs=3, windows=4))

    assert sum(p.numel() for p in network.parameters()) == 6_632_365
    assert (shared - plain).abs().max() <= 1e-6
    for name, grad in shared_grads.items():
        assert (grad - plain_grads[name]).abs().max() <= 1e-5 * max(1.0, float(grad.abs().max())), name


@pytest.mark.parametrize("choices", CHOICES, ids=str)
def test_the_network_is_the_formula(choices: dict[str, object]) -> None:
    config = small_config(**choices)
    arrays, features, seconds = some_arrays(config), some_features(config, 14), 14
    network = Network(config).eval()
    network.load_arrays(arrays)

    pad = config.window_s - 1
    rows = {
        n: torch.from_numpy(np.concatenate([np.repeat(f[:1], pad, axis=0), f]))[:, None] for n, f in features.items()
    }
    source = torch.arange(pad + seconds)[:, None].clamp(min=pad)
    with torch.no_grad():
        p = network(rows, source, torch.ones(seconds, 1, dtype=torch.bool))

    expected = predict(config, arrays, {n: f.astype(np.float64) for n, f in features.items()})
    np.testing.assert_allclose(p.numpy(), expected, atol=2e-6)


def test_a_repeated_second_is_dropped_alike_each_time() -> None:
    config = small_config(dropout=0.5, input_gate=False, output_gate=False)
    network = Network(config).train()
    seconds = config.window_s + 1
    rows = {m.name: torch.ones(seconds, 1, m.width) for m in config.modalities}
    source = torch.full((seconds, 1), config.window_s - 1)  # every place repeats one second

    network(rows, source, torch.ones(2, 1, dtype=torch.bool), generator=torch.Generator().manual_seed(1))
    layer = network.gru["image"][0]
    shown = torch.ones(seconds, 1, 7)
    shown[0] = 99  # a row that nothing repeats changes nothing
    first, second = (layer.runs(x, source, config.window_s, torch.float32) for x in (torch.ones(seconds, 1, 7), shown))

    assert torch.equal(first, second)
    assert torch.equal(first[:, 0], first[:, 1])


def test_bfloat16_stays_near() -> None:
    network = Network(small_config()).eval()
    inputs = batch(network)
    with torch.no_grad():
        full = network(*inputs)
        network.matmul_dtype = torch.bfloat16
        half = network(*inputs)

    assert 0 < (full - half).abs().max() < 0.02


def test_the_seed_decides_the_first_weights_and_nothing_else_is_touched() -> None:
    before = torch.get_rng_state()

    first, same, second = (Network(small_config(), seed=s).arrays() for s in (3, 3, 4))

    assert all(np.array_equal(first[n], same[n]) for n in first)
    assert not np.array_equal(first["experts.gate_weight"], second["experts.gate_weight"])
    assert torch.equal(before, torch.get_rng_state())


def test_its_arrays_are_those_of_the_config() -> None:
    for choices in CHOICES:
        config = small_config(**choices)
        assert {n: a.shape for n, a in Network(config).arrays().items()} == shapes(config)
        assert Network(config).state_dict().keys() == shapes(config).keys()


def test_arrays_of_another_shape_are_refused() -> None:
    with pytest.raises(RuntimeError, match="size mismatch"):
        Network(small_config()).load_arrays(some_arrays(small_config(experts=3)))


def test_windows_of_a_run_see_one_dropout_mask_for_the_second_they_share() -> None:
    config = small_config(dropout=0.5, input_gate=False, output_gate=False, experts=0)
    network = Network(config).train()
    rows, source, use = batch(network)
    seen: dict[str, torch.Tensor] = {}
    original_forward = network.gru["image"].forward

    def watched(shown: torch.Tensor, *arguments: object, **options: object) -> torch.Tensor:
        seen["shown"], seen["last"] = shown, original_forward(shown, *arguments, **options)
        return seen["last"]

    network.gru["image"].forward = watched
    network(rows, source, use, generator=torch.Generator().manual_seed(1))

    shown = seen["shown"].detach()
    assert shown.shape == rows["image"].shape  # a mask per second, before any window is cut from it
    mask = shown != 0
    assert 0.3 < mask.float().mean().item() < 0.7
    assert torch.equal(shown[mask], (rows["image"] / 0.5)[mask])
    layer = network.gru["image"][0]
    for window in range(use.shape[0]):  # each window's state is that of the seconds as they were dropped, once
        places = source[window : window + config.window_s, 1]
        alone = layer.sequence(shown[places, 1][:, None])[-1, 0]
        assert torch.allclose(seen["last"][window, 1], alone, atol=1e-6)
