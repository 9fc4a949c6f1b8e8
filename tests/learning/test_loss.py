"""The loss and the clipping against plain formulas."""

import numpy as np
import pytest
import torch

from evoked.learning.training.losses import balanced_cross_entropy, clip_each, cross_entropy, make_loss, squared_error


def test_cross_entropy_is_the_formula() -> None:
    draw = np.random.default_rng(0)
    p, labels = draw.random((6, 4)), (draw.random((6, 4)) < 0.4).astype(float)

    loss = cross_entropy(torch.from_numpy(p), torch.from_numpy(labels))

    total = 0.0
    for n in range(6):
        for k in range(4):
            total -= np.log((p[n, k] if labels[n, k] else 1 - p[n, k]) + 1e-5)
    assert loss.item() == pytest.approx(total / 6)


def test_a_sure_mistake_costs_much_but_not_without_end() -> None:
    loss = cross_entropy(torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, 0.0]]))

    assert loss.item() == pytest.approx(-2 * np.log(1e-5), rel=1e-5)


def test_each_gradient_is_clipped_on_its_own() -> None:
    long, short, none = (torch.zeros(2, requires_grad=True) for _ in range(3))
    long.grad, short.grad = torch.tensor([30.0, 40.0]), torch.tensor([0.3, 0.4])

    clip_each([long, short, none], norm=1.0)

    torch.testing.assert_close(long.grad, torch.tensor([0.6, 0.8]))  # joint clipping would leave short ≈ 0
    torch.testing.assert_close(short.grad, torch.tensor([0.3, 0.4]))
    assert none.grad is None


def test_clipping_agrees_with_torch_variable_by_variable() -> None:
    draw = torch.Generator().manual_seed(0)
    ours = [torch.zeros(n, requires_grad=True) for n in (3, 50, 700)]
    theirs = [torch.zeros(n, requires_grad=True) for n in (3, 50, 700)]
    for a, b in zip(ours, theirs, strict=True):
        a.grad = torch.randn(a.shape, generator=draw)
        b.grad = a.grad.clone()

    clip_each(ours, norm=2.0)

    for a, b in zip(ours, theirs, strict=True):
        torch.nn.utils.clip_grad_norm_(b, 2.0)
        torch.testing.assert_close(a.grad, b.grad)


def test_no_clipping_where_the_norm_is_zero() -> None:
    v = torch.zeros(1, requires_grad=True)
    v.grad = torch.tensor([9.0])

    clip_each([v], norm=0.0)

    assert v.grad.item() == 9.0


def test_balanced_is_the_formula() -> None:
    draw = np.random.default_rng(1)
    p, labels = draw.random((6, 3)), (draw.random((6, 3)) < 0.4).astype(float)
    share, seconds = np.array([0.3, 0.001, 0.0]), 5000

    loss = balanced_cross_entropy(*(torch.from_numpy(a) for a in (p, labels, share)), seconds)

    total = 0.0
    for k in range(3):
        counts = [share[k] * seconds, (1 - share[k]) * seconds]
        weights = [(1 - 0.999) / (1 - 0.999 ** max(c, 1)) for c in counts]
        scale = seconds / sum(w * c for w, c in zip(weights, counts, strict=True))
        for n in range(6):
            on = labels[n, k] == 1
            total -= scale * weights[0 if on else 1] * np.log((p[n, k] if on else 1 - p[n, k]) + 1e-5)
    assert loss.item() == pytest.approx(total / 6)


def test_balanced_weighs_the_few_more_and_every_class_alike() -> None:
    p = torch.full((2, 2), 0.5, dtype=torch.float64)
    labels = torch.tensor([[1.0, 1.0], [0.0, 0.0]], dtype=torch.float64)
    share = torch.tensor([0.5, 0.002], dtype=torch.float64)

    on, off = (balanced_cross_entropy(p[i : i + 1, 1:], labels[i : i + 1, 1:], share[1:], 5000) for i in (0, 1))

    assert on > 50 * off  # 10 of a kind against thousands
    assert (share[1] * on + (1 - share[1]) * off).item() == pytest.approx(-np.log(0.5 + 1e-5))


def test_what_is_charged_goes_by_the_answer_and_the_name() -> None:
    p, labels, share = torch.tensor([[0.3, 0.6]]), torch.tensor([[0.0, 1.0]]), torch.tensor([0.1, 0.4])

    assert make_loss("value", "balanced", share, 50)(p, labels) == squared_error(p, labels)
    assert make_loss("probability", "cross_entropy", share, 50)(p, labels) == cross_entropy(p, labels)
    assert make_loss("probability", "balanced", share, 50)(p, labels) == balanced_cross_entropy(p, labels, share, 50)
    assert make_loss("probability", "cross_entropy", share, 50)(p, labels) != balanced_cross_entropy(
        p, labels, share, 50
    )
