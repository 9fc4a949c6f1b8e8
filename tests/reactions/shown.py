"""Recordings without sound at 25 frames a second: real film, a real viewer, and when each second is played."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import staged_scenes
from numpy.typing import NDArray
from staged_scenes import INSET, Rgb, Scene, film_path
from staged_scenes import _lay as lay

from evoked.core.time_grid import TimeGrid
from evoked.media.decode import VideoFrame, read_media
from evoked.media.images import resize
from evoked.media.write import VideoWriter
from evoked.weights.cache import default_cache
from staged_media import content_digest, staged_array, staged_file

RATE, FILM_RATE = 25, 24
SIZE = (320, 180)


@dataclass(frozen=True)
class Stretch:
    """Content seconds from `start_s` to `end_s`, played from `at_s` of the recording on, at a speed."""

    start_s: float
    end_s: float
    at_s: float
    speed: float = 1.0

    def content_s(self, at_s: float) -> float | None:
        """What is played at a second of the recording."""
        there = self.start_s + (at_s - self.at_s) * self.speed
        return there if self.start_s <= there < self.end_s else None


@cache
def film(start_s: int, seconds: int) -> tuple[Rgb, ...]:
    """Every frame of a stretch of Big Buck Bunny, small."""
    grid = TimeGrid(Fraction(FILM_RATE), seconds * FILM_RATE, Fraction(start_s))
    return tuple(staged_array("film-24hz", __file__, lambda: _decoded(film_path(), grid, SIZE), start_s, seconds))


def _decoded(path: Path, grid: TimeGrid, size: tuple[int, int]) -> NDArray[np.uint8]:
    return np.stack([p.rgb(size) for p in read_media(path, frames=grid) if isinstance(p, VideoFrame)])


@cache
def person() -> tuple[Rgb, ...]:
    """A woman who laughs at last, to and fro."""
    grid = TimeGrid(Fraction(RATE), 18 * RATE)
    clip = default_cache().clip("WolfgangLanger_Pexels.mp4")
    there = tuple(staged_array("woman-25hz", __file__, lambda: _decoded(clip, grid, (240, 135))))
    return there + there[::-1]


def content(path: Path, start_s: int, seconds: int) -> Path:
    """A stretch of the film as a file, without sound."""

    def write(path: Path) -> None:
        with VideoWriter(path, SIZE, Fraction(FILM_RATE), preset="ultrafast") as writer:
            for picture in film(start_s, seconds):
                writer.picture(picture)

    return staged_file(path, __file__, write, "content", start_s, seconds)


def recorded(path: Path, frames: tuple[Rgb, ...], scene: Scene, played: list[Stretch], seconds: float) -> Path:
    """A recording of somebody who watches these frames; while nothing plays the last one stands still."""

    def write(path: Path) -> None:
        with VideoWriter(path, SIZE, Fraction(RATE), preset="ultrafast", quality=25) as writer:
            for frame in _frames(frames, scene, played, round(seconds * RATE)):
                writer.picture(frame)

    scenes = Path(staged_scenes.__file__).read_text()
    return staged_file(path, __file__, write, scenes, content_digest(frames), scene, played, seconds)


def _frames(frames: tuple[Rgb, ...], scene: Scene, played: list[Stretch], count: int) -> Iterator[Rgb]:
    boxes = [None if box is None else tuple(v // 2 for v in box) for box in (scene.film, scene.viewer)]
    shown = np.full((SIZE[1], SIZE[0], 3), 30, np.uint8)
    for i in range(count):
        at = [there for s in played if (there := s.content_s(i / RATE)) is not None]
        if at:
            shown = frames[min(len(frames) - 1, int(at[0] * FILM_RATE + 1e-9))]
            shown = shown[:, ::-1] if scene.mirrored else shown
        frame = np.full((SIZE[1], SIZE[0], 3), 16, np.uint8)
        parts = list(zip(boxes, (np.ascontiguousarray(shown), person()[i % len(person())]), strict=True))
        for box, rgb in parts[::-1] if scene.film_on_top else parts:
            if box is not None:
                lay(frame, resize(rgb, (box[2], box[3])), box)
        yield frame


MIRRORED = replace(INSET, mirrored=True)
