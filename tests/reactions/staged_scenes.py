"""Small staged reaction videos: real film, real viewers, boxes that are known."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.core.time_grid import TimeGrid
from evoked.media.decode import VideoFrame, read_media
from evoked.media.images import resize
from evoked.media.write import VideoWriter
from evoked.reactions.alignment.offset_map import OffsetMap, Segment
from evoked.weights.cache import default_cache
from staged_media import staged_array, staged_file

FRAME = (640, 360)
RATE = Fraction(6)
Box = tuple[int, int, int, int]
Rgb = NDArray[np.uint8]


@dataclass(frozen=True)
class Scene:
    """What stands where: x, y, width, height in pixels; boxes may reach beyond the frame."""

    film: Box | None
    viewer: Box | None
    film_on_top: bool = False
    mirrored: bool = False


CORNER = Scene(film=(0, 0, 640, 360), viewer=(440, 20, 180, 140))
INSET = Scene(film=(24, 30, 240, 135), viewer=(0, 0, 640, 360), film_on_top=True)
SIDE = Scene(film=(8, 60, 384, 216), viewer=(400, 60, 232, 216))
BARS = Scene(film=(80, 45, 480, 270), viewer=None)
ZOOMED = Scene(film=(-40, -22, 720, 405), viewer=(10, 230, 150, 120))
UNSEEN = Scene(film=None, viewer=(0, 0, 640, 360))


def film_path() -> Path:
    return default_cache().clip("bbb.mp4")


@cache
def film(start_s: int, seconds: int) -> tuple[Rgb, ...]:
    """Frames of Big Buck Bunny at 6 Hz, 640×360."""
    grid = TimeGrid(RATE, seconds * 6, Fraction(start_s))
    return tuple(staged_array("film-6hz", __file__, lambda: _decoded(film_path(), grid, FRAME), start_s, seconds))


def _decoded(path: Path, grid: TimeGrid, size: tuple[int, int]) -> NDArray[np.uint8]:
    return np.stack([p.rgb(size) for p in read_media(path, frames=grid) if isinstance(p, VideoFrame)])


@cache
def viewers(seconds: int) -> tuple[Rgb, ...]:
    """Frames of a woman who laughs at last, at 6 Hz, to and fro."""
    grid = TimeGrid(RATE, 18 * 6)
    clip = default_cache().clip("WolfgangLanger_Pexels.mp4")
    there = tuple(staged_array("woman-6hz", __file__, lambda: _decoded(clip, grid, (480, 270))))
    both = there + there[::-1]
    return tuple(both[i % len(both)] for i in range(seconds * 6))


def frames(scene: Scene, start_s: int, seconds: int) -> Iterator[Rgb]:
    """The reaction's frames at 6 Hz."""
    for shown, person in zip(film(start_s, seconds), viewers(seconds), strict=True):
        frame = np.full((FRAME[1], FRAME[0], 3), 16, np.uint8)
        parts = [(scene.film, shown[:, ::-1] if scene.mirrored else shown), (scene.viewer, person)]
        for box, rgb in parts[::-1] if scene.film_on_top else parts:
            if box is not None:
                _lay(frame, np.ascontiguousarray(rgb), box)
        yield frame


def reaction(path: Path, scene: Scene, start_s: int, seconds: int) -> tuple[Path, OffsetMap]:
    """A silent reaction video that shows the film from start_s on, and where it stands."""

    def write(path: Path) -> None:
        with VideoWriter(path, FRAME, RATE) as writer:
            for frame in frames(scene, start_s, seconds):
                writer.picture(frame)

    staged_file(path, __file__, write, scene, start_s, seconds)
    return path, OffsetMap(50.0, (Segment(float(start_s), float(start_s + seconds), 0.0, 50.0),))


def _lay(frame: Rgb, rgb: Rgb, box: Box) -> None:
    x, y, width, height = box
    picture = resize(rgb, (width, height))
    left, top = max(0, x), max(0, y)
    right, bottom = min(frame.shape[1], x + width), min(frame.shape[0], y + height)
    frame[top:bottom, left:right] = picture[top - y : bottom - y, left - x : right - x]
