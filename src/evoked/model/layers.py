"""The layers of the content model in torch (spec §7). Arithmetic only.

Arrays are laid out time first, (S, B, …): then the seconds that step k of all windows of a run reads are
one contiguous slice, k … k + R - 1, and nothing has to be gathered.
"""

from math import sqrt
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

BN_EPSILON = 1e-3
BN_MOMENTUM = 0.1
"""Share of a batch in the running statistics. The reference's 0.001 needs thousands of steps to settle; a
small study has a few hundred."""


class Scale(nn.Module):  # type: ignore[misc]  # torch is Any here
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


def dropped(x: Tensor, share: float, generator: torch.Generator | None) -> Tensor:
    """Zero a share of the numbers at random and scale the others up, so that the mean stays."""
    if share == 0:
        return x
    keep = torch.empty_like(x).bernoulli_(1 - share, generator=generator)
    return x * keep.div_(1 - share)


class _Recurrence(torch.autograd.Function):  # type: ignore[misc]
    """The GRU's steps over projected seconds that overlapping windows share.

    torch has no such layer: its GRU wants each window's seconds gathered, and projects each of them again.
    Backward is written out because it can sum the recurrent weight's gradient over all steps in one
    matrix product; autograd would make one per step.
    """

    @staticmethod
    def forward(ctx: Any, projected: Tensor, weight: Tensor, bias: Tensor, steps: int, kind: torch.dtype) -> Tensor:
        """(S, B, 3H), (3H, H), (3H,) → state after every step, (steps, R, B, H) with R = S - steps + 1."""
        seconds, runs, three = projected.shape
        size, windows = three // 3, seconds - steps + 1
        turned = weight.to(kind).t().contiguous()
        states = projected.new_empty(steps, windows, runs, size)
        gates = projected.new_empty(steps, windows, runs, three)  # reset, update, new
        inner = projected.new_empty(steps, windows, runs, size)  # the new gate's recurrent part, before reset
        state = projected.new_zeros(windows, runs, size)
        for k in range(steps):
            g = _product(bias, state, turned) if k else bias.expand(windows, runs, three)
            x = projected[k : k + windows]
            torch.add(x[..., : 2 * size], g[..., : 2 * size], out=gates[k][..., : 2 * size]).sigmoid_()
            inner[k] = g[..., 2 * size :]
            reset, update, new = gates[k].split(size, dim=-1)
            torch.addcmul(x[..., 2 * size :], reset, inner[k], out=new).tanh_()
            state = torch.lerp(new, state, update, out=states[k])
        ctx.save_for_backward(weight, states, gates, inner)
        ctx.kind = kind
        return states

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        """From the gradient at every state, (steps, R, B, H), back through the steps."""
        weight, states, gates, inner = ctx.saved_tensors
        steps, windows, runs, size = states.shape
        low = weight.to(ctx.kind)
        projected = states.new_zeros(steps + windows - 1, runs, 3 * size)
        pulls = states.new_empty(steps, windows, runs, 3 * size)  # gradient at the recurrent side's output
        state, nothing = torch.zeros_like(states[0]), torch.zeros_like(states[0])
        for k in reversed(range(steps)):
            state = state + grads[0][k]
            reset, update, new = gates[k].split(size, dim=-1)
            at_reset, at_update, at_inner = pulls[k].split(size, dim=-1)
            kept = state * update
            at_new = torch.ops.aten.tanh_backward(state - kept, new)
            leaning = ((states[k - 1] if k else nothing) - new).mul_(state)
            torch.ops.aten.sigmoid_backward(leaning, update, grad_input=at_update)
            torch.ops.aten.sigmoid_backward(at_new * inner[k], reset, grad_input=at_reset)
            torch.mul(at_new, reset, out=at_inner)
            seen = projected[k : k + windows]
            seen[..., : 2 * size] += pulls[k][..., : 2 * size]
            seen[..., 2 * size :] += at_new
            state = _product(kept, pulls[k], low)
        after, before = pulls[1:].flatten(0, 2).to(ctx.kind), states[:-1].flatten(0, 2).to(ctx.kind)
        return projected, (after.t() @ before).to(weight.dtype), pulls.sum(dim=(0, 1, 2)), None, None


