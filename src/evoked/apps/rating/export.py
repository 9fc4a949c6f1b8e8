"""What was rated: the table that `evoked agree` and `recogniser train` read, merged labels, and how far it is."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from evoked.apps.rating.store import read_plan
from evoked.apps.rating.tables import assignments, clips, raters, ratings
from evoked.core.errors import DatasetError
from evoked.dataset.ratings import RatedClip, Ratings
from evoked.metrics.dawid_skene import dawid_skene
from evoked.metrics.rater_agreement import krippendorff_alpha, rater_terms

__all__ = [
    "MERGE_RULES",
    "RatingStatus",
    "check_plan_videos",
    "merged_rows",
    "merged_table",
    "rating_rows",
    "rating_status",
    "read_store_ratings",
    "table_text",
]

MERGE_RULES = ("majority", "any", "mean", "dawid-skene")
Rows = tuple[tuple[str, ...], list[tuple[Any, ...]]]
"""Names of the columns, and the rows."""


def _answers(connection: sa.Connection) -> Sequence[sa.Row]:
    """The answer that counts of each rater and clip, without the training round, by clip and rater."""
    columns = (clips, raters.c.pseudonym, ratings.c.present, ratings.c.cannot_tell, ratings.c.seconds)
    joined = assignments.join(clips, assignments.c.clip == clips.c.id).join(raters, assignments.c.rater == raters.c.id)
    query = sa.select(*columns).select_from(joined.join(ratings, assignments.c.rating == ratings.c.id))
    order = (clips.c.video, clips.c.viewer, clips.c.start_s, raters.c.pseudonym)
    return connection.execute(query.where(~clips.c.practice).order_by(*order)).all()


def rating_rows(connection: sa.Connection) -> Rows:
    """A row per clip and rater, in the columns of docs/agreement.md; expressions are empty where nobody can tell."""
    names = read_plan(connection).expressions
    header = ("video", "start_s", "end_s", "viewer", "rater", *names, "cannot_tell", "sampling_probability")
    rows: list[tuple[Any, ...]] = []
    for row in _answers(connection):
        marks = ["" if row.cannot_tell else int(name in row.present) for name in names]
        place = (row.video, row.start_s, row.end_s, row.viewer, row.pseudonym)
        rows.append((*place, *marks, int(row.cannot_tell), repr(float(row.probability))))
    return header, rows


def read_store_ratings(connection: sa.Connection) -> Ratings | None:
    """The answers in the store as `read_ratings` would read their export; None where nothing was rated."""
    names, rows = read_plan(connection).expressions, rating_rows(connection)[1]
    if not rows:
        return None
    places = [RatedClip(r[0], "", float(r[1]), float(r[2]), -1, r[3]) for r in rows]
    clip_list, people = sorted(set(places)), sorted({str(r[4]) for r in rows})
    clip_index = {place: i for i, place in enumerate(clip_list)}
    rater_index = {name: i for i, name in enumerate(people)}
    marks = np.array([[np.nan if v == "" else v for v in r[5 : 5 + len(names)]] for r in rows], dtype=np.float32)
    clip = np.array([clip_index[place] for place in places])
    rater = np.array([rater_index[str(r[4])] for r in rows])
    chance = {place: float(r[-1]) for place, r in zip(places, rows, strict=True)}
    drawn = np.array([chance[place] for place in clip_list])
    return Ratings(names, tuple(clip_list), tuple(people), clip, rater, marks, {}, (), drawn)


def merged_table(connection: sa.Connection, rule: str) -> Rows:
    """As `merged_rows`, of the answers in the store.

    Args:
        connection: any.
        rule: of MERGE_RULES.

    Returns:
        The columns and rows; no rows where nothing was rated.
    """
    ratings_table = read_store_ratings(connection)
    return ((), []) if ratings_table is None else merged_rows(ratings_table, rule)


def merged_rows(ratings_table: Ratings, rule: str) -> Rows:
    """A row per clip: what its raters say together.

    Args:
        ratings_table: as `read_ratings` gives it.
        rule: of MERGE_RULES; majority: 1 where more than half say so (2 of 3); dawid-skene: the estimated probability.

    Returns:
        `video, start_s, end_s, viewer`, the expressions (empty where nobody could tell), sampling_probability.

    Raises:
        ValueError: for another rule.
    """
    if rule not in MERGE_RULES:
        raise ValueError(f"the rule must be one of {', '.join(MERGE_RULES)}, got {rule!r}")
    values = _dawid_skene(ratings_table) if rule == "dawid-skene" else ratings_table.merged(rule)
    chances = ratings_table.probability
    header = ("video", "start_s", "end_s", "viewer", *ratings_table.expressions, "sampling_probability")
    rows: list[tuple[Any, ...]] = []
    for i, clip in enumerate(ratings_table.clips):
        cells = ["" if np.isnan(v) else f"{v:.6g}" for v in values[i]]
        place = (clip.video, f"{clip.start_s:g}", f"{clip.end_s:g}", clip.viewer)
        rows.append((*place, *cells, "" if chances is None else repr(float(chances[i]))))
    return header, rows


def _dawid_skene(ratings_table: Ratings) -> NDArray[np.float64]:
    shape = (len(ratings_table.clips), len(ratings_table.expressions))
    values = np.full(shape, np.nan)
    for k in range(shape[1]):
        marks = ratings_table.marks[:, k]
        if not np.isnan(marks).all():
            estimate = dawid_skene(ratings_table.clip, ratings_table.rater, marks).probability
            values[: len(estimate), k] = estimate
    return values


def table_text(rows: Rows) -> str:
    """A table as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0])
    writer.writerows(rows[1])
    return text.getvalue()


