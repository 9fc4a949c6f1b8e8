"""Expected reliabilities, made by statsmodels and krippendorff themselves: writes raters.json beside this file.

    python -m venv /tmp/raters && /tmp/raters/bin/pip install statsmodels==0.15.0 krippendorff==0.9.0
    /tmp/raters/bin/python tests/metrics/make_raters.py

Each case holds marks (clips × raters, null where not rated) and what the libraries say of them. Fleiss'
kappa is theirs only where every clip has the same number of raters.
"""

import json
from importlib.metadata import version
from pathlib import Path

import krippendorff
import numpy as np
from statsmodels.stats.inter_rater import fleiss_kappa


def marks(seed: int, clips: int, raters: int, rate: float, noise: float, missing: float) -> np.ndarray:
    """Raters who see the same truth and err; NaN where somebody did not rate."""
    random = np.random.default_rng(seed)
    truth = random.random(clips) < rate
    seen = truth[:, None] ^ (random.random((clips, raters)) < noise)
    return np.where(random.random((clips, raters)) < missing, np.nan, seen.astype(float))


def case(name: str, table: np.ndarray) -> dict[str, object]:
    rated, yes = (~np.isnan(table)).sum(axis=1), np.nansum(table, axis=1)
    whole = len(set(rated.tolist())) == 1
    counts = np.stack([rated - yes, yes], axis=1)
    return {
        "name": name,
        "marks": [[None if np.isnan(m) else int(m) for m in row] for row in table],
        "fleiss": float(fleiss_kappa(counts, method="fleiss")) if whole else None,
        "krippendorff": float(krippendorff.alpha(table.T, level_of_measurement="nominal")),
    }


def main() -> None:
    cases = [
        case("three raters", marks(0, 60, 3, 0.4, 0.15, 0.0)),
        case("rare and noisy", marks(1, 80, 3, 0.08, 0.1, 0.0)),
        case("lots", marks(2, 80, 4, 0.5, 0.5, 0.0)),
        case("some missing", marks(3, 60, 5, 0.3, 0.2, 0.35)),
        case("mostly missing", marks(4, 90, 8, 0.45, 0.1, 0.75)),
    ]
    made = {name: version(name) for name in ("statsmodels", "krippendorff", "numpy")}
    path = Path(__file__).with_name("raters.json")
    path.write_text(json.dumps({"made_by": made, "cases": cases}, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
