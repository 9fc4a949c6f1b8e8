"""Agreement of raters beyond chance: Fleiss' kappa, Krippendorff's alpha, Cohen's kappa.

Each statistic is computed from terms that are summed over clips, so that a bootstrap over videos only weights
sums: `rater_terms` gives a row per clip, the statistics take their (weighted) sum. A statistic is None where it is
not defined (no clip has two raters, or all ratings are equal), which is not 0.

Ratings are 0 or 1. Clips with one rater carry no information about agreement and have terms of zero.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["cohen_kappa", "fleiss_kappa", "krippendorff_alpha", "mean_cohen", "pair_tables", "rater_terms"]

TINY = 1e-12


def rater_terms(yes: ArrayLike, rated: ArrayLike) -> NDArray[np.float64]:
    """The terms that `fleiss_kappa` and `krippendorff_alpha` need, summed over clips.

    Args:
        yes: shape (n,), number of raters who rated each clip 1.
        rated: shape (n,), number of raters of each clip.

    Returns:
        Shape (n, 5): m; y; m − 1; y(m − y)/m; 2y(m − y)/(m − 1), for m ratings of which y are 1.

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
    """Fleiss' kappa from summed `rater_terms`: 1 − Σ y(m − y)/m / (Σ(m − 1) p q), p the share of ratings of 1.

    With the same number of raters for every clip it is Fleiss 1971 (Psychological Bulletin 76:378-382); with
    different numbers its generalisation for two categories in Fleiss, Levin and Paik 2003, Statistical Methods
    for Rates and Proportions, ch. 18. Raters may be different people for every clip.
    """
    ratings, yes, spare, split, _ = np.asarray(sums, dtype=np.float64)
    chance = yes / ratings * (1 - yes / ratings) if ratings > 0 else 0.0
    return float(1 - split / (spare * chance)) if spare * chance > TINY else None


def krippendorff_alpha(sums: ArrayLike) -> float | None:
    """Krippendorff's alpha for nominal ratings, some missing, from summed `rater_terms`: 1 − D_o / D_e.

    Krippendorff 2004, Content Analysis, ch. 11.
    """
    ratings, yes, _, _, differing = np.asarray(sums, dtype=np.float64)
    expected = 2 * yes * (ratings - yes) / (ratings - 1) if ratings > 1 else 0.0
    return float(1 - differing / expected) if expected > TINY else None


def cohen_kappa(table: ArrayLike) -> float | None:
    """Cohen's kappa of two raters from the counts of (0, 0), (0, 1), (1, 0), (1, 1) ratings; shape (4,).

    Cohen 1960, Educational and Psychological Measurement 20:37-46. None where all ratings of both are equal:
    the agreement expected by chance is 1 then.
    """
    neither, second, first, joint = np.asarray(table, dtype=np.float64)
    total = neither + second + first + joint
    if total <= 0:
        return None
    expected = ((first + joint) * (second + joint) + (neither + second) * (neither + first)) / total**2
    return float(((neither + joint) / total - expected) / (1 - expected)) if 1 - expected > TINY else None


def pair_tables(
    clip: NDArray[np.integer],
    rater: NDArray[np.integer],
    marks: NDArray[np.floating],
    unit: NDArray[np.integer],
    *,
    least: int = 1,
) -> tuple[list[tuple[int, int]], NDArray[np.int64]]:
    """The entries of the tables of `cohen_kappa`, for each pair of raters.

    Args:
        clip, rater: shape (n,), numbers from 0; each pair at most once.
        marks: shape (n,), 0 or 1; NaN where not rated.
        unit: shape (clips,), number of the unit (video) of each clip, from 0.
        least: pairs with fewer clips in common are left out.

    Returns:
        The pairs of raters, sorted; and a row for each clip that a pair has in common, shape (rows, 2): the
        clip's unit, and 4 × the index of the pair + the cell of its table. (Tables by unit would be mostly zeros:
        gigabytes for 100 raters and 100,000 videos.)
    """
    present = ~np.isnan(marks)
    order = np.lexsort((rater[present], clip[present]))
    clips, raters, yes = clip[present][order], rater[present][order], marks[present][order].astype(np.int64)
    entries = [np.zeros((0, 4), dtype=np.int64)]  # rows of first rater, second rater, unit, cell
    for lag in range(1, _max_raters(clips)):  # the lag-th next rater of the same clip
        same = np.flatnonzero(clips[lag:] == clips[:-lag])
        cell = 2 * yes[same] + yes[same + lag]
        entries.append(np.stack([raters[same], raters[same + lag], unit[clips[same]], cell], axis=1))
    rows = np.concatenate(entries)
    pairs, place, shared = np.unique(rows[:, :2], axis=0, return_inverse=True, return_counts=True)
    selected = shared >= least
    number, place = np.cumsum(selected) - 1, place.reshape(-1)
    rows, place = rows[selected[place]], number[place[selected[place]]]
    return [(int(a), int(b)) for a, b in pairs[selected]], np.stack([rows[:, 2], 4 * place + rows[:, 3]], axis=1)


def mean_cohen(tables: NDArray[np.float64]) -> float | None:
    """Unweighted mean of Cohen's kappa over the pairs where it is defined; tables of shape (pairs, 4)."""
    neither, second, first, joint = tables.T
    total = np.maximum(tables.sum(axis=1), 1)
    expected = ((first + joint) * (second + joint) + (neither + second) * (neither + first)) / total**2
    defined = (tables.sum(axis=1) > 0) & (1 - expected > TINY)
    if not defined.any():
        return None
    kappas = ((neither + joint) / total - expected)[defined] / (1 - expected)[defined]
    return float(kappas.mean())


def _max_raters(clips: NDArray[np.int64]) -> int:
    """Largest number of raters of one clip."""
    return int(np.unique(clips, return_counts=True)[1].max(initial=0))
