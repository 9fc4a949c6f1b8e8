"""What can be shown where the truth is known: the model against the best there can be, on a planted world.

    python benchmarks/world.py ablate|beyond|transfer|all [--videos 100] [--seeds 3] [--folder DIR] [--world 0]

ablate: the model without its parts, and the bound. beyond: other losses, labels and networks against the baseline, with
what they cost. transfer: from the large world to valence and arousal in a small one of the same law. Every run is
kept in the folder, so the same command goes on where it stopped. One thread; the tables of docs/ablation.md and
docs/decisions/0020-beyond-the-baseline.md.
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from evoked.core.expressions import AFFECT
from evoked.dataset.examples import Example
from evoked.learning.evaluation.affect_scores import AffectConfig
from evoked.learning.evaluation.comparison import CompareConfig, Predicted, compare_variants, comparison_text
from evoked.learning.experiments.ablation import FULL, Split, Variant, run_variants, variants
from evoked.learning.experiments.transfer import TransferConfig, transfer
from evoked.learning.training.config import TrainConfig
from evoked.model.checkpoint import load_checkpoint
from evoked.model.config import ModelSettings
from evoked.model.network import Network
from evoked.prediction.forward import Forward
from evoked.report.affect import affect_text as affect_text
from staging.bayes_bound import bounds, knowable, knowable_affect
from staging.planted_features import Planted, World, plant_all

MODEL = ModelSettings(image_units=32, face_units=16, audio_units=32, window_s=30)
TRAIN = TrainConfig(epochs=6, learning_rate=4e-3, windows_per_run=32, threads=1)
BEYOND: Mapping[str, tuple[Mapping[str, object], Mapping[str, object]]] = {
    FULL: ({}, {}),
    "smooth 4 s": ({}, {"label_smoothing_s": 4}),
    "tcn": ({"architecture": "tcn"}, {}),
    "tcn, smooth 4 s": ({"architecture": "tcn"}, {"label_smoothing_s": 4}),
    "smooth 4 s, no output gate": ({"output_gate": False}, {"label_smoothing_s": 4}),
    "tcn, smooth 4 s, no output gate": ({"architecture": "tcn", "output_gate": False}, {"label_smoothing_s": 4}),
    "tcn, balanced": ({"architecture": "tcn"}, {"loss": "balanced"}),
}
"""Name → what differs from MODEL, from TRAIN."""
BOUND = "best possible"


def example(world: World, video: Planted, people: bool = False) -> Example:
    """As the machine labelled it, or as people did: without error."""
    labels = np.where(video.valid[:, None], video.truth if people else video.labels, False).astype(np.float32)
    return Example(video.name, video.features, labels, video.valid, tuple(world.events))


def felt(video: Planted) -> Example:
    """Valence and arousal."""
    labels = np.where(video.valid[:, None], video.affect, np.float32(0))
    return Example(video.name, video.features, labels, video.valid, AFFECT, values=True)


def parts(world: World, videos: Sequence[Planted]) -> tuple[Split, list[Planted]]:
    """60 : 15 : 25, in the order in which they were planted: they are all alike."""
    first, second = round(0.6 * len(videos)), round(0.75 * len(videos))
    made = [example(world, v) for v in videos]
    return Split(tuple(made[:first]), tuple(made[first:second]), tuple(made[second:])), list(videos[second:])


def show(world: World, tested: Sequence[Planted], runs: Mapping[str, list[Predicted]]) -> None:
    """The table against the machine's labels and against the truth, the bound as one more way."""
    best = {BOUND: [{v.name: knowable(world, v) for v in tested}]}
    for labels, people in (("machine", False), ("truth", True)):
        cells = compare_variants(
            {**runs, **best}, [example(world, v, people) for v in tested], FULL, labels, CompareConfig()
        )
        print(f"\n{comparison_text(cells, FULL)}", flush=True)
    for bound in bounds(world, tested):
        print(f"{bound.expression}: told the truth, its labels' AP is {100 * (bound.told or 0):.2f} %")


