"""The faces of the viewers' clips, and where each of them stands in a recording's frame.

Boxes come from the face detector on the undisturbed clip, frame by frame, before anything is done to it.
What is measured against them is therefore what a small, mirrored, dim or half hidden picture costs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.core.time_grid import TimeGrid
from evoked.faces.detect import FaceDetector
from evoked.media.decode import VideoFrame, read_media
from evoked.sample.plan import NEUTRAL, SMILE
from evoked.sample.render import REACTION_RATE
from evoked.sample.source_clips import VIEWERS, Box

Boxes = dict[str, dict[str, list[list[float]]]]
"""Viewer → state (neutral, smile) → the box of each of its frames in the clip."""


def clip_frames(clip: Path, span_s: tuple[float, float], size: tuple[int, int]) -> list[NDArray[np.uint8]]:
    """The frames of a span of a clip at the reaction's rate, (height, width, 3) each."""
    start, end = (Fraction(s).limit_denominator(1000) for s in span_s)
    grid = TimeGrid(REACTION_RATE, int((end - start) * REACTION_RATE), start)
    return [p.rgb(size) for p in read_media(clip, frames=grid) if isinstance(p, VideoFrame)]


def found_boxes(clips: Mapping[str, Path], detect: FaceDetector) -> Boxes:
    """Boxes of all faces of some viewers; a frame in which none is found has that of the frame before."""
    out: Boxes = {}
    for name, clip in clips.items():
        viewer = VIEWERS[name]
        out[name] = {}
        for state, span in ((NEUTRAL, viewer.neutral_s), (SMILE, viewer.smile_s)):
            boxes: list[list[float]] = []
            last: list[float] = [float(v) for v in viewer.face]
            for rgb in clip_frames(clip, span, viewer.size) if span else []:
                faces = detect(rgb)
                last = [round(float(v), 2) for v in faces[0].box] if faces else last
                boxes.append(last)
            out[name][state] = boxes
    return out


def to_and_fro(tick: int, frames: int) -> int:
    """Which of a span's frames stands at a tick, when it is played forwards and backwards without a jump."""
    there_and_back = max(1, 2 * (frames - 1))
    at = tick % there_and_back
    return min(at, there_and_back - at)


@dataclass(frozen=True)
class Placed:
    """How a part of a picture is put into a box: crop → seat, perhaps left to right.

    Attributes:
        crop: the part, pixels of the picture.
        seat: the box, pixels of the frame.
        mirrored: whether it is turned over.
    """

    crop: Box
    seat: Box
    mirrored: bool

    def box(self, box: list[float]) -> list[float]:
        """Where a box of the picture comes to stand in the frame."""
        x, y, w, h = box
        across, down = self.seat[2] / self.crop[2], self.seat[3] / self.crop[3]
        left = (x - self.crop[0]) * across
        if self.mirrored:
            left = self.seat[2] - left - w * across
        return [self.seat[0] + left, self.seat[1] + (y - self.crop[1]) * down, w * across, h * down]
