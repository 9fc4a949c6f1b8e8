"""What is shown at each second: EfficientNet-Lite2, the 1280 numbers before its classifier.

Source: Tan and Le, "EfficientNet" (2019), the lite models; 260×260, RGB, (x − 127) / 128. The whole
frame is scaled to the square without crop, bilinear, as the paper does for its own net.
"""

import numpy as np
from numpy.typing import NDArray

from evoked.weights.session import Session

SIDE = 260
WIDTH = 1280


class ImageRows:
    """Turn pictures into rows, some at a time; a picture that is shown again is not worked out again.

    Args:
        net: (batch, 3, 260, 260) → features (batch, 1280) first.
        seconds: how many rows there will be.
        batch: the net's batch; always a full one is run, and what is left over in the last is not read.
    """

    def __init__(self, net: Session, seconds: int, batch: int) -> None:
        self.rows = np.zeros((seconds, WIDTH), dtype=np.float32)
        self._net = net
        self._blob = np.zeros((batch, 3, SIDE, SIDE), dtype=np.float32)
        self._steps: list[list[int]] = []  # the steps that show each waiting picture
        self._index: int | None = None
        self._last: NDArray[np.float32] | None = None  # row of the picture before, where it is done

    def take(self, step: int, index: int, rgb: NDArray[np.uint8] | None) -> None:
        """The picture of a step; `rgb` (260, 260, 3) may be None if `index` is that of the step before."""
        if index == self._index:
            if self._steps:
                self._steps[-1].append(step)
            elif self._last is not None:
                self.rows[step] = self._last
            return
        if rgb is None:
            raise ValueError(f"step {step} shows a new picture, {index}, and needs its pixels")
        self._index = index
        self._blob[len(self._steps)] = (rgb.astype(np.float32).transpose(2, 0, 1) - 127) / 128
        self._steps.append([step])
        if len(self._steps) == len(self._blob):
            self._run()

    def end(self) -> NDArray[np.float32]:
        """All rows, (seconds, 1280)."""
        self._run()
        return self.rows

    def _run(self) -> None:
        if not self._steps:
            return
        found = self._net(self._blob)[0]
        for row, steps in zip(found, self._steps, strict=False):
            self.rows[steps] = row
        self._last, self._steps = found[len(self._steps) - 1], []
