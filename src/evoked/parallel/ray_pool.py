"""Run work on a Ray cluster. Ray is optional; only this module imports it, when a RayPool is created."""

import os
import pickle
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from evoked.core.errors import WorkerError
from evoked.parallel import processes
from evoked.parallel.pool import Done, Failed, Item, Result

__all__ = ["RETRIES", "RayPool"]

RETRIES = 2
"""How often an item is given to another worker after its worker died; then it is Failed."""
CHECK_S = 5.0  # seconds between checks whether a cluster without workers can still start one


class RayPool:
    """Runs several items at once in actors on a Ray cluster, or on this machine without an address.

    An actor is a process that is reused from item to item, so that models are loaded once per worker. An actor has one
    item at a time: a node that dies loses at most one item per worker, and at most one result per worker waits. Every
    node must have evoked installed, and the paths of the items must refer to the same files on all nodes.

    Ray's usage reporting is switched off, and no dashboard is started.

    Args:
        address: of a running cluster ("host:port"), "auto" to find it, None to start Ray on this machine.
        workers: number of actors, at least 1; fewer run if the cluster does not have enough CPUs.
        threads_each: CPUs that each actor reserves and threads its work may use; 0 = one CPU, threads without limit.

    Raises:
        ValueError: if workers is below 1 or threads_each below 0.
        WorkerError: if Ray is not installed, or the cluster cannot be reached.
    """

    def __init__(self, address: str | None = None, *, workers: int = 1, threads_each: int = 1) -> None:
        if workers < 1 or threads_each < 0:
            raise ValueError(f"need at least one worker and no negative threads, got {workers} and {threads_each}")
        self.workers, self.threads_each = workers, threads_each
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # read when Ray is imported and when it starts
        try:
            import ray
        except ImportError as error:
            raise WorkerError(
                "Ray is not installed. Install it (pip install 'evoked[ray]') or choose another executor"
            ) from error
        self._ray, self._cpus = ray, max(1, threads_each)
        if ray.is_initialized():
            return
        options = {"include_dashboard": False, "num_cpus": workers * self._cpus} if address is None else {}
        on_term = signal.getsignal(signal.SIGTERM)
        try:
            ray.init(address=address or "local", log_to_driver=False, configure_logging=False, **options)
        except (ConnectionError, RuntimeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise WorkerError(
                f"no Ray cluster at {address or 'this machine'}: {reason}. Start one: ray start --head"
            ) from error
        if on_term is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, on_term)  # Ray sets its own, which ends with exit code 1

    def run(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Done[Item, Result] | Failed[Item]]:
        """Run `work` on each item; outcomes come as they become ready; see Pool.

        An item whose worker or node died is run again on another, RETRIES times; then it is Failed with a
        WorkerError. When the caller stops early, running actors are killed.

        Args:
            work: a function of a module, or a functools.partial of one: it is pickled, as are the items and
                the results.
            items: what to work on; taken one by one as workers become free.

        Returns:
            An iterator of one Done or Failed for each item.

        Raises:
            ValueError: if `work` or an item cannot be pickled.
            RuntimeError: if `work` has a bug, with its traceback.
            WorkerError: if no worker can be started on the cluster.
        """
        actors = _Actors(self._ray, self._ray.put(processes.pickled(work)), self._cpus, self.threads_each)
        waiting = _Queue(items)
        try:
            while True:
                while actors.size < min(self.workers, len(actors.busy) + waiting.known(self.workers)):
                    actors.start()
                while actors.idle and (job := waiting.take()) is not None:
                    actors.give(job)
                if not actors.busy and not waiting.known(1):
                    return
                ended = actors.wait()
                if ended is None:
                    continue
                job, reply = ended
                if reply is not None:
                    yield processes.reply_to_outcome(job.item, reply)
                elif job.attempts <= RETRIES:
                    waiting.put_back(job)
                else:
                    yield Failed(
                        job.item,
                        WorkerError(
                            f"{job.attempts} Ray workers died on it, one after the other. "
                            "Run it again, with fewer workers or more memory"
                        ),
                    )
        finally:
            actors.end()


@dataclass
class _Job:
    """A pickled item, and how often it was given to a worker."""

    item: Any
    message: bytes
    attempts: int = 0


