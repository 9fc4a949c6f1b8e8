"""Image features, a row per second: the last layer before the classifier of an image classification network.

The full frame is scaled to the network's square input without cropping, bilinear, as in the paper. Open: EfficientNet-
Lite2, 1280 columns (Tan and Le 2019; 260×260, (x − 127) / 128). The paper's: Inception V3, the graph of
2015-12-05, 2048 (Szegedy et al. 2015; 299×299, (x − 128) / 128).
"""

import numpy as np
from numpy.typing import NDArray

from evoked.weights.catalogue import Input
from evoked.weights.session import Session

__all__ = ["ImageRows"]


class ImageRows:
    """Image features of frames, one row per second, computed in batches; a repeated frame is computed once.

    Args:
        network: (batch, 3, side, side) → features (batch, D) as its first output.
        wants: the network's input, as in the catalogue: shape, mean, standard deviation.
        seconds: number of rows.
        batch: batch size of the network; a full batch is always run, and unused rows of the last are ignored.
    """

    def __init__(self, network: Session, wants: Input, seconds: int, batch: int) -> None:
        self.rows = np.zeros((seconds, network.output_ports[0].shape[-1]), dtype=np.float32)
        self._network, self._wants = network, wants
        self._blob = np.zeros((batch, *wants.shape[1:]), dtype=np.float32)
        self._steps: list[list[int]] = []  # the steps that show each waiting frame
        self._index: int | None = None
        self._last: NDArray[np.float32] | None = None  # row of the previous frame, where computed

    def take(self, step: int, index: int, rgb: NDArray[np.uint8] | None) -> None:
        """Add the frame of a second.

        Args:
            step: the second.
            index: of the frame; equal to that of the step before where the frame repeats.
            rgb: its pixels, (side, side, 3); may be None for a repeated frame.

        Raises:
            ValueError: if the pixels of a new frame are missing.
        """
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
        features = self._network(self._blob)[0]
        for row, steps in zip(features, self._steps, strict=False):
            self.rows[steps] = row
        self._last, self._steps = features[len(self._steps) - 1], []
