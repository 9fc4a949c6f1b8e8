"""What a clip of the store is cut from."""

from pathlib import Path

import sqlalchemy as sa

from evoked.apps.rating.clips import ClipSource

__all__ = ["source_of"]


def source_of(row: sa.Row, recordings: Path) -> ClipSource:
    """The span, crop and recording of a clip.

    Args:
        row: of the table of clips.
        recordings: folder of the recordings.

    Returns:
        What `cut_clip` takes.
    """
    crop = row.crop
    others = [tuple(box) for box in crop["others"]]
    return ClipSource(recordings / row.video, row.start_s, row.end_s, tuple(crop["box"]), others, crop["turned"])
