"""How often an operating point keeps its precision on new clips, by how many positives it was chosen on.

    python benchmarks/few_positives.py [--draws 1000] [--target 0.73] [--distance 2.2] [--json]

Planted scores: normal, those of clips that show the expression higher by `--distance` standard deviations (2.2: AUC
.94), one clip in ten shows it, all clips independent. The threshold is chosen on a few, by the measured precision
(confidence .5) and by its lower bound (confidence .8, .9, .95); what it gives on new clips is exact. Printed for each
number of positives:

- *said*: share of draws in which the target is said to be reached; *falsely*: in which it is said, but the true
  precision is below it;
- over all draws, those by F0.5 too: mean true precision, its lower tenth, mean recall, and F0.5 of both.
"""

import argparse
import json
from statistics import NormalDist

import numpy as np

from evoked.core.text_table import text_table
from evoked.metrics.operating_point import operating_point

POSITIVES, CONFIDENCES, PREVALENCE = (3, 5, 10, 30, 100, 300), (0.5, 0.8, 0.9, 0.95), 0.1


def true_point(threshold: float, distance: float) -> tuple[float, float]:
    """Precision and recall of a threshold on new clips."""
    recall, false = (1 - NormalDist(mean).cdf(threshold) for mean in (distance, 0))
    return PREVALENCE * recall / (PREVALENCE * recall + (1 - PREVALENCE) * false), recall


def measured(positives: int, confidence: float, draws: int, target: float, distance: float) -> dict[str, float]:
    """The figures of one row."""
    random = np.random.default_rng(positives)  # the same scores for every confidence
    truth = np.arange(round(positives / PREVALENCE)) < positives
    reached, points = [], []
    for _ in range(draws):
        point = operating_point(
            random.normal(size=len(truth)) + distance * truth, truth, target=target, confidence=confidence
        )
        assert point is not None
        reached.append(point.reached)
        points.append(true_point(point.threshold, distance))
    said, (precision, recall) = np.array(reached), np.array(points).T
    return {
        "positives": positives,
        "confidence": confidence,
        "said": float(said.mean()),
        "falsely": float((said & (precision < target)).mean()),
        "precision": float(precision.mean()),
        "lower tenth": float(np.quantile(precision, 0.1)),
        "recall": float(recall.mean()),
        "F0.5": float((1.25 * precision * recall / (0.25 * precision + recall)).mean()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--target", type=float, default=0.73)
    parser.add_argument("--distance", type=float, default=2.2)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = [
        measured(positives, confidence, options.draws, options.target, options.distance)
        for positives in POSITIVES
        for confidence in CONFIDENCES
    ]
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    lines = [tuple(rows[0])]
    lines += [(str(r["positives"]), *(f"{v:.2f}" for v in list(r.values())[1:])) for r in rows]
    print(text_table(lines, left=()))


if __name__ == "__main__":
    main()
