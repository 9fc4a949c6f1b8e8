"""How good the model is on videos that it does not learn from, while it learns."""

from collections.abc import Sequence

import numpy as np

from evoked.dataset.examples import Example
from evoked.learning.loss import EPSILON
from evoked.learning.state import Epoch
from evoked.metrics.ranking import mean_average_precision
from evoked.model.network import Network
from evoked.predict.forward import Forward


def validated(network: Network, validation: Sequence[Example]) -> tuple[float | None, float | None]:
    """Loss and MAP over the valid seconds of all videos together.

    Returns:
        (loss, MAP); both None where no second is valid, MAP None where no class has positives or the model
        does not answer with probabilities: then the loss is their mean squared error.
    """
    forward = Forward(network.config, network.arrays())
    scored = [(forward(example.features)[example.valid], example.labels[example.valid]) for example in validation]
    p = np.concatenate([scores for scores, _ in scored]).astype(np.float64)
    truth = np.concatenate([labels for _, labels in scored])
    if not len(p):
        return None, None
    if network.config.answer != "probability":
        return float(((p - truth) ** 2).mean()), None
    by_class = truth * np.log(p + EPSILON) + (1 - truth) * np.log(1 - p + EPSILON)
    return float(-by_class.sum(axis=1).mean()), mean_average_precision(p, truth, network.config.expressions).value


def better(new: Epoch, old: Epoch | None, monitor: str) -> bool:
    """Whether an epoch is the best so far: by MAP ("map", where it is defined) or by loss."""
    value = {"map": new.validation_map, "loss": new.validation_loss}[monitor]
    if value is None:
        return False
    if old is None:
        return True
    before = {"map": old.validation_map, "loss": old.validation_loss}[monitor]
    assert before is not None  # only an epoch with a value becomes the best
    return value > before if monitor == "map" else value < before
