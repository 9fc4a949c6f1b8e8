"""Open an executor by name: serial, in worker processes, or on a Ray cluster."""

from typing import Literal

from evoked.parallel.pool import Pool, SerialPool
from evoked.parallel.processes import ProcessPool
from evoked.parallel.ray_pool import RayPool

__all__ = ["EXECUTORS", "ExecutorName", "open_executor"]

ExecutorName = Literal["serial", "processes", "ray"]
EXECUTORS: tuple[ExecutorName, ...] = ("serial", "processes", "ray")


def open_executor(name: ExecutorName, *, workers: int = 1, threads_each: int = 1, address: str | None = None) -> Pool:
    """Open the executor of this name.

    Args:
        name: "serial" runs in this process, "processes" in spawned processes of this machine, "ray" in actors
            on a Ray cluster.
        workers: number of items processed at once, at least 1; "serial" has one only.
        threads_each: threads (for Ray: CPUs) of each worker; 0 = no limit. "serial" sets no limit.
        address: of a running Ray cluster ("host:port", or "auto" to find it); None starts Ray on this machine.

    Returns:
        A Pool whose `run(work, items)` gives a Done or Failed for each item, as they become ready.

    Raises:
        ValueError: if the name is unknown, workers or threads_each are out of range, "serial" gets several
            workers, or an address is given to an executor that has none.
        WorkerError: if Ray is not installed or the cluster cannot be reached.
    """
    if name not in EXECUTORS:
        raise ValueError(f"executor must be one of {', '.join(EXECUTORS)}, got {name!r}")
    if workers < 1 or threads_each < 0:
        raise ValueError(f"need at least one worker and no negative threads, got {workers} and {threads_each}")
    if address is not None and name != "ray":
        raise ValueError(f"an address is for the executor ray, got {address!r} for {name!r}")
    if name == "serial":
        if workers != 1:
            raise ValueError(f"the executor serial has one worker, got {workers}; use processes or ray for several")
        return SerialPool()
    if name == "processes":
        return ProcessPool(workers, threads_each=threads_each)
    return RayPool(address, workers=workers, threads_each=threads_each)
