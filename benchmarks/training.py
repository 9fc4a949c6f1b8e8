"""What sharing the seconds of overlapping windows gains, and bf16 on top, in training and in prediction.

    python benchmarks/training.py [--rounds 7] [--windows 640] [--only train|predict] [--threads 0]
        [--features paper|open]

Prints the table behind docs/decisions/0002-trainer.md. The ways take turns within each round, ratios
are within a round, and their median counts: a busy machine is unkind to all alike.
"plain" is torch's own GRU over gathered windows.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from evoked.core.expressions import EEV5
from evoked.learning.training.config import RATE, TrainConfig
from evoked.learning.training.losses import clip_each, cross_entropy
from evoked.model.config import ModelConfig, ModelSettings
from evoked.model.network import Network
from evoked.prediction.forward import Forward

WIDTHS = {
    "paper": {"image": 2048, "face": 2048, "audio": 128},
    "open": {"image": 1280, "face": 256, "audio": 1024},
}
BARS = {"train, shared, fp32": 2.2, "train, shared, bf16": 3.5, "predict, shared, no torch": 4.5}
"""Ratio to the plain fp32 way that is asked of each."""
KINDS = {"fp32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Way:
    """One way to do the work: what it is called, how much it does, and doing it."""

    name: str
    amount: int
    do: Callable[[], object]


def given(
    config: ModelConfig, runs: int, windows_per_run: int
) -> tuple[dict[str, torch.Tensor], torch.Tensor, torch.Tensor]:
    """Random rows as `Network` takes them: `runs` runs of `windows_per_run` windows."""
    seconds, draw = windows_per_run + config.window_s - 1, torch.Generator().manual_seed(0)
    rows = {m.name: torch.randn(seconds, runs, m.width, generator=draw) for m in config.modalities}
    source = torch.arange(seconds)[:, None].repeat(1, runs)
    return rows, source, torch.ones(windows_per_run, runs, dtype=torch.bool)


def training(config: ModelConfig, kind: str, plain: bool) -> Way:
    """Whole steps of 8 runs of 16 windows: forward, backward, clipping, Adam."""
    chosen, network = TrainConfig(), Network(config).train()
    network.matmul_dtype = KINDS[kind]
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, fused=True)
    rows, source, use = given(config, chosen.runs_per_batch, chosen.windows_per_run)
    labels = (torch.rand(use.numel(), len(config.expressions)) < 0.3).float()

    def do() -> None:
        p = network(rows, source, use, generator=torch.Generator().manual_seed(1), plain=plain)
        optimiser.zero_grad()
        cross_entropy(p, labels).backward()
        clip_each(network.parameters(), chosen.max_grad_norm)
        optimiser.step()

    return Way(f"train, {'plain' if plain else 'shared'}, {kind}", use.numel(), do)


def predicting(config: ModelConfig, windows: int, plain: bool) -> Way:
    """torch: plain in batches of 128 windows, shared as one run."""
    network = Network(config).eval()
    parts = [given(config, 1, n) for n in ([128] * (windows // 128) if plain else [windows])]

    @torch.no_grad()
    def do() -> None:
        for part in parts:
            network(*part, plain=plain)

    return Way(f"predict, {'plain' if plain else 'shared'}, torch", sum(p[2].numel() for p in parts), do)


def predicting_without_torch(config: ModelConfig, windows: int, threads: int) -> Way:
    """What `evoked predict` runs."""
    forward = Forward(config, Network(config).arrays(), threads=threads)
    draw = np.random.default_rng(0)
    rows = {m.name: draw.normal(size=(windows, m.width)).astype(np.float32) for m in config.modalities}
    return Way("predict, shared, no torch", windows, lambda: forward(rows))


def measured(ways: list[Way], rounds: int) -> dict[str, tuple[float, float, float]]:
    """Name → windows a second, and how many times the first way's in the same round, by the clock and in CPU
    seconds; medians over the rounds."""
    wall, cpu = (np.zeros((rounds + 1, len(ways))) for _ in range(2))
    for round_ in range(rounds + 1):
        for i, way in enumerate(ways):
            began, worked = time.perf_counter(), time.process_time()
            way.do()
            wall[round_, i] = way.amount / (time.perf_counter() - began)
            cpu[round_, i] = way.amount / (time.process_time() - worked)
    wall, cpu = wall[1:], cpu[1:]  # the first warms up
    found = zip(np.median(wall, 0), np.median(wall / wall[:, :1], 0), np.median(cpu / cpu[:, :1], 0), strict=True)
    return {way.name: (float(a), float(b), float(c)) for way, (a, b, c) in zip(ways, found, strict=True)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--windows", type=int, default=640)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--only", choices=["train", "predict"], default="")
    parser.add_argument("--features", choices=list(WIDTHS), default="paper")
    chosen = parser.parse_args()
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    config = ModelSettings().fit(WIDTHS[chosen.features], EEV5)
    weights = sum(p.numel() for p in Network(config).parameters())
    print(f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"{chosen.features} features, {weights / 1e6:.2f} M parameters, window {config.window_s} s\n")
    groups = [
        [training(config, "fp32", plain=True), *(training(config, kind, plain=False) for kind in KINDS)],
        [predicting(config, chosen.windows, plain) for plain in (True, False)]
        + [predicting_without_torch(config, chosen.windows, chosen.threads)],
    ]
    groups = [ways for ways in groups if ways[0].name.startswith(chosen.only)]
    print(f"{'way':34} windows/s  ratio to plain fp32  in CPU seconds  bar")
    for ways in groups:
        with threadpool_limits(chosen.threads or None):  # numpy's own threads
            speeds = measured(ways, chosen.rounds)
        for name, (speed, ratio, in_cpu) in speeds.items():
            bar = BARS.get(name)
            met = "" if bar is None else f"{bar} {'met' if ratio >= bar else 'MISSED'}"
            print(f"{name:34} {speed:9.0f}  {ratio:19.2f}  {in_cpu:14.2f}  {met}", flush=True)


if __name__ == "__main__":
    main()
