"""How the content model reads one modality, in torch: a class per kind of network, for training.

An encoder is made as `Encoder(config, modality, generator)`; its parameters carry the names of `config.ARCHITECTURES`.
It is called with

    shown: float32 (S, B, D), the seconds of B runs, scaled and dropped out; S = R + window_s - 1.
    source: int (S, B), the row that each place repeats: itself, but at a video's start.
    kind: torch.float32 or torch.bfloat16, what its matrix products are computed in.
    generator: draws its dropout while it trains; torch's global one where None.
    plain: compute in the plain, slow way that the fast one is compared with, where there are two.

and answers float32 (R, B, H): what is known of each window at its end. Window r of run b is what is at places
r … r + window_s - 1; it must see nothing else.
"""

from collections.abc import Mapping
from math import sqrt
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from evoked.model.config import Modality, ModelConfig, dilations
from evoked.model.layers import SharedGRU, apply_dropout

__all__ = ["ENCODERS", "GruEncoder", "TcnEncoder", "matrix_product"]


class GruEncoder(nn.ModuleList):  # type: ignore[misc]  # torch is Any here
    """A stack of GRU layers; the state of the last after each window (spec §7)."""

    def __init__(self, config: ModelConfig, m: Modality, generator: torch.Generator) -> None:
        super().__init__(
            SharedGRU(m.width if layer == 0 else m.units, m.units, generator) for layer in range(config.layers)
        )
        self.steps, self.dropout = config.window_s, config.dropout

    def forward(
        self,
        shown: Tensor,
        source: Tensor,
        *,
        kind: torch.dtype = torch.float32,
        generator: torch.Generator | None = None,
        plain: bool = False,
    ) -> Tensor:
        """See the top of this file. Plain: torch's own GRU, each window's seconds gathered and projected anew."""
        first, runs = cast(SharedGRU, self[0]), shown.shape[1]
        if not plain and len(self) == 1:
            return first.runs(shown, source, self.steps, kind, last_only=True)
        if plain:
            filled = torch.gather(shown, 0, source.unsqueeze(-1).expand_as(shown))
            windows = filled.unfold(0, self.steps, 1).permute(3, 0, 1, 2)  # (steps, R, B, D)
            states = first.sequence(windows.flatten(1, 2))
        else:
            states = first.runs(shown, source, self.steps, kind).flatten(1, 2)
        for layer in list(self)[1:]:  # what they read differs from window to window: nothing to share
            if self.training:
                states = apply_dropout(states, self.dropout, generator)
            states = cast(SharedGRU, layer).sequence(states)
        return states[-1].unflatten(0, (-1, runs))


class TcnEncoder(nn.Module):  # type: ignore[misc]
    """A causal convolution over time, each layer looking twice as far back; a second's state serves all its windows.

    h ← h + tanh(a) ∘ σ(b), (a, b) = W h(t) + V h(t − d) + c, with d of `config.dilations`. Where a GRU takes window_s
    steps for each window, this takes one row of about log2(window_s) layers.

    Source: van den Oord et al. 2016, WaveNet (gated, dilated, residual); Bai et al. 2018 (for sequences in general).
    """

    def __init__(self, config: ModelConfig, m: Modality, generator: torch.Generator) -> None:
        super().__init__()
        self.dilations, self.steps = dilations(config.window_s), config.window_s
        self.first = _Linear(m.width, m.units, generator)
        for layer in range(len(self.dilations)):
            self.add_module(str(layer), _Pair(m.units, generator))

    def forward(
        self,
        shown: Tensor,
        source: Tensor,
        *,
        kind: torch.dtype = torch.float32,
        generator: torch.Generator | None = None,
        plain: bool = False,
    ) -> Tensor:
        """See the top of this file. Plain: torch's own convolution, over each window on its own."""
        runs, h = shown.shape[1], self.first(shown, kind)
        h = torch.gather(h, 0, source.unsqueeze(-1).expand_as(h))
        if plain:
            windows = h.unfold(0, self.steps, 1).flatten(0, 1)  # (R B, H, steps)
            for layer, d in enumerate(self.dilations):
                windows = cast(_Pair, getattr(self, str(layer))).convolved(windows, d)
            return windows.squeeze(-1).unflatten(0, (-1, runs))
        for layer, d in enumerate(self.dilations):
            h = cast(_Pair, getattr(self, str(layer)))(h, d, kind)
        return h


class _Linear(nn.Module):  # type: ignore[misc]
    """x W' + b; first weights uniform in ±1/√n."""

    def __init__(self, width: int, units: int, generator: torch.Generator) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.empty(units, width)), nn.Parameter(torch.empty(units))
        for array in self.parameters():
            nn.init.uniform_(array, -1 / sqrt(width), 1 / sqrt(width), generator=generator)

    def forward(self, x: Tensor, kind: torch.dtype) -> Tensor:
        return matrix_product(x, self.weight, kind) + self.bias


class _Pair(nn.Module):  # type: ignore[misc]
    """One gated layer that sees a row and the row d before it; first weights uniform in ±1/√(2 H)."""

    def __init__(self, units: int, generator: torch.Generator) -> None:
        super().__init__()
        self.now, self.before = (nn.Parameter(torch.empty(2 * units, units)) for _ in range(2))
        self.bias = nn.Parameter(torch.empty(2 * units))
        for array in self.parameters():
            nn.init.uniform_(array, -1 / sqrt(2 * units), 1 / sqrt(2 * units), generator=generator)

    def forward(self, h: Tensor, d: int, kind: torch.dtype) -> Tensor:
        """(S, B, H) → (S - d, B, H)."""
        both = matrix_product(h[d:], self.now, kind) + matrix_product(h[:-d], self.before, kind) + self.bias
        let_in, how_much = both.chunk(2, dim=-1)
        return h[d:] + torch.tanh(let_in) * torch.sigmoid(how_much)

    def convolved(self, h: Tensor, d: int) -> Tensor:
        """The same by torch's convolution, (N, H, S) → (N, H, S - d)."""
        kernel = torch.stack([self.before, self.now], dim=-1)
        let_in, how_much = functional.conv1d(h, kernel, self.bias, dilation=d).chunk(2, dim=1)
        return h[..., d:] + torch.tanh(let_in) * torch.sigmoid(how_much)


def matrix_product(x: Tensor, weight: Tensor, kind: torch.dtype) -> Tensor:
    """x W', the product in a type of its own, back in x's."""
    return (x.to(kind) @ weight.to(kind).t()).to(x.dtype)


ENCODERS: Mapping[str, type[nn.Module]] = {"gru": GruEncoder, "tcn": TcnEncoder}
"""Kind of network → how it reads a modality."""
