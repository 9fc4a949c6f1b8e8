"""Encoders of one modality's features in torch, for training: a class per architecture.

An encoder is constructed as `Encoder(config, modality, generator)`; its parameters have the names of
`config.ARCHITECTURES`. Its forward pass takes

    standardised: float32 (S, B, D), the seconds of B runs after dropout; S = R + window_s - 1.
    source: int (S, B), index of the row that each position repeats: its own, except at a video's start.
    dtype: torch.float32 or torch.bfloat16, the type of its matrix products.
    generator: for dropout in training; torch's global one where None.
    plain: use torch's own layers, slowly, as the reference that the fast computation is compared with.

and returns float32 (R, B, H): the state of each window at its end. Window r of run b has the positions
r … r + window_s - 1; its state must not depend on any other.
"""

from collections.abc import Callable, Mapping
from math import sqrt
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from evoked.model.config import Modality, ModelConfig, dilations
from evoked.model.layers import SharedGRU, apply_dropout

__all__ = ["ENCODERS", "GruEncoder", "TcnEncoder"]


class GruEncoder(nn.ModuleList):
    """A stack of GRU layers; the state of the last after each window (spec §7).

    Args:
        config: of the model.
        modality: whose features it reads.
        generator: for the initial weights.
    """

    def __init__(self, config: ModelConfig, modality: Modality, generator: torch.Generator) -> None:
        width, units = modality.width, modality.units
        super().__init__(SharedGRU(width if layer == 0 else units, units, generator) for layer in range(config.layers))
        self.steps, self.dropout = config.window_s, config.dropout

    def forward(
        self,
        standardised: Tensor,
        source: Tensor,
        *,
        dtype: torch.dtype = torch.float32,
        generator: torch.Generator | None = None,
        plain: bool = False,
    ) -> Tensor:
        """Encode every window of a batch of runs.

        Args:
            standardised: float32 (S, B, D), as the module's docstring says.
            source: int (S, B).
            dtype: of the matrix products.
            generator: for dropout between layers in training.
            plain: torch's own GRU, each window's seconds gathered and projected again.

        Returns:
            float32 (R, B, H).
        """
        first, runs = cast(SharedGRU, self[0]), standardised.shape[1]
        if not plain and len(self) == 1:
            return first.runs(standardised, source, self.steps, dtype, last_only=True)
        if plain:
            filled = torch.gather(standardised, 0, source.unsqueeze(-1).expand_as(standardised))
            windows = filled.unfold(0, self.steps, 1).permute(3, 0, 1, 2)  # (steps, R, B, D)
            states = first.sequence(windows.flatten(1, 2))
        else:
            states = first.runs(standardised, source, self.steps, dtype).flatten(1, 2)
        for layer in list(self)[1:]:  # their inputs differ from window to window: nothing to share
            if self.training:
                states = apply_dropout(states, self.dropout, generator)
            states = cast(SharedGRU, layer).sequence(states)
        return torch.unflatten(states[-1], 0, (-1, runs))


class TcnEncoder(nn.Module):
    """A causal temporal convolution with doubling dilations; a second's state is shared by all its windows.

    h ← h + tanh(a) ∘ σ(b), (a, b) = W h(t) + V h(t − d) + c, with d of `config.dilations`. Where a GRU takes window_s
    steps for each window, this takes about log2(window_s) layers.

    Source: van den Oord et al. 2016, WaveNet (gated, dilated, residual); Bai et al. 2018 (for sequences in general).

    Args:
        config: of the model.
        modality: whose features it reads.
        generator: for the initial weights.
    """

    def __init__(self, config: ModelConfig, modality: Modality, generator: torch.Generator) -> None:
        super().__init__()
        self.dilations, self.steps = dilations(config.window_s), config.window_s
        self.first = _Linear(modality.width, modality.units, generator)
        for layer in range(len(self.dilations)):
            self.add_module(str(layer), _GatedLayer(modality.units, generator))

    def forward(
        self,
        standardised: Tensor,
        source: Tensor,
        *,
        dtype: torch.dtype = torch.float32,
        generator: torch.Generator | None = None,
        plain: bool = False,
    ) -> Tensor:
        """Encode every window of a batch of runs.

        Args:
            standardised: float32 (S, B, D), as the module's docstring says.
            source: int (S, B).
            dtype: of the matrix products.
            generator: not used, there is no dropout between layers.
            plain: torch's own convolution, over each window separately.

        Returns:
            float32 (R, B, H).
        """
        runs = standardised.shape[1]
        h: Tensor = self.first(standardised, dtype)
        h = torch.gather(h, 0, source.unsqueeze(-1).expand_as(h))
        if plain:
            windows = h.unfold(0, self.steps, 1).flatten(0, 1)  # (R B, H, steps)
            for layer, d in enumerate(self.dilations):
                windows = cast(_GatedLayer, getattr(self, str(layer))).convolved(windows, d)
            return torch.unflatten(windows.squeeze(-1), 0, (-1, runs))
        for layer, d in enumerate(self.dilations):
            h = cast(_GatedLayer, getattr(self, str(layer)))(h, d, dtype)
        return h


class _Linear(nn.Module):
    """x W' + b; initial weights uniform in ±1/√n."""

    def __init__(self, width: int, units: int, generator: torch.Generator) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.empty(units, width)), nn.Parameter(torch.empty(units))
        for array in self.parameters():
            nn.init.uniform_(array, -1 / sqrt(width), 1 / sqrt(width), generator=generator)

    def forward(self, x: Tensor, dtype: torch.dtype) -> Tensor:
        return _matrix_product(x, self.weight, dtype) + self.bias


class _GatedLayer(nn.Module):
    """One gated layer that reads a row and the row d before it; initial weights uniform in ±1/√(2 H)."""

    def __init__(self, units: int, generator: torch.Generator) -> None:
        super().__init__()
        self.now, self.before = (nn.Parameter(torch.empty(2 * units, units)) for _ in range(2))
        self.bias = nn.Parameter(torch.empty(2 * units))
        for array in self.parameters():
            nn.init.uniform_(array, -1 / sqrt(2 * units), 1 / sqrt(2 * units), generator=generator)

    def forward(self, h: Tensor, d: int, dtype: torch.dtype) -> Tensor:
        """(S, B, H) → (S - d, B, H)."""
        mixed = _matrix_product(h[d:], self.now, dtype) + _matrix_product(h[:-d], self.before, dtype) + self.bias
        candidate, gate = mixed.chunk(2, dim=-1)
        return h[d:] + torch.tanh(candidate) * torch.sigmoid(gate)

    def convolved(self, h: Tensor, d: int) -> Tensor:
        """The same by torch's convolution, (N, H, S) → (N, H, S - d)."""
        kernel = torch.stack([self.before, self.now], dim=-1)
        candidate, gate = functional.conv1d(h, kernel, self.bias, dilation=d).chunk(2, dim=1)
        return h[..., d:] + torch.tanh(candidate) * torch.sigmoid(gate)


def _matrix_product(x: Tensor, weight: Tensor, dtype: torch.dtype) -> Tensor:
    """x W', computed in `dtype` and returned in the type of x."""
    return (x.to(dtype) @ weight.to(dtype).t()).to(x.dtype)


ENCODERS: Mapping[str, Callable[[ModelConfig, Modality, torch.Generator], nn.Module]] = {
    "gru": GruEncoder,
    "tcn": TcnEncoder,
}
"""Architecture → its encoder."""
