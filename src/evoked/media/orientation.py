"""Which way up a stored picture is shown, from the display matrix that the file carries."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Orientation", "orientation_of"]


@dataclass(frozen=True)
class Orientation:
    """Swap rows and columns first (transposed), then mirror along x and along y."""

    transposed: bool = False
    flip_x: bool = False
    flip_y: bool = False

    def size(self, width: int, height: int) -> tuple[int, int]:
        """The size (width, height) after turning; its own inverse."""
        return (height, width) if self.transposed else (width, height)

    def turn(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture upright: (height, width, 3) → contiguous, rows and columns swapped if transposed."""
        if self.transposed:
            image = image.swapaxes(0, 1)
        return np.ascontiguousarray(image[:: -1 if self.flip_y else 1, :: -1 if self.flip_x else 1])

    @property
    def mirrored(self) -> bool:
        """Whether no rotation alone does it."""
        return self.transposed ^ self.flip_x ^ self.flip_y

    @property
    def clockwise(self) -> int:
        """Degrees clockwise, after a left-right mirror if mirrored: 0, 90, 180 or 270."""
        if self.transposed:
            return 90 if self.flip_x else 270
        return 180 if self.flip_y else 0

    @classmethod
    def of(cls, clockwise: int, mirrored: bool) -> "Orientation":
        """The orientation that `clockwise` and `mirrored` describe."""
        every = (cls(t, x, y) for t in (False, True) for x in (False, True) for y in (False, True))
        return next(o for o in every if (o.clockwise, o.mirrored) == (clockwise, mirrored))


def orientation_of(frame: Any) -> Orientation:
    """The orientation of an av.VideoFrame; upright where it carries no display matrix.

    The matrix (a b u / c d v / x y w) maps a stored point (p, q) to (a p + c q + x, b p + d q + y),
    y downwards. Angles that are no quarter turn are taken to the nearest.
    Asking a frame for its side data ties it into a cycle that only the garbage collector frees (measured:
    300 MB of dead frames), so this is asked once per file.
    """
    try:
        data = next((s for s in frame.side_data if s.type.name == "DISPLAYMATRIX"), None)
    except ValueError:  # a kind of side data that PyAV does not know yet (EXIF in stills); it still knows the angle
        return Orientation.of(round(-frame.rotation / 90) % 4 * 90, mirrored=False)
    if data is None:
        return Orientation()
    a, b, _, c, d = (int(v) for v in np.frombuffer(bytes(data), dtype=np.int32)[:5])
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(False, a < 0, d < 0)
    return Orientation(True, c < 0, b < 0)
