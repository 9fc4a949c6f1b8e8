"""A function over items on the threads that this process may use; the results and their order are those of map."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from evoked.parallel.processes import worker_threads

__all__ = ["thread_map"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def thread_map(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Call a function for each item, several at once; worth it where it spends its time in NumPy or SciPy.

    Args:
        work: the function; it must not change what other calls read.
        items: its arguments.

    Yields:
        Its results, in the order of the items; an exception is raised in the place of a result.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = worker_threads() or cores
    if threads == 1:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(work, items)
