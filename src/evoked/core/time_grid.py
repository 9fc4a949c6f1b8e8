"""A regular time grid with an exact rate.

Every Track has a TimeGrid. A step is an integer; its time is start + step / rate, computed from the
index and never by adding 1/6 s repeatedly, so hour-long tracks do not drift.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

__all__ = ["ANNOTATION_FPS", "TimeGrid"]


@dataclass(frozen=True)
class TimeGrid:
    """`steps` instants at `rate` per second, the first at `start` seconds.

    Step i covers the half-open span [second(i), second(i + 1)).

    Raises:
        ValueError: if `rate` is not above zero, or `steps` is below zero.
    """

    rate: Fraction  # steps per second: Fraction(6) for viewers, Fraction(1) for labels
    steps: int
    start: Fraction = Fraction(0)  # seconds

    def __post_init__(self) -> None:
        if self.rate <= 0:
            raise ValueError(f"rate must be above zero steps per second, got {self.rate}")
        if self.steps < 0:
            raise ValueError(f"steps must not be negative, got {self.steps}")

    @classmethod
    def covering(cls, duration_s: Fraction, rate: Fraction) -> "TimeGrid":
        """The grid of every instant i / rate in [0, duration_s).

        Args:
            duration_s: length of the video, in seconds.
            rate: steps per second.

        Returns:
            A grid that starts at 0 s.
        """
        return cls(rate, ceil(duration_s * rate))

    def second(self, step: int) -> Fraction:
        """The exact instant of a step, in seconds."""
        return self.start + step / self.rate

    @property
    def seconds(self) -> NDArray[np.float64]:
        """The instant of each step, in seconds, shape (steps,)."""
        return np.array([float(self.second(i)) for i in range(self.steps)], dtype=np.float64)

    def step_at(self, second: Fraction) -> int:
        """The step that covers `second`; IndexError outside the grid."""
        step = floor((second - self.start) * self.rate)
        if not 0 <= step < self.steps:
            raise IndexError(
                f"{float(second):.3f} s is outside [{float(self.start):.3f}, {float(self.second(self.steps)):.3f}) s"
            )
        return step


ANNOTATION_FPS = Fraction(6)
