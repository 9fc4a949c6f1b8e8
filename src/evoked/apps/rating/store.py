"""The rating store: clips, who holds them, and what was answered.

Every function of this file that changes something takes a connection and neither commits nor rolls back: they are run
by a `GroupWriter`. Each clip has `repeats` slots; a unique index keeps a slot to one rater, another a rater to one slot
of a clip.
"""

import hashlib
import secrets
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
from evoked.apps.rating.tables import assignments, clips, consents, plan, raters, ratings
from evoked.core.errors import DatasetError, EvokedError

__all__ = [
    "Answer",
    "HeldClip",
    "Plan",
    "add_consent",
    "forget_rater",
    "hold_clips",
    "invite",
    "migrate",
    "rater_of_token",
    "rater_progress",
    "read_plan",
    "submit",
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
            created=_now(),
        )
    )  # fmt: skip
    rows = [_clip_row(clip, None) for clip in drawn] + [_clip_row(clip, list(present)) for clip, present in training]
    connection.execute(clips.insert(), rows)


def _clip_row(clip: PlannedClip, training: list[str] | None) -> dict[str, Any]:
    crop = {"box": clip.box, "others": clip.others, "turned": clip.turned}
    fields = {name: getattr(clip, name) for name in ("video", "viewer", "start_s", "end_s", "probability")}
    return {**fields, "crop": crop, "training": sa.null() if training is None else training, "taken": 0}


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


def invite(connection: sa.Connection, count: int) -> list[tuple[str, str]]:
    """Make raters.

    Args:
        connection: in a transaction.
        count: how many.

    Returns:
        Pseudonym and token of each. Only the token's digest is kept: it cannot be shown again.
    """
    last = connection.execute(sa.select(sa.func.max(raters.c.id))).scalar() or 0
    made = [(f"r{number:03}", secrets.token_urlsafe(24)) for number in range(last + 1, last + 1 + count)]
    rows = [{"pseudonym": name, "token_sha256": _digest(token), "created": _now()} for name, token in made]
    connection.execute(raters.insert(), rows)
    return made


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
    connection.execute(consents.insert().values(rater=rater, version=version, given=_now()))


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
    _release(connection, now)
    own = (assignments.c.rater == rater) & assignments.c.rating.is_(None)
    connection.execute(assignments.update().where(own).values(expires=now + lease_s))
    repeats = connection.execute(sa.select(plan.c.repeats)).scalar_one()
    held = connection.execute(sa.select(sa.func.count()).select_from(assignments).where(own)).scalar_one()
    for _ in range(held, count):
        if not _take_next(connection, rater, repeats, now + lease_s):
            break
    query = sa.select(clips.c.id, clips.c.training).join(assignments, assignments.c.clip == clips.c.id).where(own)
    rows = connection.execute(query.order_by(clips.c.training.is_(None), assignments.c.id)).all()
    return [HeldClip(row.id, None if row.training is None else tuple(row.training)) for row in rows]


def _release(connection: sa.Connection, now: float) -> None:
    """Free the slots of clips that were not answered in time."""
    late = assignments.c.rating.is_(None) & (assignments.c.expires < now)
    for row in connection.execute(
        sa.select(assignments.c.id, assignments.c.clip, assignments.c.slot).where(late)
    ).all():
        connection.execute(assignments.delete().where(assignments.c.id == row.id))
        if row.slot is not None:
            _count_taken(connection, row.clip, -1)


def _count_taken(connection: sa.Connection, clip: int, change: int) -> None:
    connection.execute(clips.update().where(clips.c.id == clip).values(taken=clips.c.taken + change))


