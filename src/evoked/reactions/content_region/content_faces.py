"""Which faces of a reaction are part of the content (spec §1: faces in the content region are not viewers).

At each frame (6 Hz) that the offset map covers, the content's frame of that moment is compared with the reaction's:
a face is part of the content if the content shows the same there. Where that is undecided, e.g. in a flat patch,
the place decides: inside the content region, and not under an overlay.
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

WIDTH = 480  # pixels: width of the content's frames that are compared
EVERY_S = Fraction(1, 6)  # seconds between them: as the frames of a viewer's Track


class ContentFaceFilter:
    """A ContentPatchMatcher that decodes the content along with the reaction, for `annotate`.

    Args:
        matcher: compares patches, given the content region.
        offsets: where the content is in the reaction, in time.
        content: its file; it is decoded from the first face inside the region on.
    """

    def __init__(self, matcher: ContentPatchMatcher, offsets: OffsetMap, content: Path | Recording) -> None:
        self.matcher = matcher
        self._offsets = offsets
        self._content = as_recording(content)
        self._frames: Iterator[VideoFrame] = iter(())
        self._segment: Segment | None = None
        self._step = -1
        self._current: Rgb | None = None

    def is_content_face(self, frame: VideoFrame, rgb: Rgb, box: NDArray[np.float32]) -> bool:
        """Whether a face of a reaction's frame is part of the content.

        Args:
            frame: of the reaction, at 6 Hz; frames must come in order, and may be left out.
            rgb: its pixels.
            box: x, y, width, height of the face, in pixels of the reaction.

        Returns:
            Whether it is; where the comparison is undecided, by the place alone.
        """
        region = self.matcher.region
        x, y = float(box[0] + box[2] / 2), float(box[1] + box[3] / 2)
        if not region.contains(x, y):
            return False
        content_rgb = self._content_frame(frame.time_s)
        decision = None if content_rgb is None else self.matcher.is_content_face(box, rgb, content_rgb)
        return not region.covered(x, y) if decision is None else decision

    def _content_frame(self, reaction_s: Fraction) -> Rgb | None:
        """The content's frame at a reaction's second, if that is one of the moments compared."""
        segment = next((s for s in self._offsets.segments if _within(reaction_s, s)), None)
        if segment is None or reaction_s % EVERY_S:
            return None
        if segment is not self._segment:
            self._open(segment)
        first = ceil(exact(segment.reaction_start_s) / EVERY_S)
        step = int(reaction_s / EVERY_S) - first
        while self._step < step:
            frame = next(self._frames, None)
            if frame is None:
                return None
            self._step = frame.step
            if self._step == step:
                self._current = frame.rgb(self._size)
        return self._current if self._step == step else None

    def _open(self, segment: Segment) -> None:
        """Decode the content from the start of a segment, at the times of the reaction's frames."""
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
        self._frames = (item for item in reader if isinstance(item, VideoFrame))
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
        config: how the content region is detected.

    Returns:
        The filter, or None where the content is not visible in the reaction, only audible.

    Raises:
        AlignmentError: if both are the same file: then it shows no viewers.
        MissingMedia: if one of the two does not exist.
        NoPictureError: if one of the two has no video stream that can be decoded.
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
