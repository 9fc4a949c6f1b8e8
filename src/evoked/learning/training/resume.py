"""Training that was cut off: one file that is whole or not there, and holds all that is needed to go on.

Batches and dropout are drawn from (seed, epoch, step), so where training stands says what is drawn next and no
generator's state has to be kept. Everything else is in one safetensors file: one rename, and never
weights of one step beside the optimiser of another.
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
from evoked.core.files import canonical
from evoked.core.rows import blocks
from evoked.dataset.examples import Example
from evoked.learning.training.config import TrainConfig
from evoked.model.config import ModelConfig
from evoked.model.network import Network
from evoked.model.stored import read_arrays, write_arrays

__all__ = ["FILE", "Epoch", "TrainingState", "job_key", "load_state", "save_state"]

FILE = "training.safetensors"
FORMAT = 2
FREE = ("epochs", "patience", "threads", "checkpoint_every_s", "tensorboard")
"""Settings that may change between two sittings: they say how long and how, not what a step does."""


@dataclass(frozen=True)
class Epoch:
    """How one epoch went; a row of history.csv.

    Attributes:
        epoch: from 1.
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
    """Where training stands.

    Attributes:
        epoch, step: the next step to take, both from 0.
        taken: steps taken in all.
        loss_sum, windows: of the epoch so far.
        history: epochs that are done.
        best: the best epoch's number (0: none yet), and `best_arrays` its arrays; only with validation.
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
    """A key for what is being trained on what; training goes on only where it is the same."""
    total = hashlib.sha256()
    choices = {name: value for name, value in asdict(config).items() if name not in FREE}
    total.update(canonical([FORMAT, model.as_dict(), choices, torch.__version__]).encode())
    for name, begun in sorted((start or {}).items()):
        total.update(f"|{name}".encode())
        total.update(np.ascontiguousarray(begun).data)
    for part in (examples, validation):
        total.update(f"|{len(part)}".encode())
        for example in part:
            total.update(canonical([example.video, example.seconds, list(example.expressions)]).encode())
            arrays: list[Any] = [example.labels, example.valid, *(example.features[m.name] for m in model.modalities)]
            for array in arrays:
                total.update(str(array.dtype).encode())
                for block in blocks(array):
                    total.update(np.ascontiguousarray(block).data)
    return total.hexdigest()


def save_state(
    folder: Path, key: str, standing: TrainingState, network: Network, optimiser: torch.optim.Optimizer
) -> None:
    """Write all that is needed to go on; OutputError if it cannot be, and then the last one still stands."""
    arrays = {f"network.{name}": array for name, array in network.arrays().items()}
    arrays |= {f"best.{name}": array for name, array in standing.best_arrays.items()}
    moments = optimiser.state_dict()["state"]
    names = [name for name, _ in network.named_parameters()]
    for number, values in moments.items():
        for what, value in values.items():
            arrays[f"adam.{what}.{names[number]}"] = torch.as_tensor(value).cpu().numpy()
    plain = asdict(replace(standing, best_arrays={})) | {"format": FORMAT, "key": key}
    del plain["best_arrays"]
    write_arrays(folder / FILE, arrays, json.dumps(plain, sort_keys=True))


def load_state(folder: Path, key: str, network: Network, optimiser: torch.optim.Optimizer) -> TrainingState | None:
    """Take up network and optimiser where they were left.

    Returns:
        Where training stands, or None where the folder holds no state or one of other work (other data,
        labels or settings): then there is nothing to go on with.

    Raises:
        CheckpointError: if the file is damaged, or of a newer format.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        arrays, text = read_arrays(path)
    except CheckpointError as error:
        raise CheckpointError(f"{str(error).removesuffix('Train the model again')}Delete it to begin anew") from error
    try:
        plain = json.loads(text)
        written = plain.pop("format")
        if isinstance(written, int) and written > FORMAT:
            raise CheckpointError(
                f"{path} was written by a newer evoked (format {written}, this program reads up to {FORMAT}). "
                "Update evoked to go on from it, or delete it to begin anew"
            )
        if (written, plain.pop("key")) != (FORMAT, key):
            return None
        history = [Epoch(**row) for row in plain.pop("history")]
        standing = TrainingState(**plain, history=history, best_arrays=_under(arrays, "best."))
        network.load_arrays(_under(arrays, "network."))
        optimiser.load_state_dict(optimiser.state_dict() | {"state": _moments(arrays, network)})
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path} cannot be gone on from: {error}. Delete it to begin anew") from error
    return standing


def _under(arrays: dict[str, NDArray[np.float32]], prefix: str) -> dict[str, NDArray[np.float32]]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _moments(arrays: dict[str, NDArray[np.float32]], network: Network) -> dict[int, dict[str, Tensor]]:
    found: dict[int, dict[str, Tensor]] = {}
    for number, (name, _) in enumerate(network.named_parameters()):
        whats = [n.split(".")[1] for n in arrays if n.startswith("adam.") and n.split(".", 2)[2] == name]
        if whats:
            found[number] = {what: torch.from_numpy(np.array(arrays[f"adam.{what}.{name}"])) for what in whats}
    return found
