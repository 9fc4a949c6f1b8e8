"""Make a study's rating plan: draw the clips, and read what the organiser gives."""

import tomllib
from pathlib import Path
from typing import Any

from evoked.apps.rating.config import PlanConfig
from evoked.apps.rating.plan import PlannedClip, draw_clips, read_candidates
from evoked.apps.rating.store import Plan, read_plan, write_plan
from evoked.apps.web.database import GroupWriter
from evoked.core.errors import DatasetError, StudyError
from evoked.dataset.ratings import read_ratings

__all__ = ["make_plan"]


def make_plan(
    writer: GroupWriter,
    study: Path,
    config: PlanConfig,
    *,
    expressions: Path | None = None,
    consent: Path | None = None,
    training: Path | None = None,
) -> Plan:
    """Draw the clips of a study and write the plan.

    Args:
        writer: of a store without a plan.
        study: folder of the study; its recordings are annotated, with the boxes of the faces.
        config: of the draw.
        expressions: TOML with a table for each expression: name, definition; None: those of the annotation.
        consent: text to which raters consent; None: the page's own.
        training: a table of ratings whose majority is what is right, of spans that could be drawn; None: no training.

    Returns:
        The plan.

    Raises:
        StudyError, DatasetError: if the study, or one of the files, cannot be used.
        EvokedError: if there is a plan already.
    """
    scored, candidates = read_candidates(study, config)
    shown: dict[str, Any] = {}
    names = scored
    if expressions is not None:
        shown["definitions"] = _definitions(expressions)
        names = tuple(shown["definitions"])
    if consent is not None:
        shown["consent"] = _text(consent)
    known = _known_clips(training, candidates, names) if training is not None else []
    practised = {(clip.video, clip.viewer, clip.start_s) for clip, _ in known}
    rest = [clip for clip in candidates if (clip.video, clip.viewer, clip.start_s) not in practised]
    if not rest:
        raise StudyError(f"every clip of {study} is in the training round: leave some to rate")
    drawn = draw_clips(rest, config)
    count = len(rest)
    writer.submit(lambda c: write_plan(c, drawn, known, names, config, count, shown)).result()
    return writer.submit(read_plan).result()


def _text(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        raise DatasetError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    if not text:
        raise DatasetError(f"{path} is empty: write the text to which raters consent")
    return text


def _definitions(path: Path) -> dict[str, dict[str, str]]:
    try:
        tables = tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError as error:
        raise DatasetError(f"{path} is no TOML: {error}") from error
    for name, table in tables.items():
        if not isinstance(table, dict) or set(table) != {"name", "definition"}:
            raise DatasetError(f'{path}: {name} must be a table [{name}] with name = "…" and definition = "…"')
        if not all(isinstance(value, str) and value for value in table.values()):
            raise DatasetError(f"{path}: name and definition of {name} must be texts")
    if not tables:
        raise DatasetError(f"{path} names no expression")
    return tables


def _known_clips(
    path: Path, candidates: list[PlannedClip], names: tuple[str, ...]
) -> list[tuple[PlannedClip, tuple[str, ...]]]:
    """The clips of the training round, and what is present in each."""
    table = read_ratings(path, expressions=names, asked=names)
    if missing := [name for name in names if name not in table.expressions]:
        raise DatasetError(f"{path} has no column {missing[0]}, which raters can tick")
    of_place = {(clip.video, clip.viewer, clip.start_s, clip.end_s): clip for clip in candidates}
    merged = table.merged()
    known = []
    for clip, marks in zip(table.clips, merged, strict=True):
        place = (Path(clip.video).name, clip.viewer, int(clip.start_s), int(clip.end_s))
        if place not in of_place or (clip.start_s, clip.end_s) != place[2:]:
            raise DatasetError(
                f"{path}: {clip} is no clip that could be rated: name spans of the plan's length, from a multiple of "
                "it, in which the viewer is visible"
            )
        present = tuple(name for name in names if marks[table.expressions.index(name)] == 1)
        known.append((of_place[place], present))
    return known
