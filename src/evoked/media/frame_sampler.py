"""Pictures on a grid: which decoded frame is on the screen at each instant, and its pixels when asked."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from math import lcm
from threading import Lock
from typing import Any

import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from evoked.core.time_grid import TimeGrid
from evoked.media.orientation import Orientation

__all__ = ["FrameConverter", "FrameSampler", "PtsGrid", "VideoFrame"]

UNTAGGED = (2, 3)  # AVCOL_SPC_UNSPECIFIED, _RESERVED
NOT_YUV = ("rgb", "bgr", "gbr", "gray", "pal", "mono", "argb", "abgr", "0rgb", "0bgr", "ya")


class FrameConverter:
    """Frames to upright RGB; one scaler for all frames of a file, safe to call from any thread."""

    def __init__(self, turn: Orientation) -> None:
        self._turn = turn
        self._scaler = VideoReformatter()
        self._lock = Lock()

    def rgb(self, frame: Any, size: tuple[int, int] | None) -> NDArray[np.uint8]:
        """The pixels of an av.VideoFrame, (height, width, 3), scaled to `size` (width, height) if given.

        The matrix is the frame's own; where it is not tagged, BT.709 above 576 lines or from 1280
        columns on and BT.601 below, as players do. Full and limited range are distinguished by the tag and
        the pixel format. Transparency is dropped.
        """
        width, height = self._turn.size(*size) if size else (frame.width, frame.height)
        with self._lock:
            out = self._scaler.reformat(
                frame,
                width,
                height,
                "rgb24",
                src_colorspace=_matrix(frame),
                dst_color_range=ColorRange.JPEG,
                interpolation=Interpolation.BILINEAR,
                threads=1,
            )
        return self._turn.turn(np.asarray(out.to_ndarray(), dtype=np.uint8))


@dataclass(frozen=True, eq=False)
class VideoFrame:
    """The frame on the screen at one step of a grid.

    Attributes:
        step: which step of the grid.
        time_s: the instant of that step, on the file's clock.
        pts_s: when the frame was first shown; after `time_s` only before the first frame.
        index: counts the different frames shown so far; the same index is the same frame again.
    """

    step: int
    time_s: Fraction
    pts_s: Fraction
    index: int
    _frame: Any = field(repr=False)
    _converter: FrameConverter = field(repr=False)

    def rgb(self, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
        """The pixels, upright: uint8 (height, width, 3) in RGB; converted anew at each call.

        Args:
            size: (width, height) to scale to (bilinear, with averaging when shrinking) while converting.

        Raises:
            ValueError: if the size is not at least 1x1.
        """
        if size is not None and min(size) < 1:
            raise ValueError(f"a picture must have pixels, got size {size[0]}x{size[1]}")
        return self._converter.rgb(self._frame, size)


class PtsGrid:
    """A grid's instants in a stream's own ticks: pts <= instant exactly where pts <= ticks[step].

    Floor of an exact quotient, in whole numbers; a frame's pts is whole, so that nothing is lost.
    """

    def __init__(self, grid: TimeGrid, base: Fraction, zero: Fraction) -> None:
        self.grid, self.base, self.zero = grid, Fraction(base), zero
        first, step = (grid.start + zero) / self.base, 1 / (grid.rate * self.base)
        common = lcm(first.denominator, step.denominator)
        a, b = int(first * common), int(step * common)
        self.ticks = np.array([(a + b * i) // common for i in range(grid.steps)], dtype=np.int64)

    def shown(self, pts: NDArray[np.int64], until: int | None) -> NDArray[np.bool_]:
        """Which of some frames (ascending pts) are on the screen at any instant before `until` (None: ever)."""
        upto = len(self.ticks) if until is None else int(np.searchsorted(self.ticks, until, side="left"))
        at = np.searchsorted(pts, self.ticks[:upto], side="right") - 1
        on = np.zeros(len(pts), dtype=np.bool_)
        on[at[at >= 0]] = True
        return on


class FrameSampler:
    """Takes frames in order of presentation, gives for each instant the last one with pts <= instant."""

    def __init__(self, ticks: PtsGrid, turn: Orientation) -> None:
        self._ticks = ticks
        self._instants: list[int] = ticks.ticks.tolist()
        self._converter = FrameConverter(turn)
        self._shown: Any = None
        self._step = 0
        self._index = -1
        self._new = False

    @property
    def done(self) -> bool:
        """Whether every instant of the grid has its picture."""
        return self._step >= len(self._instants)

    @property
    def empty(self) -> bool:
        """Whether no frame came yet."""
        return self._shown is None

    def push(self, frame: Any) -> Iterator[VideoFrame]:
        """The next frame; yields the pictures that it shows to be settled."""
        if self._shown is not None:
            if frame.pts <= self._shown.pts:  # a clock that jumped back: time goes on, the frame is late
                return
            while not self.done and self._instants[self._step] < frame.pts:
                yield self._picture()
        self._shown, self._new = frame, True

    def end(self) -> Iterator[VideoFrame]:
        """No more frames: the last one stays on the screen to the end of the grid."""
        while self._shown is not None and not self.done:
            yield self._picture()

    def _picture(self) -> VideoFrame:
        self._index += self._new
        self._new = False
        step, ticks = self._step, self._ticks
        self._step += 1
        pts_s = self._shown.pts * ticks.base - ticks.zero
        return VideoFrame(step, ticks.grid.second(step), pts_s, self._index, self._shown, self._converter)


def _matrix(frame: Any) -> Any:
    if frame.colorspace not in UNTAGGED or frame.format.name.startswith(NOT_YUV):
        return None
    large = frame.height > 576 or frame.width >= 1280
    return Colorspace.ITU709 if large else Colorspace.ITU601
