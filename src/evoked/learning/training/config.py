"""Settings of training, with defaults and help texts."""

from dataclasses import dataclass, replace

from evoked.core.settings import setting
from evoked.model.config import SMALL_BELOW_S

__all__ = ["HISTORY", "RATE", "TrainConfig"]

EPOCHS, SMALL_EPOCHS = 10, 20
RATE, SMALL_RATE = 5e-4, 5e-3
HISTORY = "history.csv"  # in a model's folder: losses of every epoch
LOSSES = ("cross_entropy", "balanced")


@dataclass(frozen=True)
class TrainConfig:
    """Settings of training (spec §7)."""

    epochs: int = setting(
        0,
        f"passes over the training seconds; 0: {EPOCHS}, or {SMALL_EPOCHS} below {SMALL_BELOW_S} labelled seconds",
    )
    max_steps: int = setting(0, "stop after this many steps even within an epoch; 0: no such limit")
    runs_per_batch: int = setting(8, "runs of consecutive windows per batch")
    windows_per_run: int = setting(16, "windows (seconds) in a run; 8 runs of 16 are the paper's batch of 128")
    learning_rate: float = setting(
        0.0, f"Adam's learning rate; 0: {RATE:g}, or {SMALL_RATE:g} below {SMALL_BELOW_S} labelled seconds"
    )
    weight_decay: float = setting(0.0, "decoupled weight decay (AdamW)")
    max_grad_norm: float = setting(1.0, "clip each variable's gradient to this norm; 0: no clipping")
    l2: float = setting(1e-8, "L2 on the weights of experts and their gates")
    loss: str = setting(
        "cross_entropy", f"loss on probabilities: {', '.join(LOSSES)} (balanced: rare positives weigh more)"
    )
    label_smoothing_s: int = setting(
        0, "smooth training labels over this many seconds to either side, with triangular weights; 0: none"
    )
    missing_labels: str = setting(
        "masked", "seconds without valid labels: masked (left out) or zeros (nothing expressed)"
    )
    patience: int = setting(
        0, "stop after this many epochs without improvement on the validation videos; 0: train all epochs"
    )
    monitor: str = setting("map", "validation metric that selects the epoch: map or loss")
    precision: str = setting("f32", "matrix products in f32 or bf16")
    device: str = setting("cpu", "cpu or cuda")
    devices: int = setting(
        1, "GPUs (with device cpu: processes) that train in parallel, each on a share of every batch"
    )
    threads: int = setting(0, f"CPU threads; 0: all cores, or 1 below {SMALL_BELOW_S} labelled seconds")
    tensorboard: bool = setting(False, "also write TensorBoard event files into the state's folder")
    checkpoint_every_s: float = setting(30.0, "seconds between checkpoints of the training state")
    seed: int = setting(0, "seed of the initial weights, the order of batches and dropout")

    def __post_init__(self) -> None:
        for name in ("runs_per_batch", "windows_per_run", "devices"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, got {getattr(self, name)}")
        for name in (
            "epochs",
            "learning_rate",
            "max_steps",
            "weight_decay",
            "max_grad_norm",
            "l2",
            "patience",
            "threads",
            "checkpoint_every_s",
            "seed",
            "label_smoothing_s",
        ):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, got {getattr(self, name)}")
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {', '.join(choices)}, got {getattr(self, name)!r}")

    def resolved(self, seconds: int) -> "TrainConfig":
        """The same settings with epochs, learning rate and threads chosen for this many labelled seconds.

        The matrix products of the small network are so short that two threads mostly wait for each other: 36 s
        instead of 9 s for 240 seconds of content.
        """
        small = seconds < SMALL_BELOW_S
        return replace(
            self,
            epochs=self.epochs or (SMALL_EPOCHS if small else EPOCHS),
            learning_rate=self.learning_rate or (SMALL_RATE if small else RATE),
            threads=self.threads or (1 if small else 0),
        )


CHOICES = {
    "loss": LOSSES,
    "missing_labels": ("masked", "zeros"),
    "monitor": ("map", "loss"),
    "precision": ("f32", "bf16"),
    "device": ("cpu", "cuda"),
}
