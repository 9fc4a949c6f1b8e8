"""Render staged videos: contents, and reactions with content, viewer and soundtrack."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.core.progress import Progress, silent
from evoked.core.time_grid import TimeGrid
from evoked.media.decode import VideoFrame, prefetch, read_audio, read_media
from evoked.media.images import draw_text, resize
from evoked.media.probe import probe
from evoked.media.write import VideoWriter
from evoked.sample.layout import FRAME
from evoked.sample.plan import AWAY, FRAME_MS, NEUTRAL, SMILE, PlannedContent, PlannedReaction
from evoked.sample.soundtrack import HZ, Sound, mix_sound
from evoked.sample.source_clips import Box, ViewerClip

__all__ = [
    "CAPTION",
    "CONTENT_RATE",
    "CONTENT_SIZE",
    "REACTION_RATE",
    "Rgb",
    "ScreenContent",
    "SourceFootage",
    "compose_frame",
    "write_content",
    "write_reaction",
]

Rgb = NDArray[np.uint8]

CONTENT_SIZE = (640, 360)
CONTENT_RATE = Fraction(24)  # of the source video
REACTION_RATE = Fraction(1000, FRAME_MS)
CAPTION = "staged"  # marks every frame; in the viewer's box, so that it does not disturb matching


class SourceFootage:
    """A viewer's frames in memory: the spans of each state, played forwards and backwards without a jump.

    Args:
        clip: the viewer's clip.
        viewer: spans and boxes of the clip.
        size: width and height of the frames returned.
    """

    def __init__(self, clip: Path, viewer: ViewerClip, size: tuple[int, int]) -> None:
        aspect = size[0] / size[1]
        person, empty = viewer.person(aspect), viewer.nobody(aspect)
        neutral = _frames(clip, viewer.neutral_s, viewer.size)
        self._size = size
        self._frames = {
            NEUTRAL: [_crop(f, person) for f in neutral],
            AWAY: [_crop(f, empty) for f in neutral],
            SMILE: [_crop(f, person) for f in _frames(clip, viewer.smile_s, viewer.size)] if viewer.smile_s else [],
        }
        self._last: tuple[tuple[str, int], Rgb] | None = None

    def picture(self, state: str, index: int) -> Rgb:
        """The viewer in a state, at a frame of the reaction.

        Args:
            state: SMILE, NEUTRAL or AWAY.
            index: of the reaction's frame, at REACTION_RATE.

        Returns:
            Pixels, uint8, shape (height, width, 3).
        """
        frames = self._frames[state]
        period = max(1, 2 * (len(frames) - 1))
        at = index % period
        key = (state, min(at, period - at))
        if self._last is None or self._last[0] != key:
            self._last = (key, resize(frames[key[1]], self._size))
        return self._last[1]


def write_content(source_video: Path, content: PlannedContent, audio: Sound, path: Path) -> None:
    """Write a segment of the source video: 640x360 at 24 frames per second, with its audio.

    Args:
        source_video: the file.
        content: the segment.
        audio: of the segment, mono at HZ.
        path: the MP4 to write; it appears when it is complete.
    """
    grid = TimeGrid(CONTENT_RATE, content.seconds * int(CONTENT_RATE), Fraction(content.source_start_s))
    with VideoWriter(path, CONTENT_SIZE, CONTENT_RATE, HZ) as writer:
        for picture in prefetch(read_media(source_video, frames=grid)):
            assert isinstance(picture, VideoFrame)
            if picture.step % CONTENT_RATE == 0:
                writer.sound(audio[int(picture.step / CONTENT_RATE) * HZ :][:HZ])
            writer.picture(picture.rgb(CONTENT_SIZE))


def write_reaction(
    content: Path, clip: Path, viewer: ViewerClip, reaction: PlannedReaction, path: Path, progress: Progress = silent
) -> None:
    """Render a staged reaction: 1280x720 at 25 frames per second, with its soundtrack.

    Args:
        content: the content's file.
        clip: the viewer's clip.
        viewer: spans and boxes of the clip.
        reaction: the plan.
        path: the MP4 to write.
        progress: called with the seconds done and their total.
    """
    layout = reaction.layout
    footage = SourceFootage(clip, viewer, layout.viewer[2:])
    audio = mix_sound(reaction, read_audio(content, HZ))
    black = np.zeros((layout.content[3], layout.content[2], 3), dtype=np.uint8)
    screen = ScreenContent(content, layout.content[2:])
    per_frame = HZ * FRAME_MS // 1000
    with VideoWriter(path, FRAME, REACTION_RATE, HZ, quality=25, preset="ultrafast") as writer:
        for index in range(reaction.duration_ms // FRAME_MS):
            ms = index * FRAME_MS
            at = reaction.content_ms(ms)
            if at is not None:
                shown = screen.at(at)
            elif ms < reaction.stretches[0].reaction_start_ms or ms >= reaction.stretches[-1].reaction_end_ms:
                shown = black
            canvas = compose_frame(shown, footage.picture(reaction.state(ms), index), reaction)
            if index % REACTION_RATE == 0:
                writer.sound(audio[index * per_frame :][:HZ])
                progress(ms / 1000, reaction.duration_ms / 1000)
            writer.picture(canvas)


def compose_frame(content: Rgb, face: Rgb, reaction: PlannedReaction) -> Rgb:
    """Compose a frame: content and viewer in their boxes, the word "staged" in the viewer's lower left corner.

    Args:
        content: pixels of the content, of the size of its box.
        face: pixels of the viewer, of the size of their box.
        reaction: the plan, with the layout.

    Returns:
        Pixels, uint8, shape (720, 1280, 3).
    """
    layout = reaction.layout
    canvas = np.zeros((FRAME[1], FRAME[0], 3), dtype=np.uint8)
    layers = [(layout.content, content), (layout.viewer, face)]
    for (x, y, w, h), picture in layers if layout.over == "viewer" else reversed(layers):
        canvas[y : y + h, x : x + w] = picture
    x, y, _, h = layout.viewer
    draw_text(canvas, CAPTION, (x + 6, y + h - 6), (235, 235, 235), height=12)
    return canvas


class ScreenContent:
    """The content's frames at increasing times; the file is decoded once, in order."""

    def __init__(self, content: Path, size: tuple[int, int]) -> None:
        self._size = size
        self._pictures = prefetch(_shown(content, size))
        self._step, self._shown = next(self._pictures)

    def at(self, content_ms: int) -> Rgb:
        """The frame at a millisecond of the content, in the given size."""
        wanted = content_ms * int(CONTENT_RATE) // 1000
        while self._step < wanted:
            self._step, self._shown = next(self._pictures)
        return self._shown


def _shown(content: Path, size: tuple[int, int]) -> Iterator[tuple[int, Rgb]]:
    """Index and scaled pixels of each frame; scaling runs in the decoder's thread."""
    for picture in read_media(content, frames=probe(content).grid(CONTENT_RATE)):
        assert isinstance(picture, VideoFrame)
        yield picture.step, picture.rgb(size)


def _frames(clip: Path, span_s: tuple[float, float], size: tuple[int, int]) -> list[Rgb]:
    start, end = (Fraction(s).limit_denominator(1000) for s in span_s)
    grid = TimeGrid(REACTION_RATE, int((end - start) * REACTION_RATE), start)
    return [p.rgb(size) for p in read_media(clip, frames=grid) if isinstance(p, VideoFrame)]


def _crop(rgb: Rgb, box: Box) -> Rgb:
    x, y, w, h = box
    return rgb[y : y + h, x : x + w].copy()
