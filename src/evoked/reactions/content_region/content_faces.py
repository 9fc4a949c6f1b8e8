"""Which faces of a reaction are the film's own (spec §1: those in the content's rectangle are no viewers).

At each tick that the offset map covers, the film's picture of that moment is laid beside the reaction's:
a face is the film's if the film shows the same there. Where the film stands still or that cannot be told
the place decides: on the film, and nothing else lying on top of it most of the time.
"""

from collections.abc import Iterator
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import AlignmentError
from evoked.core.time_grid import TimeGrid
from evoked.media.decode import VideoFrame, read_media
from evoked.media.probe import no_video_error
from evoked.reactions.alignment.offset_map import OffsetMap, Segment, exact, exact_rate
from evoked.reactions.alignment.recording import Recording, as_recording, is_same_recording
from evoked.reactions.content_region.detector import ContentRegionConfig, find_content_region
from evoked.reactions.content_region.patch_correlation import ContentPatchMatcher, Rgb

__all__ = ["ContentFaceFilter", "open_content_filter"]

WIDTH = 480  # pixels across at which the film is looked at
EVERY_S = Fraction(1, 6)  # the film is looked at this often: every tick of a viewer's Track


class ContentFaceFilter:
    """A ContentPatchMatcher that plays the content along with the reaction; what `annotate` asks.

    Args:
        view: where the film stands.
        offsets: when it plays.
        content: its file; it is decoded when the first face lies inside the rectangle.
    """

    def __init__(self, view: ContentPatchMatcher, offsets: OffsetMap, content: Path | Recording) -> None:
        self.view = view
        self._offsets = offsets
        self._content = as_recording(content)
        self._pictures: Iterator[VideoFrame] = iter(())
        self._segment: Segment | None = None
        self._step = -1
        self._shown: Rgb | None = None

    def is_content_face(self, picture: VideoFrame, rgb: Rgb, box: NDArray[np.float32]) -> bool:
        """Whether a face of a reaction's picture is the film's own.

        Args:
            picture: a tick of the reaction; ticks must come in order, and may be left out.
            rgb: its pixels.
            box: x, y, width, height of the face there.
        """
        window = self.view.window
        x, y = float(box[0] + box[2] / 2), float(box[1] + box[3] / 2)
        if not window.holds(x, y):
            return False
        shown = self._at(picture.time_s)
        told = None if shown is None else self.view.is_content_face(box, rgb, shown)
        return not window.covered(x, y) if told is None else told

    def _at(self, reaction_s: Fraction) -> Rgb | None:
        """The film's picture at a reaction's second, if that is one of the moments looked at."""
        segment = next((s for s in self._offsets.segments if _within(reaction_s, s)), None)
        if segment is None or reaction_s % EVERY_S:
            return None
        if segment is not self._segment:
            self._open(segment)
        first = ceil(exact(segment.reaction_start_s) / EVERY_S)
        wanted = int(reaction_s / EVERY_S) - first
        while self._step < wanted:
            item = next(self._pictures, None)
            if item is None:
                return None
            self._step = item.step
            if self._step == wanted:
                self._shown = item.rgb(self._size)
        return self._shown if self._step == wanted else None

    def _open(self, segment: Segment) -> None:
        """Play the content from where a segment begins, at the moments of the reaction's ticks."""
        first = ceil(exact(segment.reaction_start_s) / EVERY_S) * EVERY_S
        rate = exact_rate(segment.rate)
        start = exact(segment.content_start_s) + (first - exact(segment.reaction_start_s)) / rate
        steps = max(0, ceil((exact(segment.content_end_s) - start) * rate / EVERY_S))
        media = self._content.media
        if media.picture is None:
            raise no_video_error(media.path)
        shrink = min(1.0, WIDTH / media.picture.width)
        self._size = (round(media.picture.width * shrink), round(media.picture.height * shrink))
        grid = TimeGrid(rate / EVERY_S, steps, start)
        reader = read_media(media.path, frames=grid, media=media)
        self._pictures = (item for item in reader if isinstance(item, VideoFrame))
        self._segment, self._step = segment, -1


def open_content_filter(
    reaction: Path | Recording,
    content: Path | Recording,
    offsets: OffsetMap,
    config: ContentRegionConfig | None = None,
) -> ContentFaceFilter | None:
    """Find the content in a reaction's frame.

    Args:
        reaction, content: video files, or their recordings.
        offsets: which moments are the same.
        config: how the rectangle is looked for.

    Returns:
        The filter, or None where the content cannot be seen in the reaction, only heard.

    Raises:
        AlignmentError: if both are one and the same file: then nobody is watching anything.
        MissingMedia: if one of the two is not there.
        NoPictureError: if one of the two has no picture that can be decoded.
    """
    reaction, content = as_recording(reaction), as_recording(content)
    if is_same_recording(reaction, content):
        raise AlignmentError(
            f"{reaction.path} is the content itself ({content.path.name}): "
            "name the recording of the people who watched it"
        )
    region = find_content_region(reaction, content, offsets, config)
    return ContentFaceFilter(ContentPatchMatcher(region), offsets, content) if region else None


def _within(reaction_s: Fraction, segment: Segment) -> bool:
    return exact(segment.reaction_start_s) <= reaction_s < exact(segment.reaction_end_s)
