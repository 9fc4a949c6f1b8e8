"""Pictures of the viewers beside their recordings: only if asked for, and blurred unless asked otherwise."""

import base64
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Literal

from evoked.core.errors import MediaError
from evoked.core.time_grid import TimeGrid
from evoked.media.decode import VideoFrame, read_media
from evoked.media.images import blur, jpeg
from evoked.report.page_data import PageReaction

__all__ = ["viewer_pictures"]

WIDTH, QUALITY = 240, 70
BLUR = 10.0
"""Standard deviation in pixels, at WIDTH; the whole frame is blurred, not only the faces that were found."""
SHORTEST_S = 2.0
"""A viewer is shown in the middle of the first span that is this long."""


def viewer_pictures(reactions: Sequence[PageReaction], show: Literal["none", "blurred", "clear"]) -> Mapping[str, str]:
    """A frame of each recording at a moment in which a viewer is visible.

    Args:
        reactions: those without a file, or without a viewer, get no picture.
        show: "none": nothing; "blurred": every frame as a whole; "clear": as it is.

    Returns:
        Reaction name → base64 of a JPEG. A recording that cannot be decoded has none.
    """
    pictures: dict[str, str] = {}
    for reaction in reactions if show != "none" else ():
        spans = [span for viewer in reaction.viewers for span in viewer.spans]
        if reaction.file is None or not spans:
            continue
        start, end = min((s for s in spans if s[1] - s[0] >= SHORTEST_S), default=max(spans, key=lambda s: s[1] - s[0]))
        moment = TimeGrid(Fraction(1), 1, Fraction(min(start + SHORTEST_S / 2, (start + end) / 2)))
        try:
            frames = [item for item in read_media(reaction.file, frames=moment) if isinstance(item, VideoFrame)]
        except MediaError:
            continue
        height, width, _ = frames[0].rgb().shape
        rgb = frames[0].rgb((WIDTH, max(1, round(WIDTH * height / width))))
        pictures[reaction.name] = base64.b64encode(
            jpeg(blur(rgb, BLUR) if show == "blurred" else rgb, QUALITY)
        ).decode()
    return pictures
