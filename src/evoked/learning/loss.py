"""What training makes smaller, and how far one step may go (spec §7)."""

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import functional

EPSILON = 1e-5


def cross_entropy(p: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy on probabilities: summed over classes, mean over the batch; log(p + 1e-5).

    Args:
        p: (N, K) in [0, 1].
        labels: (N, K) in [0, 1].

    Source: YouTube-8M's CrossEntropyLoss.
    """
    by_class = labels * torch.log(p + EPSILON) + (1 - labels) * torch.log(1 - p + EPSILON)
    return -by_class.sum(dim=1).mean()


def squared_error(y: Tensor, labels: Tensor) -> Tensor:
    """Mean squared error of values (N, K), over all of them (spec §8)."""
    return functional.mse_loss(y, labels)


def clip_each(variables: Iterable[Tensor], norm: float) -> None:
    """Scale each variable's gradient, on its own, down to `norm` where it is longer (0: leave all).

    Not the usual clipping of all gradients by their joint norm. Source: YouTube-8M's clip_gradient_norms.
    """
    grads = [v.grad for v in variables if v.grad is not None]
    if norm == 0 or not grads:
        return
    lengths = torch._foreach_norm(grads)
    torch._foreach_mul_(grads, [norm / torch.clamp(length, min=norm) for length in lengths])
