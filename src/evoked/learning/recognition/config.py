"""Settings of a recogniser's training, each with its default and its help text."""

from dataclasses import asdict
from typing import Literal

from evoked.core.settings import setting, settings
from evoked.faces.descriptors import width_of

__all__ = ["RecogniserConfig", "recogniser_settings"]

SHARES = (0.1, 0.4, 0.7)
"""Dropouts that are tried. Few clips need much, many need little; the validation loss decides."""


@settings
class RecogniserConfig:
    """Settings of a recogniser's training; ValueError for a value outside its range."""

    descriptors: tuple[str, ...] = setting(
        ("blendshapes",), "face descriptors that the recogniser reads, see: evoked weights list"
    )
    hidden_units: int = setting(64, "units of each layer", ge=1)
    recurrence: Literal["lstm", "none"] = setting(
        "lstm", "lstm: two LSTM layers over 3 s; none: two dense layers that read the last frame only"
    )
    experts: int = setting(2, "experts per expression, besides the dummy expert that always outputs 0", ge=1)
    folds: int = setting(5, "cross-validation folds, by person", ge=2)
    epochs: int = setting(60, "epochs at most", ge=1)
    patience: int = setting(8, "stop after this many epochs without a smaller validation loss", ge=1)
    batch_size: int = setting(64, "clips per batch", ge=1)
    learning_rate: float = setting(2e-3, "Adam's learning rate", gt=0)
    ema_decay: float = setting(
        0.98, "decay of the exponential moving average of the weights, which are the ones saved", ge=0, lt=1
    )
    weight_decay: float = setting(1e-2, "decoupled weight decay (AdamW)", ge=0)
    dropout: float | None = setting(
        None,
        "share of descriptor columns and of the last state dropped in training; by default .1, .4 and .7 are tried",
        ge=0,
        lt=1,
    )
    class_weighting: Literal["none", "weights"] = setting(
        "weights", "weighting of rare expressions: weights (their positives count more) or none"
    )
    still_windows: Literal["moving", "constant"] = setting(
        "moving",
        "training windows of stills: moving (they begin in other faces and end in the still) or constant (it alone)",
    )
    target_precision: float = setting(
        0.73, "precision that the operating points should reach on held-out people", gt=0, le=1
    )
    precision_confidence: float = setting(
        0.9, "how sure that must be (one-sided confidence bound); 0.5: the measured precision alone", ge=0.5, lt=1
    )
    seed: int = setting(0, "seed of the folds, initial weights, clip order and dropout")
    threads: int = setting(1, "CPU threads; the network is so small that one is fastest", ge=1)

    @property
    def shares(self) -> tuple[float, ...]:
        """The dropouts that are tried."""
        return SHARES if self.dropout is None else (self.dropout,)

    def __post_init__(self) -> None:
        width_of(self.descriptors)


def recogniser_settings(config: RecogniserConfig) -> dict[str, object]:
    """The settings as JSON values."""
    return asdict(config) | {"descriptors": list(config.descriptors)}
