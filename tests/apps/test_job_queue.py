"""The queue of jobs, with real worker processes."""

import os
import time
from collections.abc import Iterator

import pytest

from evoked.apps.web.job_queue import Job, JobQueue
from evoked.core.errors import BusyError, DatasetError


def work(n: float) -> float:
    """Below 0: ends this process; 0: a bug; 1: bad input; above: sleeps for so many seconds."""
    if n < 0:
        os._exit(3)
    if n == 1:
        raise DatasetError("one is no number here")
    if n == 0:
        raise ZeroDivisionError
    time.sleep(n if n < 100 else 0)
    return n


@pytest.fixture
def queue() -> Iterator[JobQueue[float, float]]:
    jobs = JobQueue(work, max_waiting=3, limit_s=20, keep=4)
    yield jobs
    jobs.close()


def ended(queue: JobQueue[float, float], job: Job[float, float]) -> Job[float, float]:
    while job.state in ("queued", "running"):
        time.sleep(0.01)
    return job


def test_each_job_ends_with_its_result_or_its_reason(queue: JobQueue[float, float]) -> None:
    removed: list[float] = []
    outcomes = {}
    for n in (100.0, -1.0, 1.0, 0.0, 101.0):
        job = ended(queue, queue.submit(n, lambda n=n: removed.append(n)))  # type: ignore[misc]
        outcomes[n] = (job.state, job.result, job.error)
    assert outcomes[100.0] == ("done", 100.0, "")
    assert outcomes[-1.0][:2] == ("failed", None)
    assert "died: exit code 3" in outcomes[-1.0][2]
    assert outcomes[1.0] == ("failed", None, "one is no number here")
    assert outcomes[0.0] == ("failed", None, "this is a mistake in evoked: ZeroDivisionError")
    assert outcomes[101.0] == ("done", 101.0, "")
    assert removed == [100.0, -1.0, 1.0, 0.0, 101.0]


def test_a_job_beyond_its_time_is_stopped_and_the_next_one_runs() -> None:
    jobs = JobQueue(work, limit_s=2)  # a worker process needs some time to start
    try:
        slow, next_one = jobs.submit(60.0), jobs.submit(100.0)
        assert ended(jobs, slow).error == "it took longer than 2 s, the limit, and was stopped"
        assert ended(jobs, next_one).state == "done"
    finally:
        jobs.close()


def test_a_full_queue_refuses_and_a_removed_job_frees_its_place(queue: JobQueue[float, float]) -> None:
    running = queue.submit(90.0)
    while running.state != "running":
        time.sleep(0.01)
    freed: list[int] = []
    waiting = [queue.submit(100.0, lambda: freed.append(1)) for _ in range(2)]
    with queue.place():  # a third is being received
        with pytest.raises(BusyError, match="3 jobs are waiting, the limit of this server"), queue.place():
            pass
        assert (queue.ahead(waiting[1]), queue.ahead(running)) == (1, 0)
        assert queue.remove(running.id) is False  # it runs
        assert queue.remove(waiting[0].id) is True
        assert (freed, queue.get(waiting[0].id), queue.ahead(waiting[1])) == ([1], None, 0)
        with queue.place():
            pass


def test_only_the_latest_results_are_kept(queue: JobQueue[float, float]) -> None:
    jobs = [ended(queue, queue.submit(100.0)) for _ in range(6)]
    assert [queue.get(job.id) is None for job in jobs] == [True, True, False, False, False, False]
    assert len({job.id for job in jobs}) == 6
