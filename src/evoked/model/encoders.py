"""How the content model reads one modality, in torch: a class per kind of network, for training.

An encoder is made as `Encoder(config, modality, generator)`; its parameters carry the names of `config.KINDS`.
It is called with

    shown: float32 (S, B, D), the seconds of B runs, scaled and dropped out; S = R + window_s - 1.
    source: int (S, B), the row that each place repeats: itself, but at a video's start.
    kind: torch.float32 or torch.bfloat16, what its matrix products are computed in.
    generator: draws its dropout while it trains; torch's global one where None.
    plain: compute in the plain, slow way that the fast one is held against, where there are two.

and answers float32 (R, B, H): what is known of each window at its end. Window r of run b is what stands at places
r … r + window_s - 1; it must see nothing else.
"""

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from evoked.model.config import Modality, ModelConfig
from evoked.model.layers import SharedGRU, dropped


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
                states = dropped(states, self.dropout, generator)
            states = cast(SharedGRU, layer).sequence(states)
        return states[-1].unflatten(0, (-1, runs))


ENCODERS: Mapping[str, type[nn.Module]] = {"gru": GruEncoder}
"""Kind of network → how it reads a modality."""
