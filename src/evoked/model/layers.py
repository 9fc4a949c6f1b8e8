"""The layers of the content model in torch (spec §7). Arithmetic only.

Arrays are laid out time first, (S, B, …): then the seconds that step k of all windows of a run reads are
one contiguous slice, k … k + R - 1, and nothing has to be gathered.
"""

from dataclasses import dataclass
from math import prod, sqrt
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from evoked.model.config import BN_EPSILON

__all__ = ["ContextGating", "MixtureOfExperts", "SharedGRU", "Standardise", "StepInputs", "apply_dropout"]

BN_MOMENTUM = 0.1
"""Share of a batch in the running statistics. The reference's 0.001 needs thousands of steps to settle; a
small study has a few hundred."""


class Standardise(nn.Module):  # type: ignore[misc]  # torch is Any here
    """Bring each column to mean 0 and deviation 1; a part that is all zeros is absent and stays zero.

    Both numbers are fixed before training, from the training seconds where the part was present.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, width: int, parts: int) -> None:
        super().__init__()
        self.parts = parts
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))

    def forward(self, rows: Tensor) -> Tensor:
        """(…, D) of any float type → float32 (…, D)."""
        rows = rows.float()
        split = rows.unflatten(-1, (self.parts, -1))
        present = split.ne(0).any(dim=-1, keepdim=True).expand_as(split).flatten(-2)
        return (rows - self.mean) / self.deviation * present


def apply_dropout(x: Tensor, share: float, generator: torch.Generator | None) -> Tensor:
    """Zero a share of the numbers at random and scale the others up, so that the mean stays."""
    if share == 0:
        return x
    keep = torch.empty_like(x).bernoulli_(1 - share, generator=generator)
    return x * keep.div_(1 - share)


class _Lease:
    """Memory for one pass through the steps, given back when the pass and its gradient are forgotten.

    Without it each training step of the paper's size asks the system for 220 MB of fresh pages.

    Args:
        pool: where memory that is not in use lies; taken from, and given back to.
    """

    def __init__(self, pool: list[dict[str, Tensor]]) -> None:
        self._pool, self._held = pool, pool.pop() if pool else {}

    def __del__(self) -> None:
        self._pool.append(self._held)

    def room(self, name: str, like: Tensor, *shape: int, kind: torch.dtype | None = None) -> Tensor:
        """Unset numbers of this shape, on the device of `like` and of its type where no other is said."""
        kind, size = kind or like.dtype, prod(shape)
        there = self._held.get(name)
        if there is None or there.numel() < size or there.dtype != kind or there.device != like.device:
            there = self._held[name] = torch.empty(size, dtype=kind, device=like.device)
        return there[:size].view(shape)


class _Recurrence(torch.autograd.Function):  # type: ignore[misc]
    """The GRU's steps over projected seconds that overlapping windows share.

    torch has no such layer: its GRU wants each window's seconds gathered, and projects each of them again.
    Backward is written out because it can sum the recurrent weight's gradient over all steps in one
    matrix product; autograd would make one per step.
    """

    @staticmethod
    def forward(ctx: Any, projected: Tensor, weight: Tensor, bias: Tensor, how: "StepInputs") -> Tensor:
        """(S, B, 3H), (3H, H), the new gate's (H,) → states (steps, R, B, H), or (R, B, H), R = S - steps + 1."""
        seconds, runs, three = projected.shape
        size, steps, windows, lease = three // 3, how.count, seconds - how.count + 1, _Lease(how.pool)
        turned = weight.to(how.kind).t().contiguous()
        states = lease.room("states", projected, steps, windows, runs, size)
        gates = lease.room("gates", projected, steps, windows, runs, three)  # reset, update, new
        inner = lease.room("inner", projected, steps, windows, runs, size)  # the new gate's recurrent part
        g = lease.room("g", projected, windows, runs, three)
        low, product = states.flatten(1, 2), g.flatten(0, 1)  # states and their product, as products take them
        if how.kind != projected.dtype:
            low = lease.room("low", projected, steps, windows * runs, size, kind=how.kind)
            product = lease.room("product", projected, windows * runs, three, kind=how.kind)
        state = torch.zeros_like(states[0])
        for k in range(steps):
            x, reset_update, new = projected[k : k + windows], gates[k][..., : 2 * size], gates[k][..., 2 * size :]
            if k:
                torch.mm(low[k - 1], turned, out=product)
                g = g if how.kind == g.dtype else g.copy_(product.view_as(g))
                torch.add(x[..., : 2 * size], g[..., : 2 * size], out=reset_update).sigmoid_()
                torch.add(g[..., 2 * size :], bias, out=inner[k])
            else:
                torch.sigmoid(x[..., : 2 * size], out=reset_update)
                inner[k] = bias
            torch.addcmul(x[..., 2 * size :], reset_update[..., :size], inner[k], out=new).tanh_()
            state = torch.lerp(new, state, reset_update[..., size:], out=states[k])
            if how.kind != state.dtype:
                low[k] = state.view(-1, size)
        ctx.save_for_backward(weight)
        ctx.lease, ctx.how, ctx.held = lease, how, (states, gates, inner, low)
        return state.clone() if how.last_only else states.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        """From the gradient at the states, back through the steps."""
        (weight,), (states, gates, inner, low), how, lease = ctx.saved_tensors, ctx.held, ctx.how, ctx.lease
        steps, windows, runs, size = states.shape
        recurrent = weight.to(how.kind)
        projected = states.new_zeros(steps + windows - 1, runs, 3 * size)
        lows = lease.room("pulls", states, steps, windows * runs, 3 * size, kind=how.kind)
        pulls = lease.room("g", states, windows, runs, 3 * size)  # gradient at the recurrent side's output
        at_bias, nothing = torch.zeros_like(states[0]), torch.zeros_like(states[0])
        state = grads[0].clone() if how.last_only else torch.zeros_like(states[0])
        for k in reversed(range(steps)):
            if not how.last_only:
                state += grads[0][k]
            if how.kind == state.dtype:
                pulls = lows[k].view_as(gates[k])
            reset, update, new = gates[k].split(size, dim=-1)
            at_reset, at_update, at_inner = pulls.split(size, dim=-1)
            kept = state * update
            at_new = torch.ops.aten.tanh_backward(state - kept, new)
            leaning = ((states[k - 1] if k else nothing) - new).mul_(state)
            torch.ops.aten.sigmoid_backward(leaning, update, grad_input=at_update)
            torch.ops.aten.sigmoid_backward(at_new * inner[k], reset, grad_input=at_reset)
            torch.mul(at_new, reset, out=at_inner)
            seen = projected[k : k + windows]
            seen[..., : 2 * size] += pulls[..., : 2 * size]
            seen[..., 2 * size :] += at_new
            at_bias += at_inner
            if how.kind != state.dtype:
                lows[k] = pulls.view(-1, 3 * size)
            state = kept.add_((lows[k] @ recurrent).view_as(kept))
        at_weight = lows[1:].flatten(0, 1).t() @ low[:-1].flatten(0, 1)
        return projected, at_weight.to(weight.dtype), at_bias.sum(dim=(0, 1)), None


