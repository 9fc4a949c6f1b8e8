"""The rating store: clips, who holds them, and what was answered.

Every function of this file that changes something takes a connection and neither commits nor rolls back: they are run
by a `GroupWriter`. Each clip has `repeats` slots; a unique index keeps a slot to one rater, another a rater to one slot
of a clip.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import resources
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError

from evoked.apps.rating.config import PlanConfig
from evoked.apps.rating.plan import PlannedClip
from evoked.apps.rating.tables import assignments, clips, plan, ratings
from evoked.core.errors import DatasetError, EvokedError

__all__ = [
    "Answer",
    "HeldClip",
    "Plan",
    "free_assignments",
    "hold_clips",
    "migrate",
    "now_text",
    "rater_progress",
    "read_plan",
    "submit",
    "take_slot",
    "undo",
    "write_plan",
]


@dataclass(frozen=True)
class Plan:
    """What is rated.

    Attributes:
        expressions: names of what can be ticked.
        settings: of the draw.
        repeats: raters of each clip.
        candidates: clips that could have been drawn.
        clips: those that were drawn, without the training round's.
        training: clips of the training round.
    """

    expressions: tuple[str, ...]
    settings: dict[str, Any]
    repeats: int
    candidates: int
    clips: int
    training: int


@dataclass(frozen=True)
class HeldClip:
    """A clip that a rater holds and has not answered.

    Attributes:
        clip: its number.
        training: the expressions that are present, where it belongs to the training round; else None.
    """

    clip: int
    training: tuple[str, ...] | None


@dataclass(frozen=True)
class Answer:
    """What a rater answered.

    Attributes:
        clip: its number.
        submission: text chosen by the page, the same when it is sent again.
        present: the expressions that are on the face.
        cannot_tell: whether the rater could not tell; then `present` is empty.
        seconds: from showing to answering.
        consent: version of the consent that was given.
    """

    clip: int
    submission: str
    present: tuple[str, ...]
    cannot_tell: bool
    seconds: float
    consent: str


def migrate(engine: sa.Engine) -> None:
    """Make the tables, or bring older ones up to date.

    Raises:
        EvokedError: if the database cannot be used, or is of a newer version.
    """
    config = Config()
    config.set_main_option("script_location", str(resources.files("evoked.apps.rating") / "migrations"))
    config.set_main_option("path_separator", "os")
    try:
        with engine.connect().execution_options(writes=True) as connection, connection.begin():
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except sa.exc.SQLAlchemyError as error:
        reason = " ".join(str(getattr(error, "orig", error)).split())
        raise EvokedError(f"cannot open the rating store {engine.url.render_as_string()}: {reason}") from error
    except CommandError as error:
        raise EvokedError(f"the rating store is of a newer version of evoked ({error}): update evoked") from error


def write_plan(
    connection: sa.Connection,
    drawn: Sequence[PlannedClip],
    training: Sequence[tuple[PlannedClip, tuple[str, ...]]],
    expressions: Sequence[str],
    config: PlanConfig,
    candidates: int,
    shown: Mapping[str, Any] | None = None,
) -> None:
    """Write the plan of a store that has none.

    Args:
        connection: in a transaction.
        drawn: the clips, in the order in which they are handed out.
        training: clips of the training round, with what is present in them.
        expressions: what can be ticked.
        config: of the draw.
        candidates: clips that could have been drawn.
        shown: texts of the page: `definitions` (expression → name, definition) and `consent`; None: the page's own.

    Raises:
        EvokedError: if there is a plan already.
    """
    if connection.execute(sa.select(plan.c.id)).first() is not None:
        raise EvokedError("there is a rating plan already; a study has one. Delete its store to begin again")
    settings = asdict(config) | dict(shown or {})
    connection.execute(
        plan.insert().values(
            id=1, expressions=list(expressions), settings=settings, repeats=config.repeats, candidates=candidates,
            created=now_text(),
        )
    )  # fmt: skip
    rows = [_clip_row(clip, None) for clip in drawn] + [_clip_row(clip, list(present)) for clip, present in training]
    connection.execute(clips.insert(), rows)


def _clip_row(clip: PlannedClip, training: list[str] | None) -> dict[str, Any]:
    crop = {"box": clip.box, "others": clip.others, "turned": clip.turned}
    fields = {name: getattr(clip, name) for name in ("video", "viewer", "start_s", "end_s", "probability")}
    known = {"training": sa.null() if training is None else training, "practice": training is not None}
    return {**fields, "crop": crop, **known, "open": True}


def read_plan(connection: sa.Connection) -> Plan:
    """The plan of a store; EvokedError if it has none."""
    row = connection.execute(sa.select(plan)).first()
    if row is None:
        raise EvokedError("there is no rating plan: make one with evoked rate new STUDY")
    count = sa.select(sa.func.count(), sa.func.count(clips.c.training)).select_from(clips)
    every, training = connection.execute(count).one()
    return Plan(
        tuple(row.expressions), dict(row.settings), row.repeats, row.candidates, every - training, training
    )  # fmt: skip


def hold_clips(
    connection: sa.Connection, rater: int, count: int, lease_s: float, now: float | None = None
) -> list[HeldClip]:
    """The clips that a rater holds, and new ones until it is `count`; those of others that expired are free again.

    Args:
        connection: in a transaction that writes.
        rater: number.
        count: how many.
        lease_s: seconds after which they are free again.
        now: seconds since 1970; None: by the clock.

    Returns:
        The clips, those of the training round first; fewer where nothing is left for this rater.
    """
    now = time.time() if now is None else now
    for row in connection.execute(_LATE, {"now": now}).all():
        free_assignments(connection, assignments.c.id == row.id)
    connection.execute(_RENEW, {"of_rater": rater, "until": now + lease_s})
    repeats = connection.execute(_PLAN).one().repeats
    held = [_held(row) for row in connection.execute(_HELD, {"of_rater": rater})]
    while len(held) < count and (taken := _take_next(connection, rater, repeats, now + lease_s)) is not None:
        held.append(_held(taken))
    return sorted(held, key=lambda clip: clip.training is None)


def _held(row: sa.Row) -> HeldClip:
    return HeldClip(row.id, None if row.training is None else tuple(row.training))


_OWN = (assignments.c.rater == sa.bindparam("of_rater")) & assignments.c.rating.is_(None)
_LATE = sa.select(assignments.c.id).where(
    assignments.c.rating.is_(None) & (assignments.c.expires < sa.bindparam("now"))
)
_RENEW = assignments.update().where(_OWN).values(expires=sa.bindparam("until"))
_PLAN = sa.select(plan.c.repeats, plan.c.expressions)
_HELD = (
    sa.select(clips.c.id, clips.c.training)
    .join(assignments, assignments.c.clip == clips.c.id)
    .where(_OWN)
    .order_by(assignments.c.id)
)
_HAD = sa.exists().where((assignments.c.clip == clips.c.id) & (assignments.c.rater == sa.bindparam("of_rater")))
_NEXT = (
    sa.select(clips.c.id, clips.c.training)
    .where((clips.c.practice == sa.bindparam("practice")) & clips.c.open & ~_HAD)
    .order_by(clips.c.id)
    .limit(1)
)
_SLOTS = sa.select(assignments.c.slot).where(assignments.c.clip == sa.bindparam("of_clip"))
_CLOSE = clips.update().where(clips.c.id == sa.bindparam("of_clip")).values(open=False)
"""Statements that each answer runs, put together once."""


def free_assignments(connection: sa.Connection, which: sa.ColumnElement[bool]) -> None:
    """Take clips away from those who hold or have answered them; their slots are free.

    Args:
        connection: in a transaction that writes.
        which: condition on the table of assignments.
    """
    freed = sa.select(assignments.c.clip).where(which)
    connection.execute(clips.update().where(clips.c.id.in_(freed)).values(open=True))
    connection.execute(assignments.delete().where(which))


def _take_next(connection: sa.Connection, rater: int, repeats: int, expires: float) -> sa.Row | None:
    """Give the rater one more clip; None where there is none left for him."""
    for practice in (True, False):
        row = connection.execute(_NEXT, {"of_rater": rater, "practice": practice}).first()
        if row is not None and practice:
            values = {"clip": row.id, "rater": rater, "slot": None, "expires": expires}
            connection.execute(assignments.insert(), values)
            return row
    return row if row is not None and take_slot(connection, row.id, rater, repeats, expires) else None


def take_slot(connection: sa.Connection, clip: int, rater: int, repeats: int, expires: float) -> bool:
    """Give a rater a slot of a clip.

    Args:
        connection: in a transaction that writes.
        clip, rater: numbers.
        repeats: slots of a clip.
        expires: seconds since 1970 at which the slot is free again if it is not answered.

    Returns:
        False where all are taken.
    """
    taken = set(connection.execute(_SLOTS, {"of_clip": clip}).scalars())
    slot = next((n for n in range(repeats) if n not in taken), None)
    if slot is None:
        return False
    connection.execute(assignments.insert(), {"clip": clip, "rater": rater, "slot": slot, "expires": expires})
    if len(taken) + 1 == repeats:
        connection.execute(_CLOSE, {"of_clip": clip})
    return True


def submit(connection: sa.Connection, rater: int, answer: Answer) -> None:
    """Keep an answer. Sent again, it is kept once.

    Args:
        connection: in a transaction that writes.
        rater: number.
        answer: to a clip that the rater holds, or held and nobody else has taken since.

    Raises:
        ValueError: if an expression is unknown, or one is present and the rater cannot tell.
        DatasetError: if others have rated the clip meanwhile, or the rater has, or there is none.
    """
    sent = connection.execute(_SENT, {"sent": answer.submission}).first()
    if sent is not None:
        if sent.rater != rater:
            raise DatasetError("another rater sent this submission: reload the page")
        return
    the_plan = connection.execute(_PLAN).one()
    if set(answer.present) - set(the_plan.expressions) or (answer.cannot_tell and answer.present):
        raise ValueError("present must hold expressions of the plan, and none where the rater cannot tell")
    key = {"of_clip": answer.clip, "of_rater": rater}
    held = connection.execute(_ASSIGNED, key).first()
    if held is not None and held.rating is not None:
        raise DatasetError("you rated this clip already: use undo to change the answer")
    if held is None:  # its time was over
        practice = connection.execute(sa.select(clips.c.practice).where(clips.c.id == answer.clip)).scalar()
        if practice is not False or not take_slot(connection, answer.clip, rater, the_plan.repeats, 0.0):
            raise DatasetError("this clip went to somebody else meanwhile: go on with the next one")
    connection.execute(_ANSWERED, key | {"row": _insert(connection, rater, answer, undo=False)})


_SENT = sa.select(ratings.c.rater, ratings.c.clip).where(ratings.c.submission == sa.bindparam("sent"))
_OF_BOTH = (assignments.c.clip == sa.bindparam("of_clip")) & (assignments.c.rater == sa.bindparam("of_rater"))
_ASSIGNED = sa.select(assignments.c.id, assignments.c.rating).where(_OF_BOTH)
_ANSWERED = assignments.update().where(_OF_BOTH).values(rating=sa.bindparam("row"))


def undo(connection: sa.Connection, rater: int, submission: str, consent: str, lease_s: float) -> int | None:
    """Take a rater's last answer back; the rater holds the clip again.

    Args:
        connection: in a transaction that writes.
        rater: number.
        submission: as of an answer: sent again, nothing more is taken back.
        consent: version of the consent that was given.
        lease_s: as for `hold_clips`.

    Returns:
        The clip; None where there is no answer to take back.
    """
    sent = connection.execute(_SENT, {"sent": submission}).first()
    if sent is not None:
        return int(sent.clip)
    answered = (assignments.c.rater == rater) & assignments.c.rating.is_not(None)
    last = (
        sa.select(assignments.c.id, assignments.c.clip).where(answered).order_by(assignments.c.rating.desc()).limit(1)
    )
    row = connection.execute(last).first()
    if row is None:
        return None
    _insert(connection, rater, Answer(row.clip, submission, (), False, 0.0, consent), undo=True)
    values = {"rating": None, "expires": time.time() + lease_s}
    connection.execute(assignments.update().where(assignments.c.id == row.id).values(**values))
    return int(row.clip)


def _insert(connection: sa.Connection, rater: int, answer: Answer, *, undo: bool) -> int:
    values = asdict(answer) | {"present": list(answer.present), "rater": rater, "undo": undo, "received": now_text()}
    key = connection.execute(ratings.insert(), values).inserted_primary_key
    assert key is not None
    return int(key[0])


def rater_progress(connection: sa.Connection, rater: int) -> int:
    """How far a rater is.

    Args:
        connection: any.
        rater: number.

    Returns:
        Clips answered, the training round's included.
    """
    return int(connection.execute(_COUNT, {"of_rater": rater}).scalar_one())


_COUNT = (
    sa.select(sa.func.count())
    .select_from(assignments)
    .where((assignments.c.rater == sa.bindparam("of_rater")) & assignments.c.rating.is_not(None))
)


def now_text() -> str:
    """The time as the tables hold it: UTC, ISO 8601, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
