"""Ray on this machine: a cluster of a head and two node processes, one of which can be removed."""

import gc
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def ray_ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Ray's workers find the functions of these test modules, and Ray ends with each test."""
    paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    yield
    if (ray := sys.modules.get("ray")) is not None:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", ResourceWarning
            )  # Ray drops the handles of its own processes while they end
            ray.shutdown()
            gc.collect()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Ray drops handles of its own processes, which Python warns of wherever it happens to collect them."""
    for item in items:
        if item.get_closest_marker("ray"):
            item.add_marker(pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"))
            item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))


@pytest.fixture
def ray_module(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Ray with its usage reporting off."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    return pytest.importorskip("ray", reason="Ray is not installed: make test-ray installs it")


@pytest.fixture
def ray_cluster(ray_module: Any) -> Iterator[Any]:
    """A head without CPUs and no node yet: `add_node(num_cpus=1)` adds one."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        yield cluster
    finally:
        ray_module.shutdown()
        cluster.shutdown()
