"""The orientation in which a stored frame is shown, from the display matrix of the file."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import av
import numpy as np
from av.sidedata.sidedata import SideData
from numpy.typing import NDArray

__all__ = ["Orientation", "orientation_of"]


@dataclass(frozen=True)
class Orientation:
    """Swap rows and columns first (transposed), then mirror along x and along y."""

    transposed: bool = False
    flip_x: bool = False
    flip_y: bool = False

    def size(self, width: int, height: int) -> tuple[int, int]:
        """The size after turning; its own inverse.

        Args:
            width: before, pixels.
            height: before, pixels.

        Returns:
            (width, height) after.
        """
        return (height, width) if self.transposed else (width, height)

    def turn(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The image upright: (height, width, 3) → contiguous, rows and columns swapped if transposed."""
        if self.transposed:
            image = image.swapaxes(0, 1)
        return np.ascontiguousarray(image[:: -1 if self.flip_y else 1, :: -1 if self.flip_x else 1])

    @property
    def mirrored(self) -> bool:
        """Whether it is not a rotation alone."""
        return self.transposed ^ self.flip_x ^ self.flip_y

    @property
    def clockwise(self) -> int:
        """Degrees clockwise, after a left-right mirror if mirrored: 0, 90, 180 or 270."""
        if self.transposed:
            return 90 if self.flip_x else 270
        return 180 if self.flip_y else 0

    @classmethod
    def of(cls, clockwise: int, mirrored: bool) -> "Orientation":
        """The orientation of an angle and a mirror.

        Args:
            clockwise: 0, 90, 180 or 270 degrees, after the mirror.
            mirrored: whether left and right are swapped first.

        Returns:
            The one orientation with these properties.
        """
        candidates = (cls(t, x, y) for t in (False, True) for x in (False, True) for y in (False, True))
        return next(o for o in candidates if (o.clockwise, o.mirrored) == (clockwise, mirrored))


def orientation_of(frame: av.VideoFrame) -> Orientation:
    """The orientation of a decoded frame; upright where it has no display matrix.

    The matrix (a b u / c d v / x y w) maps a stored point (p, q) to (a p + c q + x, b p + d q + y),
    y downwards. Other angles are rounded to the nearest quarter turn.
    Reading a frame's side data makes a reference cycle that only the garbage collector frees (measured:
    300 MB of dead frames), so this is called once per file.
    """
    try:
        matrix = next((s for s in cast(Iterable[SideData], frame.side_data) if s.type.name == "DISPLAYMATRIX"), None)
    except ValueError:  # side data of a type that PyAV does not support (EXIF in stills); the angle is still available
        return Orientation.of(round(-frame.rotation / 90) % 4 * 90, mirrored=False)
    if matrix is None:
        return Orientation()
    a, b, _, c, d = (int(v) for v in np.frombuffer(bytes(matrix), dtype=np.int32)[:5])
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(False, a < 0, d < 0)
    return Orientation(True, c < 0, b < 0)
