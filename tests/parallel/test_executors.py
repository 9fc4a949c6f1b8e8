"""Executors by name."""

import pytest

from evoked.parallel.executors import open_executor
from evoked.parallel.pool import SerialPool
from evoked.parallel.processes import ProcessPool


def test_each_name_opens_its_pool() -> None:
    assert isinstance(open_executor("serial"), SerialPool)
    pool = open_executor("processes", workers=3, threads_each=2)
    assert isinstance(pool, ProcessPool)
    assert (pool.workers, pool.threads_each) == (3, 2)


@pytest.mark.parametrize(
    ("name", "options", "why"),
    [
        ("slurm", {}, "executor must be one of serial, processes, ray, got 'slurm'"),
        ("processes", {"workers": 0}, "at least one worker"),
        ("ray", {"threads_each": -1}, "no negative threads"),
        ("serial", {"workers": 2}, "serial has one worker, got 2"),
        ("processes", {"address": "auto"}, "an address is for the executor ray"),
    ],
)
def test_what_an_executor_cannot_do_is_refused(name: str, options: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        open_executor(name, **options)  # type: ignore[arg-type]
