"""How far raters agree with each other, beyond what their rates alone would give.

Each statistic is computed from terms that are added over clips, so that a bootstrap over videos only weighs
sums: `terms` gives a row per clip, the figure takes their (weighted) sum. A figure is None where it is not
defined (nobody rated with another, or all marks are alike), which is not 0.

For marks of 0 or 1. Clips with one rater say nothing of agreement and have terms of zero.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["cohen_kappa", "fleiss_kappa", "krippendorff_alpha", "mean_cohen", "pair_tables", "rater_terms"]

TINY = 1e-12


def rater_terms(yes: ArrayLike, rated: ArrayLike) -> NDArray[np.float64]:
    """What `fleiss_kappa` and `krippendorff_alpha` add up.

    Args:
        yes: shape (n,), how many raters said yes to each clip.
        rated: shape (n,), how many rated it.

    Returns:
        Shape (n, 5): marks; yes; marks − 1; y(m − y)/m; 2y(m − y)/(m − 1), for m marks of which y are yes.

    Raises:
        ValueError: unless 0 <= yes <= rated.
    """
    y, m = np.asarray(yes, dtype=np.float64), np.asarray(rated, dtype=np.float64)
    if y.ndim != 1 or y.shape != m.shape or not ((y >= 0) & (y <= m)).all():
        raise ValueError(f"need yes and rated of one shape (n,), 0 <= yes <= rated, got {y.shape} and {m.shape}")
    several = m >= 2
    m, y = np.where(several, m, 0.0), np.where(several, y, 0.0)
    split = y * (m - y)
    return np.stack(
        [
            m,
            y,
            np.where(several, m - 1, 0.0),
            np.divide(split, m, out=np.zeros(len(m)), where=several),
            np.divide(2 * split, m - 1, out=np.zeros(len(m)), where=several),
        ],
        axis=1,
    )


def fleiss_kappa(sums: ArrayLike) -> float | None:
    """Fleiss' kappa from summed `rater_terms`: 1 − Σ y(m − y)/m / (Σ(m − 1) p q), p the share of yes.

    With the same number of raters for every clip it is Fleiss 1971 (Psychological Bulletin 76:378-382); with
    different numbers its generalisation for two categories in Fleiss, Levin and Paik 2003, Statistical Methods
    for Rates and Proportions, ch. 18. Raters may be different people for every clip.
    """
    marks, yes, spare, split, _ = np.asarray(sums, dtype=np.float64)
    chance = yes / marks * (1 - yes / marks) if marks > 0 else 0.0
    return float(1 - split / (spare * chance)) if spare * chance > TINY else None


def krippendorff_alpha(sums: ArrayLike) -> float | None:
    """Krippendorff's alpha for nominal marks, some missing, from summed `rater_terms`: 1 − D_o / D_e.

    Krippendorff 2004, Content Analysis, ch. 11.
    """
    marks, yes, _, _, differing = np.asarray(sums, dtype=np.float64)
    expected = 2 * yes * (marks - yes) / (marks - 1) if marks > 1 else 0.0
    return float(1 - differing / expected) if expected > TINY else None


def cohen_kappa(table: ArrayLike) -> float | None:
    """Cohen's kappa of two raters from how often they said (no, no), (no, yes), (yes, no), (yes, yes); shape (4,).

    Cohen 1960, Educational and Psychological Measurement 20:37-46. None where both said the same to everything:
    what chance would give is 1 then.
    """
    none, second, first, both = np.asarray(table, dtype=np.float64)
    total = none + second + first + both
    if total <= 0:
        return None
    expected = ((first + both) * (second + both) + (none + second) * (none + first)) / total**2
    return float(((none + both) / total - expected) / (1 - expected)) if 1 - expected > TINY else None


def pair_tables(
    clip: NDArray[np.integer],
    rater: NDArray[np.integer],
    marks: NDArray[np.floating],
    unit: NDArray[np.integer],
    *,
    least: int = 1,
) -> tuple[list[tuple[int, int]], NDArray[np.int64]]:
    """What the tables of `cohen_kappa` count, for each pair of raters.

    Args:
        clip, rater: shape (n,), numbers from 0; no pair of them stands twice.
        marks: shape (n,), 0 or 1; NaN where not rated.
        unit: shape (clips,), number of the unit (video) each clip belongs to, from 0.
        least: pairs with fewer clips in common are left out.

    Returns:
        The pairs of raters, sorted; and a row for each clip that a pair has in common, shape (rows, 2): the
        clip's unit, and 4 × the pair's place + the cell of its table. (Tables by unit would be mostly zeros:
        gigabytes for 100 raters and 100,000 videos.)
    """
    there = ~np.isnan(marks)
    order = np.lexsort((rater[there], clip[there]))
    clips, raters, yes = clip[there][order], rater[there][order], marks[there][order].astype(np.int64)
    found = [np.zeros((0, 4), dtype=np.int64)]  # rows of first rater, second rater, unit, cell
    for lag in range(1, _most(clips)):  # the lag-th next rater of the same clip
        same = np.flatnonzero(clips[lag:] == clips[:-lag])
        cell = 2 * yes[same] + yes[same + lag]
        found.append(np.stack([raters[same], raters[same + lag], unit[clips[same]], cell], axis=1))
    rows = np.concatenate(found)
    pairs, place, shared = np.unique(rows[:, :2], axis=0, return_inverse=True, return_counts=True)
    kept = shared >= least
    number, place = np.cumsum(kept) - 1, place.reshape(-1)
    rows, place = rows[kept[place]], number[place[kept[place]]]
    return [(int(a), int(b)) for a, b in pairs[kept]], np.stack([rows[:, 2], 4 * place + rows[:, 3]], axis=1)


def mean_cohen(tables: NDArray[np.float64]) -> float | None:
    """Plain mean of Cohen's kappa over the pairs where it is defined; tables of shape (pairs, 4)."""
    none, second, first, both = tables.T
    total = np.maximum(tables.sum(axis=1), 1)
    expected = ((first + both) * (second + both) + (none + second) * (none + first)) / total**2
    defined = (tables.sum(axis=1) > 0) & (1 - expected > TINY)
    if not defined.any():
        return None
    kappas = ((none + both) / total - expected)[defined] / (1 - expected)[defined]
    return float(kappas.mean())


def _most(clips: NDArray[np.int64]) -> int:
    """How many raters the clip with most of them has."""
    return int(np.unique(clips, return_counts=True)[1].max(initial=0))
