"""The trained recogniser in torch: LSTM → LSTM → mixture of experts, for training (spec §3)."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from evoked.model.layers import MixtureOfExperts, apply_dropout
from evoked.model.recognition import RecognitionConfig, recognition_shapes

__all__ = ["RecognitionNetwork"]

FORGET_BIAS = 1.0
"""Initial bias of the forget gate, so that an LSTM starts by remembering. Source: Jozefowicz et al. 2015; spec §3."""


class _Scale(nn.Module):
    """Each column to mean 0 and standard deviation 1 over the training clips; fixed before training."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))

    def forward(self, rows: Tensor) -> Tensor:
        return (rows - self.mean) / self.deviation


class RecognitionNetwork(nn.Module):
    """Windows of face descriptors → probability of each expression.

    Args:
        config: its sizes.
        seed: of the initial weights; torch's global generator is not used.
    """

    def __init__(self, config: RecognitionConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        initial = torch.Generator().manual_seed(seed)
        self.scale = _Scale(config.width)
        with torch.random.fork_rng(devices=[]):  # constructing torch's LSTM uses the global generator
            self.lstm = nn.LSTM(config.width, config.units, config.layers, batch_first=True)
        for name, array in self.lstm.named_parameters():
            nn.init.uniform_(array, -(config.units**-0.5), config.units**-0.5, generator=initial)
            if name.startswith("bias"):
                nn.init.zeros_(array)
            if name.startswith("bias_hh"):
                array.data[config.units : 2 * config.units] = FORGET_BIAS
        self.experts = MixtureOfExperts(config.units, len(config.expressions), config.experts, initial)

    def forward(self, windows: Tensor, dropout: float = 0.0, generator: torch.Generator | None = None) -> Tensor:
        """Score windows.

        Args:
            windows: (N, frames, D) float32, descriptors in order.
            dropout: share of the descriptor's columns (one mask for all frames of a window) and of the last
                state that is zeroed; for training.
            generator: for dropout; torch's global one where None.

        Returns:
            (N, K) in [0, 1].
        """
        standardised: Tensor = self.scale(windows)
        if dropout:
            standardised = standardised * apply_dropout(torch.ones_like(standardised[:, :1]), dropout, generator)
        states, _ = self.lstm(standardised)
        last = states[:, -1]
        result: Tensor = self.experts(apply_dropout(last, dropout, generator) if dropout else last)
        return result

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """A copy of every array, by the names of `recognition_shapes`."""
        state = self.state_dict()
        return {name: state[name].detach().cpu().numpy().copy() for name in recognition_shapes(self.config)}

    def load_arrays(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        """Copy every array into the network; they must be those of `recognition_shapes`."""
        self.load_state_dict({name: torch.from_numpy(np.array(a)) for name, a in arrays.items()}, strict=True)
