"""The trained recogniser in torch: LSTM → LSTM → experts, for training (spec §3)."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from evoked.model.layers import MixtureOfExperts, apply_dropout
from evoked.model.recognition import RecognitionConfig, recognition_shapes

__all__ = ["RecognitionNetwork"]

FORGET_BIAS = 1.0
"""So that what an LSTM has seen stays until it learns to forget. Source: Jozefowicz and others 2015; spec §3."""


class _Scale(nn.Module):  # type: ignore[misc]  # torch is Any here
    """Each column to mean 0 and deviation 1 of the training clips; fixed before training."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))

    def forward(self, rows: Tensor) -> Tensor:
        return (rows - self.mean) / self.deviation


class RecognitionNetwork(nn.Module):  # type: ignore[misc]  # torch is Any here
    """Windows of face descriptions → probability of each expression.

    Args:
        config: its shape.
        seed: first weights are drawn from it; torch's global generator is not touched.
    """

    def __init__(self, config: RecognitionConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        draw = torch.Generator().manual_seed(seed)
        self.scale = _Scale(config.width)
        with torch.random.fork_rng(devices=[]):  # torch's LSTM draws from the global generator when it is made
            self.lstm = nn.LSTM(config.width, config.units, config.layers, batch_first=True)
        for name, array in self.lstm.named_parameters():
            nn.init.uniform_(array, -(config.units**-0.5), config.units**-0.5, generator=draw)
            if name.startswith("bias"):
                nn.init.zeros_(array)
            if name.startswith("bias_hh"):
                array.data[config.units : 2 * config.units] = FORGET_BIAS
        self.experts = MixtureOfExperts(config.units, len(config.expressions), config.experts, draw)

    def forward(self, windows: Tensor, dropout: float = 0.0, generator: torch.Generator | None = None) -> Tensor:
        """(N, ticks, D) float32 → (N, K) in [0, 1].

        Args:
            windows: descriptions, tick after tick.
            dropout: share of the description's columns (one draw for a window's ticks) and of the last
                state that is left out; for training.
            generator: draws it; torch's global one where None.
        """
        shown = self.scale(windows)
        if dropout:
            shown = shown * apply_dropout(torch.ones_like(shown[:, :1]), dropout, generator)
        states, _ = self.lstm(shown)
        last = states[:, -1]
        result: Tensor = self.experts(apply_dropout(last, dropout, generator) if dropout else last)
        return result

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """A copy of every array, by the names of `recognition_shapes`."""
        state = self.state_dict()
        return {name: state[name].detach().cpu().numpy().copy() for name in recognition_shapes(self.config)}

    def load_arrays(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        """Take over every array; they must be those of `recognition_shapes`."""
        self.load_state_dict({name: torch.from_numpy(np.array(a)) for name, a in arrays.items()}, strict=True)
