"""The shape of stored pixels, and the size of a frame when they are made square.

Everything behind the media reader sees square pixels: a face that is a third too narrow is another face to every
network. The side that is too short is enlarged, as browsers do, so that no pixel is lost. What the container states is
valid for all frames; where it is silent or says the same as the codec, each frame has its own (libav:
av_guess_sample_aspect_ratio).
"""

from dataclasses import dataclass
from fractions import Fraction

import av
from av import Packet

from evoked.core.damage import Damage
from evoked.media.container import StreamSource

__all__ = ["FrameAspects", "FrameShape", "absurd_damage", "usable_aspect"]

SQUARE = Fraction(1)
NEARLY = Fraction(1, 100)
"""Shapes that differ by less are the same: encoders round 640x359.6 to 640x360 and state pixels of 899:900."""
WIDEST = 4
"""Widest and, upside down, narrowest pixel that is believed; real ones are below 3 (352x576 shown as 16:9: 32:11)."""


def usable_aspect(stated: Fraction | None) -> Fraction:
    """The shape of pixels that is used.

    Args:
        stated: width to height of a pixel, as the file states it; None or 0: it does not.

    Returns:
        Width to height; 1 where the file states none, one that is square but for rounding, or one that cannot be.
    """
    if not stated or _is_same(stated, SQUARE) or not Fraction(1, WIDEST) <= stated <= WIDEST:
        return SQUARE
    return Fraction(stated)


@dataclass(frozen=True)
class FrameShape:
    """The shape of a stored frame.

    Attributes:
        width, height: in pixels.
        aspect: width to height of a pixel.
    """

    width: int
    height: int
    aspect: Fraction = SQUARE

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) with square pixels; one of them is that of the stored frame, the other is not smaller."""
        if self.aspect >= 1:
            return round(self.width * self.aspect), self.height
        return self.width, round(self.height / self.aspect)

    def fills(self, canvas: "FrameShape") -> bool:
        """Whether it can be scaled to the size of another without bars, as both are as wide to high."""
        return _is_same(Fraction(*self.size), Fraction(*canvas.size))

    def __str__(self) -> str:
        pixels = "square pixels" if self.aspect == 1 else f"pixels of {self.aspect.numerator}:{self.aspect.denominator}"
        return f"{self.width}x{self.height} with {pixels}"


def absurd_damage(stated: Fraction | None) -> tuple[Damage, ...]:
    """What to tell of a stated shape that is not used, as no camera or encoder makes such pixels; else nothing."""
    if not stated or Fraction(1, WIDEST) <= stated <= WIDEST:
        return ()
    ratio = f"{stated.numerator}:{stated.denominator}"
    return (Damage("pixel_aspect", f"picture: it states pixels of {ratio} (width to height); taken as square"),)


class FrameAspects:
    """The shape of the pixels of each frame of a stream, while it is decoded.

    The decoder states the shape of what it decodes, and gives frames later and in another order: so the shape is noted
    per packet, by presentation time.

    Args:
        source: an open file with a video stream, of which nothing was decoded yet.

    Attributes:
        stated: what the file states before anything is decoded; None where it states nothing.
    """

    def __init__(self, source: StreamSource) -> None:
        self._context = source.video.codec_context
        self.stated = _ratio(source.video.sample_aspect_ratio)
        self._own = self.stated is None or self.stated == _ratio(self._context.sample_aspect_ratio)
        self._last = self.stated
        self._by_pts: dict[int, Fraction | None] = {}

    def note(self, packet: Packet | None) -> None:
        """Note the shape of a packet that was just decoded; None: the decoder was drained."""
        if self._own and packet is not None and packet.pts is not None:
            now = _ratio(self._context.sample_aspect_ratio)
            if now != self._last or self._by_pts:  # ordinary files have one shape: nothing is kept for them
                self._by_pts[packet.pts] = now

    def shape(self, frame: av.VideoFrame) -> FrameShape:
        """The shape of a frame that came out of the decoder."""
        return FrameShape(frame.width, frame.height, usable_aspect(self.of(frame)))

    def of(self, frame: av.VideoFrame) -> Fraction | None:
        """What is stated of the pixels of a frame that came out of the decoder: width to height; None: nothing."""
        if not self._own:
            return self.stated
        if self._by_pts and frame.pts is not None:
            self._last = self._by_pts.pop(frame.pts, self._last)
        return self._last


def _is_same(first: Fraction, second: Fraction) -> bool:
    return abs(first - second) < NEARLY * min(first, second)


def _ratio(stated: Fraction | None) -> Fraction | None:
    return Fraction(stated) if stated else None
