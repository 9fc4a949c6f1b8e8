"""What training makes smaller, and how far one step may go (spec §7)."""

from collections.abc import Callable, Iterable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["EPSILON", "balanced_cross_entropy", "clip_each", "cross_entropy", "make_loss", "squared_error"]

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


KNOWN = 0.999
"""β of the effective number of samples: about 1 / (1 − β) = 1000 of a kind are as good as any number more."""


def balanced_cross_entropy(p: Tensor, labels: Tensor, share: Tensor, seconds: int) -> Tensor:
    """Cross entropy in which a class's few positives weigh more: by the inverse effective number of samples.

    The weights of a class's positives and negatives are w ∝ (1 − β) / (1 − β^n), n how many there are to learn
    from, and the mean weight of a class is 1, so that no class's loss as a whole weighs more than another's.

    Args:
        p, labels: as of `cross_entropy`.
        share: (K,), of the seconds to learn from that show each class.
        seconds: how many those are.

    Source: Cui et al. 2019, Class-balanced loss based on effective number of samples.
    """
    counts = torch.stack([share, 1 - share]) * seconds  # of positives, of negatives
    weight = (1 - KNOWN) / (1 - KNOWN ** counts.clamp(min=1))
    weight = weight * seconds / (weight * counts).sum(dim=0)
    by_class = weight[0] * labels * torch.log(p + EPSILON) + weight[1] * (1 - labels) * torch.log(1 - p + EPSILON)
    return -by_class.sum(dim=1).mean()


def squared_error(y: Tensor, labels: Tensor) -> Tensor:
    """Mean squared error of values (N, K), over all of them (spec §8)."""
    return functional.mse_loss(y, labels)


def make_loss(answer: str, loss: str, share: Tensor, seconds: int) -> Callable[[Tensor, Tensor], Tensor]:
    """What is charged for an answer (`ModelConfig.answer`): squared error of values, and of probabilities `loss`.

    Args:
        answer: one of `model.config.ANSWERS`.
        loss: one of `TrainConfig.loss`.
        share: (K,), of the seconds to learn from that show each class.
        seconds: how many those are.
    """
    if answer != "probability":
        return squared_error
    losses: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
        "cross_entropy": cross_entropy,
        "balanced": partial(balanced_cross_entropy, share=share, seconds=seconds),
    }
    return losses[loss]


def clip_each(variables: Iterable[Tensor], norm: float) -> None:
    """Scale each variable's gradient, on its own, down to `norm` where it is longer (0: leave all).

    Not the usual clipping of all gradients by their joint norm. Source: YouTube-8M's clip_gradient_norms.
    """
    grads = [v.grad for v in variables if v.grad is not None]
    if norm == 0 or not grads:
        return
    lengths = torch._foreach_norm(grads)
    torch._foreach_mul_(grads, [norm / torch.clamp(length, min=norm) for length in lengths])
