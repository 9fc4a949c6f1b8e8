"""Answers from a table of ratings or an export of Label Studio, added to a store."""

import hashlib
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from evoked.apps.rating.invitations import new_number
from evoked.apps.rating.store import Answer, now_text, read_plan, submit, take_slot
from evoked.apps.rating.tables import assignments, clips, raters
from evoked.core.errors import DatasetError
from evoked.core.files import sha256
from evoked.dataset.ratings import ONE_RATER, RatedClip, read_ratings

__all__ = ["import_ratings"]

_CONSENT = "imported"


def import_ratings(connection: sa.Connection, path: Path) -> tuple[int, int, tuple[str, ...]]:
    """Add every line of a table: its raters become raters without an invitation.

    A line whose expressions are all empty is one of a rater who could not tell.

    Args:
        connection: in a transaction that writes; the caller rolls it back after an error.
        path: a table or an export of Label Studio as `read_ratings` reads it, of spans of the plan.

    Returns:
        How many answers, of how many raters, and notes for the user.

    Raises:
        DatasetError: if the table cannot be read; lacks an expression of the plan, or rates a part of them only; or a
            clip is not in the plan, has all its ratings, or was rated by the same rater.
    """
    plan = read_plan(connection)
    table = read_ratings(path, expressions=plan.expressions, asked=plan.expressions)
    if missing := [name for name in plan.expressions if name not in table.expressions]:
        raise DatasetError(f"{path} has no column {missing[0]}, which the plan rates")
    columns = [table.expressions.index(name) for name in plan.expressions]
    people = {name: _rater(connection, name) for name in table.raters}
    source = sha256(path)
    for row, marks in enumerate(table.marks[:, columns]):
        clip, name = table.clips[table.clip[row]], table.raters[table.rater[row]]
        unknown = np.isnan(marks)
        if unknown.any() and not unknown.all():
            raise DatasetError(f"{path}: {name} rated only some expressions of {clip}; the plan asks for all")
        number = _clip(connection, path, clip)
        own = (assignments.c.clip == number) & (assignments.c.rater == people[name])
        if connection.execute(sa.select(assignments.c.id).where(own)).first() is not None:
            raise DatasetError(f"{path}: {name} holds or rated {clip} already; import it into another plan")
        if not take_slot(connection, number, people[name], plan.repeats, 0.0):
            raise DatasetError(f"{path}: {clip} is rated by {plan.repeats} already, as the plan says")
        present = tuple(n for n, mark in zip(plan.expressions, marks, strict=True) if mark == 1)
        key = hashlib.sha256(f"{source} {name} {clip}".encode()).hexdigest()
        submit(connection, people[name], Answer(number, key, present, bool(unknown.all()), 0.0, _CONSENT))
    return len(table.marks), len(people), tuple(note for note in table.notes if note != ONE_RATER)


def _rater(connection: sa.Connection, name: str) -> int:
    """The number of a rater of this pseudonym, who is made where there is none."""
    found = connection.execute(sa.select(raters.c.id).where(raters.c.pseudonym == name)).scalar()
    if found is None:
        found = new_number(connection)
        values = {"id": found, "pseudonym": name, "token_sha256": None, "created": now_text()}
        connection.execute(raters.insert(), values)
    return int(found)


def _clip(connection: sa.Connection, path: Path, clip: RatedClip) -> int:
    if not clip.viewer:
        raise DatasetError(f"{path}: {clip} names no viewer, and the plan rates one: add viewer (v1, …)")
    place = (clips.c.video == Path(clip.video).name) & (clips.c.viewer == clip.viewer)
    span = (clips.c.start_s == clip.start_s) & (clips.c.end_s == clip.end_s)
    number = connection.execute(sa.select(clips.c.id).where(place & span & ~clips.c.practice)).scalar()
    if number is None:
        raise DatasetError(f"{path}: {clip} is not in the rating plan")
    return int(number)
