"""Score predictions against labels: average precision, chance level and intervals (spec §7, Scores).

Scores are pooled over videos, as in the paper. Under cross-validation this is biased: without the video with most
amusement, a model learns that amusement is rarer, so that an uninformative model ranks the pooled seconds worse than
chance. The score with circularly shifted labels (`shifted`) has the same bias and is the better zero where prevalences
differ much between videos.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import DatasetError
from evoked.core.settings import setting, settings
from evoked.core.track import Track
from evoked.dataset.examples import SLACK_ROWS
from evoked.dataset.labels import POSITIVE_FROM, LabelRows
from evoked.learning.evaluation.challenge import CorrelationScores, correlation_scores
from evoked.learning.evaluation.scores import MeanScore, ScoreRow, Scores
from evoked.metrics.average_precision import RankedScores, chance_level
from evoked.metrics.bootstrap import Interval, bootstrap, circular_shifts

__all__ = ["FEW", "EvaluateConfig", "evaluate", "evaluate_challenge"]

FEW = 20
"""With fewer videos, percentile intervals cover less than their nominal level."""


@settings
class EvaluateConfig:
    """Settings of the evaluation."""

    missing_labels: Literal["masked", "zeros"] = setting(
        "masked", "seconds with too few visible faces: masked (left out) or zeros (all off)"
    )
    label_threshold: float = setting(
        POSITIVE_FROM, "soft labels: average precision counts a second as positive from this label on", gt=0, le=1
    )
    resamples: int = setting(1000, "bootstrap resamples of whole videos for the intervals", ge=1)
    time_shifts: int = setting(
        200, "circular shifts of each video's labels in time, for the null distribution; 0: none", ge=0
    )
    seed: int = setting(0, "seed of the bootstrap and the time shifts")
    confidence_level: float = setting(0.95, "confidence level of the intervals", gt=0, lt=1)


def evaluate(
    predictions: Mapping[str, Track],
    labels: Mapping[str, LabelRows],
    config: EvaluateConfig | None = None,
    *,
    folds: Sequence[Sequence[str]] = (),
    notes: Sequence[str] = (),
) -> Scores:
    """Score predictions, pooled over all valid seconds of all videos.

    A second is scored where both prediction and label are valid (with missing_labels = "zeros", where the prediction
    is valid). Videos with labels only, or predictions only, are left out, with a note.

    Args:
        predictions: video → probabilities at 1 Hz from second 0.
        labels: video → labels at 1 Hz; the same expressions, in any order.
        config: intervals and masks; None: the defaults.
        folds: the videos of each held-out fold, after a cross-validation.
        notes: caveats that come before those of the evaluation.

    Returns:
        The scores.

    Raises:
        DatasetError: if no video has both, expressions differ, lengths differ by more than a few
            seconds, or no second can be scored.
    """
    config = config or EvaluateConfig()
    pooled = _pool(predictions, labels, config)
    correlation = _correlation(pooled, config) if pooled.soft else None
    counted = f"soft labels: average precision counts a label of {config.label_threshold:g} or above as on"
    all_notes = [*notes, *pooled.notes, *([counted] if pooled.soft else [])]
    names, group = pooled.expressions, pooled.group
    ranked = [RankedScores(pooled.scores[:, k], pooled.truth[:, k], group) for k in range(len(names))]
    intervals = _intervals(ranked, pooled, config)
    rows = tuple(
        _row(name, ranked[k], pooled.truth[:, k], intervals[2 * k], intervals[2 * k + 1])
        for k, name in enumerate(names)
    )
    if undefined := [row.name for row in rows if row.ap is None]:
        all_notes.append(f"never shown, so undefined and not in the mean: {', '.join(undefined)}")
    if len(pooled.videos) == 1:
        all_notes.append("one video only: no interval, its seconds are no separate evidence")
    elif len(pooled.videos) < FEW:
        all_notes.append(f"{len(pooled.videos)} videos: intervals over so few are too narrow")
    mean = _mean(rows, intervals[-2], intervals[-1], _shifted(ranked, pooled, config))
    sorted_folds = tuple(tuple(sorted(fold)) for fold in folds)
    return Scores(
        names, rows, mean, pooled.videos, sorted_folds, tuple(all_notes), config.confidence_level, correlation
    )


def evaluate_challenge(
    predictions: Mapping[str, Track], labels: Mapping[str, LabelRows], config: EvaluateConfig | None = None
) -> tuple[CorrelationScores, tuple[str, ...]]:
    """The score of the EEV challenge: Pearson's r over the valid rows of each video, and the mean.

    Args:
        predictions: video → probabilities, at 1 Hz or 6 Hz as the labels.
        labels: video → labels in [0, 1]; the same expressions, in any order.
        config: intervals and masks; None: the defaults.

    Returns:
        The scores, and notes: what was left out.

    Raises:
        DatasetError: as `evaluate`.
    """
    config = config or EvaluateConfig()
    pooled = _pool(predictions, labels, config)
    return _correlation(pooled, config), pooled.notes


@dataclass(frozen=True, eq=False)
class _Pooled:
    """All scored seconds: scores, truth and labels (n, K), the index of the video of each second (n,)."""

    expressions: tuple[str, ...]
    videos: tuple[str, ...]
    scores: NDArray[np.float32]
    truth: NDArray[np.bool_]
    labels: NDArray[np.float32]
    group: NDArray[np.int64]
    notes: tuple[str, ...]

    @property
    def soft(self) -> bool:
        """Whether labels are other than 0 and 1."""
        return not np.isin(self.labels, (0, 1)).all()


class _VideoScores(NamedTuple):
    """Scores and labels of the scored seconds of one video, (n, K), and a note or ""."""

    scores: NDArray[np.float32]
    labels: NDArray[np.float32]
    note: str


def _pool(predictions: Mapping[str, Track], labels: Mapping[str, LabelRows], config: EvaluateConfig) -> _Pooled:
    """Concatenate the scored seconds of all videos."""
    videos = sorted(predictions.keys() & labels.keys())
    if not videos:
        raise DatasetError(
            f"no video has both predictions and labels: predicted are {_some(predictions)}, labelled {_some(labels)}"
        )
    notes = [
        f"{reason}, left out: {_some(names)}"
        for reason, names in (
            ("labelled but not predicted", labels.keys() - predictions.keys()),
            ("predicted but not labelled", predictions.keys() - labels.keys()),
        )
        if names
    ]
    expressions = labels[videos[0]].labels.names
    by_video: dict[str, _VideoScores] = {}
    for video in videos:
        scored = _score_video(video, predictions[video], labels[video].labels, expressions, config.missing_labels)
        notes += [scored.note] if scored.note else []
        if len(scored.scores):
            by_video[video] = scored
        else:
            notes.append(f"no second can be scored, left out: {video}")
    if not by_video:
        raise DatasetError("no second can be scored: nowhere are a valid prediction and a valid label together")
    pooled_labels = np.concatenate([scored.labels for scored in by_video.values()])
    return _Pooled(
        expressions,
        tuple(by_video),
        np.concatenate([scored.scores for scored in by_video.values()]),
        pooled_labels >= config.label_threshold,
        pooled_labels,
        np.repeat(np.arange(len(by_video)), [len(scored.scores) for scored in by_video.values()]),
        tuple(notes),
    )


def _score_video(
    video: str, predicted: Track, labelled: Track, names: tuple[str, ...], missing_labels: str
) -> _VideoScores:
    """Select the scored seconds of one video; columns as `names`."""
    for source, track in (("predictions", predicted), ("labels", labelled)):
        if set(track.names) != set(names):
            raise DatasetError(
                f"{source} of {video!r} are of {', '.join(track.names)}, others of {', '.join(names)}; "
                "make all with the same expressions"
            )
    p, q = predicted.grid.steps, labelled.grid.steps
    if predicted.grid.rate != labelled.grid.rate or abs(p - q) > SLACK_ROWS:
        raise DatasetError(
            f"{video}: predictions have {p} seconds and labels {q}; they are not of the same video. Make both anew"
        )
    steps = min(p, q)
    valid = predicted.valid[:steps] & (labelled.valid[:steps] if missing_labels == "masked" else True)
    scores = predicted.values[:steps, [predicted.names.index(n) for n in names]][valid]
    truth = np.nan_to_num(labelled.values[:steps, [labelled.names.index(n) for n in names]][valid])
    note = "" if p == q else f"{video}: predictions {p} s and labels {q} s: cut to {steps} s"
    return _VideoScores(scores, truth, note)


def _correlation(pooled: _Pooled, config: EvaluateConfig) -> CorrelationScores:
    rows = [np.flatnonzero(pooled.group == i) for i in range(len(pooled.videos))]
    return correlation_scores(
        {video: (pooled.scores[own], pooled.labels[own]) for video, own in zip(pooled.videos, rows, strict=True)},
        pooled.expressions,
        resamples=config.resamples,
        seed=config.seed,
        level=config.confidence_level,
    )


def _intervals(ranked: Sequence[RankedScores], pooled: _Pooled, config: EvaluateConfig) -> list[Interval]:
    """Intervals of AP and of AP − chance of each class in turn, then of MAP, then of MAP − chance."""
    videos, k = len(pooled.videos), len(ranked)
    length = np.bincount(pooled.group, minlength=videos)
    hits = np.stack([np.bincount(pooled.group, weights=pooled.truth[:, i], minlength=videos) for i in range(k)])

    def statistics(weights: NDArray[np.int64]) -> list[float | None]:
        aps = [r.average_precision(weights) for r in ranked]
        chances = hits @ weights / (length @ weights)
        gains = [None if ap is None else ap - float(chance) for ap, chance in zip(aps, chances, strict=True)]
        values = [value for pair in zip(aps, gains, strict=True) for value in pair]
        defined = [i for i, ap in enumerate(aps) if ap is not None]
        if not defined:
            return [*values, None, None]
        mean = float(np.mean([ap for ap in aps if ap is not None]))
        prevalence = float((hits[defined] @ weights).mean() / (length @ weights))
        return [*values, mean, mean - prevalence]

    return bootstrap(videos, statistics, resamples=config.resamples, seed=config.seed, level=config.confidence_level)


def _row(name: str, ranked: RankedScores, truth: NDArray[np.bool_], of_ap: Interval, of_gain: Interval) -> ScoreRow:
    """One expression with its intervals, which are undefined with the score itself."""
    ap, chance, seconds, positives = ranked.average_precision(), chance_level(truth), len(truth), int(truth.sum())
    if ap is None or chance is None:
        return ScoreRow(name, seconds, positives, chance, None, None, None, ranked.roc_auc())
    bounds = of_ap.low, of_ap.high
    gain = ap - chance, of_gain.low, of_gain.high
    return ScoreRow(name, seconds, positives, chance, ap, *bounds, ranked.roc_auc(), *gain)


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


def _mean(rows: Sequence[ScoreRow], of_map: Interval, of_gain: Interval, shifted: NDArray[np.float64]) -> MeanScore:
    """MAP with its intervals, compared with the scores of shifted labels."""
    aps = [r.ap for r in rows if r.ap is not None]
    if not aps:
        return MeanScore(None, None, None, None, None, None, None)
    value = float(np.mean(aps))
    prevalence = float(np.mean([r.chance for r in rows if r.ap is not None and r.chance is not None]))
    mean = MeanScore(value, of_map.low, of_map.high, prevalence, value - prevalence, of_gain.low, of_gain.high)
    if not len(shifted):
        return mean
    p = (1 + int((shifted >= value - 1e-12).sum())) / (1 + len(shifted))
    high = float(np.quantile(shifted, 0.95))
    return replace(mean, shifted=float(shifted.mean()), shifted_high=high, shifted_p=p)


def _some(names: Iterable[str]) -> str:
    """The first three names, and how many more."""
    ordered = sorted(names)
    more = f" and {len(ordered) - 3} more" if len(ordered) > 3 else ""
    return ", ".join(ordered[:3]) + more if ordered else "none"
