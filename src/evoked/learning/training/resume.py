"""Save and resume training: the whole training state in one file that is replaced atomically.

Batches and dropout are drawn from (seed, epoch, step), so the step number decides what is drawn next and no state of
a random generator is saved. Everything else is in one safetensors file, so weights and optimiser are always of the
same step.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from evoked.core.errors import CheckpointError
from evoked.core.files import canonical, parse_json
from evoked.core.rows import blocks
from evoked.dataset.examples import Example
from evoked.learning.training.config import TrainConfig
from evoked.model.config import ModelConfig
from evoked.model.network import Network
from evoked.model.stored import read_arrays, write_arrays

__all__ = ["FILE", "Epoch", "TrainingState", "job_key", "load_state", "save_state"]

FILE = "training.safetensors"
FORMAT = 2
RESUMABLE = ("epochs", "patience", "threads", "checkpoint_every_s", "tensorboard")
"""Settings that may change when training is resumed: they do not change what a step computes."""


@dataclass(frozen=True)
class Epoch:
    """Losses and scores of one epoch; a row of history.csv.

    Attributes:
        epoch: number, from 1.
        loss: mean over its windows.
        validation_loss: mean over the validation windows; None without validation.
        validation_map: mean average precision in [0, 1]; None without validation or positives.
    """

    epoch: int
    loss: float
    validation_loss: float | None = None
    validation_map: float | None = None


@dataclass
class TrainingState:
    """Progress of training.

    Attributes:
        epoch: of the next step, from 0.
        step: the next step within the epoch, from 0.
        taken: steps taken in all epochs.
        loss_sum: loss times windows, summed over the steps of this epoch.
        windows: windows trained on in this epoch.
        history: finished epochs.
        best: number of the best epoch, from 1; 0: none yet. Only with validation.
        best_arrays: weights of the best epoch.
    """

    epoch: int = 0
    step: int = 0
    taken: int = 0
    loss_sum: float = 0.0
    windows: int = 0
    history: list[Epoch] = field(default_factory=list)
    best: int = 0
    best_arrays: dict[str, NDArray[np.float32]] = field(default_factory=dict)


def job_key(
    examples: Sequence[Example],
    validation: Sequence[Example],
    model: ModelConfig,
    config: TrainConfig,
    start: Mapping[str, NDArray[np.float32]] | None = None,
) -> str:
    """A key of data, model and settings; training resumes only from a state with the same key.

    Args:
        examples: to train on.
        validation: scored after each epoch.
        model: shape of the model.
        config: settings of training.
        start: initial weights, if they are given.

    Returns:
        A SHA-256 digest in hexadecimal.
    """
    sha = hashlib.sha256()
    choices = {name: value for name, value in asdict(config).items() if name not in RESUMABLE}
    sha.update(canonical([FORMAT, model.as_dict(), choices, torch.__version__]).encode())
    for name, weights in sorted((start or {}).items()):
        sha.update(f"|{name}".encode())
        sha.update(np.ascontiguousarray(weights).data)
    for subset in (examples, validation):
        sha.update(f"|{len(subset)}".encode())
        for example in subset:
            sha.update(canonical([example.video, example.seconds, list(example.expressions)]).encode())
            arrays: list[Any] = [example.labels, example.valid, *(example.features[m.name] for m in model.modalities)]
            for array in arrays:
                sha.update(str(array.dtype).encode())
                for block in blocks(array):
                    sha.update(np.ascontiguousarray(block).data)
    return sha.hexdigest()


def save_state(
    folder: Path, key: str, current: TrainingState, network: Network, optimiser: torch.optim.Optimizer
) -> None:
    """Write the training state; the previous file stays where that fails.

    Args:
        folder: for the state file.
        key: of `job_key`.
        current: progress of training.
        network: its weights are saved.
        optimiser: its moments are saved.

    Raises:
        OutputError: if the file cannot be written.
    """
    arrays = {f"network.{name}": array for name, array in network.arrays().items()}
    arrays |= {f"best.{name}": array for name, array in current.best_arrays.items()}
    moments = optimiser.state_dict()["state"]
    names = [name for name, _ in network.named_parameters()]
    for number, values in moments.items():
        for moment, value in values.items():
            arrays[f"adam.{moment}.{names[number]}"] = torch.as_tensor(value).cpu().numpy()
    plain = asdict(replace(current, best_arrays={})) | {"format": FORMAT, "key": key}
    del plain["best_arrays"]
    write_arrays(folder / FILE, arrays, json.dumps(plain, sort_keys=True))


def load_state(folder: Path, key: str, network: Network, optimiser: torch.optim.Optimizer) -> TrainingState | None:
    """Read the training state into network and optimiser.

    Args:
        folder: of the state file.
        key: of `job_key`.
        network: receives the saved weights.
        optimiser: receives the saved moments.

    Returns:
        Progress of training, or None where the folder holds no state or one with another key (other data, labels or
        settings).

    Raises:
        CheckpointError: if the file is damaged, or of a newer format.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        arrays, text = read_arrays(path)
    except CheckpointError as error:
        raise CheckpointError(
            f"{str(error).removesuffix('Train the model again')}Delete it to train from the start"
        ) from error
    try:
        plain = parse_json(text)
        written = plain.pop("format")
        if isinstance(written, int) and written > FORMAT:
            raise CheckpointError(
                f"{path} was written by a newer evoked (format {written}, this program reads up to {FORMAT}). "
                "Update evoked to resume from it, or delete it to train from the start"
            )
        if (written, plain.pop("key")) != (FORMAT, key):
            return None
        history = [Epoch(**row) for row in plain.pop("history")]
        current = TrainingState(**plain, history=history, best_arrays=_under(arrays, "best."))
        network.load_arrays(_under(arrays, "network."))
        optimiser.load_state_dict(optimiser.state_dict() | {"state": _moments(arrays, network)})
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path} cannot be resumed from: {error}. Delete it to train from the start") from error
    return current


def _under(arrays: dict[str, NDArray[np.float32]], prefix: str) -> dict[str, NDArray[np.float32]]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _moments(arrays: dict[str, NDArray[np.float32]], network: Network) -> dict[int, dict[str, Tensor]]:
    moments: dict[int, dict[str, Tensor]] = {}
    for number, (name, _) in enumerate(network.named_parameters()):
        saved = [n.split(".")[1] for n in arrays if n.startswith("adam.") and n.split(".", 2)[2] == name]
        if saved:
            moments[number] = {moment: torch.from_numpy(np.array(arrays[f"adam.{moment}.{name}"])) for moment in saved}
    return moments
