"""Pairs of frames of the same moment: one of the reaction, one of the content."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.core.time_grid import TimeGrid
from evoked.media.decode import VideoFrame, read_media
from evoked.media.images import to_grey
from evoked.media.probe import Media, no_video_error
from evoked.reactions.alignment.offset_map import OffsetMap, Segment, exact, exact_rate
from evoked.reactions.alignment.recording import Recording, as_recording

__all__ = ["FramePairs", "Stack", "frame_pairs"]

Stack = NDArray[np.float32]
MARGIN_S = 0.5  # left out at the ends of a segment, which are accurate to a fraction of a second
LONGEST = 6  # segments that are used, the longest ones: each costs a pass through both files


@dataclass(frozen=True, eq=False)
class FramePairs:
    """Grey frames of the same moments, less their mean over time.

    Attributes:
        reaction: float32, shape (moments, height, width): each frame less the mean of all.
        content: float32, shape (moments, height, width): the same, with the content's height and width.
        scale: (x, y): reaction pixels to one pixel of `reaction`.
    """

    reaction: Stack
    content: Stack
    scale: tuple[float, float]


def frame_pairs(
    reaction: Path | Recording, content: Path | Recording, offsets: OffsetMap, count: int, width: int
) -> FramePairs:
    """Decode `count` moments spread over the offset map, scaled to `width` pixels.

    Only changes over time show where the content is: the viewer's wall does not change. So the
    mean over the moments is subtracted from both.

    Args:
        reaction, content: video files.
        offsets: which moments are the same.
        count: of moments, approximately.
        width: of the frames, in pixels; narrower videos keep theirs.

    Returns:
        The frames of both, as many of the one as of the other.

    Raises:
        NoPictureError: if one of the two has no video stream.
        MediaError: if a frame cannot be decoded.
    """
    reaction_media, content_media = as_recording(reaction).media, as_recording(content).media
    reaction_size, content_size = _small(reaction_media, width), _small(content_media, width)
    reaction_frames, content_frames = [], []
    for reaction_grid, content_grid in _grids(offsets, count):
        reaction_frames += [_grey(frame, reaction_size) for frame in _frames(reaction_media, reaction_grid)]
        content_frames += [_grey(frame, content_size) for frame in _frames(content_media, content_grid)]
    video = reaction_media.picture
    assert video is not None  # checked by _small
    scale = (video.width / reaction_size[0], video.height / reaction_size[1])
    return FramePairs(_changes(reaction_frames), _changes(content_frames), scale)


def _grids(offsets: OffsetMap, count: int) -> Iterator[tuple[TimeGrid, TimeGrid]]:
    """For each of the longest segments, instants on the reaction's time and the same on the content's."""
    long = sorted(offsets.segments, key=_length, reverse=True)[:LONGEST]
    total_s = sum(_length(s) for s in long)
    for segment in sorted(long, key=lambda s: s.content_start_s):
        steps = max(1, round(count * _length(segment) / total_s))
        inner = max(_length(segment) - 2 * MARGIN_S, _length(segment) / 2)
        edge = (_length(segment) - inner) / 2
        rate = 1 / max(exact(inner / steps), Fraction(1, 1000))
        # In the middle of each step, so that a single moment is the segment's middle
        first = edge + inner / steps / 2
        yield (
            TimeGrid(
                rate / exact_rate(segment.rate), steps, exact(segment.reaction_time(segment.content_start_s + first))
            ),
            TimeGrid(rate, steps, exact(segment.content_start_s + first)),
        )


def _length(segment: Segment) -> float:
    return segment.content_end_s - segment.content_start_s


def _frames(media: Media, grid: TimeGrid) -> Iterator[VideoFrame]:
    for item in read_media(media.path, frames=grid, media=media):
        assert isinstance(item, VideoFrame)
        yield item


def _small(media: Media, width: int) -> tuple[int, int]:
    """The frame size of a file at this width or narrower."""
    if media.picture is None:
        raise no_video_error(media.path)
    shrink = min(1.0, width / media.picture.width)
    return max(8, round(media.picture.width * shrink)), max(8, round(media.picture.height * shrink))


def _grey(frame: VideoFrame, size: tuple[int, int]) -> Stack:
    return to_grey(frame.rgb(size)).astype(np.float32)


def _changes(frames: list[Stack]) -> Stack:
    stack = np.stack(frames)
    stack -= stack.mean(axis=0)
    return stack