def _take_next(connection: sa.Connection, rater: int, repeats: int, expires: float) -> bool:
    """Give the rater one more clip; False where there is none left for him."""
    had = sa.exists().where((assignments.c.clip == clips.c.id) & (assignments.c.rater == rater))
    training = sa.select(clips.c.id).where(clips.c.training.is_not(None) & ~had).order_by(clips.c.id).limit(1)
    if (clip := connection.execute(training).scalar()) is not None:
        values = {"clip": clip, "rater": rater, "slot": None, "expires": expires}
        connection.execute(assignments.insert().values(**values))
        return True
    free = clips.c.training.is_(None) & (clips.c.taken < repeats) & ~had
    query = sa.select(clips.c.id).where(free).order_by(clips.c.id).limit(1)
    clip = connection.execute(query).scalar()
    return clip is not None and _take(connection, clip, rater, repeats, expires)


def _take(connection: sa.Connection, clip: int, rater: int, repeats: int, expires: float) -> bool:
    """Give the rater a slot of a clip; False where all are taken."""
    taken = set(connection.execute(sa.select(assignments.c.slot).where(assignments.c.clip == clip)).scalars())
    slot = next((n for n in range(repeats) if n not in taken), None)
    if slot is None:
        return False
    connection.execute(assignments.insert().values(clip=clip, rater=rater, slot=slot, expires=expires))
    _count_taken(connection, clip, 1)
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
    sent = connection.execute(sa.select(ratings.c.rater).where(ratings.c.submission == answer.submission)).first()
    if sent is not None:
        if sent.rater != rater:
            raise DatasetError("another rater sent this submission: reload the page")
        return
    the_plan = connection.execute(sa.select(plan.c.repeats, plan.c.expressions)).one()
    if set(answer.present) - set(the_plan.expressions) or (answer.cannot_tell and answer.present):
        raise ValueError("present must hold expressions of the plan, and none where the rater cannot tell")
    where = (assignments.c.clip == answer.clip) & (assignments.c.rater == rater)
    held = connection.execute(sa.select(assignments.c.id, assignments.c.rating).where(where)).first()
    if held is not None and held.rating is not None:
        raise DatasetError("you rated this clip already: use undo to change the answer")
    if held is None:  # its time was over
        clip = connection.execute(sa.select(clips.c.training.is_(None)).where(clips.c.id == answer.clip)).scalar()
        if not clip or not _take(connection, answer.clip, rater, the_plan.repeats, 0.0):
            raise DatasetError("this clip went to somebody else meanwhile: go on with the next one")
    connection.execute(assignments.update().where(where).values(rating=_insert(connection, rater, answer, undo=False)))


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
    sent = connection.execute(sa.select(ratings.c.clip).where(ratings.c.submission == submission)).scalar()
    if sent is not None:
        return int(sent)
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
    values = asdict(answer) | {"present": list(answer.present), "rater": rater, "undo": undo, "received": _now()}
    key = connection.execute(ratings.insert().values(**values)).inserted_primary_key
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
    answered = (assignments.c.rater == rater) & assignments.c.rating.is_not(None)
    return int(connection.execute(sa.select(sa.func.count()).select_from(assignments).where(answered)).scalar_one())


def forget_rater(connection: sa.Connection, pseudonym: str) -> int:
    """Delete a rater with all answers; the slots are free again.

    Args:
        connection: in a transaction that writes.
        pseudonym: as exports name the rater.

    Returns:
        How many rows of answers were deleted.

    Raises:
        DatasetError: if there is no such rater.
    """
    rater = connection.execute(sa.select(raters.c.id).where(raters.c.pseudonym == pseudonym)).scalar()
    if rater is None:
        raise DatasetError(f"no rater {pseudonym!r}: evoked rate status lists them")
    held = sa.select(assignments.c.clip).where((assignments.c.rater == rater) & assignments.c.slot.is_not(None))
    for clip in connection.execute(held).scalars().all():
        _count_taken(connection, clip, -1)
    connection.execute(assignments.delete().where(assignments.c.rater == rater))
    deleted = connection.execute(ratings.delete().where(ratings.c.rater == rater)).rowcount
    connection.execute(consents.delete().where(consents.c.rater == rater))
    connection.execute(raters.delete().where(raters.c.id == rater))
    return int(deleted)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
