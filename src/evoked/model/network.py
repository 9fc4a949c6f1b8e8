"""The content model in torch: GRUs → context gate → experts → context gate (spec §7)."""

from collections.abc import Mapping
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from evoked.model.config import ModelConfig, shapes
from evoked.model.layers import ContextGate, Experts, Scale, SharedGRU, dropped


class Network(nn.Module):  # type: ignore[misc]  # torch is Any here
    """Rows of features → probability of each expression.

    Args:
        config: its shape.
        seed: first weights are drawn from it; torch's global generator is not touched.

    Attributes:
        kind: what matrix products of the GRUs are computed in; torch.float32 or torch.bfloat16.
    """

    def __init__(self, config: ModelConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        self.kind = torch.float32
        draw = torch.Generator().manual_seed(seed)
        self.scale = nn.ModuleDict({m.name: Scale(m.width, m.parts) for m in config.modalities})
        self.gru = nn.ModuleDict(
            {
                m.name: nn.ModuleList(
                    SharedGRU(m.width if layer == 0 else m.units, m.units, draw) for layer in range(config.layers)
                )
                for m in config.modalities
            }
        )
        classes = len(config.expressions)
        self.input_gate = ContextGate(config.fused, draw) if config.input_gate else None
        self.experts = Experts(config.fused, classes, config.experts, draw, identity=config.answer == "value")
        self.output_gate = ContextGate(classes, draw) if config.output_gate else None

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
                numbers, several times slower; it is what the other way is held against.

        Returns:
            (N, K) for the N wanted windows, in the order of `use.flatten()`.
        """
        states = []
        for m in self.config.modalities:
            shown = self.scale[m.name](rows[m.name])
            if self.training:
                shown = dropped(shown, self.config.dropout, generator)
            last = (
                self._plain(m.name, shown, source, generator)
                if plain
                else self._shared(m.name, shown, source, generator)
            )
            states.append(dropped(last[use], self.config.dropout, generator) if self.training else last[use])
        fused = torch.cat(states, dim=-1)  # (N, 896)
        return self.judged(fused)

    def judged(self, fused: Tensor) -> Tensor:
        """Joined states (N, n) → probabilities (N, K)."""
        if self.input_gate is not None:
            fused = self.input_gate(fused)
        p = cast(Tensor, self.experts(fused))
        return p if self.output_gate is None else cast(Tensor, self.output_gate(p))

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """A copy of every array, by the names of `config.shapes`."""
        state = self.state_dict()
        return {name: state[name].detach().cpu().numpy().copy() for name in shapes(self.config)}

    def load_arrays(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        """Take over every array; they must be those of `config.shapes`."""
        self.load_state_dict({name: torch.from_numpy(np.array(a)) for name, a in arrays.items()}, strict=True)

    def _shared(self, name: str, shown: Tensor, source: Tensor, generator: torch.Generator | None) -> Tensor:
        layers = cast(nn.ModuleList, self.gru[name])
        states = cast(SharedGRU, layers[0]).runs(shown, source, self.config.window_s, self.kind)
        _, windows, runs, _ = states.shape
        return self._above(layers, states.flatten(1, 2), generator).unflatten(0, (windows, runs))

    def _plain(self, name: str, shown: Tensor, source: Tensor, generator: torch.Generator | None) -> Tensor:
        steps, runs = self.config.window_s, shown.shape[1]
        filled = torch.gather(shown, 0, source.unsqueeze(-1).expand_as(shown))
        windows = filled.unfold(0, steps, 1).permute(3, 0, 1, 2)  # (steps, R, B, D)
        layers = cast(nn.ModuleList, self.gru[name])
        states = cast(SharedGRU, layers[0]).sequence(windows.flatten(1, 2))
        return self._above(layers, states, generator).unflatten(0, (-1, runs))

    def _above(self, layers: nn.ModuleList, states: Tensor, generator: torch.Generator | None) -> Tensor:
        """The layers above the first, whose input differs from window to window: (steps, N, H) → (N, H)."""
        for layer in list(layers)[1:]:
            if self.training:
                states = dropped(states, self.config.dropout, generator)
            states = cast(SharedGRU, layer).sequence(states)
        return states[-1]
