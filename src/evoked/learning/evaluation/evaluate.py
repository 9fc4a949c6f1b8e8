"""Predictions against labels: average precision, chance, and how sure that is (spec §7, Scores).

Scores are pooled over videos, as the paper's. Where videos were held out in turn that has a bias of its
own: without the video that laughs most, a model learns that laughing is rarer, so that a model that knows
nothing ranks the pooled seconds worse than chance. The score with labels turned in time (`shifted`) has the
same bias and is the fairer zero where videos differ much.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import DatasetError
from evoked.core.settings import setting
from evoked.core.track import Track
from evoked.dataset.examples import SLACK_ROWS
from evoked.dataset.labels import LabelRows
from evoked.learning.evaluation.scores import MeanScore, ScoreRow, Scores
from evoked.metrics.average_precision import RankedScores, chance_level
from evoked.metrics.bootstrap import Interval, bootstrap, circular_shifts

__all__ = ["FEW", "EvaluateConfig", "evaluate"]

MISSING_LABELS = ("masked", "zeros")
FEW = 20
"""Below about so many groups percentile intervals cover less than they say."""


@dataclass(frozen=True)
class EvaluateConfig:
    """How predictions are scored."""

    missing_labels: str = setting("masked", "seconds with too few visible faces: masked (left out) or zeros (all off)")
    resamples: int = setting(1000, "bootstrap resamples of whole videos for the intervals")
    time_shifts: int = setting(
        200, "circular shifts of each video's labels in time, for the null distribution; 0: none"
    )
    seed: int = setting(0, "seed of the bootstrap and the time shifts")
    confidence_level: float = setting(0.95, "confidence level of the intervals")

    def __post_init__(self) -> None:
        if self.missing_labels not in MISSING_LABELS:
            raise ValueError(f"missing_labels must be one of {', '.join(MISSING_LABELS)}, got {self.missing_labels!r}")
        if self.resamples < 1 or self.time_shifts < 0:
            raise ValueError(
                f"resamples must be 1 or more, time_shifts 0 or more, got {self.resamples} and {self.time_shifts}"
            )
        if not 0 < self.confidence_level < 1:
            raise ValueError(f"confidence_level must lie between 0 and 1, got {self.confidence_level}")


def evaluate(
    predictions: Mapping[str, Track],
    labels: Mapping[str, LabelRows],
    config: EvaluateConfig | None = None,
    *,
    folds: Sequence[Sequence[str]] = (),
    notes: Sequence[str] = (),
) -> Scores:
    """Score predictions, pooled over all valid seconds of all videos.

    A second is scored where the prediction is valid and the label is (or with missing_labels = "zeros",
    whatever the label). Videos of which only labels, or only predictions, are there are left out and noted.

    Args:
        predictions: video → probabilities at 1 Hz from second 0.
        labels: video → labels at 1 Hz; the same expressions, in any order.
        config: intervals and masks.
        folds: the videos of each held-out turn, if there were turns.
        notes: handed on, before the notes made here.

    Raises:
        DatasetError: if no video has both, expressions differ, lengths differ by more than a few
            seconds, or no second can be scored.
    """
    config = config or EvaluateConfig()
    pooled = _pool(predictions, labels, config.missing_labels)
    told = [*notes, *pooled.notes]
    names, group = pooled.expressions, pooled.group
    ranked = [RankedScores(pooled.scores[:, k], pooled.truth[:, k], group) for k in range(len(names))]
    aps = [r.average_precision() for r in ranked]
    if undefined := [name for name, ap in zip(names, aps, strict=True) if ap is None]:
        told.append(f"never shown, so undefined and not in the mean: {', '.join(undefined)}")
    spans = _intervals(ranked, pooled, config)
    if len(pooled.videos) == 1:
        told.append("one video only: no interval, its seconds are no separate evidence")
    elif len(pooled.videos) < FEW:
        told.append(f"{len(pooled.videos)} videos: intervals over so few are too narrow")
    rows = tuple(
        ScoreRow(
            name,
            len(group),
            int(pooled.truth[:, k].sum()),
            chance_level(pooled.truth[:, k]),
            aps[k],
            spans[k].low if aps[k] is not None else None,
            spans[k].high if aps[k] is not None else None,
            ranked[k].roc_auc(),
        )
        for k, name in enumerate(names)
    )
    mean = _mean(rows, spans[-2], spans[-1], _shifted(ranked, pooled, config))
    turns = tuple(tuple(sorted(f)) for f in folds)
    return Scores(names, rows, mean, pooled.videos, turns, tuple(told), config.confidence_level)


@dataclass(frozen=True, eq=False)
class _Pooled:
    """All scored seconds: scores and truth (n, K), the number of each one's video (n,)."""

    expressions: tuple[str, ...]
    videos: tuple[str, ...]
    scores: NDArray[np.float32]
    truth: NDArray[np.bool_]
    group: NDArray[np.int64]
    notes: tuple[str, ...]


