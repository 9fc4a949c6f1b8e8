"""Does learning from runs of consecutive windows cost accuracy against windows drawn one by one?

    python benchmarks/runs.py [--seeds 4] [--first 0] [--epochs 8]

A planted world, batches of 128 windows cut in three ways; average precision on other videos of the same world, their
labels without error, mean over expressions; the difference to single windows seed by seed, with its standard error.
"""

import argparse
from dataclasses import replace

import numpy as np

from evoked.dataset.examples import Example
from evoked.learning.training.config import TrainConfig
from evoked.learning.training.train import train
from evoked.metrics.average_precision import mean_average_precision
from evoked.model.config import ModelSettings
from evoked.prediction.forward import Forward
from staging.planted_features import Planted, World, plant_all

WAYS = {"128 runs of 1": (128, 1), "32 runs of 4": (32, 4), "8 runs of 16": (8, 16)}
MODEL = ModelSettings(image_units=32, face_units=16, audio_units=32, window_s=20)


def example(planted: Planted, names: tuple[str, ...]) -> Example:
    """One planted video as the machine labelled it."""
    labels = (planted.labels & planted.valid[:, None]).astype(np.float32)
    return Example(planted.name, planted.features, labels, planted.valid, names)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--epochs", type=int, default=8)
    chosen = parser.parse_args()
    names = tuple(World().events)
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    for seed in range(chosen.first, chosen.first + chosen.seeds):
        learnt = [example(p, names) for p in plant_all(World(seed=2 * seed), 24)]
        held_out = plant_all(World(seed=2 * seed + 1), 24)
        truth = np.concatenate([p.truth for p in held_out]).astype(np.float64)
        for way, (runs, windows_per_run) in WAYS.items():
            config = TrainConfig(epochs=chosen.epochs, learning_rate=3e-3, threads=1, seed=seed)
            model = train(
                learnt, MODEL, replace(config, runs_per_batch=runs, windows_per_run=windows_per_run)
            ).checkpoint
            p = np.concatenate([Forward(model.config, model.arrays)(v.features) for v in held_out])
            found[way].append(mean_average_precision(p.astype(np.float64), truth, names).value or 0.0)
        print(
            f"seed {seed}: {', '.join(f'{w} {v[-1]:.4f}' for w, v in found.items())}; chance {truth.mean():.4f}",
            flush=True,
        )
    first = np.array(found["128 runs of 1"])
    for way, values in found.items():
        apart = np.array(values) - first
        error = apart.std(ddof=1) / np.sqrt(len(apart)) if len(apart) > 1 else float("nan")
        print(f"{way:16} MAP {np.mean(values):.4f}   against single windows {apart.mean():+.4f} ± {error:.4f}")


if __name__ == "__main__":
    main()
