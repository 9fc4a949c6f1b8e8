"""A second opinion: the content model of spec §7 written plainly in float64, one window after the other."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from evoked.model.config import ModelConfig, shapes

F64 = NDArray[np.float64]


def sigma(x: F64) -> F64:
    return 1 / (1 + np.exp(-x))


def gru(x: F64, w_ih: F64, w_hh: F64, b_ih: F64, b_hh: F64) -> F64:
    """(steps, D) → every state, (steps, H); rows of the weights: reset, update, new."""
    n = w_hh.shape[1]
    (wr, wz, wn), (ur, uz, un) = np.split(w_ih, 3), np.split(w_hh, 3)
    (br, bz, bn), (cr, cz, cn) = np.split(b_ih, 3), np.split(b_hh, 3)
    h, out = np.zeros(n), []
    for row in x:
        r = sigma(wr @ row + br + ur @ h + cr)
        z = sigma(wz @ row + bz + uz @ h + cz)
        new = np.tanh(wn @ row + bn + r * (un @ h + cn))
        h = (1 - z) * new + z * h
        out.append(h)
    return np.array(out)


def tcn(a: Mapping[str, F64], x: F64) -> F64:
    """(steps, D) → the last layer's row at the last step, asked for from the top down, one row at a time."""
    looks, left = [], len(x) - 1
    while left > 0:
        looks.append(min(2 ** len(looks), left))
        left -= looks[-1]

    def row(layer: int, t: int) -> F64:
        if layer < 0:
            return a["first.weight"] @ x[t] + a["first.bias"]
        weight_now, before = row(layer - 1, t), row(layer - 1, t - looks[layer])
        let_in, how_much = np.split(
            a[f"{layer}.now"] @ weight_now + a[f"{layer}.before"] @ before + a[f"{layer}.bias"], 2
        )
        return weight_now + np.tanh(let_in) * sigma(how_much)

    return row(len(looks) - 1, len(x) - 1)


def gate(x: F64, a: Mapping[str, F64], name: str, seen: F64 | None = None, alone: bool = False) -> F64:
    """seen: what the gate is computed from, where that is not x; alone: number i's gate does not see number i."""
    w = a[f"{name}.weight"]
    logits = w @ (x if seen is None else seen)
    if alone and seen is None:
        logits = np.array([sum(w[i, j] * x[j] for j in range(len(x)) if j != i) for i in range(len(x))])
    normed = (logits - a[f"{name}.mean"]) / np.sqrt(a[f"{name}.variance"] + 1e-3)
    return x * sigma(normed * a[f"{name}.gain"] + a[f"{name}.bias"])


def experts(x: F64, gates: F64, weight: F64, bias: F64, identity: bool = False) -> F64:
    """x (n,), gates (K, M + 1, n), weight (K, M, n), bias (K, M) → (K,)."""
    out = []
    for k in range(len(gates)):
        logits = gates[k] @ x
        g = np.exp(logits) / np.exp(logits).sum()
        says = [weight[k, m] @ x + bias[k, m] for m in range(weight.shape[1])]
        out.append(sum(g[m] * (say if identity else sigma(say)) for m, say in enumerate(says)))
    return np.array(out)


def scaled(rows: F64, mean: F64, deviation: F64, parts: int) -> F64:
    out = np.zeros_like(rows)
    size = rows.shape[1] // parts
    for t in range(len(rows)):
        for face in range(parts):
            s = slice(face * size, (face + 1) * size)
            if (rows[t, s] != 0).any():
                out[t, s] = (rows[t, s] - mean[s]) / deviation[s]
    return out


def predict(config: ModelConfig, arrays: Mapping[str, NDArray[np.float32]], features: Mapping[str, F64]) -> F64:
    """(T, K): for each second t the window max(0, t - 59 + k), k = 0 … 59."""
    a = {name: array.astype(np.float64) for name, array in arrays.items()}
    seconds = len(next(iter(features.values())))
    rows = {
        m.name: scaled(features[m.name], a[f"scale.{m.name}.mean"], a[f"scale.{m.name}.deviation"], m.parts)
        for m in config.modalities
    }
    out = []
    for t in range(seconds):
        window = [max(0, t - config.window_s + 1 + k) for k in range(config.window_s)]
        states = []
        for m in config.modalities:
            x = rows[m.name][window]
            if config.architecture == "tcn":
                states.append(tcn({n.split(".", 2)[2]: v for n, v in a.items() if n.startswith(f"tcn.{m.name}.")}, x))
                continue
            for layer in range(config.layers):
                names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
                x = gru(x, *(a[f"gru.{m.name}.{layer}.{name}"] for name in names))
            states.append(x[-1])
        fused = np.concatenate(states)
        if config.input_gate:
            fused = gate(fused, a, "input_gate", alone=config.remove_diagonal)
        if config.experts:
            expert = (a["experts.gate_weight"], a["experts.expert_weight"], a["experts.expert_bias"])
            p = experts(fused, *expert, identity=config.answer == "value")
        else:
            p = sigma(a["experts.expert_weight"][:, 0] @ fused + a["experts.expert_bias"][:, 0])
        seen = fused if config.output_gate_from == "input" else None
        out.append(gate(p, a, "output_gate", seen, config.remove_diagonal) if config.output_gate else p)
    return np.array(out)


def small_config(**choices: object) -> ModelConfig:
    from evoked.model.config import Modality

    modalities = (Modality("image", 7, 6), Modality("face", 8, 5, parts=2), Modality("audio", 3, 4))
    return ModelConfig(modalities=modalities, expressions=("joy", "awe", "calm"), **({"window_s": 9} | choices))  # type: ignore[arg-type]


def some_arrays(config: ModelConfig, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Arrays of every shape, none of them at a default."""
    draw = np.random.default_rng(seed)
    out = {name: draw.normal(0, 0.6, shape).astype(np.float32) for name, shape in shapes(config).items()}
    for name in out:
        if name.endswith((".variance", ".deviation")):
            out[name] = np.abs(out[name]) + np.float32(0.5)
    return out


def some_features(config: ModelConfig, seconds: int, seed: int = 1) -> dict[str, NDArray[np.float32]]:
    """Normal rows; some parts of the last two modalities are absent (zeros)."""
    draw = np.random.default_rng(seed)
    out = {m.name: draw.normal(0, 1, (seconds, m.width)).astype(np.float32) for m in config.modalities}
    for m in config.modalities[1:]:
        gone = draw.random((seconds, m.parts)) < 0.3
        out[m.name][np.repeat(gone, m.width // m.parts, axis=1)] = 0
    return out
