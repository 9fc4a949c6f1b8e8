"""How a recogniser is trained: every choice with its default and its help, once."""

from dataclasses import asdict, dataclass

from evoked.core.settings import setting
from evoked.faces.descriptors import width_of

__all__ = ["RecogniserConfig", "recogniser_settings"]

BALANCES = ("none", "weights")
AUTO = "auto"
SHARES = (0.1, 0.4, 0.7)
"""Few clips need much dropout, many need little: which, the people by whom a training stops tell."""


@dataclass(frozen=True)
class RecogniserConfig:
    """How a recogniser is trained."""

    descriptors: tuple[str, ...] = setting(
        ("blendshapes",), "face descriptors that the recogniser reads, see: evoked weights list"
    )
    hidden_units: int = setting(64, "size of each LSTM's state")
    experts: int = setting(2, "experts per expression, beside the dummy that always says 0")
    folds: int = setting(5, "cross-validation folds, by person")
    epochs: int = setting(60, "epochs at most")
    patience: int = setting(8, "stop after this many epochs without a smaller validation loss")
    batch_size: int = setting(64, "clips per batch")
    learning_rate: float = setting(2e-3, "Adam's learning rate")
    ema_decay: float = setting(0.98, "decay of the exponential moving average of the weights, which is what is kept")
    weight_decay: float = setting(1e-2, "decoupled weight decay (AdamW)")
    dropout: str = setting(
        AUTO, "share of description columns and of the last state left out in training; auto: tries .1, .4 and .7"
    )
    class_weighting: str = setting(
        "weights", "weighting of rare expressions: weights (their positives count more) or none"
    )
    target_precision: float = setting(0.73, "precision that the operating points should reach on held-out people")
    seed: int = setting(0, "seed of the folds, initial weights, order of clips and dropout")
    threads: int = setting(1, "CPU threads; the network is so small that one is fastest")

    @property
    def shares(self) -> tuple[float, ...]:
        """Which dropouts are tried."""
        return SHARES if self.dropout == AUTO else (float(self.dropout),)

    def __post_init__(self) -> None:
        try:
            lowest, highest = min(self.shares), max(self.shares)
        except ValueError as error:
            raise ValueError(f"dropout must be {AUTO} or a number from 0 to below 1, got {self.dropout!r}") from error
        for name in ("hidden_units", "experts", "epochs", "patience", "batch_size", "threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, got {getattr(self, name)}")
        if self.folds < 2:
            raise ValueError(f"folds must be at least 2, got {self.folds}")
        if self.class_weighting not in BALANCES:
            raise ValueError(f"class_weighting must be one of {', '.join(BALANCES)}, got {self.class_weighting!r}")
        if not (
            0 <= lowest <= highest < 1
            and 0 <= self.ema_decay < 1
            and 0 < self.target_precision <= 1
            and self.learning_rate > 0
            and self.weight_decay >= 0
        ):
            raise ValueError(
                "dropout and ema_decay must lie in 0 … 1, target_precision in 0 … 1, learning_rate above 0, "
                "weight_decay not below 0"
            )
        width_of(self.descriptors)


def recogniser_settings(config: RecogniserConfig) -> dict[str, object]:
    """The settings as JSON values."""
    return asdict(config) | {"descriptors": list(config.descriptors)}
