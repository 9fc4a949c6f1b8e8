"""What is shown at each second: the numbers before the classifier of a net that names things in pictures.

The whole frame is scaled to the net's square without crop, bilinear, as the paper does. Open: EfficientNet-
Lite2, 1280 numbers (Tan and Le 2019; 260×260, (x − 127) / 128). The paper's: Inception V3, the graph of
2015-12-05, 2048 (Szegedy and others 2015; 299×299, (x − 128) / 128).
"""

import numpy as np
from numpy.typing import NDArray

from evoked.weights.catalogue import Input
from evoked.weights.session import Session

__all__ = ["ImageRows"]


class ImageRows:
    """Turn frames into feature rows, batch by batch; a repeated frame is not computed again.

    Args:
        net: (batch, 3, side, side) → features (batch, D) first.
        wants: what the net wants to be given, as the catalogue has it.
        seconds: how many rows there will be.
        batch: the net's batch; always a full one is run, and what is left over in the last is not read.
    """

    def __init__(self, net: Session, wants: Input, seconds: int, batch: int) -> None:
        self.rows = np.zeros((seconds, net.output_ports[0].shape[-1]), dtype=np.float32)
        self._net, self._wants = net, wants
        self._blob = np.zeros((batch, *wants.shape[1:]), dtype=np.float32)
        self._steps: list[list[int]] = []  # the steps that show each waiting picture
        self._index: int | None = None
        self._last: NDArray[np.float32] | None = None  # row of the picture before, where it is done

    def take(self, step: int, index: int, rgb: NDArray[np.uint8] | None) -> None:
        """The picture of a step; `rgb` (side, side, 3) may be None if `index` is that of the step before."""
        if index == self._index:
            if self._steps:
                self._steps[-1].append(step)
            elif self._last is not None:
                self.rows[step] = self._last
            return
        if rgb is None:
            raise ValueError(f"step {step} shows a new picture, {index}, and needs its pixels")
        self._index = index
        self._blob[len(self._steps)] = (rgb.astype(np.float32).transpose(2, 0, 1) - self._wants.mean) / self._wants.std
        self._steps.append([step])
        if len(self._steps) == len(self._blob):
            self._run()

    def end(self) -> NDArray[np.float32]:
        """All rows, (seconds, D)."""
        self._run()
        return self.rows

    def _run(self) -> None:
        if not self._steps:
            return
        found = self._net(self._blob)[0]
        for row, steps in zip(found, self._steps, strict=False):
            self.rows[steps] = row
        self._last, self._steps = found[len(self._steps) - 1], []
