"""Scores on the validation videos, after each epoch of training."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from evoked.core.errors import DatasetError
from evoked.dataset.examples import Example
from evoked.dataset.labels import POSITIVE_FROM
from evoked.learning.training.batching import WindowRun, gather
from evoked.learning.training.config import TrainConfig
from evoked.learning.training.losses import EPSILON
from evoked.learning.training.resume import Epoch
from evoked.metrics.average_precision import mean_average_precision
from evoked.model.config import ModelConfig
from evoked.model.network import Network

__all__ = ["improved", "unusable_reasons", "validation_score"]

RUN_S = 256
"""Seconds that are scored in one batch."""


def validation_score(network: Network, validation: Sequence[Example]) -> tuple[float | None, float | None]:
    """Loss and MAP, pooled over the valid seconds of all videos.

    Args:
        network: the model; its mode and precision are restored afterwards.
        validation: videos to score.

    Returns:
        (loss, MAP); both None where no second is valid, MAP None where no class has positives or the model
        does not predict probabilities: then the loss is the mean squared error.
    """
    scored = [
        _scored(network, example, start)
        for example in validation
        for start in range(0, example.seconds, RUN_S)
        if example.valid[start : start + RUN_S].any()
    ]
    if not scored:
        return None, None
    p = np.concatenate([scores for scores, _ in scored]).astype(np.float64)
    truth = np.concatenate([labels for _, labels in scored])
    if network.config.answer != "probability":
        return float(((p - truth) ** 2).mean()), None
    by_class = truth * np.log(p + EPSILON) + (1 - truth) * np.log(1 - p + EPSILON)
    average = mean_average_precision(p, truth >= POSITIVE_FROM, network.config.expressions)
    return float(-by_class.sum(axis=1).mean()), average.value


def unusable_reasons(validation: Sequence[Example], model: ModelConfig, config: TrainConfig) -> tuple[str, ...]:
    """Limits of validation with these labels, a line each.

    Args:
        validation: videos to score.
        model: shape of the model.
        config: settings of training.

    Returns:
        Notes for the user.

    Raises:
        DatasetError: if early stopping (`patience`) monitors a score that is undefined in every epoch.
    """
    if not validation:
        return ()
    positives = np.sum([(e.labels[e.valid] >= POSITIVE_FROM).sum(axis=0) for e in validation], axis=0)
    missing = [name for name, count in zip(model.expressions, positives, strict=True) if not count]
    reason = ""
    if not any(e.valid.any() for e in validation):
        reason = "no second of the validation videos has a valid label"
    elif model.answer == "probability" and config.monitor == "map" and len(missing) == len(model.expressions):
        reason = "no second of the validation videos shows any expression, so there is no average precision"
    if reason and config.patience:
        raise DatasetError(f"{reason}: training cannot stop by it. Validate on other videos, or with --monitor loss")
    if reason:
        return (f"{reason}: the last epoch is kept",)
    if model.answer != "probability" or config.monitor != "map":
        return ()
    return tuple(f"{name}: no validation second shows it; the best epoch is chosen without it" for name in missing)


def _scored(network: Network, example: Example, start: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Predictions of a run's valid seconds, in float32 and without dropout, and their labels; both (n, K)."""
    windows_per_run = min(RUN_S, example.seconds - start)
    batch = gather([example], [WindowRun(0, start)], [example.valid], windows_per_run, network.config.window_s)
    device, training, precision = next(network.parameters()).device, network.training, network.matmul_dtype
    network.eval()
    network.matmul_dtype = torch.float32
    try:
        rows = {name: torch.from_numpy(values).to(device) for name, values in batch.rows.items()}
        with torch.no_grad():
            p = network(rows, torch.from_numpy(batch.source).to(device), torch.from_numpy(batch.use).to(device))
    finally:
        network.train(training)
        network.matmul_dtype = precision
    return p.cpu().numpy(), batch.labels


def improved(new: Epoch, old: Epoch | None, monitor: str) -> bool:
    """Whether an epoch is the best so far: by MAP ("map", where it is defined) or by loss.

    Args:
        new: the epoch.
        old: the best epoch before; None: none yet.
        monitor: "map" or "loss".

    Returns:
        True also for the first epoch with a score.
    """
    value = {"map": new.validation_map, "loss": new.validation_loss}[monitor]
    if value is None:
        return False
    if old is None:
        return True
    before = {"map": old.validation_map, "loss": old.validation_loss}[monitor]
    assert before is not None  # only an epoch with a value becomes the best
    return value > before if monitor == "map" else value < before
