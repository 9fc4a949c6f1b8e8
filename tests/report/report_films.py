"""A film whose brightness tells which second is shown, made with the project's own writer."""

from fractions import Fraction
from pathlib import Path

import numpy as np

from evoked.media.write import VideoWriter

RATE = 5
DARKEST, STEP = 30, 5  # grey of second t is DARKEST + STEP * t


def counting_film(path: Path, seconds: int) -> None:
    """A small silent-but-for-a-hum film of whole seconds, each of one grey."""
    path.parent.mkdir(parents=True, exist_ok=True)
    hum = 0.1 * np.sin(2 * np.pi * 220 * np.arange(16000) / 16000).astype(np.float32)
    with VideoWriter(path, (160, 90), Fraction(RATE), 16000) as film:
        for second in range(seconds):
            picture = np.full((90, 160, 3), DARKEST + STEP * second, np.uint8)
            for _ in range(RATE):
                film.picture(picture)
            film.sound(hum)
