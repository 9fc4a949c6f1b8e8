"""How near the recogniser's trainer comes to the best possible on planted clips, and what balancing brings.

    python benchmarks/planted_faces.py [--clips 2700 5400] [--seeds 1]

Prints, per number of clips and way of balancing, average precision over that of the exact probability, on new people.
"""

import argparse
import time

import numpy as np

from evoked.learning.judged import calibrated, calibrations
from evoked.learning.rated import Rated
from evoked.learning.recognise import fit, scores_of, shape_of
from evoked.learning.recogniser_config import RecogniserConfig
from evoked.metrics.calibration import reliability
from evoked.metrics.ranking import average_precision
from evoked.stage.planted_faces import PlantedClips, PlantedFaces

WORLD = PlantedFaces(strength=1.5, width=8)
NEW = 3000


def rated(clips: PlantedClips) -> Rated:
    """Planted clips as the trainer takes them."""
    names = tuple(f"clip {i}" for i in range(len(clips.rows)))
    return Rated(WORLD.expressions, names, tuple(clips.rows), clips.said, tuple(f"p{p}" for p in clips.person), {})


def measured(count: int, balance: str, seed: int) -> str:
    """One training, one line."""
    train, new = rated(WORLD.clips(count, count // 15, 2 * seed + 1)), WORLD.clips(NEW, 200, 2 * seed + 2)
    who = np.array([int(p[1:]) for p in train.people])
    config = RecogniserConfig(batch=128, rate=3e-3, dropout="0", patience=4, epochs=24, balance=balance, seed=seed)
    began = time.process_time()
    stop = train.only(np.flatnonzero(who % 6 == 0))
    learnt = fit(train.only(np.flatnonzero(who % 6)), stop, config)
    spent = time.process_time() - began
    shape = shape_of(train, config)
    p, said = scores_of(shape, learnt.arrays, list(new.rows)), scores_of(shape, learnt.arrays, list(stop.rows))
    fair = calibrated(p, calibrations(said, stop.said))
    cells = []
    for k in range(p.shape[1]):
        best, own = (average_precision(s[:, k], new.shown[:, k]) for s in (new.best, p))
        raw, mended = (reliability(s[:, k], new.said[:, k]).error for s in (p, fair))
        assert best is not None
        assert own is not None
        cells.append(f"{new.shown[:, k].mean():.3f} {best:.3f} {own / best:.3f} {raw:.3f} {mended:.3f}")
    return f"{count} {balance} {learnt.epoch} epochs {spent:.0f} s | " + " | ".join(cells)


def main() -> None:
    """Read the command line, and measure."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--clips", type=int, nargs="+", default=[2700, 5400])
    words.add_argument("--seeds", type=int, default=1)
    given = words.parse_args()
    print("per expression: prevalence, best AP, reached / best, calibration error raw and calibrated")
    for count in given.clips:
        for balance in ("none", "weights"):
            for seed in range(given.seeds):
                print(measured(count, balance, seed), flush=True)


if __name__ == "__main__":
    main()
