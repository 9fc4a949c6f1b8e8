"""Each layer against a plain float64 formula, and against torch's own where torch has it."""

import numpy as np
import pytest
import torch
from float64_model import experts, gate, gru, scaled, sigma
from scipy import stats
from torch import nn

from evoked.model.layers import ContextGating, MixtureOfExperts, SharedGRU, Standardise, apply_dropout


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def f64(x: torch.Tensor) -> np.ndarray:
    return x.detach().double().numpy()


def test_gru_over_whole_windows_is_the_formula() -> None:
    layer = SharedGRU(5, 4, drawn())
    x = torch.randn(7, 3, 5, generator=drawn(1))

    out = layer.sequence(x)

    arrays = [f64(a) for a in (layer.weight_ih, layer.weight_hh, layer.bias_ih, layer.bias_hh)]
    for n in range(3):
        np.testing.assert_allclose(f64(out[:, n]), gru(f64(x[:, n]), *arrays), atol=1e-6)


def test_gru_is_torch_s_own_module() -> None:
    layer, torch_gru = SharedGRU(5, 4, drawn()), nn.GRU(5, 4)
    torch_gru.load_state_dict({f"{name}_l0": value for name, value in layer.state_dict().items()})
    x = torch.randn(7, 3, 5, generator=drawn(1))

    assert torch.equal(layer.sequence(x), torch_gru(x)[0])


@pytest.mark.parametrize("steps", [1, 2, 9])
def test_gru_over_runs_is_the_formula_on_every_window(steps: int) -> None:
    layer = SharedGRU(5, 4, drawn())
    rows = torch.randn(steps + 5, 2, 5, generator=drawn(1))
    source = torch.arange(steps + 5)[:, None].repeat(1, 2)
    source[:, 1] = source[:, 1].clamp(min=3)

    out = layer.runs(rows, source, steps, torch.float32)

    assert out.shape == (steps, 6, 2, 4)
    arrays = [f64(a) for a in (layer.weight_ih, layer.weight_hh, layer.bias_ih, layer.bias_hh)]
    for b in range(2):
        for r in range(6):
            window = f64(rows[source[r : r + steps, b], b])
            np.testing.assert_allclose(f64(out[:, r, b]), gru(window, *arrays), atol=1e-6)


def test_gru_over_runs_has_the_right_gradient() -> None:
    layer = SharedGRU(3, 2, drawn()).double()
    rows = torch.randn(7, 2, 3, generator=drawn(1), dtype=torch.float64, requires_grad=True)
    source = torch.arange(7)[:, None].repeat(1, 2).clamp(min=1)

    def last_and_middle(*_: torch.Tensor) -> torch.Tensor:
        states = layer.runs(rows, source, 4, torch.float64)
        return states[-1] + states[1].square()

    assert torch.autograd.gradcheck(last_and_middle, (rows, *layer.parameters()))  # against finite differences


def test_gru_first_weights_are_torch_s_range() -> None:
    layer = SharedGRU(30, 100, drawn())

    for array in layer.parameters():
        assert array.abs().max() <= 0.1
        assert array.abs().max() > 0.095


def test_context_gate_in_use_is_the_formula() -> None:
    layer = ContextGating(6, drawn()).eval()
    with torch.no_grad():
        for name, low in (("gain", 0.5), ("bias", -1.0), ("mean", -1.0), ("variance", 0.1)):
            getattr(layer, name).uniform_(low, 1.5, generator=drawn(2))
    x = torch.randn(4, 6, generator=drawn(1))

    arrays = {f"g.{name}": f64(value) for name, value in layer.state_dict().items()}
    np.testing.assert_allclose(f64(layer(x)), [gate(row, arrays, "g") for row in f64(x)], atol=1e-6)


