"""Settings of training, with defaults and help texts."""

from dataclasses import asdict
from typing import Literal

from evoked.core.settings import setting, settings
from evoked.model.config import SMALL_BELOW_S

__all__ = ["HISTORY", "RATE", "ResolvedTrainConfig", "TrainConfig"]

EPOCHS, SMALL_EPOCHS = 10, 20
RATE, SMALL_RATE = 5e-4, 5e-3
HISTORY = "history.csv"  # in a model's folder: losses of every epoch


@settings
class TrainConfig:
    """Settings of training (spec §7)."""

    epochs: int | None = setting(
        None,
        f"passes over the training data; by default {EPOCHS}, or {SMALL_EPOCHS} below {SMALL_BELOW_S} labelled seconds",
        ge=0,
    )
    max_steps: int = setting(0, "stop after this many steps even within an epoch; 0: no such limit", ge=0)
    runs_per_batch: int = setting(8, "runs of consecutive windows per batch", ge=1)
    windows_per_run: int = setting(16, "windows (seconds) in a run; 8 runs of 16 are the paper's batch of 128", ge=1)
    learning_rate: float | None = setting(
        None,
        f"Adam's learning rate; by default {RATE:g}, or {SMALL_RATE:g} below {SMALL_BELOW_S} labelled seconds",
        gt=0,
    )
    weight_decay: float = setting(0.0, "decoupled weight decay (AdamW)", ge=0)
    max_grad_norm: float = setting(1.0, "clip each variable's gradient to this norm; 0: no clipping", ge=0)
    l2: float = setting(1e-8, "L2 on the weights of experts and their gates", ge=0)
    loss: Literal["cross_entropy", "balanced"] = setting(
        "cross_entropy", "loss on probabilities; balanced: rare positives weigh more"
    )
    label_smoothing_s: int = setting(
        0, "smooth training labels over this many seconds to either side, with triangular weights; 0: none", ge=0
    )
    missing_labels: Literal["masked", "zeros"] = setting(
        "masked", "seconds without valid labels: masked (left out) or zeros (nothing expressed)"
    )
    patience: int = setting(
        0, "stop after this many epochs without improvement on the validation videos; 0: train all epochs", ge=0
    )
    monitor: Literal["map", "loss"] = setting("map", "validation metric that selects the epoch: map or loss")
    precision: Literal["f32", "bf16"] = setting("f32", "matrix products in f32 or bf16")
    device: Literal["cpu", "cuda"] = setting("cpu", "cpu or cuda")
    devices: int = setting(
        1, "GPUs (with device cpu: processes) that train in parallel, each on a share of every batch", ge=1
    )
    threads: int | None = setting(
        None, f"CPU threads; by default all cores, or 1 below {SMALL_BELOW_S} labelled seconds", ge=0
    )
    tensorboard: bool = setting(False, "also write TensorBoard event files into the state's folder")
    checkpoint_every_s: float = setting(30.0, "seconds between checkpoints of the training state", ge=0)
    seed: int = setting(0, "seed of the initial weights, the order of batches and dropout", ge=0)

    def resolved(self, seconds: int) -> "ResolvedTrainConfig":
        """The same settings with epochs, learning rate and threads chosen for this many labelled seconds.

        The matrix products of the small network are so short that two threads mostly wait for each other: 36 s
        instead of 9 s for 240 seconds of content.
        """
        small = seconds < SMALL_BELOW_S
        defaults = {
            "epochs": SMALL_EPOCHS if small else EPOCHS,
            "learning_rate": SMALL_RATE if small else RATE,
            "threads": 1 if small else 0,
        }
        return ResolvedTrainConfig(**{**defaults, **{n: v for n, v in asdict(self).items() if v is not None}})


@settings
class ResolvedTrainConfig(TrainConfig):
    """Settings of training in which nothing is left to the number of labelled seconds."""

    epochs: int = setting(EPOCHS, "passes over the training seconds", ge=0)
    learning_rate: float = setting(RATE, "Adam's learning rate", gt=0)
    threads: int = setting(0, "CPU threads; 0: all cores", ge=0)
