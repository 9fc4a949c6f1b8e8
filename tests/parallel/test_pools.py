"""One contract for every pool, with real processes, real deaths and real signals."""

import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from evoked.core.errors import DatasetError, WeightsMismatch, WorkerError
from evoked.parallel.pool import Done, Failed, Pool, SerialPool
from evoked.parallel.processes import ProcessPool, worker_threads
from evoked.parallel.ray_pool import RayPool


def half(n: int) -> int:
    """4 → 2; odd numbers cannot be halved."""
    if n % 2:
        raise DatasetError(f"{n} is odd")
    return n // 2


def times(n: int, factor: int) -> int:
    return n * factor


def wrong_weights(name: str) -> None:
    raise WeightsMismatch(name, Path("/cache/x"), "a" * 64, "b" * 64)


def unreadable(n: int) -> int:
    """1 is a file that is not there; 2 a name that is not UTF-8."""
    if n == 1:
        Path("/nowhere/film.mp4").read_bytes()
    if n == 2:
        b"\xff".decode()
    return n


def buggy(n: int) -> int:
    return {}[n]  # type: ignore[index]


def doomed(n: int) -> int:
    """1 is killed as by the kernel when memory is short; 2 leaves by itself."""
    if n == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if n == 2:
        os._exit(7)
    return n


def slow(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def limits(_: int) -> tuple[int, str | None, str | None]:
    return worker_threads(), os.environ.get("OMP_NUM_THREADS"), os.environ.get("OPENBLAS_NUM_THREADS")


def whoami(_: int) -> int:
    return os.getpid()


def leave_traces(folder: str) -> None:
    """A mark at the start, and one at the end a long time later."""
    Path(folder, "began").touch()
    time.sleep(300)
    Path(folder, "ended").touch()


def ray_here() -> RayPool:
    pytest.importorskip("ray", reason="Ray is not installed: make test-ray installs it")
    return RayPool(workers=2)


EVERY_POOL = pytest.mark.parametrize(
    "make",
    [
        pytest.param(SerialPool, id="serial"),
        pytest.param(lambda: ProcessPool(2), id="processes"),
        pytest.param(lambda: ProcessPool(2, ordered=True), id="ordered"),
        pytest.param(ray_here, id="ray", marks=pytest.mark.ray),
    ],
)


@EVERY_POOL
def test_each_item_comes_back_once_and_an_error_fails_its_item_alone(make: Callable[[], Pool]) -> None:
    outcomes = list(make().run(half, [4, 3, 8, 10, 5]))
    assert sorted((o.item, o.result) for o in outcomes if isinstance(o, Done)) == [(4, 2), (8, 4), (10, 5)]
    failed = [(o.item, type(o.error), str(o.error)) for o in outcomes if isinstance(o, Failed)]
    assert sorted(failed) == [(3, DatasetError, "3 is odd"), (5, DatasetError, "5 is odd")]


@EVERY_POOL
def test_nothing_to_do_is_nothing_done(make: Callable[[], Pool]) -> None:
    assert list(make().run(half, [])) == []


@EVERY_POOL
def test_a_partial_can_be_run_and_items_may_come_one_by_one(make: Callable[[], Pool]) -> None:
    outcomes = list(make().run(functools.partial(times, factor=3), (n for n in range(7))))
    assert sorted(o.result for o in outcomes if isinstance(o, Done)) == [0, 3, 6, 9, 12, 15, 18]


@EVERY_POOL
def test_a_bug_stops_the_run(make: Callable[[], Pool]) -> None:
    with pytest.raises(Exception, match=r"[56]") as caught:  # two at a time: either may be first
        list(make().run(buggy, [5, 6]))
    assert not isinstance(caught.value, (DatasetError, WorkerError))


def test_a_bug_in_a_process_comes_with_its_story() -> None:
    with pytest.raises(RuntimeError, match=r"the work has a bug:[\s\S]*in buggy[\s\S]*KeyError: 5"):
        list(ProcessPool(1).run(buggy, [5]))


def test_a_process_that_dies_fails_its_item_and_the_rest_goes_on() -> None:
    outcomes = {o.item: o for o in ProcessPool(2).run(doomed, range(6))}
    assert sorted(outcomes) == [0, 1, 2, 3, 4, 5]
    assert [n for n, o in outcomes.items() if isinstance(o, Failed)] != []
    killed, left = outcomes[1], outcomes[2]
    assert isinstance(killed, Failed)
    assert isinstance(left, Failed)
    assert isinstance(killed.error, WorkerError)
    assert str(killed.error).startswith("the process that worked on it died: killed by SIGKILL (often: out of memory)")
    assert "exit code 7" in str(left.error)
    assert all(isinstance(outcomes[n], Done) for n in (0, 3, 4, 5))


def test_the_only_worker_dying_on_the_last_item_ends_the_run() -> None:
    (outcome,) = ProcessPool(1).run(doomed, [1])
    assert isinstance(outcome, Failed)


def test_an_error_with_an_init_of_its_own_crosses_over() -> None:
    (outcome,) = ProcessPool(1).run(wrong_weights, ["yunet"])
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, WeightsMismatch)
    assert str(outcome.error).startswith("weights 'yunet': /cache/x has sha256 aaaaaaaaaaaa…")