def test_context_gate_in_training_norms_its_logits_by_the_batch() -> None:
    layer = ContextGating(6, drawn()).train()
    x = torch.randn(16, 6, generator=drawn(1))

    out = layer(x)

    logits = f64(x) @ f64(layer.weight).T
    expected = f64(x) * sigma((logits - logits.mean(axis=0)) / np.sqrt(logits.var(axis=0) + 1e-3))
    np.testing.assert_allclose(f64(out), expected, atol=1e-6)
    np.testing.assert_allclose(f64(layer.mean), 0.1 * logits.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(f64(layer.variance), 0.9 + 0.1 * logits.var(axis=0, ddof=1), atol=1e-6)


def test_context_gate_has_torch_s_batch_norm() -> None:
    layer, batch_norm = ContextGating(6, drawn()), nn.BatchNorm1d(6, eps=1e-3)
    x = torch.randn(16, 6, generator=drawn(1))

    assert torch.allclose(layer(x), x * torch.sigmoid(batch_norm(x @ layer.weight.t())), atol=1e-7)


def test_context_gate_starts_at_one_over_root_n() -> None:
    assert ContextGating(400, drawn()).weight.std().item() == pytest.approx(1 / 20, rel=0.02)


def test_experts_are_the_formula() -> None:
    layer = MixtureOfExperts(6, 3, 2, drawn())
    with torch.no_grad():
        layer.expert_bias.uniform_(-1, 1, generator=drawn(2))
    x = torch.randn(4, 6, generator=drawn(1))

    arrays = [f64(a) for a in (layer.gate_weight, layer.expert_weight, layer.expert_bias)]
    np.testing.assert_allclose(f64(layer(x)), [experts(row, *arrays) for row in f64(x)], atol=1e-6)


def test_the_dummy_expert_always_says_no() -> None:
    layer = MixtureOfExperts(4, 1, 2, drawn())
    with torch.no_grad():
        layer.gate_weight.zero_()
        layer.expert_weight.zero_()
        layer.expert_bias.fill_(40)  # both true experts say 1, the gates are equal: two thirds remain

    assert layer(torch.ones(1, 4)).item() == pytest.approx(2 / 3)


def test_experts_weight_squares_leave_the_bias_out() -> None:
    layer = MixtureOfExperts(4, 1, 2, drawn())
    before = layer.weight_squares().item()
    with torch.no_grad():
        layer.expert_bias.fill_(9)

    assert layer.weight_squares().item() == before
    by_hand = sum(float((f64(a) ** 2).sum()) for a in (layer.gate_weight, layer.expert_weight)) / 2
    assert before == pytest.approx(by_hand)


def test_scale_leaves_an_absent_face_at_zero() -> None:
    layer = Standardise(4, parts=2)
    layer.mean.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    layer.deviation.copy_(torch.tensor([2.0, 2.0, 4.0, 4.0]))
    rows = torch.tensor([[3.0, 0.0, 0.0, 0.0], [0.0, 0.0, 7.0, 4.0], [0.0, 0.0, 0.0, 0.0]])

    out = layer(rows.half())

    assert out.tolist() == [[1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]]
    np.testing.assert_allclose(f64(out), scaled(f64(rows), f64(layer.mean), f64(layer.deviation), 2))


def test_dropout_keeps_the_mean_and_follows_its_generator() -> None:
    x = torch.ones(100, 100)

    out = apply_dropout(x, 0.3, drawn(3))

    assert torch.equal(out, apply_dropout(x, 0.3, drawn(3)))
    assert out.unique().tolist() == pytest.approx([0, 1 / 0.7])
    assert (out == 0).float().mean().item() == pytest.approx(0.3, abs=0.02)
    assert apply_dropout(x, 0.0, None) is x


def test_without_its_diagonal_a_gate_does_not_see_its_own_number() -> None:
    layer = ContextGating(6, drawn(), remove_diagonal=True).eval()
    x = torch.randn(1, 6, generator=drawn(1))
    second = x.clone()
    second[0, 2] += 1

    gates, changed = ((layer(first) / first)[0] for first in (x, second))

    assert changed[2].item() == pytest.approx(gates[2].item(), abs=1e-6)
    assert ((changed - gates).abs() > 1e-4).tolist() == [True, True, False, True, True, True]
    layer(x).sum().backward()
    assert (layer.weight.grad.diagonal() == 0).all()


def test_a_gate_that_sees_another_vector_is_the_formula() -> None:
    layer = ContextGating(3, drawn(), gate_inputs=7, remove_diagonal=True).eval()
    x, seen = torch.rand(4, 3, generator=drawn(1)), torch.randn(4, 7, generator=drawn(2))

    logits = f64(seen) @ f64(layer.weight).T
    np.testing.assert_allclose(f64(layer(x, seen)), f64(x) * sigma(logits / np.sqrt(1 + 1e-3)), atol=1e-6)


def ks(values: torch.Tensor, law: str, *shape: float) -> float:
    """How likely numbers of this law are at least as far from it (Kolmogorov and Smirnov)."""
    return float(stats.kstest(f64(values).ravel(), law, args=shape).pvalue)


def test_first_weights_follow_the_laws_of_the_paper_s_references() -> None:
    gate_, mixture, recurrent = (
        ContextGating(200, drawn()),
        MixtureOfExperts(896, 5, 2, drawn()),
        SharedGRU(40, 64, drawn()),
    )

    assert ks(gate_.weight, "norm", 0, 200**-0.5) > 0.001
    for array, outputs in ((mixture.gate_weight, 5 * 3), (mixture.expert_weight, 5 * 2)):
        limit = (6 / (896 + outputs)) ** 0.5  # Glorot: uniform, variance 2 / (inputs + outputs)
        assert ks(array, "uniform", -limit, 2 * limit) > 0.001
        assert ks(array, "norm", 0, limit / 3**0.5) < 1e-6  # the test can tell one law from another
    for array in recurrent.parameters():
        assert ks(array, "uniform", -(64**-0.5), 2 * 64**-0.5) > 0.001
    assert not mixture.expert_bias.any()
    assert not gate_.bias.any()
    assert (gate_.gain == 1).all()


def test_dropout_zeroes_each_number_on_its_own_by_its_share() -> None:
    out = apply_dropout(torch.ones(400, 300), 0.3, drawn(3))

    gone = f64(out == 0)
    for axis, n in ((0, 400), (1, 300)):  # sums of independent draws: binomial, standardised
        sums = (gone.sum(axis=axis) - 0.3 * n) / np.sqrt(n * 0.3 * 0.7)
        assert sums.std() == pytest.approx(1, abs=0.2)
    assert gone.mean() == pytest.approx(0.3, abs=5 * np.sqrt(0.3 * 0.7 / gone.size))
