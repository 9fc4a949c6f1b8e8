"""Raters: their invitations, their consent, and their being forgotten."""

import hashlib
import re
import secrets

import sqlalchemy as sa

from evoked.apps.rating.store import free_assignments, now_text
from evoked.apps.rating.tables import assignments, consents, forgotten, raters, ratings
from evoked.core.errors import DatasetError

__all__ = [
    "add_consent",
    "forget_rater",
    "has_consented",
    "invite",
    "new_number",
    "rater_of_token",
    "revoke_invitation",
]


def invite(connection: sa.Connection, count: int) -> list[tuple[str, str]]:
    """Make raters.

    Args:
        connection: in a transaction.
        count: how many.

    Returns:
        Pseudonym and token of each. Only the token's digest is kept: it cannot be shown again.
    """
    first = new_number(connection)
    made = [(f"r{number:03}", secrets.token_urlsafe(24)) for number in range(first, first + count)]
    rows = [
        {"id": number, "pseudonym": name, "token_sha256": _digest(token), "created": now_text()}
        for number, (name, token) in enumerate(made, first)
    ]
    connection.execute(raters.insert(), rows)
    return made


def new_number(connection: sa.Connection) -> int:
    """A number that no rater has or had, nor as a pseudonym: a session of someone forgotten is never another's."""
    used = [connection.execute(sa.select(sa.func.max(c))).scalar() or 0 for c in (raters.c.id, forgotten.c.number)]
    names = connection.execute(sa.select(raters.c.pseudonym)).scalars()
    return max(*used, *(int(name[1:]) for name in names if _INVITED.fullmatch(name))) + 1


_INVITED = re.compile(r"r\d{3,7}", re.ASCII)
"""A pseudonym as `invite` makes them; a table that is imported can have them too."""


def rater_of_token(connection: sa.Connection, token: str) -> tuple[int, str] | None:
    """Find the rater of an invitation.

    Args:
        connection: any.
        token: of the invitation.

    Returns:
        Number and pseudonym; None where there is none, or it was revoked.
    """
    where = raters.c.token_sha256 == _digest(token)
    row = connection.execute(sa.select(raters.c.id, raters.c.pseudonym).where(where)).first()
    return None if row is None else (row.id, row.pseudonym)


def add_consent(connection: sa.Connection, rater: int, version: str) -> None:
    """Note that a rater consents.

    Args:
        connection: in a transaction.
        rater: number.
        version: of the text.
    """
    connection.execute(consents.insert().values(rater=rater, version=version, given=now_text()))


def has_consented(connection: sa.Connection, rater: int, version: str) -> bool:
    """Whether a rater, whose invitation is valid, has consented.

    Args:
        connection: any.
        rater: number.
        version: of the text.

    Returns:
        False also where the invitation was revoked.
    """
    return connection.execute(_GIVEN, {"of_rater": rater, "of_version": version}).first() is not None


_GIVEN = (
    sa.select(consents.c.id)
    .join(raters, raters.c.id == consents.c.rater)
    .where(consents.c.rater == sa.bindparam("of_rater"))
    .where((consents.c.version == sa.bindparam("of_version")) & raters.c.token_sha256.is_not(None))
    .limit(1)
)


def forget_rater(connection: sa.Connection, pseudonym: str) -> int:
    """Delete a rater with all answers; the slots are free again, and the number is never given again.

    Args:
        connection: in a transaction that writes.
        pseudonym: as exports name the rater.

    Returns:
        How many rows of answers were deleted.

    Raises:
        DatasetError: if there is no such rater.
    """
    rater = _number_of(connection, pseudonym)
    free_assignments(connection, assignments.c.rater == rater)
    deleted = connection.execute(ratings.delete().where(ratings.c.rater == rater)).rowcount
    connection.execute(consents.delete().where(consents.c.rater == rater))
    connection.execute(raters.delete().where(raters.c.id == rater))
    number = max(rater, int(pseudonym[1:]) if _INVITED.fullmatch(pseudonym) else 0)
    if connection.execute(sa.select(forgotten).where(forgotten.c.number == number)).first() is None:
        connection.execute(forgotten.insert(), {"number": number})
    return int(deleted)


def revoke_invitation(connection: sa.Connection, pseudonym: str) -> None:
    """End an invitation and its sessions; what was answered stays, what is held goes to others.

    Args:
        connection: in a transaction that writes.
        pseudonym: as exports name the rater.

    Raises:
        DatasetError: if there is no such rater.
    """
    rater = _number_of(connection, pseudonym)
    connection.execute(raters.update().where(raters.c.id == rater).values(token_sha256=None))
    free_assignments(connection, (assignments.c.rater == rater) & assignments.c.rating.is_(None))


def _number_of(connection: sa.Connection, pseudonym: str) -> int:
    rater = connection.execute(sa.select(raters.c.id).where(raters.c.pseudonym == pseudonym)).scalar()
    if rater is None:
        raise DatasetError(f"no rater {pseudonym!r}: evoked rate status lists them")
    return int(rater)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
