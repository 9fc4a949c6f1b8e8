"""Training on one device or several in parallel; the only module that sets up Lightning Fabric."""

import atexit
import os
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.queues import SimpleQueue
from typing import Generic, NamedTuple, TypeAlias, TypeVar, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, multiprocessing

from evoked.core.errors import EvokedError, TrainingError
from evoked.core.progress import Progress, silent
from evoked.learning.training.config import TrainConfig

__all__ = ["fabric_for", "mean_loss", "run_distributed", "shard_batch"]

T = TypeVar("T")


class _Report(NamedTuple):
    """Progress of the first device, see `core.progress`."""

    done: float
    total: float | None
    note: str


@dataclass(frozen=True)
class _Result(Generic[T]):
    """What the first device returns, or the error that stopped it."""

    value: T | EvokedError


_Message: TypeAlias = _Report | _Result[T] | None
"""What a process sends to its parent; None ends the queue."""


def fabric_for(config: TrainConfig) -> Fabric:
    """The devices of a config, ready to launch on.

    Precision is 32 bit here: the network itself decides which products run in bf16 (`Network.kind`).

    Raises:
        TrainingError: if the devices are not available.
    """
    if config.device == "cuda" and torch.cuda.device_count() < config.devices:
        raise TrainingError(
            f"device cuda: torch sees {torch.cuda.device_count() or 'no'} CUDA card{'s' * (config.devices > 1)} here, "
            f"{config.devices} wanted. Train with device cpu"
        )
    strategy = "ddp_spawn" if config.devices > 1 else "auto"
    return Fabric(accelerator=config.device, devices=config.devices, strategy=strategy, precision="32-true")


def run_distributed(work: Callable[[Fabric, Progress], T], config: TrainConfig, progress: Progress) -> T:
    """Do the same work on every device and return the result of the first.

    One device works in this process. Several devices have a process each, so `work` must be picklable; progress is
    sent back through a queue.

    Args:
        work: receives its Fabric and where to report progress; only reports of the first device are used.
        config: devices and threads.
        progress: receives the reports, in this process.

    Returns:
        What `work` returned on the first device.

    Raises:
        EvokedError: as `work` does.
    """
    fabric = fabric_for(config)
    if config.devices == 1:
        return work(fabric, progress)
    queue: SimpleQueue[_Message[T]] = multiprocessing.get_context("spawn").SimpleQueue()
    results: list[T | EvokedError] = []
    listener = threading.Thread(target=_listen, args=(queue, progress, results), daemon=True)
    listener.start()
    try:
        fabric.launch(_guarded, work, queue, config.threads)  # type: ignore[arg-type]  # it passes the others on
    except BaseException:
        for process in multiprocessing.active_children():  # a signal to this process does not reach them
            process.terminate()
        raise
    finally:
        queue.put(None)
        listener.join()
    (result,) = results
    if isinstance(result, EvokedError):
        raise result
    return result


def shard_batch(batch: Sequence[T], fabric: Fabric, count: Callable[[Sequence[T]], int]) -> tuple[Sequence[T], float]:
    """The share of a batch for this device, and the weight of its loss, so that the mean over devices is the batch's.

    All devices take the whole batch where a share would be too small for one of them: batch norm needs two windows.

    Args:
        batch: the same on every device.
        fabric: number of devices and rank of this one.
        count: returns the number of windows in a share.

    Returns:
        The share of this device and the weight of its loss.
    """
    shares = [batch[rank :: fabric.world_size] for rank in range(fabric.world_size)]
    counts = [count(share) for share in shares]
    if min(counts) < 2:
        return batch, 1.0
    return shares[fabric.global_rank], counts[fabric.global_rank] * fabric.world_size / sum(counts)


def mean_loss(fabric: Fabric, loss: Tensor) -> float:
    """The mean loss over the devices, so that all devices see the same number and decide alike.

    Args:
        fabric: the devices.
        loss: of this device, a scalar.

    Returns:
        The mean.
    """
    loss = loss.detach()
    return float(loss if fabric.world_size == 1 else cast(Tensor, fabric.all_reduce(loss)))


def _guarded(
    fabric: Fabric, work: Callable[[Fabric, Progress], T], queue: "SimpleQueue[_Message[T]]", threads: int
) -> None:
    """Do the work in the process of a device.

    The result of the first device goes through the queue, because Fabric cannot return frozen dataclasses; so does an
    error for the user, which torch would turn into a traceback.
    """
    torch.set_num_threads(threads or max(1, torch.get_num_threads() // fabric.world_size))

    def report(done: float, total: float | None, note: str = "") -> None:
        queue.put(_Report(done, total, note))

    try:
        result: T | EvokedError = work(fabric, report if fabric.is_global_zero else silent)
    except EvokedError as error:
        result = error
    if fabric.is_global_zero:
        queue.put(_Result(result))
    # The result is sent. Native threads of torch that are alive at interpreter shutdown abort the process now and then
    # (one run in twelve on a busy machine), which would look like a failure: so the process exits at once.
    atexit.register(_leave)


def _leave() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _listen(queue: "SimpleQueue[_Message[T]]", progress: Progress, results: list[T | EvokedError]) -> None:
    """Pass reports on and collect the result, until the queue ends."""
    while (message := queue.get()) is not None:
        if isinstance(message, _Result):
            results.append(message.value)
        else:
            progress(*message)
