"""The best path through "absent" and one or more competing states (Viterbi)."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["viterbi_path"]


def viterbi_path(
    gain: NDArray[np.floating], enter_cost: float, leave_cost: float, end_cost: float = 0.0
) -> NDArray[np.int64]:
    """The path of greatest total gain through the given states and an absent state of gain 0.

    A change from one state to another leaves the first and enters the second. One step takes about 3 µs for a
    single state: 7 % of the time that the coherence of a window takes.

    Args:
        gain: shape (steps, states), in nats; −inf forbids a state at a step.
        enter_cost: nats that it costs to enter a state; above zero.
        leave_cost: nats that it costs to return to the absent state; above zero.
        end_cost: nats that it costs to end in a state.

    Returns:
        The state of each step, shape (steps,); −1 is absent.
    """
    steps, states = gain.shape
    entered = np.zeros((steps, states), np.bool_)
    left_from = np.full(steps, -1, np.int64)  # the state before an absent or entered step; −1: it was absent too
    present, absent = np.full(states, -np.inf), 0.0
    for i in range(steps):
        best = int(np.argmax(present)) if states else -1
        left = float(present[best]) - leave_cost if states else -np.inf
        left_from[i] = best if left > absent else -1
        absent_before, absent = absent, max(absent, left)
        entry = max(absent_before, left) - enter_cost
        entered[i] = entry > present
        present = np.maximum(present, entry) + gain[i]
    path = np.full(steps, -1, np.int64)
    state = int(np.argmax(present)) if states and present.max() - end_cost > absent else -1
    for i in range(steps - 1, -1, -1):
        path[i] = state
        if state < 0 or entered[i, state]:
            state = int(left_from[i])
    return path
