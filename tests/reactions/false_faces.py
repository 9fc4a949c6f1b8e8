"""Small recordings of real people beside posters and copies of themselves, at 6 frames a second."""

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from evoked.core.time_grid import TimeGrid
from evoked.media.decode import VideoFrame, read_media
from evoked.media.images import resize
from evoked.media.write import VideoWriter
from evoked.weights.cache import default_cache
from staged_media import content_digest, staged_file
from staging.false_faces import POSTERS, poster

Rgb = NDArray[np.uint8]
FRAME, RATE, STEPS = (480, 270), 6, 42
SEAT = (200, 50, 280, 210)
POSTER = (30, 40, 120, 120)
COPY = (10, 120, 140, 105)


@cache
def woman(start_s: float = 0.0, speed: float = 1.0) -> tuple[Rgb, ...]:
    """STEPS frames of a woman, from a second on, at a speed, as large as the seat."""
    grid = TimeGrid(
        Fraction(RATE) / Fraction(speed).limit_denominator(10), STEPS, Fraction(start_s).limit_denominator(10)
    )
    clip = default_cache().clip("WolfgangLanger_Pexels.mp4")
    frames = [p.rgb() for p in read_media(clip, frames=grid) if isinstance(p, VideoFrame)]
    return tuple(resize(np.ascontiguousarray(rgb[:, 140:620]), SEAT[2:]) for rgb in frames)


@cache
def calm_man() -> tuple[Rgb, ...]:
    """STEPS frames of a man who looks on for half a second, again and again: stiller than people are for long."""
    grid = TimeGrid(Fraction(30), 16)
    frames = [
        p.rgb() for p in read_media(default_cache().clip("single_face.mp4"), frames=grid) if isinstance(p, VideoFrame)
    ]
    there_and_back = [
        resize(np.ascontiguousarray(rgb[20:350, 80:500]), SEAT[2:]) for rgb in (*frames, *frames[-2:0:-1])
    ]
    return tuple(there_and_back[5 * step % len(there_and_back)] for step in range(STEPS))


def wall() -> Rgb:
    """A wall with patches, so that a moving camera has something to show."""
    small = np.random.default_rng(0).integers(90, 170, (9, 16, 3), dtype=np.uint8)
    return cv2.resize(small, FRAME, interpolation=cv2.INTER_CUBIC)


def lay(canvas: Rgb, rgb: Rgb, box: tuple[int, int, int, int]) -> None:
    """Put a picture into a box."""
    x, y, width, height = box
    canvas[y : y + height, x : x + width] = resize(np.ascontiguousarray(rgb), (width, height))


def with_poster(people: tuple[Rgb, ...] | None) -> list[Rgb]:
    """A poster on the wall, and the viewer, if there is one, beside it."""
    picture, frames = poster(default_cache().clip(POSTERS[3]), POSTER[2:]), []
    for step in range(STEPS):
        canvas = wall()
        lay(canvas, picture, POSTER)
        if people:
            lay(canvas, people[step], SEAT)
        frames.append(canvas)
    return frames


def with_copy(people: tuple[Rgb, ...], mirrored: bool, late: int) -> list[Rgb]:
    """A viewer, and the same once more, smaller, some frames late."""
    frames = []
    for step in range(STEPS):
        canvas = wall()
        lay(canvas, people[step], SEAT)
        copy = people[max(0, step - late)]
        lay(canvas, copy[:, ::-1] if mirrored else copy, COPY)
        frames.append(canvas)
    return frames


def covered(frames: list[Rgb], first: int, last: int) -> list[Rgb]:
    """Half of the poster behind something for a while."""
    x, y, width, height = POSTER
    out = [rgb.copy() for rgb in frames]
    for rgb in out[first:last]:
        rgb[y : y + height, x : x + width // 2] = (50, 70, 90)
    return out


def in_the_hand(frames: list[Rgb]) -> list[Rgb]:
    """The same from a camera in the hand: it moves, turns and comes nearer, by parts of pixels."""
    out = []
    for step, rgb in enumerate(frames):
        angle, nearer = 1.2 * np.sin(step / 5), 1.06 + 0.02 * np.sin(step / 7)
        turn = cv2.getRotationMatrix2D((FRAME[0] / 2, FRAME[1] / 2), angle, nearer)
        turn[:, 2] += (7.3 * np.sin(step / 4), 5.1 * np.sin(step / 3 + 1))
        out.append(cv2.warpAffine(rgb, turn, FRAME, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
    return out


def recorded(path: Path, make: Callable[[], list[Rgb]]) -> Path:
    """The frames as a video."""
    frames = make()

    def write(path: Path) -> None:
        with VideoWriter(path, FRAME, Fraction(RATE), quality=25) as writer:
            for rgb in frames:
                writer.picture(rgb)

    return staged_file(path, __file__, write, content_digest(frames))
