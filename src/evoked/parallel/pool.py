"""The interface of executors, and the serial executor. `executors.open_executor` opens one by name."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from evoked.core.errors import FILE_ERRORS, EvokedError, failure_of

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
    """An item and its error; it is reported at the end and makes the exit code non-zero."""

    item: Item
    error: EvokedError


class Pool(Protocol):
    """An executor: in this process, in worker processes, or on a cluster."""

    def run(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Done[Item, Result] | Failed[Item]]:
        """Run `work` on each item; each item has exactly one outcome.

        An EvokedError, OSError or UnicodeError fails that item only; any other exception is a bug and stops the run.

        Args:
            work: the function to call with each item.
            items: the arguments.

        Yields:
            A Done or Failed for each item.
        """
        ...


class SerialPool:
    """Runs items one after another in this process. The default."""

    def run(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Done[Item, Result] | Failed[Item]]:
        """Run `work` on each item, in order; see Pool.

        Args:
            work: the function to call with each item.
            items: the arguments.

        Yields:
            A Done or Failed for each item.
        """
        for item in items:
            try:
                result = work(item)
            except FILE_ERRORS as error:
                yield Failed(item, failure_of(error))
            else:
                yield Done(item, result)