def _pool(predictions: Mapping[str, Track], labels: Mapping[str, LabelRows], unseen: str) -> _Pooled:
    both = sorted(predictions.keys() & labels.keys())
    if not both:
        raise DatasetError(
            f"no video has both predictions and labels: predicted are {_some(predictions)}, labelled {_some(labels)}"
        )
    notes = [
        f"{what}, left out: {_some(left)}"
        for what, left in (
            ("labelled but not predicted", labels.keys() - predictions.keys()),
            ("predicted but not labelled", predictions.keys() - labels.keys()),
        )
        if left
    ]
    names = labels[both[0]].labels.names
    scores, truth, scored = [], [], []
    for video in both:
        own_scores, own_truth, note = _one(video, predictions[video], labels[video].labels, names, unseen)
        scores.append(own_scores)
        truth.append(own_truth)
        notes += [note] if note else []
        if len(own_scores):
            scored.append(video)
        else:
            notes.append(f"no second can be scored, left out: {video}")
    if not scored:
        raise DatasetError("no second can be scored: nowhere are a valid prediction and a valid label together")
    group = np.repeat(np.arange(len(scored)), [len(s) for s in scores if len(s)])
    return _Pooled(names, tuple(scored), np.concatenate(scores), np.concatenate(truth), group, tuple(notes))


def _one(
    video: str, predicted: Track, labelled: Track, names: tuple[str, ...], unseen: str
) -> tuple[NDArray[np.float32], NDArray[np.bool_], str]:
    """Scores and truth of one video's scored seconds, (n, K), columns as `names`; and a note or ""."""
    for what, track in (("predictions", predicted), ("labels", labelled)):
        if set(track.names) != set(names):
            raise DatasetError(
                f"{what} of {video!r} are of {', '.join(track.names)}, others of {', '.join(names)}; "
                "make all with the same expressions"
            )
    p, q = predicted.grid.steps, labelled.grid.steps
    if predicted.grid.rate != labelled.grid.rate or abs(p - q) > SLACK_ROWS:
        raise DatasetError(
            f"{video}: predictions have {p} seconds and labels {q}; they are not of the same video. Make both anew"
        )
    steps = min(p, q)
    valid = predicted.valid[:steps] & (labelled.valid[:steps] if unseen == "masked" else True)
    scores = predicted.values[:steps, [predicted.names.index(n) for n in names]][valid]
    truth = np.nan_to_num(labelled.values[:steps, [labelled.names.index(n) for n in names]][valid]) > 0.5
    return scores, truth, "" if p == q else f"{video}: predictions {p} s and labels {q} s: cut to {steps} s"


def _intervals(ranked: Sequence[RankedScores], pooled: _Pooled, config: EvaluateConfig) -> list[Interval]:
    """Of each class's AP, then of MAP, then of MAP − chance."""
    videos, k = len(pooled.videos), len(ranked)
    length = np.bincount(pooled.group, minlength=videos)
    hits = np.stack([np.bincount(pooled.group, weights=pooled.truth[:, i], minlength=videos) for i in range(k)])

    def numbers(weights: NDArray[np.int64]) -> list[float | None]:
        aps = [r.average_precision(weights) for r in ranked]
        defined = [i for i, ap in enumerate(aps) if ap is not None]
        if not defined:
            return [*aps, None, None]
        mean = float(np.mean([ap for ap in aps if ap is not None]))
        prevalence = float((hits[defined] @ weights).mean() / (length @ weights))
        return [*aps, mean, mean - prevalence]

    return bootstrap(videos, numbers, resamples=config.resamples, seed=config.seed, level=config.confidence_level)


def _shifted(ranked: Sequence[RankedScores], pooled: _Pooled, config: EvaluateConfig) -> NDArray[np.float64]:
    """MAP with each video's labels circularly shifted in time, one number per shift."""
    used = [k for k, r in enumerate(ranked) if r.average_precision() is not None]
    if not used:
        return np.zeros(0)
    return np.array(
        [
            np.mean([ranked[k].against(pooled.truth[rows, k]) for k in used])
            for rows in circular_shifts(pooled.group, config.time_shifts, config.seed)
        ]
    )


def _mean(rows: Sequence[ScoreRow], of_map: Interval, of_gain: Interval, turned: NDArray[np.float64]) -> MeanScore:
    aps = [r.ap for r in rows if r.ap is not None]
    if not aps:
        return MeanScore(None, None, None, None, None, None, None)
    value = float(np.mean(aps))
    prevalence = float(np.mean([r.chance for r in rows if r.ap is not None and r.chance is not None]))
    made = (value, of_map.low, of_map.high, prevalence, value - prevalence, of_gain.low, of_gain.high)
    if not len(turned):
        return MeanScore(*made)
    p = (1 + int((turned >= value - 1e-12).sum())) / (1 + len(turned))
    return MeanScore(*made, shifted=float(turned.mean()), shifted_high=float(np.quantile(turned, 0.95)), shifted_p=p)


def _some(names: "Sequence[str] | set[str] | Mapping[str, object]") -> str:
    ordered = sorted(names)
    more = f" and {len(ordered) - 3} more" if len(ordered) > 3 else ""
    return ", ".join(ordered[:3]) + more if ordered else "none"
