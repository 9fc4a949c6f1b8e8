"""A staged reaction, frame by frame: the film, the viewer over or beside it, and what the room hears."""

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
CONTENT_RATE = Fraction(24)  # the film's own
REACTION_RATE = Fraction(1000, FRAME_MS)
CAPTION = "staged"  # a lone frame says what it is; in the viewer's box, so that the film is matched undisturbed


class SourceFootage:
    """A viewer's frames, held in memory: the spans of each state, played to and fro without a jump.

    Args:
        clip: the viewer's clip.
        viewer: where in it their faces are.
        size: width and height that frames are handed out at.
    """

    def __init__(self, clip: Path, viewer: ViewerClip, size: tuple[int, int]) -> None:
        aspect = size[0] / size[1]
        person, nobody = viewer.person(aspect), viewer.nobody(aspect)
        plain = _frames(clip, viewer.neutral_s)
        self._size = size
        self._frames = {
            NEUTRAL: [_crop(f, person) for f in plain],
            AWAY: [_crop(f, nobody) for f in plain],
            SMILE: [_crop(f, person) for f in _frames(clip, viewer.smile_s)] if viewer.smile_s else [],
        }
        self._last: tuple[tuple[str, int], Rgb] | None = None

    def picture(self, state: str, tick: int) -> Rgb:
        """The frame of a state at a tick of REACTION_RATE, shape (height, width, 3)."""
        frames = self._frames[state]
        there_and_back = max(1, 2 * (len(frames) - 1))
        at = tick % there_and_back
        key = (state, min(at, there_and_back - at))
        if self._last is None or self._last[0] != key:
            self._last = (key, resize(frames[key[1]], self._size))
        return self._last[1]


def write_content(film: Path, content: PlannedContent, heard: Sound, path: Path) -> None:
    """Cut a stretch of the film: 640x360 at 24 frames a second, with its sound.

    Args:
        film: the whole film.
        content: which stretch.
        heard: the content's own sound at HZ, from its second 0.
        path: the MP4 to write; it appears when it is whole.
    """
    grid = TimeGrid(CONTENT_RATE, content.seconds * int(CONTENT_RATE), Fraction(content.film_start_s))
    with VideoWriter(path, CONTENT_SIZE, CONTENT_RATE, HZ) as writer:
        for picture in prefetch(read_media(film, frames=grid)):
            assert isinstance(picture, VideoFrame)
            if picture.step % CONTENT_RATE == 0:
                writer.sound(heard[int(picture.step / CONTENT_RATE) * HZ :][:HZ])
            writer.picture(picture.rgb(CONTENT_SIZE))


def write_reaction(
    content: Path, clip: Path, viewer: ViewerClip, reaction: PlannedReaction, path: Path, progress: Progress = silent
) -> None:
    """Stage a reaction: 1280x720 at 25 frames a second, with its sound.

    Args:
        content: the file that is watched.
        clip: the viewer's footage.
        viewer, reaction: what is planned.
        path: the MP4 to write.
        progress: counts seconds of video.
    """
    layout = reaction.layout
    footage = SourceFootage(clip, viewer, layout.viewer[2:])
    heard = mix_sound(reaction, read_audio(content, HZ))
    black = np.zeros((layout.film[3], layout.film[2], 3), dtype=np.uint8)
    screen = ScreenContent(content, layout.film[2:])
    per_frame = HZ * FRAME_MS // 1000
    with VideoWriter(path, FRAME, REACTION_RATE, HZ, quality=25, preset="ultrafast") as writer:
        for tick in range(reaction.duration_ms // FRAME_MS):
            ms = tick * FRAME_MS
            at = reaction.content_ms(ms)
            if at is not None:
                film = screen.at(at)
            elif ms < reaction.stretches[0].reaction_start_ms or ms >= reaction.stretches[-1].reaction_end_ms:
                film = black
            canvas = compose_frame(film, footage.picture(reaction.state(ms), tick), reaction)
            if tick % REACTION_RATE == 0:
                writer.sound(heard[tick * per_frame :][:HZ])
                progress(ms / 1000, reaction.duration_ms / 1000)
            writer.picture(canvas)


def compose_frame(film: Rgb, face: Rgb, reaction: PlannedReaction) -> Rgb:
    """One frame: film and viewer in their boxes, the word "staged" in the viewer's lower left corner."""
    layout = reaction.layout
    canvas = np.zeros((FRAME[1], FRAME[0], 3), dtype=np.uint8)
    parts = [(layout.film, film), (layout.viewer, face)]
    for (x, y, w, h), picture in parts if layout.over == "viewer" else reversed(parts):
        canvas[y : y + h, x : x + w] = picture
    x, y, _, h = layout.viewer
    draw_text(canvas, CAPTION, (x + 6, y + h - 6), (235, 235, 235), height=12)
    return canvas


class ScreenContent:
    """The content as it is shown: asked for later and later milliseconds, it decodes once, front to back."""

    def __init__(self, content: Path, size: tuple[int, int]) -> None:
        self._size = size
        self._pictures = prefetch(_shown(content, size))
        self._step, self._now = next(self._pictures)

    def at(self, content_ms: int) -> Rgb:
        """The frame shown at a millisecond of the content, at the size asked for."""
        wanted = content_ms * int(CONTENT_RATE) // 1000
        while self._step < wanted:
            self._step, self._now = next(self._pictures)
        return self._now


def _shown(content: Path, size: tuple[int, int]) -> Iterator[tuple[int, Rgb]]:
    """Each step's number and picture; scaled here, so that it happens in the decoder's thread."""
    for picture in read_media(content, frames=probe(content).grid(CONTENT_RATE)):
        assert isinstance(picture, VideoFrame)
        yield picture.step, picture.rgb(size)


def _frames(clip: Path, span_s: tuple[float, float]) -> list[Rgb]:
    start, end = (Fraction(s).limit_denominator(1000) for s in span_s)
    grid = TimeGrid(REACTION_RATE, int((end - start) * REACTION_RATE), start)
    return [p.rgb() for p in read_media(clip, frames=grid) if isinstance(p, VideoFrame)]


def _crop(rgb: Rgb, box: Box) -> Rgb:
    x, y, w, h = box
    return rgb[y : y + h, x : x + w].copy()
