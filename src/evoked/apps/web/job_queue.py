"""A queue of jobs: worker processes, a limit of jobs that wait and of the time of each, results for some while."""

import secrets
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from evoked.core.errors import BusyError
from evoked.parallel.pool import Done
from evoked.parallel.processes import TimedWorker

__all__ = ["Job", "JobQueue", "JobState"]

Task = TypeVar("Task")
Outcome = TypeVar("Outcome")
JobState = Literal["queued", "running", "done", "failed"]


@dataclass
class Job(Generic[Task, Outcome]):
    """Work that somebody asked for.

    Attributes:
        id: a name that nobody can guess.
        task: what the work is called with.
        state: how far it is.
        result: of the work, once it is done.
        error: one line, once it failed.
        ended: called once, when nothing will read the task's files any more.
    """

    id: str
    task: Task
    ended: Callable[[], None]
    state: JobState = "queued"
    result: Outcome | None = None
    error: str = ""


class JobQueue(Generic[Task, Outcome]):
    """Runs jobs in worker processes, first come, first served.

    Args:
        work: a function of a module; it and its tasks and results are pickled.
        workers: number of processes.
        threads: of each process; 0: no limit.
        max_waiting: jobs that may wait for a worker.
        limit_s: seconds after which a job is stopped and fails.
        keep: finished jobs whose results are kept; the oldest go first.
    """

    def __init__(
        self,
        work: Callable[[Task], Outcome],
        *,
        workers: int = 1,
        threads: int = 0,
        max_waiting: int = 100,
        limit_s: float = 3600,
        keep: int = 1000,
    ) -> None:
        self.max_waiting, self.limit_s, self.keep = max_waiting, limit_s, keep
        self._jobs: OrderedDict[str, Job[Task, Outcome]] = OrderedDict()
        self._waiting: deque[Job[Task, Outcome]] = deque()
        self._reserved, self._closed = 0, False
        self._changed = threading.Condition()
        self._workers = [TimedWorker(work, threads=threads) for _ in range(workers)]
        self._threads = [threading.Thread(target=self._serve, args=(worker,), daemon=True) for worker in self._workers]
        for thread in self._threads:
            thread.start()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place in the queue while a task is being received.

        Raises:
            BusyError: if all are taken.
        """
        with self._changed:
            if len(self._waiting) + self._reserved >= self.max_waiting:
                raise BusyError(f"{self.max_waiting} jobs are waiting, the limit of this server: try again later")
            self._reserved += 1
        try:
            yield
        finally:
            with self._changed:
                self._reserved -= 1

    def submit(self, task: Task, ended: Callable[[], None] = lambda: None) -> Job[Task, Outcome]:
        """Queue a task, inside `place`.

        Args:
            task: what the work is called with.
            ended: called once, after the work.

        Returns:
            The job.
        """
        job: Job[Task, Outcome] = Job(secrets.token_urlsafe(16), task, ended)
        with self._changed:
            self._jobs[job.id] = job
            self._waiting.append(job)
            self._changed.notify()
        return job

    def get(self, job_id: str) -> Job[Task, Outcome] | None:
        """The job of this name; None where there is none, or not any more."""
        with self._changed:
            return self._jobs.get(job_id)

    def ahead(self, job: Job[Task, Outcome]) -> int:
        """How many jobs are before it in the queue; 0 where it does not wait."""
        with self._changed:
            return self._waiting.index(job) if job in self._waiting else 0

    def remove(self, job_id: str) -> bool:
        """Forget a job that waits or has ended; False where there is none or it runs."""
        with self._changed:
            job = self._jobs.get(job_id)
            if job is None or job.state == "running":
                return False
            del self._jobs[job_id]
            waited = job in self._waiting
            if waited:
                self._waiting.remove(job)
        if waited:
            job.ended()
        return True

    def close(self) -> None:
        """End the worker processes; what waits or runs is lost."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for worker in self._workers:
            worker.end()
        for thread in self._threads:
            thread.join()

    def _serve(self, worker: TimedWorker[Task, Outcome]) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                job = self._waiting.popleft()
                job.state = "running"
            self._run(job, worker)

    def _run(self, job: Job[Task, Outcome], worker: TimedWorker[Task, Outcome]) -> None:
        result, error = None, ""
        try:
            outcome = worker.run(job.task, self.limit_s)
            if isinstance(outcome, Done):
                result = outcome.result
            else:
                error = str(outcome.error)
        except RuntimeError as bug:  # the server goes on
            error = f"this is a mistake in evoked: {str(bug).splitlines()[-1]}"
        job.ended()
        with self._changed:
            job.result, job.error, job.state = result, error, "failed" if error else "done"
            finished = [j.id for j in self._jobs.values() if j.state in ("done", "failed")]
            for old in finished[: max(0, len(finished) - self.keep)]:
                del self._jobs[old]
