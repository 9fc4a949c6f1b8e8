"""Rated clips as files of their own, one viewer each, with the table that `evoked recogniser train` reads.

A recording with several viewers cannot be trained on by its spans: the crop alone says which face a mark is about.
"""

from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from evoked.apps.rating.clip_sources import source_of
from evoked.apps.rating.clips import cut_clip
from evoked.apps.rating.export import rating_rows, table_text
from evoked.apps.rating.tables import clips
from evoked.core.errors import StudyError
from evoked.core.files import write_text
from evoked.core.study_layout import StudyLayout

__all__ = ["TABLE", "export_clips"]

TABLE = "ratings.csv"


def export_clips(
    connection: sa.Connection, study: Path, folder: Path, progress: Callable[[float, float], None]
) -> Path:
    """Cut every rated clip as its raters saw it, and write the ratings with the clips' names.

    Args:
        connection: any, of the study's store.
        study: folder of the study.
        folder: where they go; clips that are there are not cut again.
        progress: called with the clips done and their total.

    Returns:
        The table: clip, video, viewer, rater, the expressions, cannot_tell, sampling_probability.

    Raises:
        StudyError: if nothing was rated.
        MediaError, OutputError: if a recording cannot be read, or a file not be written.
    """
    header, rows = rating_rows(connection)
    if not rows:
        raise StudyError(f"nothing was rated in {study} so far: evoked rate status {study}")
    recordings = StudyLayout(study).reactions_folder
    folder.mkdir(parents=True, exist_ok=True)
    by_place = {(r.video, r.start_s, r.end_s, r.viewer): r for r in connection.execute(sa.select(clips))}
    places = list(dict.fromkeys(tuple(row[:4]) for row in rows))
    for done, place in enumerate(places, start=1):
        target = folder / _name(*place)
        if not target.is_file():
            cut_clip(source_of(by_place[place], recordings), target)
        progress(done, len(places))
    columns = ("clip", "video", "viewer", *header[4:])
    named = [(_name(*row[:4]), row[0], row[3], *row[4:]) for row in rows]
    write_text(folder / TABLE, table_text((columns, named)))
    return folder / TABLE


def _name(video: str, start_s: int, end_s: int, viewer: str) -> str:
    return f"{video}.{viewer}.{start_s}-{end_s}.mp4"