def _product(base: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    """base + x W for x (R, B, n) and W (n, m), the product in W's type."""
    flat = x.flatten(0, 1)
    if weight.dtype == x.dtype:
        whole = torch.addmm(base if base.dim() == 1 else base.flatten(0, 1), flat, weight)
        return whole.view(*x.shape[:2], -1)
    return (flat.to(weight.dtype) @ weight).to(x.dtype).view(*x.shape[:2], -1) + base


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

    def runs(self, rows: Tensor, source: Tensor, steps: int, kind: torch.dtype) -> Tensor:
        """States of all windows of runs, each second projected once.

        Args:
            rows: (S, B, D); run b's windows are rows r … r + steps - 1 for r = 0 … R - 1, R = S - steps + 1.
            source: (S, B) int, which row stands at each place: 0 where the first second is repeated, so
                that its projection is. See `learning.batches`.
            steps: seconds in a window.
            kind: what matrix products are computed in: float32 or bfloat16.

        Returns:
            State after every step, (steps, R, B, H).
        """
        projected = (rows.to(kind) @ self.weight_ih.to(kind).t()).to(rows.dtype) + self.bias_ih
        place = source.unsqueeze(-1).expand(-1, -1, projected.shape[-1])
        return _Recurrence.apply(torch.gather(projected, 0, place), self.weight_hh, self.bias_hh, steps, kind)

    def sequence(self, rows: Tensor) -> Tensor:
        """torch's own GRU over whole windows: (steps, N, D) → state after every step, (steps, N, H)."""
        first = rows.new_zeros(1, rows.shape[1], self.weight_hh.shape[1])
        arrays = (self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        out, _ = torch.gru(rows, first, arrays, True, 1, 0.0, self.training, False, False)
        return out


class ContextGate(nn.Module):  # type: ignore[misc]  # torch is Any here
    """y = x ∘ σ(BN(W x)): how much of each number is let through, seen from all of them.

    W is square, without bias, first drawn from N(0, 1/√n); the batch norm is on the gate's logits only,
    eps 1e-3. Source: Miech, Laptev, Sivic 2017, and their code.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, n: int, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n, n).normal_(0, 1 / sqrt(n), generator=generator))
        self.gain = nn.Parameter(torch.ones(n))
        self.bias = nn.Parameter(torch.zeros(n))
        self.register_buffer("mean", torch.zeros(n))
        self.register_buffer("variance", torch.ones(n))

    def forward(self, x: Tensor) -> Tensor:
        """(N, n) → (N, n); in training N must be 2 or more."""
        logits = x @ self.weight.t()
        normed = functional.batch_norm(
            logits, self.mean, self.variance, self.gain, self.bias, self.training, BN_MOMENTUM, BN_EPSILON
        )
        return x * torch.sigmoid(normed)


class Experts(nn.Module):  # type: ignore[misc]  # torch is Any here
    """Mixture of experts with a dummy: per class p = Σ_{m≤M} softmax(gates)_m · σ(expert_m).

    With `identity` the experts' own numbers stand in place of their σ: regression (spec §8).

    M + 1 gates without bias; the last belongs to the dummy expert, which always says 0. First weights are
    uniform as Glorot's, biases 0. Source: YouTube-8M's MoeModel; spec §7.
    """

    def __init__(
        self, n: int, classes: int, experts: int, generator: torch.Generator | None = None, identity: bool = False
    ) -> None:
        super().__init__()
        self.identity = identity
        self.gate_weight = nn.Parameter(torch.empty(classes, experts + 1, n))
        self.expert_weight = nn.Parameter(torch.empty(classes, experts, n))
        self.expert_bias = nn.Parameter(torch.zeros(classes, experts))
        for array, per_class in ((self.gate_weight, experts + 1), (self.expert_weight, experts)):
            limit = sqrt(6 / (n + classes * per_class))
            nn.init.uniform_(array, -limit, limit, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """(N, n) → probabilities, or values, (N, K)."""
        gates = torch.softmax(torch.einsum("bn,kmn->bkm", x, self.gate_weight), dim=-1)
        says = torch.einsum("bn,kmn->bkm", x, self.expert_weight) + self.expert_bias
        says = says if self.identity else torch.sigmoid(says)
        return (gates[..., :-1] * says).sum(dim=-1)

    def weight_squares(self) -> Tensor:
        """Half the sum of squares of gate and expert weights: what L2 is charged on."""
        return (self.gate_weight.square().sum() + self.expert_weight.square().sum()) / 2
