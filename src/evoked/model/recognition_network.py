"""The trained recogniser in torch: LSTM → LSTM (or dense → dense) → mixture of experts, for training (spec §3)."""

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


class _Dense(nn.Module):
    """Dense layers with tanh over the last frame: the recogniser without recurrence."""

    def __init__(self, config: RecognitionConfig, initial: torch.Generator) -> None:
        super().__init__()
        self.layers = config.layers
        for layer in range(config.layers):
            inputs = config.width if layer == 0 else config.units
            weight = torch.empty(config.units, inputs)
            nn.init.uniform_(weight, -(inputs**-0.5), inputs**-0.5, generator=initial)
            self.register_parameter(f"weight_l{layer}", nn.Parameter(weight))
            self.register_parameter(f"bias_l{layer}", nn.Parameter(torch.zeros(config.units)))

    def forward(self, rows: Tensor) -> Tensor:
        for layer in range(self.layers):
            weight, bias = getattr(self, f"weight_l{layer}"), getattr(self, f"bias_l{layer}")
            rows = torch.tanh(nn.functional.linear(rows, weight, bias))
        return rows


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
        if config.recurrence == "lstm":
            self.lstm = _lstm(config, initial)
        else:
            self.dense = _Dense(config, initial)
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
        recurrent = self.config.recurrence == "lstm"
        last = self.lstm(standardised)[0][:, -1] if recurrent else self.dense(standardised[:, -1])
        result: Tensor = self.experts(apply_dropout(last, dropout, generator) if dropout else last)
        return result

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """A copy of every array, by the names of `recognition_shapes`."""
        state = self.state_dict()
        return {name: state[name].detach().cpu().numpy().copy() for name in recognition_shapes(self.config)}

    def load_arrays(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        """Copy every array into the network; they must be those of `recognition_shapes`."""
        self.load_state_dict({name: torch.from_numpy(np.array(a)) for name, a in arrays.items()}, strict=True)


def _lstm(config: RecognitionConfig, initial: torch.Generator) -> nn.LSTM:
    with torch.random.fork_rng(devices=[]):  # constructing torch's LSTM uses the global generator
        lstm = nn.LSTM(config.width, config.units, config.layers, batch_first=True)
    for name, array in lstm.named_parameters():
        nn.init.uniform_(array, -(config.units**-0.5), config.units**-0.5, generator=initial)
        if name.startswith("bias"):
            nn.init.zeros_(array)
        if name.startswith("bias_hh"):
            array.data[config.units : 2 * config.units] = FORGET_BIAS
    return lstm
