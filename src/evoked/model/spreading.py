"""Rows of numpy work over several threads: elementwise passes use one core each, and numpy lets go of Python's lock.

BLAS is held to one thread meanwhile: pieces whose products each ask for all cores wait for each other.
See docs/decisions/0010-train-core.md.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import pairwise
from threading import Lock
from typing import TypeVar

from threadpoolctl import ThreadpoolController

__all__ = ["Spread"]

T = TypeVar("T")

LEAST = 32
"""Rows that are worth a thread; fewer are done at once. A second that is predicted live is one row."""

_BLAS = Lock()
"""BLAS's number of threads is the whole process's: who changes it puts it back before another changes it."""


class Spread:
    """Runs work on consecutive rows, in as many pieces as there are threads.

    Args:
        threads: pieces at once; 0: as many as numpy's BLAS may use here.

    Raises:
        ValueError: if threads is negative.
    """

    def __init__(self, threads: int = 0) -> None:
        if threads < 0:
            raise ValueError(f"threads must be 0 or more, got {threads}")
        self._asked = threads

    def __call__(self, work: Callable[[slice], T], rows: int) -> list[T]:
        """What `work` makes of each piece, in the order of the rows.

        Threads end with the call. Where BLAS cannot be held to one thread (Apple's), all rows are one piece.

        Args:
            work: what to do with the rows of a slice; pieces must not write where others read or write.
            rows: how many there are, 1 or more.
        """
        if self._asked == 1 or rows < 2 * LEAST:
            return [work(slice(0, rows))]
        with _BLAS:
            allowed = max((one["num_threads"] for one in self._blas.info()), default=0)
        pieces = min(self._asked or allowed, rows // LEAST)
        if pieces < 2 or not allowed:
            return [work(slice(0, rows))]
        cuts = [rows * i // pieces for i in range(pieces + 1)]
        spans = [slice(a, z) for a, z in pairwise(cuts)]
        with _BLAS, self._blas.limit(limits=1), ThreadPoolExecutor(pieces, "evoked-rows") as pool:
            return list(pool.map(work, spans))

    @cached_property
    def _blas(self) -> ThreadpoolController:
        return ThreadpoolController().select(user_api="blas")
