"""Run work in worker processes: a process that dies fails its own item only."""

import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic

from evoked.core.errors import FILE_ERRORS, EvokedError, WorkerError, failure_of
from evoked.parallel.pool import Done, Failed, Item, Result

__all__ = [
    "LIMITS",
    "ProcessPool",
    "TimedWorker",
    "pickled",
    "reply_to_outcome",
    "run_pickled",
    "set_worker_threads",
    "worker_threads",
]

LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")
"""Environment variables that OpenCV and the libraries below numpy and torch read when they are loaded."""
SPAWN = get_context("spawn")  # a fork would copy locks held by threads of this process

GRACE_S = 5.0
"""Seconds a terminated process may take to remove the files that it was writing."""

_threads = 0


def worker_threads() -> int:
    """Number of threads that the work of this process may use; 0: as many as there are cores."""
    return _threads


def set_worker_threads(count: int) -> None:
    """Set the number of threads that `worker_threads` returns in this process; 0: as many as there are cores."""
    global _threads
    _threads = count


class ProcessPool:
    """Runs several items at once, in spawned processes that are reused from item to item.

    Args:
        workers: number of processes.
        threads_each: threads of each process, see `worker_threads`; 0 = no limit.
        ordered: give results in the order of the items; otherwise as they become ready.

    Raises:
        ValueError: if workers is below 1 or threads_each below 0.
    """

    def __init__(self, workers: int, *, threads_each: int = 1, ordered: bool = False) -> None:
        if workers < 1 or threads_each < 0:
            raise ValueError(f"need at least one worker and no negative threads, got {workers} and {threads_each}")
        self.workers, self.threads_each, self.ordered = workers, threads_each, ordered

    def run(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Done[Item, Result] | Failed[Item]]:
        """Run `work` on each item; see Pool.

        A process that dies (killed, out of memory) fails its item with a WorkerError and is replaced.
        When the caller stops early, running processes are terminated.

        Args:
            work: a function of a module, or a functools.partial of one: it is pickled, as are the
                items and the results.
            items: what to work on; taken one by one as processes become free.

        Yields:
            A Done or Failed for each item.

        Raises:
            ValueError: if `work` or an item cannot be pickled.
            RuntimeError: if `work` has a bug, with its traceback; or if a process cannot start.
        """
        early: dict[int, Done[Item, Result] | Failed[Item]] = {}  # ready before the items in front of them
        position = 0
        for number, outcome in self._outcomes(pickled(work), items):
            if not self.ordered:
                yield outcome
                continue
            early[number] = outcome
            while position in early:
                yield early.pop(position)
                position += 1

    def _outcomes(self, work: bytes, items: Iterable[Item]) -> Iterator[tuple[int, Done[Item, Any] | Failed[Item]]]:
        waiting = enumerate(items)
        busy: dict[Connection, tuple[_Worker, int, Item]] = {}
        idle: deque[_Worker] = deque()
        try:
            while True:
                while len(busy) < self.workers and (following := next(waiting, None)) is not None:
                    number, item = following
                    message = pickled(item)
                    worker = idle.popleft() if idle else _start(work, self.threads_each)
                    worker.send(message)
                    busy[worker.connection] = (worker, number, item)
                if not busy:
                    return
                for connection in wait(list(busy)):
                    assert isinstance(connection, Connection)
                    worker, number, item = busy[connection]
                    if not worker.ready:
                        worker.expect_ready()
                        continue
                    outcome: Done[Item, Any] | Failed[Item] = worker.outcome(item)
                    del busy[connection]
                    if isinstance(outcome, Failed) and isinstance(outcome.error, WorkerError):
                        worker.end()  # dead; a new one is started for the next item
                    else:
                        idle.append(worker)
                    yield number, outcome
        finally:
            for worker in [*idle, *(w for w, _, _ in busy.values())]:
                worker.end()


class TimedWorker(Generic[Item, Result]):
    """One worker process for items that come one by one, each with a limit of time; it is reused from item to item.

    Args:
        work: a function of a module, or a functools.partial of one: it is pickled, as are the items and results.
        threads: of the process, see `worker_threads`; 0 = no limit.
    """

    def __init__(self, work: Callable[[Item], Result], *, threads: int = 1) -> None:
        self._work, self._threads = pickled(work), threads
        self._worker: _Worker | None = None
        self._lock, self._ended = threading.Lock(), False

    def run(self, item: Item, limit_s: float) -> Done[Item, Result] | Failed[Item]:
        """Run the work on an item.

        Args:
            item: what to work on.
            limit_s: seconds after which the process is killed and the item fails.

        Returns:
            The outcome; Failed with a WorkerError where the process died or took too long: the next item has a new one.

        Raises:
            ValueError: if the item cannot be pickled.
            RuntimeError: if `work` has a bug, with its traceback; or if the process cannot start.
        """
        message = pickled(item)
        with self._lock:
            if self._ended:
                return Failed(item, WorkerError("the worker was ended: start the command again"))
            worker = self._worker = self._worker or _start(self._work, self._threads)
        if not worker.ready:
            worker.expect_ready()
        worker.send(message)
        try:
            ready = worker.connection.poll(limit_s)
        except (OSError, BrokenPipeError):  # ended by another thread, or dead: told below
            ready = True
        if not ready:
            self._drop(worker)
            return Failed(item, WorkerError(f"it took longer than {limit_s:g} s, the limit, and was stopped"))
        try:
            outcome: Done[Item, Result] | Failed[Item] = worker.outcome(item)
        except OSError as error:
            outcome = Failed(item, WorkerError(f"the worker was ended: {error}"))
        if isinstance(outcome, Failed) and isinstance(outcome.error, WorkerError):
            self._drop(worker)
        return outcome

    def end(self) -> None:
        """End the process, also from another thread while it works; no item is run any more."""
        with self._lock:
            self._ended, worker = True, self._worker
        if worker is not None and worker.process.is_alive():
            worker.process.terminate()
            worker.process.join(GRACE_S)
            worker.process.kill()

    def _drop(self, worker: "_Worker") -> None:
        worker.end()
        self._worker = None


