"""How often an operating point keeps its precision on new clips, by how many positives it was chosen on.

    python benchmarks/few_positives.py [--draws 1000] [--target 0.73] [--distance 2.2] [--json]
    python benchmarks/few_positives.py --faces FOLDER --store STORE

Planted scores: normal, those of clips that show the expression higher by `--distance` standard deviations (2.2: AUC
.94), one clip in ten shows it, all clips independent. The threshold is chosen on a few, by the measured precision
(confidence .5) and by its lower bound (confidence .8, .9, .95); what it gives on new clips is exact. Printed for each
number of positives:

- *said*: share of draws in which the target is said to be reached; *falsely*: in which it is said, but the true
  precision is below it;
- over all draws, those by F0.5 too: mean true precision, its lower tenth, mean recall, and F0.5 of both.

With `--faces` (stills as for fusion.py) the scores are the prototype's: the threshold is chosen on stills drawn at
random, as many of them positive as among all, and held to the stills of everybody who was not drawn.
"""

import argparse
import json
from pathlib import Path
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from evoked.core.text_table import text_table
from evoked.metrics.operating_point import operating_point
from evoked.reactions.expressions.prototype import PrototypeRecogniser
from fusion import WANTED, described
from talking_faces import still_track

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
    return figures(positives, confidence, np.array(reached), np.array(points), target)


def on_faces(
    scores: NDArray[np.float64],
    truth: NDArray[np.bool_],
    people: NDArray[np.int64],
    row: tuple[int, float],
    options: argparse.Namespace,
) -> dict[str, float]:
    """The figures of one row (positives, confidence) on labelled stills."""
    positives, confidence = row
    random, share = np.random.default_rng(positives), float(truth.mean())
    reached, points = [], []
    for _ in range(options.draws):
        yes = random.choice(np.flatnonzero(truth), positives, replace=False)
        no = random.choice(np.flatnonzero(~truth), round(positives * (1 - share) / share), replace=False)
        drawn = np.concatenate([yes, no])
        point = operating_point(scores[drawn], truth[drawn], target=options.target, confidence=confidence)
        assert point is not None
        others, on = ~np.isin(people, people[drawn]), scores >= point.threshold
        reached.append(point.reached)
        points.append((truth[others & on].mean(), on[others & truth].mean()))
    return figures(positives, confidence, np.array(reached), np.array(points), options.target)


def figures(
    positives: int, confidence: float, said: NDArray[np.bool_], points: NDArray[np.float64], target: float
) -> dict[str, float]:
    """One row from what was said in each draw and its (precision, recall) on new clips."""
    precision, recall = points.T
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


def shown(rows: list[dict[str, float]]) -> str:
    """The rows as a table."""
    lines = [tuple(rows[0])]
    lines += [(str(r["positives"]), *(f"{v:.2f}" for v in list(r.values())[1:])) for r in rows]
    return text_table(lines, left=())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--target", type=float, default=0.73)
    parser.add_argument("--distance", type=float, default=2.2)
    parser.add_argument("--faces", type=Path, help="folder of labelled stills: real scores instead of planted ones")
    parser.add_argument("--store", type=Path, help="where their descriptors are kept")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.faces:
        stills, recogniser = described(options.faces, options.store), PrototypeRecogniser()
        scores = np.stack([recogniser.score(still_track(row)).values[9] for row in stills.shapes]).astype(np.float64)
        for name, (label, _) in WANTED.items():
            column, truth = scores[:, recogniser.names.index(name)], stills.labels == label
            rows = [
                on_faces(column, truth, stills.people, (positives, confidence), options)
                for positives in POSITIVES[:-1]
                for confidence in CONFIDENCES
            ]
            print(json.dumps({name: rows}) if options.json else f"{name}\n{shown(rows)}\n")
        return
    rows = [
        measured(positives, confidence, options.draws, options.target, options.distance)
        for positives in POSITIVES
        for confidence in CONFIDENCES
    ]
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    print(shown(rows))


if __name__ == "__main__":
    main()
