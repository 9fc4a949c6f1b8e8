"""Loss functions of training, and gradient clipping (spec §7)."""

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
        p: predicted probabilities (N, K) in [0, 1].
        labels: (N, K) in [0, 1].

    Returns:
        The loss, a scalar.

    Source: YouTube-8M's CrossEntropyLoss.
    """
    by_class = labels * torch.log(p + EPSILON) + (1 - labels) * torch.log(1 - p + EPSILON)
    return -by_class.sum(dim=1).mean()


BETA = 0.999
"""β of the effective number of samples: beyond about 1 / (1 − β) = 1000 samples more of the same add little."""


def balanced_cross_entropy(p: Tensor, labels: Tensor, share: Tensor, seconds: int) -> Tensor:
    """Cross entropy in which the rare positives of a class weigh more: by the inverse effective number of samples.

    The weights of a class's positives and negatives are w ∝ (1 − β) / (1 − β^n), with n their number in the training
    set. The mean weight of each class is 1, so that all classes weigh the same in the total.

    Args:
        p: predicted probabilities (N, K) in [0, 1].
        labels: (N, K) in [0, 1].
        share: (K,), prevalence of each class in the training seconds.
        seconds: number of training seconds.

    Returns:
        The loss, a scalar.

    Source: Cui et al. 2019, Class-balanced loss based on effective number of samples.
    """
    counts = torch.stack([share, 1 - share]) * seconds  # of positives, of negatives
    weight = (1 - BETA) / (1 - BETA ** counts.clamp(min=1))
    weight = weight * seconds / (weight * counts).sum(dim=0)
    by_class = weight[0] * labels * torch.log(p + EPSILON) + weight[1] * (1 - labels) * torch.log(1 - p + EPSILON)
    return -by_class.sum(dim=1).mean()


def squared_error(y: Tensor, labels: Tensor) -> Tensor:
    """Mean squared error over all values (spec §8).

    Args:
        y: predicted values (N, K).
        labels: (N, K).

    Returns:
        The loss, a scalar.
    """
    return functional.mse_loss(y, labels)


def make_loss(answer: str, loss: str, share: Tensor, seconds: int) -> Callable[[Tensor, Tensor], Tensor]:
    """The loss function for an output (`ModelConfig.answer`): squared error for values, `loss` for probabilities.

    Args:
        answer: one of `model.config.ANSWERS`.
        loss: one of the choices of `TrainConfig.loss`.
        share: (K,), prevalence of each class in the training seconds.
        seconds: number of training seconds.

    Returns:
        A function of predictions and labels, (N, K) each.
    """
    if answer != "probability":
        return squared_error
    losses: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
        "cross_entropy": cross_entropy,
        "balanced": partial(balanced_cross_entropy, share=share, seconds=seconds),
    }
    return losses[loss]


def clip_each(variables: Iterable[Tensor], norm: float) -> None:
    """Scale the gradient of each variable down to `norm` where it is longer, each variable on its own.

    This is not the usual clipping of all gradients by their joint norm. Source: YouTube-8M's clip_gradient_norms.

    Args:
        variables: parameters with gradients; those without are skipped.
        norm: maximum Euclidean norm; 0: no clipping.
    """
    grads = [v.grad for v in variables if v.grad is not None]
    if norm == 0 or not grads:
        return
    lengths = torch._foreach_norm(grads)
    torch._foreach_mul_(grads, [norm / torch.clamp(length, min=norm) for length in lengths])
