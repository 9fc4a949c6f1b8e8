"""A study to rate: recordings whose frames carry their number as a bar code, with an annotation written by hand."""

from fractions import Fraction
from pathlib import Path

import numpy as np

from evoked.core.damage import Damage, of_file
from evoked.core.provenance import Provenance
from evoked.core.tables import write_table
from evoked.media.write import VideoWriter
from evoked.reactions.viewers.measures import BOX_COLUMNS

SIZE, BITS, CELL, RATE = (320, 240), 10, 24, Fraction(12)
SECONDS, NAMES = 15, ("amusement", "surprise")
LEFT, RIGHT = (8.0, 40.0, 120.0, 120.0), (200.0, 60.0, 80.0, 80.0)
"""Boxes of two viewers."""


def numbered(step: int) -> np.ndarray:
    """A frame with its number in black and white cells along its upper edge, and two grey faces."""
    rgb = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
    for bit in range(BITS):
        rgb[:CELL, bit * CELL : (bit + 1) * CELL] = 255 if step >> bit & 1 else 0
    for x, y, width, height in (LEFT, RIGHT):
        face = rgb[int(y) : int(y + height), int(x) : int(x + width)]
        face[:] = 160
        face[::6] = 40  # stripes, which a blur takes away
    return rgb


def number_of(rgb: np.ndarray) -> int:
    """The number that a frame carries."""
    cells = rgb[CELL // 2, CELL // 2 : BITS * CELL : CELL].mean(axis=-1)
    return sum(1 << bit for bit, value in enumerate(cells[:BITS]) if value > 127)


def write_recording(path: Path, seconds: int = SECONDS) -> None:
    """A recording of so many seconds, with a tone whose pitch is the second."""
    hz = 16000
    with VideoWriter(path, SIZE, RATE, hz, quality=15) as writer:
        for second in range(seconds):
            writer.sound((0.3 * np.sin(2 * np.pi * (200 + 50 * second) * np.arange(hz) / hz)).astype(np.float32))
            for step in range(int(RATE)):
                writer.picture(numbered(second * int(RATE) + step))


def write_annotation(path: Path, video: str, seconds: int = SECONDS, *, boxes: bool = True, turned: int = 0) -> None:
    """Two viewers; the second is visible from second 6 on. Amusement rises with time, surprise is rare."""
    steps = seconds * 6
    time_s = np.tile(np.arange(steps) / 6, 2)
    valid = np.concatenate([np.ones(steps, bool), np.arange(steps) >= 36])
    columns = {
        "viewer": ["v1"] * steps + ["v2"] * steps,
        "time_s": np.round(time_s, 6),
        "valid": valid,
        "amusement": np.where(valid, time_s / seconds, np.nan),
        "surprise": np.where(valid, np.where(np.abs(time_s - 7.5) < 1.5, 0.9, 0.05), np.nan),
    }
    if boxes:
        places = np.concatenate([np.tile(LEFT, (steps, 1)), np.tile(RIGHT, (steps, 1))])
        columns |= {n: np.where(valid, places[:, k], np.nan) for k, n in enumerate(BOX_COLUMNS)}
    damage = of_file(video, (Damage("turned", f"picture: turned by {turned}° clockwise, as asked"),)) if turned else ()
    write_table(path, columns, Provenance("annotate", {}, {}, damage=damage))


def make_study(root: Path, *names: str, seconds: int = SECONDS) -> Path:
    """A study folder with these recordings, annotated; all are of one file."""
    (root / "reactions").mkdir(parents=True)
    for name in names:
        first = root / "reactions" / names[0]
        if name == names[0]:
            write_recording(first, seconds)
        else:
            (root / "reactions" / name).write_bytes(first.read_bytes())
        write_annotation(root / "results" / "annotations" / f"{name}.parquet", name, seconds)
    return root
