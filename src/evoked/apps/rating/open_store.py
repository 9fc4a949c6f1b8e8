"""Where a study's rating store is, and its opening."""

from pathlib import Path

import sqlalchemy as sa

from evoked.apps.rating.store import migrate
from evoked.apps.web.database import open_database, sqlite_url
from evoked.core.errors import OutputError
from evoked.core.study_layout import StudyLayout

__all__ = ["open_store", "store_address"]

_STORE = "ratings.sqlite"


def store_address(study: Path, database: str | None) -> str:
    """The address of a study's rating store.

    Args:
        study: folder of the study.
        database: an address that was given; None: an SQLite file in the study.

    Returns:
        As SQLAlchemy takes it.

    Raises:
        OutputError: if the study's folder cannot be written.
    """
    if database:
        return database
    folder = StudyLayout(study).rating
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make {folder}: {error.strerror}. Choose another place by --database") from error
    return sqlite_url(folder / _STORE)


def open_store(study: Path, database: str | None) -> sa.Engine:
    """Open a study's rating store, and bring its tables up to date.

    Args:
        study: folder of the study.
        database: as for `store_address`.

    Returns:
        The engine.

    Raises:
        EvokedError: if it cannot be used.
    """
    engine = open_database(store_address(study, database))
    migrate(engine)
    return engine
