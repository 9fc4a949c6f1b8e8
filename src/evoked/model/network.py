"""The content model in torch: a reader per modality → context gate → experts → context gate (spec §7)."""

from collections.abc import Mapping
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from evoked.model.config import ModelConfig, shapes
from evoked.model.encoders import ENCODERS
from evoked.model.layers import ContextGating, MixtureOfExperts, Standardise, apply_dropout

__all__ = ["Network"]


class Network(nn.Module):  # type: ignore[misc]  # torch is Any here
    """Rows of features → probability of each expression.

    Args:
        config: its shape.
        seed: first weights are drawn from it; torch's global generator is not touched.

    Attributes:
        kind: what the readers' matrix products are computed in; torch.float32 or torch.bfloat16.
    """

    def __init__(self, config: ModelConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        self.kind = torch.float32
        draw = torch.Generator().manual_seed(seed)
        self.scale = nn.ModuleDict({m.name: Standardise(m.width, m.parts) for m in config.modalities})
        encoder = ENCODERS[config.architecture]
        self.add_module(
            config.architecture, nn.ModuleDict({m.name: encoder(config, m, draw) for m in config.modalities})
        )
        classes = len(config.expressions)
        alone = config.remove_diagonal
        self.input_gate = ContextGating(config.fused, draw, remove_diagonal=alone) if config.input_gate else None
        self.experts = MixtureOfExperts(config.fused, classes, config.experts, draw, identity=config.answer == "value")
        sees = config.fused if config.output_gate_from == "input" else None
        self.output_gate = (
            ContextGating(classes, draw, sees=sees, remove_diagonal=alone) if config.output_gate else None
        )

    def forward(
        self,
        rows: Mapping[str, Tensor],
        source: Tensor,
        use: Tensor,
        *,
        generator: torch.Generator | None = None,
        plain: bool = False,
    ) -> Tensor:
        """Probabilities of the windows of a batch of runs.

        Args:
            rows: modality → (S, B, D), S = R + window_s - 1 seconds of each run; R consecutive windows.
            source: (S, B) int, the row that each place repeats (itself, but at a video's start).
            use: (R, B) bool, which windows are wanted; only these reach the gates and their batch norm.
            generator: draws dropout in training; torch's global one where None.
            plain: compute as torch's own GRU does, each window's seconds gathered and projected anew. Same
                numbers, several times slower; it is what the other way is compared with.

        Returns:
            (N, K) for the N wanted windows, in the order of `use.flatten()`.
        """
        states = []
        for m in self.config.modalities:
            shown = self.scale[m.name](rows[m.name])
            if self.training:
                shown = apply_dropout(shown, self.config.dropout, generator)
            read = cast(nn.ModuleDict, getattr(self, self.config.architecture))[m.name]
            last = read(shown, source, kind=self.kind, generator=generator, plain=plain)
            states.append(apply_dropout(last[use], self.config.dropout, generator) if self.training else last[use])
        fused = torch.cat(states, dim=-1)  # (N, 896)
        return self.judged(fused)

    def judged(self, fused: Tensor) -> Tensor:
        """Joined states (N, n) → probabilities (N, K)."""
        if self.input_gate is not None:
            fused = self.input_gate(fused)
        p = cast(Tensor, self.experts(fused))
        seen = fused if self.config.output_gate_from == "input" else None
        return p if self.output_gate is None else cast(Tensor, self.output_gate(p, seen))

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """A copy of every array, by the names of `config.shapes`."""
        state = self.state_dict()
        return {name: state[name].detach().cpu().numpy().copy() for name in shapes(self.config)}

    def load_arrays(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        """Take over every array; they must be those of `config.shapes`."""
        self.load_state_dict({name: torch.from_numpy(np.array(a)) for name, a in arrays.items()}, strict=True)
