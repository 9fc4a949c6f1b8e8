"""The layers of the content model in torch (spec §7). Arithmetic only.

Tensors are laid out time first, (S, B, …): then the seconds that step k of all windows of a run reads are
one contiguous slice, k … k + R - 1, and nothing has to be gathered.
"""

from dataclasses import dataclass
from math import prod, sqrt
from typing import cast

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.nn import functional

from evoked.model.config import BN_EPSILON

__all__ = ["ContextGating", "MixtureOfExperts", "SharedGRU", "Standardise", "apply_dropout"]

BN_MOMENTUM = 0.1
"""Weight of a batch in the running statistics. The reference's 0.001 needs thousands of steps to settle; a
small study has a few hundred."""


class Standardise(nn.Module):
    """Bring each column to mean 0 and standard deviation 1; a part that is all zeros is absent and stays zero.

    Both statistics are fixed before training, from the training seconds where the part was present.

    Args:
        width: columns, D.
        parts: equal parts of a row, e.g. two faces.
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
        split = torch.unflatten(rows, -1, (self.parts, -1))
        present = split.ne(0).any(dim=-1, keepdim=True).expand_as(split).flatten(-2)
        return (rows - self.mean) / self.deviation * present


def apply_dropout(x: Tensor, share: float, generator: torch.Generator | None) -> Tensor:
    """Zero a share of the values at random and scale the others up, so that the mean stays.

    Args:
        x: any shape.
        share: probability of a value to be zeroed, in [0, 1); 0 returns `x` itself.
        generator: source of randomness; torch's global one where None.

    Returns:
        A tensor of the shape of `x`.
    """
    if share == 0:
        return x
    mask = torch.empty_like(x).bernoulli_(1 - share, generator=generator)
    return x * mask.div_(1 - share)


class _Workspace:
    """Buffers for one forward and backward pass, returned to the pool when the pass is garbage collected.

    Without it each training step of the paper's size requests 220 MB of new pages from the system.

    Args:
        pool: buffers that are not in use; one set is taken from it and returned to it.
    """

    def __init__(self, pool: list[dict[str, Tensor]]) -> None:
        self._pool, self._buffers = pool, pool.pop() if pool else {}

    def __del__(self) -> None:
        self._pool.append(self._buffers)

    def buffer(self, name: str, like: Tensor, *shape: int, dtype: torch.dtype | None = None) -> Tensor:
        """An uninitialised tensor of this shape, on the device of `like`, and of its type where `dtype` is None."""
        dtype, size = dtype or like.dtype, prod(shape)
        buffer = self._buffers.get(name)
        if buffer is None or buffer.numel() < size or buffer.dtype != dtype or buffer.device != like.device:
            buffer = self._buffers[name] = torch.empty(size, dtype=dtype, device=like.device)
        return buffer[:size].view(shape)


class _RecurrenceContext(FunctionCtx):
    """What the forward pass leaves for the backward pass."""

    saved_tensors: tuple[Tensor, ...]
    workspace: _Workspace
    settings: "_RecurrenceSettings"
    activations: tuple[Tensor, Tensor, Tensor, Tensor]


class _Recurrence(torch.autograd.Function):
    """The GRU's steps over projected seconds that overlapping windows share.

    torch has no such layer: its GRU needs each window's seconds gathered, and projects each of them again.
    Backward is written out because it can sum the recurrent weight's gradient over all steps in one
    matrix product; autograd would compute one per step.
    """

    @staticmethod
    def forward(
        ctx: _RecurrenceContext, projected: Tensor, weight: Tensor, bias: Tensor, settings: "_RecurrenceSettings"
    ) -> Tensor:
        """(S, B, 3H), (3H, H), the new gate's (H,) → states (steps, R, B, H), or (R, B, H), R = S - steps + 1."""
        seconds, runs, three = projected.shape
        dtype, steps, workspace = settings.dtype, settings.steps, _Workspace(settings.pool)
        size, windows = three // 3, seconds - steps + 1
        transposed = weight.to(dtype).t().contiguous()
        states = workspace.buffer("states", projected, steps, windows, runs, size)
        gates = workspace.buffer("gates", projected, steps, windows, runs, three)  # reset, update, new
        inner = workspace.buffer("inner", projected, steps, windows, runs, size)  # the new gate's recurrent part
        g = workspace.buffer("g", projected, windows, runs, three)
        low, product = states.flatten(1, 2), g.flatten(0, 1)  # states and their matrix product, in `dtype`
        if dtype != projected.dtype:
            low = workspace.buffer("low", projected, steps, windows * runs, size, dtype=dtype)
            product = workspace.buffer("product", projected, windows * runs, three, dtype=dtype)
        state = torch.zeros_like(states[0])
        for k in range(steps):
            x, reset_update, new = projected[k : k + windows], gates[k][..., : 2 * size], gates[k][..., 2 * size :]
            if k:
                torch.mm(low[k - 1], transposed, out=product)
                g = g if dtype == g.dtype else g.copy_(product.view_as(g))
                torch.add(x[..., : 2 * size], g[..., : 2 * size], out=reset_update).sigmoid_()
                torch.add(g[..., 2 * size :], bias, out=inner[k])
            else:
                torch.sigmoid(x[..., : 2 * size], out=reset_update)
                inner[k] = bias
            torch.addcmul(x[..., 2 * size :], reset_update[..., :size], inner[k], out=new).tanh_()
            state = torch.lerp(new, state, reset_update[..., size:], out=states[k])
            if dtype != state.dtype:
                low[k] = state.view(-1, size)
        ctx.save_for_backward(weight)
        ctx.workspace, ctx.settings, ctx.activations = workspace, settings, (states, gates, inner, low)
        return state.clone() if settings.last_only else states.clone()

    @staticmethod
    def backward(ctx: _RecurrenceContext, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        """From the gradient at the states, back through the steps."""
        (weight,), (states, gates, inner, low) = ctx.saved_tensors, ctx.activations
        settings, workspace, dtype = ctx.settings, ctx.workspace, ctx.settings.dtype
        steps, windows, runs, size = states.shape
        recurrent = weight.to(dtype)
        at_projected = states.new_zeros(steps + windows - 1, runs, 3 * size)
        # Gradients at the recurrent side's output: of all steps, for the matrix products; and of one step.
        at_recurrent = workspace.buffer("pulls", states, steps, windows * runs, 3 * size, dtype=dtype)
        at_gates = workspace.buffer("g", states, windows, runs, 3 * size)
        at_bias, zeros = torch.zeros_like(states[0]), torch.zeros_like(states[0])
        at_state = grads[0].clone() if settings.last_only else torch.zeros_like(states[0])
        for k in reversed(range(steps)):
            if not settings.last_only:
                at_state += grads[0][k]
            if dtype == at_state.dtype:
                at_gates = at_recurrent[k].view_as(gates[k])
            reset, update, new = torch.split(gates[k], size, dim=-1)
            at_reset, at_update, at_inner = torch.split(at_gates, size, dim=-1)
            through = at_state * update  # the part that goes straight to the state before
            at_new = torch.ops.aten.tanh_backward(at_state - through, new)
            at_update_gate = ((states[k - 1] if k else zeros) - new).mul_(at_state)
            torch.ops.aten.sigmoid_backward(at_update_gate, update, grad_input=at_update)
            torch.ops.aten.sigmoid_backward(at_new * inner[k], reset, grad_input=at_reset)
            torch.mul(at_new, reset, out=at_inner)
            at_step = at_projected[k : k + windows]
            at_step[..., : 2 * size] += at_gates[..., : 2 * size]
            at_step[..., 2 * size :] += at_new
            at_bias += at_inner
            if dtype != at_state.dtype:
                at_recurrent[k] = at_gates.view(-1, 3 * size)
            at_state = through.add_((at_recurrent[k] @ recurrent).view_as(through))
        at_weight = at_recurrent[1:].flatten(0, 1).t() @ low[:-1].flatten(0, 1)
        return at_projected, at_weight.to(weight.dtype), at_bias.sum(dim=(0, 1)), None


@dataclass(frozen=True, eq=False)
class _RecurrenceSettings:
    """Settings of one pass through the recurrence.

    Attributes:
        steps: seconds in a window.
        dtype: type of the matrix products: float32 or bfloat16.
        last_only: return the last state only.
        pool: buffers that are reused.
    """

    steps: int
    dtype: torch.dtype
    last_only: bool
    pool: list[dict[str, Tensor]]


class SharedGRU(nn.Module):
    """One GRU layer as torch's, with a faster forward pass for runs of overlapping windows.

    Args:
        width: columns of the input, D.
        units: size of the state, H.
        generator: for the initial weights, uniform in ±1/√H as torch's.
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
        self, rows: Tensor, source: Tensor, steps: int, dtype: torch.dtype = torch.float32, last_only: bool = False
    ) -> Tensor:
        """States of all windows of runs; each second is projected once.

        Args:
            rows: (S, B, D); run b's windows are rows r … r + steps - 1 for r = 0 … R - 1, R = S - steps + 1.
            source: (S, B) int, index of the row at each position: 0 where the first second is repeated, so
                that its projection is. See `learning/training/batching.py`.
            steps: seconds in a window.
            dtype: type of the matrix products: float32 or bfloat16.
            last_only: return the last step's state only.

        Returns:
            State after every step, (steps, R, B, H), or after the last, (R, B, H).
        """
        size = self.weight_hh.shape[1]
        reset_update_bias, new_bias = torch.split(self.bias_hh, [2 * size, size])
        bias = self.bias_ih + functional.pad(reset_update_bias, (0, size))
        projected = (rows.to(dtype) @ self.weight_ih.to(dtype).t()).to(rows.dtype) + bias
        index = source.unsqueeze(-1).expand(-1, -1, projected.shape[-1])
        settings = _RecurrenceSettings(steps, dtype, last_only, self._pool)
        states = _Recurrence.apply(  # type: ignore[no-untyped-call]  # as torch declares it
            torch.gather(projected, 0, index), self.weight_hh, new_bias, settings
        )
        return cast(Tensor, states)

    def sequence(self, rows: Tensor) -> Tensor:
        """torch's own GRU over whole windows: (steps, N, D) → state after every step, (steps, N, H)."""
        first = rows.new_zeros(1, rows.shape[1], self.weight_hh.shape[1])
        arrays = (self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        out, _ = torch.gru(rows, first, arrays, True, 1, 0.0, self.training, False, False)
        return out


class ContextGating(nn.Module):
    """y = x ∘ σ(BN(W x)): each feature is multiplied by a gate computed from all features.

    W is square, without bias, initialised from N(0, 1/√n); the batch norm is on the gate's logits only,
    eps 1e-3. Source: Miech, Laptev, Sivic 2017, and their code.

    Args:
        n: features that are gated.
        generator: for the initial W.
        gate_inputs: size of another vector that the gates are computed from instead, m: W (n, m), N(0, 1/√m).
        remove_diagonal: W's diagonal counts as 0, so that a feature's gate does not depend on the feature itself.
            Only where the gates are computed from what they gate.
    """

    mean: Tensor
    variance: Tensor

    def __init__(
        self,
        n: int,
        generator: torch.Generator | None = None,
        *,
        gate_inputs: int | None = None,
        remove_diagonal: bool = False,
    ) -> None:
        super().__init__()
        self.remove_diagonal = remove_diagonal and gate_inputs is None
        width = gate_inputs or n
        self.weight = nn.Parameter(torch.empty(n, width).normal_(0, 1 / sqrt(width), generator=generator))
        self.gain = nn.Parameter(torch.ones(n))
        self.bias = nn.Parameter(torch.zeros(n))
        self.register_buffer("mean", torch.zeros(n))
        self.register_buffer("variance", torch.ones(n))

    def forward(self, x: Tensor, gate_source: Tensor | None = None) -> Tensor:
        """Gate a batch.

        Args:
            x: (N, n); in training N ≥ 2.
            gate_source: (N, gate_inputs), vector that the gates are computed from; None: `x` itself.

        Returns:
            (N, n).
        """
        weight = self.weight - self.weight.diagonal().diag() if self.remove_diagonal else self.weight
        logits = (x if gate_source is None else gate_source) @ weight.t()
        normed = functional.batch_norm(
            logits, self.mean, self.variance, self.gain, self.bias, self.training, BN_MOMENTUM, BN_EPSILON
        )
        return x * torch.sigmoid(normed)


class MixtureOfExperts(nn.Module):
    """Mixture of experts with a dummy: per class p = Σ_{m≤M} softmax(gates)_m · σ(expert_m).

    M + 1 gates without bias; the last belongs to the dummy expert, whose output is always 0. Initial weights
    are Glorot uniform, biases 0. Source: YouTube-8M's MoeModel; spec §7.

    Args:
        n: input features.
        classes: outputs, K.
        experts: per class, M, besides the dummy; 0: one without gate or dummy, p = σ(w x + b).
        generator: for the initial weights.
        identity: the experts' linear outputs without σ: regression (spec §8).
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
        outputs = torch.einsum("bn,kmn->bkm", x, self.expert_weight) + self.expert_bias
        outputs = outputs if self.identity else torch.sigmoid(outputs)
        if self.gate_weight is None:
            return outputs.squeeze(-1)
        gates = torch.softmax(torch.einsum("bn,kmn->bkm", x, self.gate_weight), dim=-1)
        return (gates[..., :-1] * outputs).sum(dim=-1)

    def weight_squares(self) -> Tensor:
        """Half the sum of squares of gate and expert weights: the L2 penalty."""
        squares = self.expert_weight.square().sum()
        if self.gate_weight is not None:
            squares = self.gate_weight.square().sum() + squares
        return squares / 2
