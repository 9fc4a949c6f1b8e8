"""RayPool on a cluster of real node processes, of which one is taken away."""

import functools
import os
import signal
import time
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from evoked.core.errors import DatasetError, WorkerError
from evoked.parallel.executors import open_executor
from evoked.parallel.pool import Done, Failed
from evoked.parallel.processes import worker_threads
from evoked.parallel.ray_pool import RETRIES, RayPool

pytestmark = pytest.mark.ray


@lru_cache(maxsize=1)
def load(folder: str) -> bytes:
    """What stands for the networks: costly, and kept by the process. Leaves a file each time it is loaded."""
    import ray

    node = ray.get_runtime_context().get_node_id() if ray.is_initialized() else "here"
    Path(folder, f"loaded.{node}.{os.getpid()}.{time.monotonic_ns()}").touch()
    return b"weights"


def work_through(n: int, folder: str) -> bytes:
    """Half a second's work on an item; leaves a file when it begins."""
    weights = load(folder)
    Path(folder, f"began.{n}.{os.getpid()}").touch()
    time.sleep(0.5)
    if n == 7:
        raise DatasetError("7 cannot be used")
    return weights * (n + 1)


def kill_on_one(n: int) -> int:
    if n == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return n


def settings_of_the_worker(_: int) -> tuple[int, str | None, str | None]:
    return worker_threads(), os.environ.get("OMP_NUM_THREADS"), os.environ.get("RAY_USAGE_STATS_ENABLED")


def outcome_values(outcomes: list[Any]) -> dict[int, bytes | str]:
    return {o.item: o.result if isinstance(o, Done) else str(o.error) for o in outcomes}


def test_a_node_that_is_removed_in_the_middle_changes_no_result(ray_cluster: Any, tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in ("serial", "ray")}
    for folder in folders.values():
        folder.mkdir()
    items = range(10)
    serial = list(open_executor("serial").run(functools.partial(work_through, folder=str(folders["serial"])), items))
    nodes = [ray_cluster.add_node(num_cpus=1) for _ in range(2)]
    pool = open_executor("ray", workers=2, threads_each=1, address=ray_cluster.address)

    outcomes = []
    for outcome in pool.run(functools.partial(work_through, folder=str(folders["ray"])), items):
        outcomes.append(outcome)
        if nodes and len({p.name.split(".")[1] for p in folders["ray"].glob("loaded.*")}) == 2:
            ray_cluster.remove_node(nodes.pop(), allow_graceful=False)  # both nodes had work when it goes
            nodes.clear()

    assert not nodes, "the node was never removed"
    assert len(outcomes) == len(items)  # every item once
    assert outcome_values(outcomes) == outcome_values(serial)  # the same bytes, and only 7 is Failed
    began = Counter(int(p.name.split(".")[1]) for p in folders["ray"].glob("began.*"))
    again = [n for n, times in began.items() if times > 1]
    assert len(again) <= 1  # the worker of the lost node had one item at most
    loads = Counter(p.name.split(".")[2] for p in folders["ray"].glob("loaded.*"))
    assert len(loads) == 2
    assert set(loads.values()) == {1}  # once per worker, however many items it had


def test_a_new_node_takes_over_when_the_last_one_is_lost(ray_cluster: Any, tmp_path: Path) -> None:
    first = ray_cluster.add_node(num_cpus=1)
    pool = RayPool(ray_cluster.address, workers=1)

    outcomes = []
    for outcome in pool.run(functools.partial(work_through, folder=str(tmp_path)), range(4)):
        outcomes.append(outcome)
        if len(outcomes) == 1:
            ray_cluster.add_node(num_cpus=1)
            ray_cluster.remove_node(first, allow_graceful=False)

    assert outcome_values(outcomes) == {n: b"weights" * (n + 1) for n in range(4)}
    assert len({p.name.split(".")[1] for p in tmp_path.glob("loaded.*")}) == 2


def test_a_cluster_without_the_cpus_is_one_clear_line(ray_cluster: Any) -> None:
    ray_cluster.add_node(num_cpus=1)
    pool = RayPool(ray_cluster.address, workers=1, threads_each=4)

    with pytest.raises(WorkerError, match=r"no node of the Ray cluster has 4 CPUs \(the largest: 1\)\. Give"):
        list(pool.run(kill_on_one, [0]))


def test_an_item_that_kills_its_workers_is_failed_and_the_rest_goes_on(ray_module: Any) -> None:
    outcomes = {o.item: o for o in RayPool(workers=2).run(kill_on_one, range(4))}

    assert isinstance(outcomes[1], Failed)
    assert str(outcomes[1].error).startswith(f"{RETRIES + 1} Ray workers died on it")
    assert [outcomes[n] for n in (0, 2, 3)] == [Done(n, n) for n in (0, 2, 3)]


def test_a_worker_knows_its_threads_and_reports_no_usage(ray_module: Any) -> None:
    (outcome,) = RayPool(workers=1, threads_each=2).run(settings_of_the_worker, [0])

    assert outcome == Done(0, (2, "2", "0"))


def test_more_workers_than_cpus_are_not_waited_for(ray_module: Any) -> None:
    ray_module.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False)

    outcomes = list(RayPool(workers=3).run(kill_on_one, [0, 2, 3, 4]))

    assert sorted(o.item for o in outcomes if isinstance(o, Done)) == [0, 2, 3, 4]


def test_items_are_taken_only_as_workers_are_free(ray_module: Any) -> None:
    taken = []

    def items():  # type: ignore[no-untyped-def]
        for n in range(0, 100, 2):
            taken.append(n)
            yield n

    outcomes = RayPool(workers=2).run(kill_on_one, items())

    next(outcomes)
    assert len(taken) <= 4  # not all hundred
    outcomes.close()  # type: ignore[attr-defined]


def test_no_cluster_at_the_address_is_one_clear_line(ray_module: Any) -> None:
    with pytest.raises(WorkerError, match=r"^no Ray cluster at auto: .*Start one: ray start --head$"):
        RayPool("auto")