@dataclass(frozen=True)
class RatingStatus:
    """How far the rating is.

    Attributes:
        clips, repeats: of the plan.
        complete: clips with all their ratings.
        ratings: answers that count, of clips × repeats.
        cannot_tell: how many of them.
        raters: pseudonym → answers that count, and the median seconds of an answer (None without answers).
        expressions: name → share of answers that say present (None: no answer), Krippendorff's alpha (None: undefined).
    """

    clips: int
    repeats: int
    complete: int
    ratings: int
    cannot_tell: int
    raters: dict[str, tuple[int, float | None]]
    expressions: dict[str, tuple[float | None, float | None]]


def rating_status(connection: sa.Connection) -> RatingStatus:
    """Count what was rated so far."""
    the_plan, answers = read_plan(connection), _answers(connection)
    names = connection.execute(sa.select(raters.c.pseudonym).order_by(raters.c.id)).scalars().all()
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for row in answers:
        seconds[row.pseudonym].append(row.seconds)
    known = [row for row in answers if not row.cannot_tell]
    numbers = {clip: i for i, clip in enumerate(dict.fromkeys(row.id for row in known))}
    rated = np.bincount([numbers[row.id] for row in known], minlength=len(numbers))
    of_expression: dict[str, tuple[float | None, float | None]] = {}
    for name in the_plan.expressions:
        yes = np.bincount([numbers[r.id] for r in known], [name in r.present for r in known], minlength=len(numbers))
        share = float(yes.sum() / rated.sum()) if known else None
        alpha = krippendorff_alpha(rater_terms(yes, rated).sum(axis=0)) if known else None
        of_expression[name] = (share, alpha)
    counts = np.bincount([row.id for row in answers]) if answers else np.zeros(1, np.int64)
    people = {name: (len(s), float(np.median(s)) if s else None) for name, s in seconds.items()}
    return RatingStatus(
        the_plan.clips,
        the_plan.repeats,
        int((counts >= the_plan.repeats).sum()),
        len(answers),
        len(answers) - len(known),
        people,
        of_expression,
    )


def check_plan_videos(connection: sa.Connection, folder: Path) -> None:
    """Check that the recordings are there.

    Args:
        connection: any.
        folder: of the recordings.

    Raises:
        DatasetError: if one that the plan names is not in the folder any more.
    """
    for video in connection.execute(sa.select(clips.c.video).distinct()).scalars():
        if not (folder / video).is_file():
            raise DatasetError(f"{folder / video}, which the rating plan names, is not there: put it back")
