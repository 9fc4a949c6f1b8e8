"""Metrics of scores of held-out people: average precision, calibration, operating points (spec §3, §5)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evoked.core.text_table import MISSING, text_table
from evoked.metrics.average_precision import RankedScores, chance_level
from evoked.metrics.bootstrap import bootstrap
from evoked.metrics.calibration import log_odds, platt, reliability
from evoked.metrics.operating_point import operating_point
from evoked.model.recognition_checkpoint import OperatingPoint

__all__ = [
    "ClassMetrics",
    "HeldOutPoints",
    "at_points",
    "calibrations",
    "class_metrics",
    "cross_calibrated",
    "held_out_points",
    "metrics_json",
    "metrics_notes",
    "metrics_table",
]

BINS = 10
SPANS = ("precision_span", "recall_span")


@dataclass(frozen=True)
class ClassMetrics:
    """Metrics of one expression on people whom the model was not trained on.

    Attributes:
        name: the expression.
        clips, positives: number of clips rated for it; number in which most raters saw it.
        chance: prevalence, the average precision of guessing.
        ap, low, high: average precision and its 95 % interval over people; None where undefined.
        auc: area under the ROC curve.
        precision, recall: at the operating point; None where undefined.
        precision_span, recall_span: their intervals over people; None where undefined.
        threshold, rule: of the operating point.
        error, error_before: expected calibration error, after and before calibration.
        curve: the reliability curve, a row per non-empty bin: mean score, share of positives, number of clips.
    """

    name: str
    clips: int
    positives: int
    chance: float | None
    ap: float | None
    low: float | None
    high: float | None
    auc: float | None
    precision: float | None
    recall: float | None
    precision_span: tuple[float, float] | None
    recall_span: tuple[float, float] | None
    threshold: float
    rule: str
    error: float | None
    error_before: float | None
    curve: tuple[tuple[float, float, int], ...]

    def as_dict(self) -> dict[str, object]:
        """Plain JSON values."""
        lists = {name: None if (span := getattr(self, name)) is None else list(span) for name in SPANS}
        return asdict(self) | lists | {"curve": [list(row) for row in self.curve]}


def calibrations(scores: NDArray[np.float64], labels: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    """Fit Platt scaling per class.

    Args:
        scores: (n, K) in [0, 1].
        labels: (n, K) share of raters; NaN where nobody rated.

    Returns:
        Slope and shift per class.
    """
    slopes_and_shifts = []
    for k in range(scores.shape[1]):
        rated = ~np.isnan(labels[:, k])
        slopes_and_shifts.append(platt(scores[rated, k], labels[rated, k]) if rated.any() else (1.0, 0.0))
    return tuple(slopes_and_shifts)


def cross_calibrated(scores: NDArray[np.float64], calibration: Sequence[tuple[float, float]]) -> NDArray[np.float64]:
    """Apply Platt scaling.

    Args:
        scores: (n, K) in [0, 1].
        calibration: slope and shift per class.

    Returns:
        (n, K) probabilities.
    """
    slope, shift = np.array(calibration).T
    return np.asarray(1 / (1 + np.exp(-(slope * log_odds(scores) + shift))))


class HeldOutPoints(NamedTuple):
    """Calibration and operating points of K expressions over n clips.

    Attributes:
        calibration: slope and shift per class, chosen on all clips.
        points: operating point per class; its threshold is chosen on all clips, its metrics are cross-fitted.
        calibrated: (n, K) probabilities, each calibrated on the other folds.
        predicted: (n, K) whether each probability reaches the threshold of the other folds.
    """

    calibration: tuple[tuple[float, float], ...]
    points: tuple[OperatingPoint, ...]
    calibrated: NDArray[np.float64]
    predicted: NDArray[np.bool_]


def held_out_points(
    scores: NDArray[np.float64],
    labels: NDArray[np.float64],
    fold: NDArray[np.int64],
    target: float,
    confidence: float = 0.5,
) -> HeldOutPoints:
    """Calibration and operating points from scores of held-out people.

    The saved calibration and thresholds are chosen on all of them. The metrics are not: each fold's clips are
    calibrated and thresholded with values chosen on the other folds.

    Args:
        scores: (n, K) not calibrated.
        labels: (n, K) share of raters; NaN where nobody rated.
        fold: (n,) number of the fold in which each clip was held out.
        target: precision to reach.
        confidence: with which it must be reached, as in `operating_point`.

    Returns:
        Calibration, operating points, and the scores and predictions by the other folds.
    """
    calibration = calibrations(scores, labels)
    calibrated, predicted = np.zeros_like(scores), np.zeros(scores.shape, dtype=np.bool_)
    for number in np.unique(fold):
        inside, outside = fold == number, fold != number
        fold_calibration = calibrations(scores[outside], labels[outside])
        calibrated[inside] = cross_calibrated(scores[inside], fold_calibration)
        p = cross_calibrated(scores[outside], fold_calibration)
        for k in range(scores.shape[1]):
            cut, _ = _threshold(p[:, k], labels[outside, k], target, confidence)
            predicted[inside, k] = calibrated[inside, k] >= cut
    points, p = [], cross_calibrated(scores, calibration)
    for k in range(scores.shape[1]):
        rated = ~np.isnan(labels[:, k])
        threshold, rule = _threshold(p[:, k], labels[:, k], target, confidence)
        yes, called = labels[rated, k], predicted[rated, k]
        precision = float(yes[called].mean()) if called.any() and rule != "none" else None
        recall = float(yes[called].sum() / yes.sum()) if yes.sum() > 0 and rule != "none" else None
        points.append(
            OperatingPoint(
                threshold, rule, precision, recall, int(called.sum()), int((yes > 0.5).sum()), int(rated.sum())
            )
        )
    return HeldOutPoints(calibration, tuple(points), calibrated, predicted)


def class_metrics(
    names: Sequence[str],
    p: NDArray[np.float64],
    labels: NDArray[np.float64],
    people: Sequence[str],
    points: Sequence[OperatingPoint],
    predicted: NDArray[np.bool_],
    *,
    uncalibrated: NDArray[np.float64] | None = None,
) -> tuple[ClassMetrics, ...]:
    """Metrics of every class.

    Args:
        names: K expressions.
        p: (n, K) probabilities.
        labels: (n, K) share of raters; NaN where nobody rated.
        people: (n,) person in each clip: the bootstrap resamples people.
        points: K operating points, whose precision and recall are reported.
        predicted: (n, K) which clips reach them.
        uncalibrated: (n, K) the same scores before calibration.

    Returns:
        K rows.
    """
    return tuple(
        _metrics_of(
            name,
            _ClassScores(p[:, k], labels[:, k], predicted[:, k]),
            np.array(people),
            point,
            None if uncalibrated is None else uncalibrated[:, k],
        )
        for k, (name, point) in enumerate(zip(names, points, strict=True))
    )


class _ClassScores(NamedTuple):
    """One expression over n clips: probabilities (n,), shares of raters (n,) or NaN, and the clips predicted (n,)."""

    probabilities: NDArray[np.float64]
    soft_labels: NDArray[np.float64]
    predicted: NDArray[np.bool_]


def _metrics_of(
    name: str,
    scores: _ClassScores,
    people: NDArray[np.str_],
    point: OperatingPoint,
    uncalibrated: NDArray[np.float64] | None,
) -> ClassMetrics:
    rated = ~np.isnan(scores.soft_labels)
    p, yes, predicted = scores.probabilities[rated], scores.soft_labels[rated], scores.predicted[rated]
    truth = yes > 0.5
    person = np.unique(people[rated], return_inverse=True)[1]
    ap = auc = error = error_before = None
    spans: list[tuple[float, float] | None] = [None] * 3
    curve: tuple[tuple[float, float, int], ...] = ()
    if len(p):
        ranked = RankedScores(p, truth, person)
        ap, auc = ranked.average_precision(), ranked.roc_auc()

        def resampled_scores(weights: NDArray[np.int64]) -> list[float | None]:
            clip_weights = weights[person]
            hits = float((clip_weights * yes * predicted).sum())
            return [
                ranked.average_precision(weights),
                _share(hits, (clip_weights * predicted).sum()),
                _share(hits, (clip_weights * yes).sum()),
            ]

        estimates = (ap, point.precision, point.recall)
        intervals = bootstrap(int(person.max()) + 1, resampled_scores)
        spans = [None if value is None else interval.span for value, interval in zip(estimates, intervals, strict=True)]
        binned = reliability(p, yes, BINS)
        error = binned.error
        error_before = None if uncalibrated is None else reliability(uncalibrated[rated], yes, BINS).error
        bins = zip(binned.score, binned.share, binned.count, strict=True)
        curve = tuple((float(s), float(t), int(c)) for s, t, c in bins if c)
    low, high = spans[0] or (None, None)
    return ClassMetrics(
        name,
        clips=len(p),
        positives=int(truth.sum()),
        chance=chance_level(truth),
        ap=ap,
        low=low,
        high=high,
        auc=auc,
        precision=point.precision,
        recall=point.recall,
        precision_span=spans[1],
        recall_span=spans[2],
        threshold=point.threshold,
        rule=point.rule,
        error=error,
        error_before=error_before,
        curve=curve,
    )


def _share(count: float, total: float) -> float | None:
    return count / float(total) if total else None


def at_points(p: NDArray[np.float64], labels: NDArray[np.float64], thresholds: Sequence[float]) -> list[OperatingPoint]:
    """Precision and recall on new ratings, at thresholds chosen on other data.

    Args:
        p: (n, K) probabilities.
        labels: (n, K) share of raters; NaN where nobody rated.
        thresholds: K thresholds.

    Returns:
        K operating points.
    """
    points = []
    for k, threshold in enumerate(thresholds):
        rated = ~np.isnan(labels[:, k])
        yes, called = labels[rated, k], p[rated, k] >= threshold
        precision = float(yes[called].mean()) if called.any() else None
        recall = float(yes[called].sum() / yes.sum()) if yes.sum() > 0 else None
        counts = (int(called.sum()), int((yes > 0.5).sum()), int(rated.sum()))
        points.append(OperatingPoint(threshold, "given", precision, recall, *counts))
    return points


LEGEND = (
    "chance: share of positive clips, the AP and the precision of guessing. In brackets: 95 % interval, bootstrap\n"
    "over people. precision, recall: at the operating point `at`. ECE: expected calibration error."
)


def metrics_table(rows: Sequence[ClassMetrics]) -> str:
    """The metrics as text for a terminal, with chance level, intervals and a legend."""
    lines = [("", "clips", "yes", "chance", "AP", "precision", "recall", "at", "by", "ECE")]
    for r in rows:
        ap_span = None if r.low is None or r.high is None else (r.low, r.high)
        scores = (
            _with_interval(r.ap, ap_span),
            _with_interval(r.precision, r.precision_span),
            _with_interval(r.recall, r.recall_span),
        )
        counts = (str(r.clips), str(r.positives), _number(r.chance))
        lines.append((r.name, *counts, *scores, _number(r.threshold), r.rule, _number(r.error)))
    return f"{text_table(lines, left=(0, 4, 5, 6, 8))}\n{LEGEND}"


def _with_interval(value: float | None, span: tuple[float, float] | None) -> str:
    return _number(value) if span is None else f"{_number(value)} ({_number(span[0])} … {_number(span[1])})"


def metrics_notes(rows: Sequence[ClassMetrics]) -> tuple[str, ...]:
    """Notes on metrics that are undefined, and on operating points that do not reach the precision."""
    never = [r.name for r in rows if not r.positives]
    notes = [f"no clip shows {', '.join(never)}: average precision is undefined there"] if never else []
    always = [r.name for r in rows if r.clips and r.positives == r.clips]
    notes += [f"every clip shows {', '.join(always)}: nothing can be distinguished there"] if always else []
    unsure = [f"{r.name} ({r.positives} clips show it)" for r in rows if r.rule == "f0.5"]
    return (*notes, *([f"the precision wanted is not sure for {', '.join(unsure)}: best F0.5"] if unsure else []))


def _threshold(
    p: NDArray[np.float64], labels: NDArray[np.float64], target: float, confidence: float
) -> tuple[float, str]:
    """A threshold half way between the lowest accepted score and the next below it, and the rule it was chosen by."""
    rated = ~np.isnan(labels)
    if not rated.any() or labels[rated].min() >= 1:
        return 0.5, "none"
    point = operating_point(p[rated], labels[rated], target=target, confidence=confidence)
    if point is None:
        return 0.5, "none"
    return float(np.clip(point.threshold, 1e-6, 1 - 1e-6)), "precision" if point.reached else "f0.5"


def _number(value: float | None) -> str:
    return MISSING if value is None else f"{value:.3f}".replace("0.", ".", 1) if value < 1 else f"{value:.2f}"


def metrics_json(
    rows: Sequence[ClassMetrics], moving_faces: Mapping[str, object] | None = None
) -> Mapping[str, object]:
    """The metrics by expression, as JSON values.

    Args:
        rows: the metrics.
        moving_faces: expression → its check on moving faces, added to its metrics.

    Returns:
        Expression → metrics.
    """
    added = {name: {"moving_faces": check} for name, check in (moving_faces or {}).items()}
    return {r.name: r.as_dict() | added.get(r.name, {}) for r in rows}
