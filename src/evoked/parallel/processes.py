"""Work in processes of its own, so that one that dies takes only its own item with it."""

import os
import pickle
import signal
import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from evoked.core.errors import EvokedError, WorkerError
from evoked.parallel.pool import Done, Failed, Item, Result

LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")
"""What OpenCV and the libraries under numpy and torch read when they are loaded."""
SPAWN = get_context("spawn")  # a fork would copy locks that threads of this process hold

GRACE_S = 5.0
"""How long a process that is told to end may take to remove the files that it was writing."""

_threads = 0


def worker_threads() -> int:
    """How many threads the work of this process may use; 0 = as many as there are cores."""
    return _threads


class ProcessPool:
    """Several items at once, each in a process that is started afresh (spawn) and used again.

    Args:
        workers: how many processes.
        threads_each: how many threads each may use (`threads()` tells the work); 0 = no limit.
        ordered: give results in the order of the items; otherwise as they are ready.

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
        When the caller stops early, what is still running is ended.

        Args:
            work: a function of a module, or a functools.partial of one: it is sent to the processes, as
                are the items; and the results are sent back.

        Raises:
            ValueError: if `work` or an item cannot be sent.
            RuntimeError: if `work` has a bug, with its traceback; or a process cannot even start.
        """
        early: dict[int, Done[Item, Result] | Failed[Item]] = {}  # ready before their turn
        turn = 0
        for number, outcome in self._outcomes(_sent(work), items):
            if not self.ordered:
                yield outcome
                continue
            early[number] = outcome
            while turn in early:
                yield early.pop(turn)
                turn += 1

    def _outcomes(self, work: bytes, items: Iterable[Item]) -> Iterator[tuple[int, Done[Item, Any] | Failed[Item]]]:
        waiting = enumerate(items)
        busy: dict[Connection, tuple[_Worker, int, Item]] = {}
        idle: deque[_Worker] = deque()
        try:
            while True:
                while len(busy) < self.workers and (following := next(waiting, None)) is not None:
                    number, item = following
                    parcel = _sent(item)
                    worker = idle.popleft() if idle else self._start(work)
                    worker.give(parcel)
                    busy[worker.line] = (worker, number, item)
                if not busy:
                    return
                for line in wait(list(busy)):
                    assert isinstance(line, Connection)
                    worker, number, item = busy[line]
                    if not worker.ready:
                        worker.expect_ready()
                        continue
                    outcome: Done[Item, Any] | Failed[Item] = worker.outcome(item)
                    del busy[line]
                    if isinstance(outcome, Failed) and isinstance(outcome.error, WorkerError):
                        worker.end()  # dead; another is started for the next item
                    else:
                        idle.append(worker)
                    yield number, outcome
        finally:
            for worker in [*idle, *(w for w, _, _ in busy.values())]:
                worker.end()

    def _start(self, work: bytes) -> "_Worker":
        here, there = SPAWN.Pipe()
        with _limited(self.threads_each):
            process = SPAWN.Process(target=_serve, args=(there, work, self.threads_each), daemon=True)
            process.start()
        there.close()  # so that this side sees the end of the line when the process dies
        return _Worker(process, here)


@dataclass
class _Worker:
    """One process and the line to it."""

    process: BaseProcess
    line: Connection
    ready: bool = False

    def give(self, parcel: bytes) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):  # died: seen as the end of the line when read
            self.line.send_bytes(parcel)

    def expect_ready(self) -> None:
        try:
            self.line.recv_bytes()
        except (EOFError, ConnectionResetError) as error:
            self.process.join()
            raise RuntimeError(
                f"a worker process could not start ({self._fate()}); a script that uses ProcessPool "
                'must do so below `if __name__ == "__main__":`'
            ) from error
        self.ready = True

    def outcome(self, item: Item) -> Done[Item, Any] | Failed[Item]:
        """The outcome of the item it was given; RuntimeError where the work has a bug."""
        try:
            reply = self.line.recv_bytes()
        except (EOFError, ConnectionResetError) as error:
            self.process.join()
            dead = WorkerError(
                f"the process that worked on it died: {self._fate()}. Run it again, with fewer workers or more memory"
            )
            dead.__cause__ = error
            return Failed(item, dead)
        return _answered(item, reply)

    def end(self) -> None:
        self.line.close()  # an idle process sees that and leaves by itself
        if self.process.is_alive():
            self.process.terminate()
            self.process.join(GRACE_S)
            self.process.kill()  # nothing where it has ended
        self.process.join()

    def _fate(self) -> str:
        code = self.process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            return f"killed by {name}" + (" (often: out of memory)" if name == "SIGKILL" else "")
        return f"exit code {code}"


def _serve(line: Connection, work: bytes, limit: int) -> None:
    """What a process does: take an item, work, give the outcome back; until the line is closed."""
    global _threads
    _threads = limit
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this process
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that half-written files are removed
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):  # the parent is gone or wants no more
        do = pickle.loads(work)
        line.send_bytes(b"ready")
        while True:
            line.send_bytes(_outcome(do, line.recv_bytes()))


def _outcome(do: Callable[[Any], Any], parcel: bytes) -> bytes:
    try:
        return pickle.dumps(("done", do(pickle.loads(parcel))))
    except EvokedError as error:
        return pickle.dumps(("failed", (type(error), str(error))))
    except Exception:  # a bug: its story goes to the parent, which stops the run
        return pickle.dumps(("bug", traceback.format_exc()))


def _answered(item: Item, reply: bytes) -> Done[Item, Any] | Failed[Item]:
    """What `_outcome` packed, unpacked on the side that asked; RuntimeError where the work has a bug."""
    kind, value = pickle.loads(reply)
    if kind == "done":
        return Done(item, value)
    if kind == "failed":
        return Failed(item, _rebuilt(*value))
    raise RuntimeError(f"the work has a bug:\n{value}")


def _rebuilt(kind: type[EvokedError], message: str) -> EvokedError:
    """The same error in this process; some have an __init__ of their own, which is not asked again."""
    error = kind.__new__(kind)
    error.args = (message,)
    return error


def _sent(value: object) -> bytes:
    try:
        return pickle.dumps(value)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ValueError(f"{value!r:.120} cannot be sent to another process: {error}") from error


@contextmanager
def _limited(limit: int) -> Iterator[None]:
    """Set the libraries' limits while a process starts: they are read as soon as numpy is loaded there."""
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