def cost(ways: Sequence[Variant], world: World, epoch: Split) -> None:
    """CPU seconds per 1000 windows, one thread: a training step without reading, and prediction in numpy."""
    draw, widths = np.random.default_rng(0), {n: r.shape[1] for n, r in epoch.train[0].features.items()}
    print(f"\n{'way':34} weights  train, s per 1000 windows  predict, s per 1000 windows")
    for way in ways:
        config = way.model.fit(widths, tuple(world.events))
        network = Network(config).train()
        runs, windows_per_run = way.config.runs_per_batch, way.config.windows_per_run
        seconds = windows_per_run + config.window_s - 1
        rows = {n: torch.from_numpy(draw.normal(size=(seconds, runs, w)).astype(np.float32)) for n, w in widths.items()}
        source, use = (
            torch.arange(seconds)[:, None].repeat(1, runs),
            torch.ones(windows_per_run, runs, dtype=torch.bool),
        )

        def step(network: Network = network, given: tuple = (rows, source, use)) -> None:
            network(*given).sum().backward()

        forward, whole = (
            Forward(config, network.arrays()),
            {n: r.astype(np.float32) for n, r in epoch.test[0].features.items()},
        )
        learn = best_of(step) / (runs * windows_per_run)
        foresee = best_of(lambda forward=forward, whole=whole: forward(whole)) / epoch.test[0].seconds
        weights = sum(p.numel() for p in network.parameters())
        print(f"{way.name:34} {weights:7d}  {1000 * learn:25.3f}  {1000 * foresee:27.4f}")


def best_of(do: object, rounds: int = 7) -> float:
    """CPU seconds of the best of some rounds."""
    found = []
    for _ in range(rounds):
        began = time.process_time()
        do()  # type: ignore[operator]
        found.append(time.process_time() - began)
    return min(found)


def transferred(world: World, model: Path, folder: Path, seeds: int) -> None:
    """A small world of the same law, 4 videos to learn from; what the features allow stands beside it."""
    small = replace(world, seed=world.seed + 1000, seconds=200)
    videos = plant_all(small, 30)
    part = ["train"] * 4 + ["validate"] * 4 + ["test"] * 22
    split = {v.name: p for v, p in zip(videos, part, strict=True)}
    config = TrainConfig(epochs=20, learning_rate=2e-3, threads=1)
    found = transfer(
        load_checkpoint(model),
        {v.name: felt(v) for v in videos},
        split,
        (TransferConfig(repeats=seeds), config, AffectConfig()),
        state=folder,
        progress=said,
    )
    print(f"\n{affect_text(found.lines, AFFECT)}")
    tested = [v for v in videos if split[v.name] == "test"]
    best = np.concatenate([knowable_affect(small, v)[v.valid] for v in tested])
    true = np.concatenate([v.affect[v.valid] for v in tested])
    for k, name in enumerate(AFFECT):
        error, r = ((best - true)[:, k] ** 2).mean(), np.corrcoef(best[:, k], true[:, k])[0, 1]
        print(f"{BOUND}, {name}: MSE {error:.3f}, r {r:.3f}")


def said(done: float, total: float | None, note: str = "", last: list[float] = [0.0]) -> None:  # noqa: B006
    """A line every ten seconds."""
    if time.monotonic() - last[0] > 10:
        last[0] = time.monotonic()
        print(f"  {done:.2f} of {total:g}: {note}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["ablate", "beyond", "transfer", "all"])
    parser.add_argument("--videos", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path("world-runs"))
    parser.add_argument("--only", action="append", default=[], help="these ways alone, beside full")
    parser.add_argument("--errors-s", type=float, default=1.0, help="how long the labels' errors last")
    parser.add_argument("--world", type=int, default=World().seed, help="which world; a folder keeps runs of one")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    world = World(seed=chosen.world, errors_s=chosen.errors_s)
    split, tested = parts(world, plant_all(world, chosen.videos))
    counts = [sum(e.seconds for e in videos) for videos in split.parts.values()]
    print(f"planted: {counts[0]} s to learn from, {counts[1]} to validate, {counts[2]} to test; {chosen.seeds} seeds")
    beyond = [Variant(n, replace(MODEL, **m), replace(TRAIN, **t)) for n, (m, t) in BEYOND.items()]  # type: ignore[arg-type]
    for name, ways in (("ablate", list(variants(MODEL, TRAIN))), ("beyond", beyond)):
        if chosen.what in (name, "all"):
            ways = [way for way in ways if not chosen.only or way.name in (FULL, *chosen.only)]
            show(world, tested, run_variants(ways, split, chosen.seeds, chosen.folder, progress=said))
            if name == "beyond":
                cost(ways, world, split)
    if chosen.what in ("transfer", "all"):
        run_variants(beyond[:1], split, 1, chosen.folder, progress=said)
        transferred(world, chosen.folder / f"{FULL}-0", chosen.folder / "transfer", chosen.seeds)


if __name__ == "__main__":
    main()
