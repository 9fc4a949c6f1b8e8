"""Sample decoded frames on a time grid: the frame shown at each instant, and its pixels on request."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from math import lcm
from threading import Lock
from typing import NamedTuple

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from evoked.core.time_grid import TimeGrid
from evoked.media.orientation import Orientation
from evoked.media.pixel_aspect import FrameAspects, FrameShape

__all__ = ["FrameConverter", "FrameSampler", "PtsGrid", "VideoFrame"]

UNTAGGED = (2, 3)  # AVCOL_SPC_UNSPECIFIED, _RESERVED
NOT_YUV = ("rgb", "bgr", "gbr", "gray", "pal", "mono", "argb", "abgr", "0rgb", "0bgr", "ya")


class FrameConverter:
    """Converts frames to upright RGB; one scaler for all frames of a file, safe to call from any thread.

    Args:
        orientation: of the stored frames.
        canvas: shape of the file's first frame. A frame of another shape is fitted into it, with black bars where its
            width to height differs, as a player does; so boxes of all frames are in the same pixels.
    """

    def __init__(self, orientation: Orientation, canvas: FrameShape) -> None:
        self._orientation, self._canvas = orientation, canvas
        self._scaler = VideoReformatter()
        self._lock = Lock()

    def rgb(self, frame: av.VideoFrame, shape: FrameShape, size: tuple[int, int] | None) -> NDArray[np.uint8]:
        """Convert a decoded frame to square pixels.

        The colour matrix is the frame's own; where it is not tagged, BT.709 above 576 lines or from 1280
        columns on and BT.601 below, as players do. Full and limited range are distinguished by the tag and
        the pixel format. Transparency is dropped.

        Args:
            frame: the decoded frame, as stored.
            shape: of this frame.
            size: (width, height) to scale to, upright; None for that of the file with square pixels.

        Returns:
            uint8, shape (height, width, 3), RGB.
        """
        width, height = self._orientation.size(*size) if size else self._canvas.size
        if shape == self._canvas or shape.fills(self._canvas):
            return self._orientation.turn(self._scaled(frame, width, height))
        (across, down), (all_across, all_down) = shape.size, self._canvas.size
        fit = min(Fraction(all_across, across), Fraction(all_down, down))
        inner = max(1, round(width * across * fit / all_across)), max(1, round(height * down * fit / all_down))
        left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
        canvas = np.zeros((height, width, 3), dtype=np.uint8)
        canvas[top : top + inner[1], left : left + inner[0]] = self._scaled(frame, *inner)
        return self._orientation.turn(canvas)

    def _scaled(self, frame: av.VideoFrame, width: int, height: int) -> NDArray[np.uint8]:
        """The stored frame as RGB of this size, not turned."""
        with self._lock:
            converted = self._scaler.reformat(
                frame,
                width,
                height,
                "rgb24",
                src_colorspace=_matrix(frame),
                dst_color_range=ColorRange.JPEG,
                interpolation=Interpolation.BILINEAR,
                threads=1,
            )
        return np.asarray(converted.to_ndarray(), dtype=np.uint8)


@dataclass(frozen=True, eq=False)
class VideoFrame:
    """The frame shown at one step of a time grid.

    Attributes:
        step: index in the grid.
        time_s: the instant of that step, in seconds on the file's clock.
        pts_s: when the frame was first shown; after `time_s` only before the first frame.
        index: number of different frames shown before; the same index is the same frame again.
    """

    step: int
    time_s: Fraction
    pts_s: Fraction
    index: int
    _frame: av.VideoFrame = field(repr=False)
    _shape: FrameShape = field(repr=False)
    _converter: FrameConverter = field(repr=False)

    def rgb(self, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
        """The pixels, upright; converted at each call.

        Args:
            size: (width, height) to scale to (bilinear, with averaging when shrinking) while converting.

        Returns:
            uint8, shape (height, width, 3), RGB.

        Raises:
            ValueError: if the size is not at least 1x1.
        """
        if size is not None and min(size) < 1:
            raise ValueError(f"a picture must have pixels, got size {size[0]}x{size[1]}")
        return self._converter.rgb(self._frame, self._shape, size)


class PtsGrid:
    """A time grid in a stream's time base: a frame is shown by the instant of a step where pts <= pts_at[step].

    The floor of an exact quotient, in integers; as a frame's pts is an integer, the comparison is exact.

    Args:
        grid: the instants, in seconds on the file's clock.
        base: time base of the stream, seconds per unit of its timestamps.
        zero: the file's own time, in seconds, that is second 0.

    Attributes:
        pts_at: int64, shape (steps,): the largest pts that is not after the instant of each step.
    """

    def __init__(self, grid: TimeGrid, base: Fraction, zero: Fraction) -> None:
        self.grid, self.base, self.zero = grid, Fraction(base), zero
        first, step = (grid.start + zero) / self.base, 1 / (grid.rate * self.base)
        common = lcm(first.denominator, step.denominator)
        offset, stride = int(first * common), int(step * common)
        self.pts_at = np.array([(offset + stride * i) // common for i in range(grid.steps)], dtype=np.int64)

    def shown(self, pts: NDArray[np.int64], until: int | None) -> NDArray[np.bool_]:
        """Which frames are shown at an instant of the grid.

        Args:
            pts: timestamps of the frames, ascending, shape (n,).
            until: only instants before this pts count; None for all.

        Returns:
            bool, shape (n,).
        """
        steps = len(self.pts_at) if until is None else int(np.searchsorted(self.pts_at, until, side="left"))
        frame_at = np.searchsorted(pts, self.pts_at[:steps], side="right") - 1
        is_shown = np.zeros(len(pts), dtype=np.bool_)
        is_shown[frame_at[frame_at >= 0]] = True
        return is_shown


class FrameSampler:
    """Takes frames in order of presentation, gives for each instant the last one with pts <= instant.

    Args:
        pts_grid: the instants.
        orientation: of the stored frames.
        canvas: shape of the file's first frame.
        aspects: of the decoder that the frames come from.

    Attributes:
        late: frames that were left out, as their time is not after that of the frame before.
        barred: stretches of frames that are shown with black bars: their shape, the first pts, and the pts after them;
            None where they last to the end.
    """

    def __init__(self, pts_grid: PtsGrid, orientation: Orientation, canvas: FrameShape, aspects: FrameAspects) -> None:
        self._pts_grid = pts_grid
        self._instants: list[int] = pts_grid.pts_at.tolist()
        self._converter = FrameConverter(orientation, canvas)
        self._canvas = self._shape = canvas
        self._aspects = aspects
        self._shown: _Decoded | None = None
        self._step = 0
        self._index = -1
        self._new = False
        self.late = 0
        self.barred: list[tuple[FrameShape, int, int | None]] = []

    @property
    def done(self) -> bool:
        """Whether every instant of the grid has its frame."""
        return self._step >= len(self._instants)

    @property
    def empty(self) -> bool:
        """Whether no frame was pushed yet."""
        return self._shown is None

    def push(self, frame: av.VideoFrame) -> Iterator[VideoFrame]:
        """Add the next frame; yields the frame before it for each instant up to this one."""
        pts, shape = frame.pts, self._aspects.shape(frame)
        assert pts is not None  # decoders refuse frames without one
        if self._shown is not None:
            if pts <= self._shown.pts:  # its time has passed: it is not shown
                self.late += 1
                return
            while not self.done and self._instants[self._step] < pts:
                yield self._sample(self._shown)
        self._shown, self._new = _Decoded(frame, pts, shape), True
        if shape != self._shape:
            self._note_change(shape, pts)

    def end(self) -> Iterator[VideoFrame]:
        """No more frames: yields the last one for each instant up to the end of the grid."""
        while self._shown is not None and not self.done:
            yield self._sample(self._shown)

    def _note_change(self, shape: FrameShape, pts: int) -> None:
        self._shape = shape
        if self.barred and self.barred[-1][2] is None:
            self.barred[-1] = (*self.barred[-1][:2], pts)
        if not shape.fills(self._canvas):
            self.barred.append((shape, pts, None))

    def _sample(self, shown: "_Decoded") -> VideoFrame:
        self._index += self._new
        self._new = False
        step, pts_grid = self._step, self._pts_grid
        self._step += 1
        pts_s = shown.pts * pts_grid.base - pts_grid.zero
        return VideoFrame(
            step, pts_grid.grid.second(step), pts_s, self._index, shown.frame, shown.shape, self._converter
        )


class _Decoded(NamedTuple):
    frame: av.VideoFrame
    pts: int
    shape: FrameShape


def _matrix(frame: av.VideoFrame) -> Colorspace | None:
    if frame.colorspace not in UNTAGGED or frame.format.name.startswith(NOT_YUV):
        return None
    large = frame.height > 576 or frame.width >= 1280
    return Colorspace.ITU709 if large else Colorspace.ITU601
