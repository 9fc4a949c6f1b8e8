"""Work on a Ray cluster. The one home of Ray; it is optional and loaded when a RayPool is made."""

from collections.abc import Callable, Iterable, Iterator

from evoked.core.errors import EvokedError, WorkerError
from evoked.parallel.pool import Done, Failed, Item, Result


class RayPool:
    """Several items at once on a Ray cluster (or on this machine, where none is named).

    Args:
        address: of a running cluster, "auto" to find it, None to start Ray here.
        workers: how many items are worked on at once.
        threads_each: CPUs that each item asks for.

    Raises:
        WorkerError: if Ray is not installed, or the cluster cannot be reached.
    """

    def __init__(self, address: str | None = None, *, workers: int = 1, threads_each: int = 1) -> None:
        try:
            import ray
        except ImportError as error:
            raise WorkerError("Ray is not installed. Install it (pip install ray) or run without it") from error
        self._ray, self.workers, self.threads_each = ray, workers, threads_each
        try:
            ray.init(address=address, ignore_reinit_error=True, log_to_driver=False, configure_logging=False)
        except (ConnectionError, RuntimeError) as error:
            first = str(error).splitlines()[0]
            raise WorkerError(
                f"no Ray cluster at {address or 'this machine'}: {first}. Start one: ray start"
            ) from error

    def run(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Done[Item, Result] | Failed[Item]]:
        """Run `work` on each item, as ready; a worker that dies fails its item with a WorkerError.

        Raises:
            Exception: what a bug in `work` raised.
        """
        ray = self._ray
        remote = ray.remote(num_cpus=self.threads_each, max_retries=0)(_named(work))
        waiting = iter(items)
        running: dict[object, Item] = {}
        try:
            while True:
                while len(running) < self.workers * 2:
                    try:
                        item = next(waiting)
                    except StopIteration:
                        break
                    running[remote.remote(item)] = item
                if not running:
                    return
                (ready, *_), _ = ray.wait(list(running), num_returns=1)
                item = running.pop(ready)
                yield self._outcome(item, ready)
        finally:
            for left in running:
                ray.cancel(left, force=True)

    def _outcome(self, item: Item, ready: object) -> Done[Item, Result] | Failed[Item]:
        errors = self._ray.exceptions
        try:
            return Done(item, self._ray.get(ready))
        except EvokedError as error:  # Ray raises the work's own class with its traceback as text
            cause = getattr(error, "cause", None)
            return Failed(item, cause if isinstance(cause, EvokedError) else error)
        except (errors.WorkerCrashedError, errors.OutOfMemoryError, errors.NodeDiedError) as error:
            first = str(error).splitlines()[0]
            return Failed(item, WorkerError(f"the Ray worker that had it died: {first}. Run it again"))


def _named(work: Callable[[Item], Result]) -> Callable[[Item], Result]:
    """A plain function around the work: Ray takes no functools.partial."""

    def call(item: Item) -> Result:
        return work(item)

    return call
