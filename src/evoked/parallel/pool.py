"""The interface of every executor, and the serial one. Callers take a Pool; `executors` opens one by name."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from evoked.core.errors import EvokedError

__all__ = ["Done", "Failed", "Item", "Pool", "Result", "SerialPool"]

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Done(Generic[Item, Result]):
    """An item and its result."""

    item: Item
    result: Result


@dataclass(frozen=True)
class Failed(Generic[Item]):
    """An item and its error: reported at the end, and the exit code is not zero."""

    item: Item
    error: EvokedError


class Pool(Protocol):
    """Somewhere to run work: here, in processes, on a cluster."""

    def run(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Done[Item, Result] | Failed[Item]]:
        """Run `work` on each item; every item comes back once.

        An EvokedError fails that item alone; any other exception is a bug and stops the run.
        """
        ...


class SerialPool:
    """One item after another, in this process. The default."""

    def run(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Done[Item, Result] | Failed[Item]]:
        """Run `work` on each item, in order."""
        for item in items:
            try:
                result = work(item)
            except EvokedError as error:
                yield Failed(item, error)
            else:
                yield Done(item, result)
