"""Scores of a study's results against the planted ground truth."""

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
    """Precision and recall of one class.

    Attributes:
        name: of the class.
        planted: number in the ground truth.
        found: number in the results.
        precision: share of the found that are planted; NaN where none was found.
        recall: share of the planted that were found; NaN where none was planted.
    """

    name: str
    planted: int
    found: int
    precision: float
    recall: float

    @property
    def passes(self) -> bool:
        """Whether both bars are met; True where none was planted and none found."""
        return (self.planted == 0 and self.found == 0) or (
            self.precision >= PRECISION_BAR and self.recall >= RECALL_BAR
        )


@dataclass(frozen=True)
class OffsetScore:
    """Alignment error of one pair.

    Attributes:
        worst_s: largest offset error over the planted segments, in seconds (median over a segment's seconds); NaN where
            a segment was not found.
        covered: share of the planted seconds that were found within OFFSET_BAR_S.
    """

    worst_s: float
    covered: float

    @property
    def passes(self) -> bool:
        """Whether every segment was found, within the bar."""
        return self.worst_s <= OFFSET_BAR_S  # False for NaN


def label_scores(
    truth: NDArray[np.integer], results: NDArray[np.integer], where: NDArray[np.bool_] | None = None
) -> list[LabelScore]:
    """Precision and recall of each of CLASSES.

    Args:
        truth, results: index of CLASSES, same shape.
        where: bool, same shape: what counts; everything where None.

    Returns:
        A score for each class.

    Raises:
        ValueError: if the shapes differ, or a number is not an index of CLASSES.
    """
    where = np.ones(truth.shape, dtype=np.bool_) if where is None else where
    if not truth.shape == results.shape == where.shape:
        raise ValueError(f"truth {truth.shape}, results {results.shape} and where {where.shape} must have one shape")
    for name, values in (("truth", truth), ("results", results)):
        if values.size and not 0 <= values.min() <= values.max() < len(CLASSES):
            raise ValueError(f"{name} must hold 0 … {len(CLASSES) - 1}, got {values.min()} … {values.max()}")
    scores = []
    for code, name in enumerate(CLASSES):
        planted, predicted = (truth == code) & where, (results == code) & where
        hits = int((planted & predicted).sum())
        precision, recall = _share(hits, predicted), _share(hits, planted)
        scores.append(LabelScore(name, int(planted.sum()), int(predicted.sum()), precision, recall))
    return scores


def offset_score(planted: Sequence[Mapping[str, float]], aligned: Sequence[Mapping[str, float]]) -> OffsetScore:
    """Compare planted and aligned segments of one pair.

    Args:
        planted, aligned: segments with `content_start_s`, `content_end_s`, `reaction_start_s`.

    Returns:
        The errors, measured at the middle of every whole second inside a planted segment.

    Raises:
        ValueError: if no segment is planted.
    """
    if not planted:
        raise ValueError("offset_score needs at least one planted segment, got none")
    medians, near, seconds = [], 0, 0
    for segment in planted:
        middles = np.arange(np.ceil(segment["content_start_s"]), np.floor(segment["content_end_s"])) + 0.5
        true = segment["reaction_start_s"] - segment["content_start_s"]
        errors = np.abs(np.array([_offset_at(aligned, t) - true for t in middles]))
        covered = errors[np.isfinite(errors)]
        medians.append(float(np.median(covered)) if len(covered) else float("nan"))
        near += int((covered <= OFFSET_BAR_S).sum())
        seconds += len(middles)
    return OffsetScore(float(np.max(medians)), near / seconds if seconds else float("nan"))  # max keeps a NaN


def score_table(title: str, lines: Sequence[LabelScore], *, judged: bool = True) -> str:
    """Format scores as a text table.

    Args:
        title: first line.
        lines: scores, one per row.
        judged: mark whether each row meets the bars.

    Returns:
        The table.
    """
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


def _share(hits: int, flags: NDArray[np.bool_]) -> float:
    total = int(flags.sum())
    return hits / total if total else float("nan")