def test_ordered_and_as_ready() -> None:
    items = [1.0, 0.0, 0.1]
    ordered = [o.item for o in ProcessPool(2, ordered=True).run(slow, items)]
    ready = [o.item for o in ProcessPool(2).run(slow, items)]
    assert ordered == items
    assert ready[-1] == 1.0


def test_each_worker_is_told_its_threads_and_this_process_is_left_alone() -> None:
    before = {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    (done,) = ProcessPool(1, threads_each=3).run(limits, [0])
    assert isinstance(done, Done)
    assert done.result == (3, "3", "3")
    assert {name: os.environ.get(name) for name in before} == before
    assert worker_threads() == 0


def test_processes_are_used_again_and_are_not_this_one() -> None:
    seen = {o.result for o in ProcessPool(2).run(whoami, range(8)) if isinstance(o, Done)}
    assert 1 <= len(seen) <= 2
    assert os.getpid() not in seen


def test_stopping_early_ends_what_runs() -> None:
    results = ProcessPool(2).run(slow, [0.0, 30.0])
    assert next(results) == Done(0.0, 0.0)
    began = time.monotonic()
    results.close()  # type: ignore[attr-defined]
    assert time.monotonic() - began < 10  # not thirty seconds


def test_work_that_cannot_be_sent_is_refused_in_this_process() -> None:
    with pytest.raises(ValueError, match="cannot be sent to another process"):
        list(ProcessPool(1).run(lambda n: n, [1]))
    with pytest.raises(ValueError, match="cannot be sent to another process"):
        list(ProcessPool(1).run(half, [lambda: 1]))  # type: ignore[list-item]


@pytest.mark.parametrize(("workers", "threads"), [(0, 1), (2, -1)])
def test_no_workers_are_refused(workers: int, threads: int) -> None:
    with pytest.raises(ValueError, match="at least one worker"):
        ProcessPool(workers, threads_each=threads)


PARENT = """
import sys
from evoked.parallel.processes import ProcessPool
from test_pools import leave_traces
if __name__ == "__main__":
    list(ProcessPool(1).run(leave_traces, [sys.argv[1]]))
"""


def test_a_killed_parent_leaves_no_process_behind(tmp_path: Path) -> None:
    """kill -9 of the parent: the worker leaves its item, which nobody waits for, and ends quietly."""
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    around = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    parent = subprocess.Popen([sys.executable, script, tmp_path], env=around, stderr=subprocess.PIPE, text=True)
    until(lambda: (tmp_path / "began").exists())
    parent.kill()
    _, said = parent.communicate(timeout=20)  # returns when the last holder of stderr is gone: the worker too
    assert not (tmp_path / "ended").exists()
    assert "Error" not in said


ENDING = """
import atexit, os, signal, sys
from multiprocessing import get_context
from evoked.parallel.processes import _serve, pickled

def at_exit():
    atexit.register(os.kill, os.getpid(), signal.SIGTERM)

class Ending:
    def __reduce__(self):
        return (at_exit, ())

if __name__ == "__main__":
    ours, theirs = get_context("spawn").Pipe()
    worker = get_context("spawn").Process(target=_serve, args=(theirs, pickled(Ending()), 1))
    worker.start()
    theirs.close()
    ours.recv_bytes()
    ours.close()
    worker.join()
"""


def test_a_worker_that_is_terminated_while_its_interpreter_ends_says_nothing(tmp_path: Path) -> None:
    script = tmp_path / "ending.py"
    script.write_text(ENDING)
    around = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run([sys.executable, script], env=around, capture_output=True, text=True, timeout=60, check=True)
    assert ended.stderr == ""


def test_ray_that_is_not_installed_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)  # what an absent package looks like to import
    with pytest.raises(WorkerError, match=r"^Ray is not installed\. Install it"):
        RayPool()


def until(happened: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


@pytest.mark.parametrize("make", [SerialPool, lambda: ProcessPool(1)], ids=["serial", "processes"])
def test_an_error_of_the_system_fails_its_file_alone(make: Callable[[], Pool]) -> None:
    outcomes = list(make().run(unreadable, [1, 2, 3]))
    failed = {o.item: str(o.error) for o in outcomes if isinstance(o, Failed)}
    assert {o.item for o in outcomes if isinstance(o, Done)} == {3}
    assert "No such file or directory (/nowhere/film.mp4)" in failed[1]
    assert "can't decode byte 0xff" in failed[2]
