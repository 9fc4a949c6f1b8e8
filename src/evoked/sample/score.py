"""How near a study's results come to what was planted: plain arrays in, a small table out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evoked.sample.ground_truth import CLASSES

__all__ = [
    "OFFSET_BAR_S",
    "PRECISION_BAR",
    "RECALL_BAR",
    "LabelScore",
    "OffsetScore",
    "label_scores",
    "offset_score",
    "score_table",
]

PRECISION_BAR = 0.90
RECALL_BAR = 0.80
OFFSET_BAR_S = 0.050


@dataclass(frozen=True)
class LabelScore:
    """How one class was found.

    Attributes:
        name: of the class.
        planted: how many there are in truth.
        found: how many were said to be.
        precision: share of the found that are planted; NaN where nothing was found.
        recall: share of the planted that were found; NaN where nothing was planted.
    """

    name: str
    planted: int
    found: int
    precision: float
    recall: float

    @property
    def passes(self) -> bool:
        """Whether both bars are met; True where nothing was planted and nothing found."""
        return (self.planted == 0 and self.found == 0) or (
            self.precision >= PRECISION_BAR and self.recall >= RECALL_BAR
        )


@dataclass(frozen=True)
class OffsetScore:
    """How well one pair was aligned.

    Attributes:
        worst_s: largest distance over the planted stretches between where the content stands and where
            it was found (median over the stretch's seconds); NaN where a stretch was not found at all.
        covered: share of the planted seconds that were found within OFFSET_BAR_S.
    """

    worst_s: float
    covered: float

    @property
    def passes(self) -> bool:
        """Whether every stretch was found, within the bar."""
        return self.worst_s <= OFFSET_BAR_S  # False for NaN


def label_scores(
    truth: NDArray[np.integer], found: NDArray[np.integer], where: NDArray[np.bool_] | None = None
) -> list[LabelScore]:
    """Precision and recall of each of CLASSES.

    Args:
        truth, found: index of CLASSES, same shape.
        where: what counts; everything if not given.

    Raises:
        ValueError: if the shapes differ, or a number is no index of CLASSES.
    """
    where = np.ones(truth.shape, dtype=np.bool_) if where is None else where
    if not truth.shape == found.shape == where.shape:
        raise ValueError(f"truth {truth.shape}, found {found.shape} and where {where.shape} must have one shape")
    for name, values in (("truth", truth), ("found", found)):
        if values.size and not 0 <= values.min() <= values.max() < len(CLASSES):
            raise ValueError(f"{name} must hold 0 … {len(CLASSES) - 1}, got {values.min()} … {values.max()}")
    out = []
    for code, name in enumerate(CLASSES):
        planted, said = (truth == code) & where, (found == code) & where
        both = int((planted & said).sum())
        out.append(LabelScore(name, int(planted.sum()), int(said.sum()), _share(both, said), _share(both, planted)))
    return out


def offset_score(planted: Sequence[Mapping[str, float]], found: Sequence[Mapping[str, float]]) -> OffsetScore:
    """Compare segments of one pair.

    Args:
        planted, found: segments with `content_start_s`, `content_end_s`, `reaction_start_s`.

    Returns:
        Measured at the middle of every whole second inside a planted segment.

    Raises:
        ValueError: if nothing is planted.
    """
    if not planted:
        raise ValueError("offset_score needs at least one planted segment, got none")
    medians, near, seconds = [], 0, 0
    for segment in planted:
        middles = np.arange(np.ceil(segment["content_start_s"]), np.floor(segment["content_end_s"])) + 0.5
        true = segment["reaction_start_s"] - segment["content_start_s"]
        errors = np.abs(np.array([_offset_at(found, t) - true for t in middles]))
        heard = errors[np.isfinite(errors)]
        medians.append(float(np.median(heard)) if len(heard) else float("nan"))
        near += int((heard <= OFFSET_BAR_S).sum())
        seconds += len(middles)
    return OffsetScore(float(np.max(medians)), near / seconds if seconds else float("nan"))  # max keeps a NaN


def score_table(title: str, lines: Sequence[LabelScore], *, judged: bool = True) -> str:
    """The rows as text, one line each; `judged` says beside each whether it meets the bars."""
    head = f"{title}\n  {'':10} {'planted':>8} {'found':>8} {'precision':>10} {'recall':>8}"
    body = [
        f"  {r.name:10} {r.planted:8d} {r.found:8d} {r.precision:10.3f} {r.recall:8.3f}"
        + (("  ok" if r.passes else "  BELOW THE BAR") if judged else "")
        for r in lines
    ]
    return "\n".join([head, *body])


def _offset_at(segments: Sequence[Mapping[str, float]], content_s: float) -> float:
    for s in segments:
        if s["content_start_s"] <= content_s < s["content_end_s"]:
            return (
                s["reaction_start_s"]
                - s["content_start_s"]
                + (content_s - s["content_start_s"]) * (s.get("rate", 1.0) - 1)
            )
    return float("nan")


def _share(part: int, of: NDArray[np.bool_]) -> float:
    whole = int(of.sum())
    return part / whole if whole else float("nan")
