"""Where steps are taken: one device, or several that learn together. The one home of Lightning Fabric."""

import atexit
import os
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, multiprocessing

from evoked.core.errors import EvokedError, TrainingError
from evoked.core.progress import Progress, silent
from evoked.learning.training.config import TrainConfig

__all__ = ["fabric_for", "mean_loss", "run_distributed", "shard_batch"]

T = TypeVar("T")


def fabric_for(config: TrainConfig) -> Fabric:
    """The devices of a config, ready to be launched on.

    Precision stays 32 bit here: what bf16 does to which products is the network's own choice (`Network.kind`).

    Raises:
        TrainingError: if they are not here.
    """
    if config.device == "cuda" and torch.cuda.device_count() < config.devices:
        raise TrainingError(
            f"device cuda: torch sees {torch.cuda.device_count() or 'no'} CUDA card{'s' * (config.devices > 1)} here, "
            f"{config.devices} wanted. Train with device cpu"
        )
    strategy = "ddp_spawn" if config.devices > 1 else "auto"
    return Fabric(accelerator=config.device, devices=config.devices, strategy=strategy, precision="32-true")


def run_distributed(work: Callable[[Fabric, Progress], T], config: TrainConfig, progress: Progress) -> T:
    """Do the same work on every device; what the first of them answers.

    On one device it is done here. On several each has a process of its own, so `work` must be picklable; its
    progress comes back through a queue.

    Args:
        work: told its Fabric, and where to tell its progress: only the first device's is heard.
        config: says which devices.
        progress: told here.

    Raises:
        EvokedError: as `work` does.
    """
    fabric = fabric_for(config)
    if config.devices == 1:
        return work(fabric, progress)
    queue: Any = multiprocessing.get_context("spawn").SimpleQueue()
    answers: list[T | EvokedError] = []
    listener = threading.Thread(target=_listen, args=(queue, progress, answers), daemon=True)
    listener.start()
    try:
        fabric.launch(_guarded, work, queue, config.threads)  # type: ignore[arg-type]  # it passes the others on
    finally:
        queue.put(None)
        listener.join()
    (answer,) = answers
    if isinstance(answer, EvokedError):
        raise answer
    return answer


def shard_batch(batch: Sequence[T], fabric: Fabric, count: Callable[[Sequence[T]], int]) -> tuple[Sequence[T], float]:
    """This device's part of a batch, and how much its loss weighs: then the devices' mean is the batch's.

    All devices take all of it where a part would be too little for any of them: batch norm needs two windows.

    Args:
        batch: what is shared out, the same on every device.
        fabric: says how many devices there are, and which is this.
        count: windows in a part.
    """
    parts = [batch[rank :: fabric.world_size] for rank in range(fabric.world_size)]
    counts = [count(part) for part in parts]
    if min(counts) < 2:
        return batch, 1.0
    return parts[fabric.global_rank], counts[fabric.global_rank] * fabric.world_size / sum(counts)


def mean_loss(fabric: Fabric, loss: Tensor) -> float:
    """The loss, mean over the devices, so that all see one number and go the same way."""
    loss = loss.detach()
    return float(loss if fabric.world_size == 1 else cast(Tensor, fabric.all_reduce(loss)))


def _guarded(fabric: Fabric, work: Callable[[Fabric, Progress], T], queue: Any, threads: int) -> None:
    """In a device's process. What the first answers goes into the queue, as Fabric's own way takes no frozen
    dataclass; so does an error for the user, of which torch would make a traceback."""
    torch.set_num_threads(threads or max(1, torch.get_num_threads() // fabric.world_size))

    def tell(done: float, total: float | None, note: str = "") -> None:
        queue.put((done, total, note))

    try:
        answer: T | EvokedError = work(fabric, tell if fabric.is_global_zero else silent)
    except EvokedError as error:
        answer = error
    if fabric.is_global_zero:
        queue.put([answer])
    # The work is done and told. Native threads of torch that still live when a process takes itself apart abort it
    # now and then (one run in twelve on a busy machine), and that would look like a failure: it leaves at once instead.
    atexit.register(_leave)


def _leave() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _listen(queue: Any, progress: Progress, answers: list[Any]) -> None:
    """Progress comes as tuples, the answer in a list, the end as None."""
    while (told := queue.get()) is not None:
        if isinstance(told, list):
            answers += told
        else:
            progress(*told)
