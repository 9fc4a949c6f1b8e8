"""Machine scores and human ratings of the same clips, the input of `agree`."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evoked.agreement.machine_scores import MachineScores
from evoked.core.errors import DatasetError
from evoked.core.settings import Share, setting, settings
from evoked.dataset.ratings import Ratings

__all__ = ["AgreeConfig", "ClipGroup", "PairedClips", "groups_of", "pair_clips"]


@settings
class AgreeConfig:
    """Settings of the comparison of machine scores and ratings."""

    merge: Literal["majority", "any", "mean"] = setting(
        "majority", "how the raters of a clip are merged: majority (2 of 3), any, or mean (share of raters)"
    )
    target_precision: float = setting(
        0.73, "precision that the threshold of an expression should reach; otherwise best F0.5", gt=0, le=1
    )
    thresholds: dict[str, Share] = setting(
        {}, "preset threshold of an expression instead of a chosen one, e.g. amusement=0.4"
    )
    resample_by: Literal["video", "person"] = setting(
        "video", "unit of the folds and of the bootstrap: video, or person (column person)"
    )
    folds: int = setting(5, "cross-validation folds for the thresholds, each chosen on the other folds", ge=2)
    span: Literal["mean", "last"] = setting(
        "mean", "score of a clip in an annotation: mean over its frames, or last (its last frame)"
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
    """Machine scores and ratings of the same clips.

    Attributes:
        names: expressions that are both scored and rated, K.
        ratings: all ratings.
        columns: index of each name in the ratings.
        scores, merged, mean: shape (clips, K): machine scores, ratings merged by the rule, and share of raters;
            NaN where missing.
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
        """Where there are a score and a rating, shape (clips, K)."""
        return ~np.isnan(self.scores) & ~np.isnan(self.mean)

    def summed(self, terms: NDArray[np.float64], clips: NDArray[np.integer]) -> NDArray[np.float64]:
        """Sum terms by unit.

        Args:
            terms: (n, S).
            clips: (n,) index of the clip that each row belongs to.

        Returns:
            (units, S).
        """
        out = np.zeros((len(self.units), terms.shape[1]))
        np.add.at(out, self.unit[clips], terms)
        return out


def pair_clips(machine: MachineScores, ratings: Ratings, config: AgreeConfig, notes: list[str]) -> PairedClips:
    """Pair scores and ratings of the same clips.

    Args:
        machine: scores of the rated clips.
        ratings: labels of raters.
        config: settings of the comparison.
        notes: remarks on what is left out are appended.

    Returns:
        The paired clips.

    Raises:
        DatasetError: as for `agree`.
    """
    names = tuple(name for name in ratings.expressions if name in machine.names)
    if not names:
        raise DatasetError(
            f"machine and ratings have no expression in common: {', '.join(machine.names)} against "
            f"{', '.join(ratings.expressions)}"
        )
    if unknown := [name for name in config.thresholds if name not in names]:
        raise DatasetError(f"no expression {unknown[0]!r} to set a threshold for; compared are: {', '.join(names)}")
    for reason, left_out in (
        ("rated but not scored", [name for name in ratings.expressions if name not in names]),
        ("scored but not rated", [name for name in machine.names if name not in names]),
    ):
        if left_out:
            notes.append(f"{reason}, left out: {', '.join(left_out)}")
    scored = np.array([machine.contains(clip) for clip in ratings.clips], dtype=np.bool_)
    if not scored.any():
        machine_names = sorted([*machine.videos] or [str(key[0]) for key in machine.clips])
        raise DatasetError(
            f"no clip in common: rated is {ratings.clips[0]} …, the machine's table has "
            f"{', '.join(machine_names[:3])} …; names must be the same"
        )
    if not scored.all():
        notes.append(f"{int((~scored).sum())} rated clips that are not in the machine's table are left out")
    scores = machine.scores(ratings.clips, config.span)[:, [machine.names.index(name) for name in names]]
    unseen = scored & np.isnan(scores).all(axis=1)
    if unseen.any():
        treatment = "scored 0" if config.missing_scores == "zeros" else "left out"
        notes.append(f"{int(unseen.sum())} clips in which the machine saw nobody are {treatment}")
        if config.missing_scores == "zeros":
            scores[unseen] = 0.0
    columns = tuple(ratings.expressions.index(name) for name in names)
    unit, units = _units(ratings, config.resample_by)
    merged, mean = ratings.merged(config.merge)[:, columns], ratings.merged("mean")[:, columns]
    return PairedClips(names, ratings, columns, scores, merged, mean, unit, units)


def _units(ratings: Ratings, by: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """The number of the video (or person) of each clip, and their names."""
    names = [clip.video for clip in ratings.clips]
    if by == "person":
        people = ratings.groups.get("person", ())
        if not any(people):
            raise DatasetError("the ratings have no column person that names anybody; compare by video")
        names = [
            f"person {person}" if person else f"video {video}" for person, video in zip(people, names, strict=True)
        ]
    unit_names, unit = np.unique(np.array(names), return_inverse=True)
    return unit.astype(np.int64), tuple(str(name) for name in unit_names)


class ClipGroup(NamedTuple):
    """The compared clips whose people have one value in one column of the ratings, e.g. gender, woman.

    Attributes:
        column, value: name of the column, and its value.
        clips: shape (clips,), which clips belong to the group.
    """

    column: str
    value: str
    clips: NDArray[np.bool_]


def groups_of(data: PairedClips) -> list[ClipGroup]:
    """The groups of compared clips; the column person makes no groups."""
    seen = data.both.any(axis=1)
    groups = []
    for column, values in data.ratings.groups.items():
        if column == "person":
            continue
        for value in sorted({v for v in values if v}):
            groups.append(ClipGroup(column, value, seen & (np.array(values) == value)))
    return groups