def _start(work: bytes, threads: int) -> "_Worker":
    parent_end, child_end = SPAWN.Pipe()
    with _limited(threads):
        process = SPAWN.Process(target=_serve, args=(child_end, work, threads), daemon=True)
        process.start()
    child_end.close()  # so that this process sees the end of the stream when the worker dies
    return _Worker(process, parent_end)


@dataclass
class _Worker:
    """A worker process and the connection to it."""

    process: BaseProcess
    connection: Connection
    ready: bool = False

    def send(self, message: bytes) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):  # the worker died: noticed when its reply is read
            self.connection.send_bytes(message)

    def expect_ready(self) -> None:
        try:
            self.connection.recv_bytes()
        except (EOFError, ConnectionResetError) as error:
            self.process.join()
            raise RuntimeError(
                f"a worker process could not start ({self._exit_reason()}); a script that uses ProcessPool "
                'must do so below `if __name__ == "__main__":`'
            ) from error
        self.ready = True

    def outcome(self, item: Item) -> Done[Item, Any] | Failed[Item]:
        """The outcome of the item it was sent; RuntimeError where the work has a bug."""
        try:
            reply = self.connection.recv_bytes()
        except (EOFError, ConnectionResetError) as error:
            self.process.join()
            dead = WorkerError(
                f"the process that worked on it died: {self._exit_reason()}. "
                "Run it again, with fewer workers or more memory"
            )
            dead.__cause__ = error
            return Failed(item, dead)
        return reply_to_outcome(item, reply)

    def end(self) -> None:
        self.connection.close()  # an idle process exits when its connection closes
        if self.process.is_alive():
            self.process.terminate()
            self.process.join(GRACE_S)
            self.process.kill()  # no effect where it has ended
        self.process.join()

    def _exit_reason(self) -> str:
        code = self.process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            return f"killed by {name}" + (" (often: out of memory)" if name == "SIGKILL" else "")
        return f"exit code {code}"


def _serve(connection: Connection, work: bytes, limit: int) -> None:
    """Main loop of a worker process: receive an item, work, send the outcome; until the connection is closed."""
    set_worker_threads(limit)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is handled by the parent, which terminates this process
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # likewise
    signal.signal(signal.SIGTERM, _leave)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):  # the parent is gone or has closed the connection
        function = pickle.loads(work)
        connection.send_bytes(b"ready")
        while True:
            connection.send_bytes(run_pickled(function, connection.recv_bytes()))
    # The interpreter ends now, and nothing is half written: an exception raised then would only be printed.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _leave(*_: object) -> None:
    """End this process so that half-written files are removed; a second signal does not cut that short."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(1)


def _end_with_parent() -> None:
    """End this process when its parent is gone, however it went: nobody waits for the result."""
    parent = parent_process()
    if parent is None:
        return
    wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    os._exit(1)


def run_pickled(work: Callable[[Any], Any], message: bytes) -> bytes:
    """Run the work on a pickled item, in a worker.

    Args:
        work: the function.
        message: the item, see `pickled`.

    Returns:
        The result or the error, pickled, for `reply_to_outcome`.
    """
    try:
        return pickle.dumps(("done", work(pickle.loads(message))))
    except FILE_ERRORS as error:
        failure = failure_of(error)
        return pickle.dumps(("failed", (type(failure), str(failure))))
    except Exception:  # a bug: its traceback is sent to the parent, which stops the run
        return pickle.dumps(("bug", traceback.format_exc()))


def reply_to_outcome(item: Item, reply: bytes) -> Done[Item, Any] | Failed[Item]:
    """Unpickle the reply of a worker.

    Args:
        item: that the reply is for.
        reply: from `run_pickled`.

    Returns:
        The item with its result or its error.

    Raises:
        RuntimeError: if the work has a bug, with its traceback.
    """
    status, value = pickle.loads(reply)
    if status == "done":
        return Done(item, value)
    if status == "failed":
        return Failed(item, _rebuilt(*value))
    raise RuntimeError(f"the work has a bug:\n{value}")


def _rebuilt(error_type: type[EvokedError], message: str) -> EvokedError:
    """The same error in this process; its __init__, which may have other parameters, is not called again."""
    error = error_type.__new__(error_type)
    error.args = (message,)
    return error


def pickled(value: object) -> bytes:
    """Pickle a value for another process; ValueError if it cannot be pickled."""
    try:
        return pickle.dumps(value)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ValueError(f"{value!r:.120} cannot be sent to another process: {error}") from error


@contextmanager
def _limited(limit: int) -> Iterator[None]:
    """Set the libraries' limits while a process starts: it reads them when numpy is loaded."""
    before = {name: os.environ.get(name) for name in LIMITS}
    if limit:
        os.environ.update(dict.fromkeys(LIMITS, str(limit)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
