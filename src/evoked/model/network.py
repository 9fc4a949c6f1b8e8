"""The content model in torch: an encoder per modality → context gating → experts → context gating (spec §7)."""

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


class Network(nn.Module):
    """Rows of features → probability of each expression.

    Args:
        config: its architecture and sizes.
        seed: of the initial weights; torch's global generator is not used.

    Attributes:
        matmul_dtype: type of the encoders' matrix products; torch.float32 or torch.bfloat16.
    """

    def __init__(self, config: ModelConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        self.matmul_dtype = torch.float32
        generator = torch.Generator().manual_seed(seed)
        self.scale = nn.ModuleDict({m.name: Standardise(m.width, m.parts) for m in config.modalities})
        encoder = ENCODERS[config.architecture]
        self.add_module(
            config.architecture, nn.ModuleDict({m.name: encoder(config, m, generator) for m in config.modalities})
        )
        classes = len(config.expressions)
        remove = config.remove_diagonal
        self.input_gate = ContextGating(config.fused, generator, remove_diagonal=remove) if config.input_gate else None
        regression = config.answer == "value"
        self.experts = MixtureOfExperts(config.fused, classes, config.experts, generator, identity=regression)
        gate_inputs = config.fused if config.output_gate_from == "input" else None
        self.output_gate = (
            ContextGating(classes, generator, gate_inputs=gate_inputs, remove_diagonal=remove)
            if config.output_gate
            else None
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
            source: (S, B) int, index of the row that each position repeats (its own, except at a video's start).
            use: (R, B) bool, which windows are used; only these reach the gates and their batch norm.
            generator: for dropout in training; torch's global one where None.
            plain: compute as torch's own GRU does, each window's seconds gathered and projected again: the
                reference for the fast computation, equal to it and several times slower.

        Returns:
            (N, K) for the N windows in use, in the order of `use.flatten()`.
        """
        states = []
        for m in self.config.modalities:
            standardised = self.scale[m.name](rows[m.name])
            if self.training:
                standardised = apply_dropout(standardised, self.config.dropout, generator)
            encoder = cast(nn.ModuleDict, getattr(self, self.config.architecture))[m.name]
            last = encoder(standardised, source, dtype=self.matmul_dtype, generator=generator, plain=plain)
            states.append(apply_dropout(last[use], self.config.dropout, generator) if self.training else last[use])
        fused = torch.cat(states, dim=-1)  # (N, 896)
        return self._classified(fused)

    def _classified(self, fused: Tensor) -> Tensor:
        """Joined states (N, n) → probabilities (N, K)."""
        if self.input_gate is not None:
            fused = self.input_gate(fused)
        p = cast(Tensor, self.experts(fused))
        gate_source = fused if self.config.output_gate_from == "input" else None
        return p if self.output_gate is None else cast(Tensor, self.output_gate(p, gate_source))

    def set_standardisation(self, modality: str, mean: NDArray, deviation: NDArray) -> None:
        """Set the statistics that a modality's features are standardised with.

        Args:
            modality: its name.
            mean, deviation: per column, (D,).
        """
        standardise = cast(Standardise, self.scale[modality])
        standardise.mean.copy_(torch.from_numpy(mean))
        standardise.deviation.copy_(torch.from_numpy(deviation))

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """A copy of every array, by the names of `config.shapes`."""
        state = self.state_dict()
        return {name: state[name].detach().cpu().numpy().copy() for name in shapes(self.config)}

    def load_arrays(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        """Copy every array into the network; they must be those of `config.shapes`."""
        self.load_state_dict({name: torch.from_numpy(np.array(a)) for name, a in arrays.items()}, strict=True)
