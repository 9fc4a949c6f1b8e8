"""Write dawid_skene.json: ratings, and what crowd-kit (crowdkit.aggregation.DawidSkene) estimates from them.

Needs crowd-kit 1.4.2, which the tests do not: python make_dawid_skene.py
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

PLACE = Path(__file__).with_name("dawid_skene.json")


def ratings(seed: int, items: int, raters: int, each: int, prevalence: float) -> list[tuple[int, int, int]]:
    """Raters of different skill, `each` of them for every item, and a few items more or less."""
    random = np.random.default_rng(seed)
    truth = random.random(items) < prevalence
    sensitivity, specificity = random.uniform(0.6, 0.95, raters), random.uniform(0.7, 0.98, raters)
    rows = []
    for i in range(items):
        for r in random.choice(raters, each + int(i % 5 == 0), replace=False):
            right = random.random() < (sensitivity[r] if truth[i] else specificity[r])
            rows.append((i, int(r), int(truth[i] == right)))
    return rows


def main() -> None:
    """Compute every case and write them."""
    import pandas as pd
    from crowdkit.aggregation.classification.dawid_skene import DawidSkene

    cases: list[dict[str, Any]] = []
    for seed, items, raters, each, prevalence in ((0, 60, 6, 3, 0.4), (1, 120, 9, 3, 0.2)):
        rows = ratings(seed, items, raters, each, prevalence)
        table = pd.DataFrame(rows, columns=["task", "worker", "label"])
        fitted = DawidSkene(n_iter=1500, tol=-float("inf")).fit(table)
        cases.append(
            {
                "rows": rows,
                "probability": [float(fitted.probas_.loc[i, 1]) for i in range(items)],
                "sensitivity": [float(fitted.errors_.loc[(r, 1), 1]) for r in range(raters)],
                "specificity": [float(fitted.errors_.loc[(r, 0), 0]) for r in range(raters)],
            }
        )
    PLACE.write_text(json.dumps(cases))


if __name__ == "__main__":
    main()