class _Queue:
    """Items not yet given to a worker: those to be run again first, then new ones, taken only when needed."""

    def __init__(self, items: Iterable[Any]) -> None:
        self._items, self._ready = iter(items), deque[_Job]()

    def known(self, most: int) -> int:
        """Number of waiting items, counted up to `most`; no more than that are taken from the iterable."""
        while len(self._ready) < most:
            for item in self._items:
                self._ready.append(_Job(item, processes.pickled(item)))
                break
            else:
                break
        return min(most, len(self._ready))

    def take(self) -> _Job | None:
        return self._ready.popleft() if self.known(1) else None

    def put_back(self, job: _Job) -> None:
        self._ready.appendleft(job)


class _Actors:
    """The actors of one run: starting (until the first reply), idle, or busy with a job."""

    def __init__(self, ray: Any, work: Any, cpus: int, threads: int) -> None:
        self._ray, self._work, self._cpus, self._threads = ray, work, cpus, threads
        self.starting: dict[Any, Any] = {}
        self.idle: deque[Any] = deque()
        self.busy: dict[Any, tuple[Any, _Job]] = {}
        self._lost_starts = 0

    @property
    def size(self) -> int:
        return len(self.starting) + len(self.idle) + len(self.busy)

    def start(self) -> None:
        actor = self._ray.remote(num_cpus=self._cpus, max_restarts=0)(_Actor).remote(
            self._work, self._threads, (os.getcwd(), _environment())
        )
        self.starting[actor.ready.remote()] = actor

    def give(self, job: _Job) -> None:
        actor = self.idle.popleft()
        job.attempts += 1
        self.busy[actor.run.remote(job.message)] = (actor, job)

    def wait(self) -> tuple[_Job, bytes | None] | None:
        """Wait for one actor: a job with its reply (None where its actor died), or None where an actor started."""
        ready, _ = self._ray.wait([*self.busy, *self.starting], num_returns=1, timeout=CHECK_S)
        if not ready:
            if not self.busy:
                self._check_cluster()
            return None
        (reference,) = ready
        try:
            reply = self._ray.get(reference)
        except (
            self._ray.exceptions.RayError
        ) as error:  # errors of the work are returned, so this means that the actor died
            return self._lost(reference, error)
        if reference in self.starting:
            self._lost_starts = 0
            self.idle.append(self.starting.pop(reference))
            return None
        actor, job = self.busy.pop(reference)
        self.idle.append(actor)
        return job, reply

    def end(self) -> None:
        for actor in [*self.starting.values(), *self.idle, *(actor for actor, _ in self.busy.values())]:
            self._ray.kill(actor)

    def _lost(self, reference: Any, error: Exception) -> tuple[_Job, None] | None:
        if reference in self.busy:
            actor, job = self.busy.pop(reference)
            self._ray.kill(actor)  # so that an actor that was only disconnected does not continue the job
            return job, None
        del self.starting[reference]
        self._lost_starts += 1
        if self._lost_starts > RETRIES:
            raise WorkerError(
                f"{self._lost_starts} Ray workers could not start, the last: {str(error).strip().splitlines()[-1]}. "
                "See that evoked is installed on every node"
            ) from error
        return None

    def _check_cluster(self) -> None:
        nodes = [node["Resources"].get("CPU", 0) for node in self._ray.nodes() if node["Alive"]]
        if max(nodes, default=0) < self._cpus:
            raise WorkerError(
                f"no node of the Ray cluster has {self._cpus} CPUs (the largest: {max(nodes, default=0):g}). "
                "Give each worker fewer threads, or add a node"
            )


def _environment() -> dict[str, str]:
    """The caller's environment settings for the cache of pretrained models."""
    return {name: value for name, value in os.environ.items() if name.startswith("EVOKED_")}


class _Actor:
    """The process on the cluster: holds the work and runs it on one item after another."""

    def __init__(self, work: bytes, threads: int, context: tuple[str, dict[str, str]]) -> None:
        folder, environment = context
        os.environ.update(environment)
        os.chdir(folder)  # so that relative paths of the items refer to the caller's files
        processes.set_worker_threads(threads)
        if threads:
            os.environ.update(dict.fromkeys(processes.LIMITS, str(threads)))
        self._function: Callable[[Any], Any] = pickle.loads(work)

    def ready(self) -> bool:
        return True

    def run(self, message: bytes) -> bytes:
        return processes.run_pickled(self._function, message)
