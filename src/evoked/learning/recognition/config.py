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

    describe: tuple[str, ...] = setting(("blendshapes",), "what faces are described by, see: evoked weights list")
    units: int = setting(64, "size of each LSTM's state")
    experts: int = setting(2, "experts per expression, beside the dummy that always says 0")
    folds: int = setting(5, "turns in which people are held out")
    epochs: int = setting(60, "how often every clip is learnt from, at most")
    patience: int = setting(8, "stop after this many epochs without a smaller loss on other people")
    batch: int = setting(64, "clips in a step")
    rate: float = setting(2e-3, "Adam's learning rate")
    average: float = setting(0.98, "weights that are kept are a running mean of those of the steps, of this memory")
    decay: float = setting(1e-2, "weight decay, apart from Adam's moments (AdamW)")
    dropout: str = setting(
        AUTO, "share of description columns and of the last state left out in training; auto: tries .1, .4 and .7"
    )
    balance: str = setting("weights", "rare expressions: weights (their yes counts more) or none")
    precision: float = setting(0.73, "precision that the operating points shall reach on people held out")
    seed: int = setting(0, "folds, first weights, order and dropout are drawn from it")
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
        for name in ("units", "experts", "epochs", "patience", "batch", "threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, got {getattr(self, name)}")
        if self.folds < 2:
            raise ValueError(f"folds must be at least 2, got {self.folds}")
        if self.balance not in BALANCES:
            raise ValueError(f"balance must be one of {', '.join(BALANCES)}, got {self.balance!r}")
        if not (
            0 <= lowest <= highest < 1
            and 0 <= self.average < 1
            and 0 < self.precision <= 1
            and self.rate > 0
            and self.decay >= 0
        ):
            raise ValueError(
                "dropout and average must lie in 0 … 1, precision in 0 … 1, rate above 0, decay not below 0"
            )
        width_of(self.describe)


def recogniser_settings(config: RecogniserConfig) -> dict[str, object]:
    """The settings as JSON values."""
    return asdict(config) | {"describe": list(config.describe)}
