"""Machine and people on the same clips: what `agree` compares."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from evoked.agreement.machine_scores import MachineScores
from evoked.core.errors import DatasetError
from evoked.core.settings import Share, setting, settings
from evoked.dataset.ratings import Ratings

__all__ = ["AgreeConfig", "PairedClips", "groups_of", "pair_clips"]


@settings
class AgreeConfig:
    """How machine and people are compared."""

    merge: Literal["majority", "any", "mean"] = setting(
        "majority", "raters of a clip: majority (2 of 3), any, or mean (a share counts in part)"
    )
    target_precision: float = setting(
        0.73, "precision that an expression's threshold shall reach; else best F0.5", gt=0, le=1
    )
    thresholds: dict[str, Share] = setting({}, "do not choose: an expression is on from this score, e.g. amusement=0.4")
    resample_by: Literal["video", "person"] = setting(
        "video", "unit of the folds and of the bootstrap: video, or person (column person)"
    )
    folds: int = setting(5, "cross-validation folds for the thresholds, each chosen on the other folds", ge=2)
    span: Literal["mean", "last"] = setting(
        "mean", "an annotation's score of a clip: mean over its ticks, or last (its last tick)"
    )
    missing_scores: Literal["masked", "zeros"] = setting(
        "masked", "clips in which the machine saw nobody: masked (left out) or zeros (scored 0)"
    )
    min_shared_clips: int = setting(10, "clips that two raters must share for Cohen's kappa", ge=1)
    resamples: int = setting(1000, "bootstrap resamples for the intervals", ge=1)
    seed: int = setting(0, "seed of the folds and the bootstrap")
    confidence_level: float = setting(0.95, "confidence level of the intervals", gt=0, lt=1)


@dataclass(frozen=True, eq=False)
class PairedClips:
    """The machine's scores beside people's judgement.

    Attributes:
        names: expressions that both know, K.
        ratings: all of them.
        columns: place of each name in the ratings.
        scores, merged, mean: shape (clips, K): the machine's, and people's by the rule and as a share; NaN where
            there is none.
        unit: shape (clips,), number of the video (or person) each clip belongs to.
        units: their names.
    """

    names: tuple[str, ...]
    ratings: Ratings
    columns: tuple[int, ...]
    scores: NDArray[np.float64]
    merged: NDArray[np.float64]
    mean: NDArray[np.float64]
    unit: NDArray[np.int64]
    units: tuple[str, ...]

    @property
    def both(self) -> NDArray[np.bool_]:
        """Where there are a score and a judgement, shape (clips, K)."""
        return ~np.isnan(self.scores) & ~np.isnan(self.mean)

    def summed(self, terms: NDArray[np.float64], clips: NDArray[np.integer]) -> NDArray[np.float64]:
        """Rows of terms, each of the clip beside it, summed by unit."""
        out = np.zeros((len(self.units), terms.shape[1]))
        np.add.at(out, self.unit[clips], terms)
        return out


def pair_clips(machine: MachineScores, ratings: Ratings, config: AgreeConfig, told: list[str]) -> PairedClips:
    """Put scores and ratings of the same clips together; what is left out is reported.

    Raises:
        DatasetError: as `agree` does.
    """
    names = tuple(n for n in ratings.expressions if n in machine.names)
    if not names:
        raise DatasetError(
            f"machine and ratings have no expression in common: {', '.join(machine.names)} against "
            f"{', '.join(ratings.expressions)}"
        )
    if strange := [n for n in config.thresholds if n not in names]:
        raise DatasetError(f"no expression {strange[0]!r} to set a threshold for; compared are: {', '.join(names)}")
    for what, left in (
        ("rated but not scored", [n for n in ratings.expressions if n not in names]),
        ("scored but not rated", [n for n in machine.names if n not in names]),
    ):
        if left:
            told.append(f"{what}, left out: {', '.join(left)}")
    known = np.array([machine.knows(c) for c in ratings.clips], dtype=np.bool_)
    if not known.any():
        theirs = [*machine.videos] or [str(key[0]) for key in machine.clips]
        raise DatasetError(
            f"no clip in common: rated is {ratings.clips[0]} …, the machine knows {', '.join(sorted(theirs)[:3])} …; "
            "names must be the same"
        )
    if not known.all():
        told.append(f"{int((~known).sum())} rated clips of which the machine's table says nothing are left out")
    scores = machine.scores(ratings.clips, config.span)[:, [machine.names.index(n) for n in names]]
    unseen = known & np.isnan(scores).all(axis=1)
    if unseen.any():
        how = "scored 0" if config.missing_scores == "zeros" else "left out"
        told.append(f"{int(unseen.sum())} clips in which the machine saw nobody are {how}")
        if config.missing_scores == "zeros":
            scores[unseen] = 0.0
    columns = tuple(ratings.expressions.index(n) for n in names)
    unit, units = _units(ratings, config.resample_by)
    merged, mean = ratings.merged(config.merge)[:, columns], ratings.merged("mean")[:, columns]
    return PairedClips(names, ratings, columns, scores, merged, mean, unit, units)


def _units(ratings: Ratings, by: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """The number of the video (or person) of each clip, and their names."""
    names = [c.video for c in ratings.clips]
    if by == "person":
        people = ratings.groups.get("person", ())
        if not any(people):
            raise DatasetError("the ratings have no column person that names anybody; compare by video")
        names = [f"person {p}" if p else f"video {v}" for p, v in zip(people, names, strict=True)]
    found, unit = np.unique(np.array(names), return_inverse=True)
    return unit.astype(np.int64), tuple(str(n) for n in found)


def groups_of(data: PairedClips) -> list[tuple[str, str, NDArray[np.bool_]]]:
    """Column, value and the compared clips of each group; who a person is is no group."""
    seen = data.both.any(axis=1)
    found = []
    for column, values in data.ratings.groups.items():
        if column == "person":
            continue
        for value in sorted({v for v in values if v}):
            found.append((column, value, seen & (np.array(values) == value)))
    return found
