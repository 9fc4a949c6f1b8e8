"""SQLite or PostgreSQL, and a writer that commits many small changes at once and acknowledges each only then."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event

from evoked.core.errors import EvokedError, OutputError

__all__ = ["GroupWriter", "open_database", "sqlite_url"]

T = TypeVar("T")
_BUSY_MS = 20_000
_LOCK = 0x65766F6B
"""Number of the lock that writers of a PostgreSQL database take: any that other programs do not."""
_MOST = 200
"""Changes in one commit at most."""


def sqlite_url(path: Path) -> str:
    """The address of an SQLite file."""
    return f"sqlite:///{path.absolute()}"


def open_database(url: str) -> sa.Engine:
    """Open a database; in SQLite a commit is on the disk when it returns (WAL, synchronous=FULL),
    and what is deleted is overwritten.

    Args:
        url: as SQLAlchemy takes it: sqlite:///FILE, postgresql+psycopg://USER@HOST/NAME.

    Returns:
        The engine. A connection with the execution option `writes` takes the lock when it begins, so that it never has
        to give up in between.

    Raises:
        EvokedError: if the address or its driver cannot be used.
    """
    try:
        engine = sa.create_engine(url)
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ModuleNotFoundError) as error:
        raise EvokedError(f"cannot use the database {url.partition('@')[2] or url}: {error}") from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    elif engine.dialect.name == "postgresql":
        event.listen(engine, "begin", _begin_postgresql)
    return engine


def _set_up_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # or Python's sqlite3 would begin on its own
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "secure_delete=ON",
        f"busy_timeout={_BUSY_MS}",
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _begin_postgresql(connection: sa.Connection) -> None:
    if connection.get_execution_options().get("writes", False):  # one writer at a time, as in SQLite
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")


class GroupWriter:
    """Runs changes one after another in one thread, as many as are waiting in one transaction.

    Each has a savepoint of its own: one that fails takes no other with it. A caller gets the result when the
    transaction is committed, so what was acknowledged is on the disk.

    Args:
        engine: of the database.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._waiting: queue.SimpleQueue[tuple[Callable[[sa.Connection], Any], Future[Any]] | None]
        self._waiting = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def submit(self, change: Callable[[sa.Connection], T]) -> "Future[T]":
        """Queue a change.

        Args:
            change: called with the connection; it neither commits nor rolls back.

        Returns:
            Its result, once it is committed; its error; OutputError where the database could not commit.
        """
        future: Future[T] = Future()
        self._waiting.put((change, future))
        return future

    def close(self) -> None:
        """End, after what was queued before."""
        self._waiting.put(None)
        self._thread.join()

    def _serve(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch, last = [first], False
            while len(batch) < _MOST:
                try:
                    following = self._waiting.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    last = True
                    break
                batch.append(following)
            self._commit(batch)
            if last:
                return

    def _commit(self, batch: list[tuple[Callable[[sa.Connection], Any], "Future[Any]"]]) -> None:
        batch = [(change, future) for change, future in batch if future.set_running_or_notify_cancel()]
        if not batch:
            return
        outcomes: list[tuple[Future[Any], Any, BaseException | None]] = []
        try:
            with self._engine.connect().execution_options(writes=True) as connection, connection.begin():
                for change, future in batch:
                    outcomes.append((future, *_run(change, connection)))
        except (sa.exc.SQLAlchemyError, OSError) as error:
            reason = " ".join(str(getattr(error, "orig", error)).split())
            for _, future in batch:
                future.set_exception(OutputError(f"the database could not keep it: {reason}. Try again"))
            return
        for future, result, failure in outcomes:
            if failure is not None:
                future.set_exception(failure)
            else:
                future.set_result(result)


def _run(change: Callable[[sa.Connection], Any], connection: sa.Connection) -> tuple[Any, BaseException | None]:
    savepoint = connection.begin_nested()
    try:
        result = change(connection)
    except sa.exc.IntegrityError as error:  # of this change alone, such as one of a rater who was just deleted
        savepoint.rollback()
        return None, OutputError(f"the database could not keep it: {' '.join(str(error.orig).split())}")
    except sa.exc.SQLAlchemyError:  # of the database: the whole transaction fails
        raise
    except Exception as error:  # a mistake in a change must not end the thread that all others wait for
        savepoint.rollback()
        return None, error
    savepoint.commit()
    return result, None
