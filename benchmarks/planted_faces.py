"""How near the recogniser's trainer comes to the best possible on planted clips, and what balancing brings.

    python benchmarks/planted_faces.py [--clips 2700 7200] [--balance none weights] [--seeds 6] [--first 101]

Prints, per number of clips and way of balancing, average precision over that of the exact probability, on new people;
then the mean over seeds with its 95 % interval (Student's t; each seed has clips, people and first weights of its own).
"""

import argparse
import time

import numpy as np
from scipy.stats import t

from evoked.learning.recognition.config import RecogniserConfig
from evoked.learning.recognition.cross_fit import fit_recogniser, shape_of
from evoked.learning.recognition.descriptor_windows import window_scores
from evoked.learning.recognition.held_out_metrics import calibrations, cross_calibrated
from evoked.learning.recognition.training_clips import ClipDataset
from evoked.metrics.average_precision import average_precision
from evoked.metrics.calibration import reliability
from staging.planted_clips import PlantedClips, PlantedFaces

WORLD = PlantedFaces(strength=1.5, width=8)
NEW = 3000


def rated(clips: PlantedClips) -> ClipDataset:
    """Planted clips as the trainer takes them."""
    names = tuple(f"clip {i}" for i in range(len(clips.rows)))
    return ClipDataset(
        WORLD.expressions, names, tuple(clips.rows), clips.said, tuple(f"p{p}" for p in clips.person), {}
    )


def measured(count: int, balance: str, seed: int) -> tuple[list[float], str]:
    """One training: what it reaches of the best per expression, and a line."""
    train, new = rated(WORLD.clips(count, count // 15, 2 * seed + 1)), WORLD.clips(NEW, 200, 2 * seed + 2)
    who = np.array([int(p[1:]) for p in train.people])
    config = RecogniserConfig(
        batch_size=128, learning_rate=3e-3, dropout=0, patience=4, epochs=24, class_weighting=balance, seed=seed
    )
    began = time.process_time()
    stop = train.subset(np.flatnonzero(who % 6 == 0))
    learnt = fit_recogniser(train.subset(np.flatnonzero(who % 6)), stop, config)
    spent = time.process_time() - began
    shape = shape_of(train, config)
    p, said = window_scores(shape, learnt.arrays, list(new.rows)), window_scores(shape, learnt.arrays, list(stop.rows))
    fair = cross_calibrated(p, calibrations(said, stop.labels))
    cells, reached = [], []
    for k in range(p.shape[1]):
        best, own = (average_precision(s[:, k], new.shown[:, k]) for s in (new.best, p))
        raw, mended = (reliability(s[:, k], new.said[:, k]).error for s in (p, fair))
        assert best is not None
        assert own is not None
        reached.append(own / best)
        cells.append(f"{new.shown[:, k].mean():.3f} {best:.3f} {own / best:.3f} {raw:.3f} {mended:.3f}")
    return reached, f"{count} {balance} {learnt.epoch} epochs {spent:.0f} s | " + " | ".join(cells)


def over_seeds(rows: list[list[float]]) -> str:
    """Per expression, and of their mean: the mean over seeds, its 95 % interval, the least."""
    given = np.array([[*row, np.mean(row)] for row in rows])
    off = t.ppf(0.975, len(given) - 1) * given.std(axis=0, ddof=1) / len(given) ** 0.5
    spans = zip(given.mean(axis=0), off, given.min(axis=0), strict=True)
    return " | ".join(f"{m:.3f} ({m - o:.3f} … {m + o:.3f}), least {least:.3f}" for m, o, least in spans)


def main() -> None:
    """Read the command line, and measure."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--clips", type=int, nargs="+", default=[2700, 5400])
    words.add_argument("--balance", nargs="+", default=["none", "weights"])
    words.add_argument("--seeds", type=int, default=1)
    words.add_argument("--first", type=int, default=0, help="number of the first seed")
    given = words.parse_args()
    print("per expression: prevalence, best AP, reached / best, calibration error raw and calibrated")
    for count in given.clips:
        for balance in given.balance:
            rows = []
            for seed in range(given.first, given.first + given.seeds):
                reached, line = measured(count, balance, seed)
                rows.append(reached)
                print(line, flush=True)
            if len(rows) > 1:
                print(f"{count} {balance}, {len(rows)} seeds | {over_seeds(rows)}", flush=True)


if __name__ == "__main__":
    main()