@dataclass(frozen=True, eq=False)
class StepInputs:
    """How the recurrence goes.

    Attributes:
        count: seconds in a window.
        kind: what matrix products are computed in: float32 or bfloat16.
        last_only: whether the last state is all that is wanted.
        pool: memory that is used again.
    """

    count: int
    kind: torch.dtype
    last_only: bool
    pool: list[dict[str, Tensor]]


class SharedGRU(nn.Module):  # type: ignore[misc]  # torch is Any here
    """One GRU layer as torch's, with a second way for runs of overlapping windows.

    Args:
        width: numbers per second that come in.
        units: size of the state, H.
        generator: for the first weights, uniform in ±1/√H as torch's.
    """

    def __init__(self, width: int, units: int, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.weight_ih = nn.Parameter(torch.empty(3 * units, width))
        self.weight_hh = nn.Parameter(torch.empty(3 * units, units))
        self.bias_ih = nn.Parameter(torch.empty(3 * units))
        self.bias_hh = nn.Parameter(torch.empty(3 * units))
        for array in self.parameters():
            nn.init.uniform_(array, -1 / sqrt(units), 1 / sqrt(units), generator=generator)
        self._pool: list[dict[str, Tensor]] = []

    def runs(
        self, rows: Tensor, source: Tensor, steps: int, kind: torch.dtype = torch.float32, last_only: bool = False
    ) -> Tensor:
        """States of all windows of runs, each second projected once.

        Args:
            rows: (S, B, D); run b's windows are rows r … r + steps - 1 for r = 0 … R - 1, R = S - steps + 1.
            source: (S, B) int, which row is at each place: 0 where the first second is repeated, so
                that its projection is. See `learning.batches`.
            steps: seconds in a window.
            kind: what matrix products are computed in: float32 or bfloat16.
            last_only: give the last step's state alone.

        Returns:
            State after every step, (steps, R, B, H), or after the last, (R, B, H).
        """
        size = self.weight_hh.shape[1]
        early, late = self.bias_hh.split([2 * size, size])  # reset's and update's are the input's as well
        bias = self.bias_ih + functional.pad(early, (0, size))
        projected = (rows.to(kind) @ self.weight_ih.to(kind).t()).to(rows.dtype) + bias
        place = source.unsqueeze(-1).expand(-1, -1, projected.shape[-1])
        how = StepInputs(steps, kind, last_only, self._pool)
        return _Recurrence.apply(torch.gather(projected, 0, place), self.weight_hh, late, how)

    def sequence(self, rows: Tensor) -> Tensor:
        """torch's own GRU over whole windows: (steps, N, D) → state after every step, (steps, N, H)."""
        first = rows.new_zeros(1, rows.shape[1], self.weight_hh.shape[1])
        arrays = (self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        out, _ = torch.gru(rows, first, arrays, True, 1, 0.0, self.training, False, False)
        return out


class ContextGating(nn.Module):  # type: ignore[misc]  # torch is Any here
    """y = x ∘ σ(BN(W x)): how much of each number is let through, seen from all of them.

    W is square, without bias, first drawn from N(0, 1/√n); the batch norm is on the gate's logits only,
    eps 1e-3. Source: Miech, Laptev, Sivic 2017, and their code.

    Args:
        n: numbers that are let through.
        generator: draws W.
        sees: numbers of another vector that the gate is computed from instead, W (n, sees), N(0, 1/√sees).
        remove_diagonal: leave out of a number's gate the number itself: W's diagonal counts as 0. Only where the
            gate sees what it lets through.
    """

    mean: Tensor
    variance: Tensor

    def __init__(
        self,
        n: int,
        generator: torch.Generator | None = None,
        *,
        sees: int | None = None,
        remove_diagonal: bool = False,
    ) -> None:
        super().__init__()
        self.remove_diagonal = remove_diagonal and sees is None
        width = sees or n
        self.weight = nn.Parameter(torch.empty(n, width).normal_(0, 1 / sqrt(width), generator=generator))
        self.gain = nn.Parameter(torch.ones(n))
        self.bias = nn.Parameter(torch.zeros(n))
        self.register_buffer("mean", torch.zeros(n))
        self.register_buffer("variance", torch.ones(n))

    def forward(self, x: Tensor, seen: Tensor | None = None) -> Tensor:
        """(N, n) and what the gate sees, (N, sees), where that is not x itself → (N, n); in training N ≥ 2."""
        weight = self.weight - self.weight.diagonal().diag() if self.remove_diagonal else self.weight
        logits = (x if seen is None else seen) @ weight.t()
        normed = functional.batch_norm(
            logits, self.mean, self.variance, self.gain, self.bias, self.training, BN_MOMENTUM, BN_EPSILON
        )
        return x * torch.sigmoid(normed)


class MixtureOfExperts(nn.Module):  # type: ignore[misc]  # torch is Any here
    """Mixture of experts with a dummy: per class p = Σ_{m≤M} softmax(gates)_m · σ(expert_m).

    With `identity` the experts' own numbers stand in place of their σ: regression (spec §8). With 0 experts
    there is one without gate or dummy, p = σ(w x + b).

    M + 1 gates without bias; the last belongs to the dummy expert, which always says 0. First weights are
    uniform as Glorot's, biases 0. Source: YouTube-8M's MoeModel; spec §7.
    """

    def __init__(
        self, n: int, classes: int, experts: int, generator: torch.Generator | None = None, identity: bool = False
    ) -> None:
        super().__init__()
        self.identity = identity
        self.gate_weight = nn.Parameter(torch.empty(classes, experts + 1, n)) if experts else None
        self.expert_weight = nn.Parameter(torch.empty(classes, max(experts, 1), n))
        self.expert_bias = nn.Parameter(torch.zeros(classes, max(experts, 1)))
        for array in (self.gate_weight, self.expert_weight):
            if array is not None:
                limit = sqrt(6 / (n + classes * array.shape[1]))
                nn.init.uniform_(array, -limit, limit, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """(N, n) → probabilities, or values, (N, K)."""
        says = torch.einsum("bn,kmn->bkm", x, self.expert_weight) + self.expert_bias
        says = says if self.identity else torch.sigmoid(says)
        if self.gate_weight is None:
            return says.squeeze(-1)
        gates = torch.softmax(torch.einsum("bn,kmn->bkm", x, self.gate_weight), dim=-1)
        return (gates[..., :-1] * says).sum(dim=-1)

    def weight_squares(self) -> Tensor:
        """Half the sum of squares of gate and expert weights: what L2 is charged on."""
        return sum(a.square().sum() for a in (self.gate_weight, self.expert_weight) if a is not None) / 2
