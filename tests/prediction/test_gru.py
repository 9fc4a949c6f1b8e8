"""Steps over shared seconds are torch's own GRU over gathered windows, whatever the layers and blocks."""

import numpy as np
import pytest
import torch
from torch import nn

from evoked.prediction.gru_graph import MAX_BLOCK_STEPS, GruLayer, gru_block, gru_projection, steps_per_block
from evoked.weights.session import Session

NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def layers_of(torch_gru: nn.GRU) -> list[GruLayer]:
    return [
        GruLayer(*(getattr(torch_gru, f"{name}_l{n}").detach().numpy() for name in NAMES))
        for n in range(torch_gru.num_layers)
    ]


@pytest.mark.parametrize(("layers", "steps", "at_once"), [(1, 6, 6), (1, 6, 2), (2, 6, 3), (3, 4, 1)])
@pytest.mark.parametrize("windows", [1, 7])
def test_blocks_of_steps_are_torchs_gru(layers: int, steps: int, at_once: int, windows: int) -> None:
    torch.manual_seed(layers)
    torch_gru = nn.GRU(5, 16, num_layers=layers)
    rows = torch.randn(windows + steps - 1, 5)
    project, block = (
        Session(graph.SerializeToString())
        for graph in (gru_projection(layers_of(torch_gru)[0]), gru_block(layers_of(torch_gru), at_once))
    )

    (seconds,) = project(rows.numpy())
    states = tuple(np.zeros((windows, 16), dtype=np.float32) for _ in range(layers))
    for k in range(0, steps, at_once):
        states = block(seconds[k : k + windows + at_once - 1], *states)

    gathered = rows.unfold(0, steps, 1).permute(2, 0, 1)  # (steps, windows, 5)
    with torch.no_grad():
        _, last = torch_gru(gathered)
    assert len(states) == layers
    for state, expected in zip(states, last, strict=True):
        np.testing.assert_allclose(state, expected.numpy(), atol=1e-6)


@pytest.mark.parametrize("steps", range(1, 125))
def test_equal_blocks_make_up_the_steps(steps: int) -> None:
    n = steps_per_block(steps)

    assert steps % n == 0
    assert 1 <= n <= MAX_BLOCK_STEPS
    assert all(steps % m for m in range(n + 1, MAX_BLOCK_STEPS + 1) if m <= steps)
