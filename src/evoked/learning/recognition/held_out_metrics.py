"""What scores of people held out are worth: average precision, calibration, operating points (spec §3, §5)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

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
    """One expression's figures on people that the scores were not learnt from.

    Attributes:
        name: the expression.
        clips, positives: that were rated for it; that most raters saw it in.
        chance: prevalence.
        ap, low, high: average precision and its interval over people; None where undefined.
        auc: area under the ROC curve.
        precision, recall: at the operating point; None where undefined.
        precision_span, recall_span: their intervals over people; None where undefined.
        threshold, rule: of the operating point.
        error: expected calibration error, and before calibration.
        curve: the reliability curve, a row per bin that holds any score: mean score, share of yes, clips.
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

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        lists = {name: None if (span := getattr(self, name)) is None else list(span) for name in SPANS}
        return asdict(self) | lists | {"curve": [list(row) for row in self.curve]}


def calibrations(scores: NDArray[np.float64], said: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    """Slope and shift per class from scores (n, K) and shares of raters (n, K), NaN where nobody rated."""
    found = []
    for k in range(scores.shape[1]):
        rated = ~np.isnan(said[:, k])
        found.append(platt(scores[rated, k], said[rated, k]) if rated.any() else (1.0, 0.0))
    return tuple(found)


def cross_calibrated(scores: NDArray[np.float64], calibration: Sequence[tuple[float, float]]) -> NDArray[np.float64]:
    """Scores (n, K) as probabilities."""
    slope, shift = np.array(calibration).T
    return np.asarray(1 / (1 + np.exp(-(slope * log_odds(scores) + shift))))


def held_out_points(
    scores: NDArray[np.float64], said: NDArray[np.float64], fold: NDArray[np.int64], target: float
) -> tuple[tuple[tuple[float, float], ...], tuple[OperatingPoint, ...], NDArray[np.float64], NDArray[np.bool_]]:
    """Calibration and operating points from scores of people held out.

    What is kept is chosen on all of them; the figures beside it are not: each fold's clips are calibrated,
    and switched on or off, by what was chosen on the other folds.

    Args:
        scores: (n, K) as the nets say.
        said: (n, K) share of raters; NaN where nobody rated.
        fold: (n,) in which turn each clip was held out.
        target: precision that is wanted.

    Returns:
        Calibration per class, operating point per class, the scores (n, K) calibrated by other folds, and whether
        each is above the point of other folds, (n, K).
    """
    chosen = calibrations(scores, said)
    fair, on = np.zeros_like(scores), np.zeros(scores.shape, dtype=np.bool_)
    for number in np.unique(fold):
        here, others = fold == number, fold != number
        own = calibrations(scores[others], said[others])
        fair[here] = cross_calibrated(scores[here], own)
        p = cross_calibrated(scores[others], own)
        for k in range(scores.shape[1]):
            on[here, k] = fair[here, k] >= _cut(p[:, k], said[others, k], target)[0]
    points, p = [], cross_calibrated(scores, chosen)
    for k in range(scores.shape[1]):
        rated = ~np.isnan(said[:, k])
        threshold, rule = _cut(p[:, k], said[:, k], target)
        yes, called = said[rated, k], on[rated, k]
        precision = float(yes[called].mean()) if called.any() and rule != "none" else None
        recall = float(yes[called].sum() / yes.sum()) if yes.sum() > 0 and rule != "none" else None
        points.append(
            OperatingPoint(
                threshold, rule, precision, recall, int(called.sum()), int((yes > 0.5).sum()), int(rated.sum())
            )
        )
    return chosen, tuple(points), fair, on


def class_metrics(
    names: Sequence[str],
    p: NDArray[np.float64],
    said: NDArray[np.float64],
    people: Sequence[str],
    points: Sequence[OperatingPoint],
    on: NDArray[np.bool_],
    *,
    before: NDArray[np.float64] | None = None,
) -> tuple[ClassMetrics, ...]:
    """The figures of every class.

    Args:
        names: K expressions.
        p: (n, K) probabilities.
        said: (n, K) share of raters; NaN where nobody rated.
        people: (n,) who is seen: whole people are drawn for the intervals.
        points: K operating points, whose precision and recall are reported.
        on: (n, K) which clips are called by them.
        before: (n, K) the same scores before calibration.
    """
    return tuple(
        _judged(
            name,
            _ClassScores(p[:, k], said[:, k], on[:, k]),
            np.array(people),
            point,
            None if before is None else before[:, k],
        )
        for k, (name, point) in enumerate(zip(names, points, strict=True))
    )


class _ClassScores(NamedTuple):
    """One expression over n clips: probabilities (n,), shares of raters (n,) or NaN, and the clips predicted (n,)."""

    probabilities: NDArray[np.float64]
    soft_labels: NDArray[np.float64]
    predicted: NDArray[np.bool_]


def _judged(
    name: str,
    scores: _ClassScores,
    people: NDArray[np.str_],
    point: OperatingPoint,
    before: NDArray[np.float64] | None,
) -> ClassMetrics:
    rated = ~np.isnan(scores.soft_labels)
    p, yes, on = scores.probabilities[rated], scores.soft_labels[rated], scores.predicted[rated]
    truth = yes > 0.5
    who = np.unique(people[rated], return_inverse=True)[1]
    ap = auc = error = error_before = None
    spans: list[tuple[float, float] | None] = [None] * 3
    curve: tuple[tuple[float, float, int], ...] = ()
    if len(p):
        ranked = RankedScores(p, truth, who)
        ap, auc = ranked.average_precision(), ranked.roc_auc()

        def drawn(weights: NDArray[np.int64]) -> list[float | None]:
            w = weights[who]
            hits = float((w * yes * on).sum())
            return [ranked.average_precision(weights), _share(hits, (w * on).sum()), _share(hits, (w * yes).sum())]

        known = (ap, point.precision, point.recall)
        found = bootstrap(int(who.max()) + 1, drawn)
        spans = [None if value is None else interval.span for value, interval in zip(known, found, strict=True)]
        told = reliability(p, yes, BINS)
        error = told.error
        error_before = None if before is None else reliability(before[rated], yes, BINS).error
        bins = zip(told.score, told.share, told.count, strict=True)
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


def _share(part: float, whole: float) -> float | None:
    return part / float(whole) if whole else None


def at_points(p: NDArray[np.float64], said: NDArray[np.float64], cuts: Sequence[float]) -> list[OperatingPoint]:
    """Precision and recall of (n, K) scores on new ratings, at cuts chosen elsewhere."""
    found = []
    for k, cut in enumerate(cuts):
        rated = ~np.isnan(said[:, k])
        yes, called = said[rated, k], p[rated, k] >= cut
        precision = float(yes[called].mean()) if called.any() else None
        recall = float(yes[called].sum() / yes.sum()) if yes.sum() > 0 else None
        counts = (int(called.sum()), int((yes > 0.5).sum()), int(rated.sum()))
        found.append(OperatingPoint(cut, "given", precision, recall, *counts))
    return found


LEGEND = (
    "chance: share of clips with a yes, the AP and the precision of guessing. In brackets: 95 % interval, people\n"
    "drawn again. precision, recall: at the operating point `at`. ECE: how far probabilities are off, on average."
)


def metrics_table(rows: Sequence[ClassMetrics]) -> str:
    """The figures as text for a terminal; chance and interval beside every score, and what the columns are."""
    lines = [("", "clips", "yes", "chance", "AP", "precision", "recall", "at", "by", "ECE")]
    for r in rows:
        ap_span = None if r.low is None or r.high is None else (r.low, r.high)
        scores = (_spanned(r.ap, ap_span), _spanned(r.precision, r.precision_span), _spanned(r.recall, r.recall_span))
        counts = (str(r.clips), str(r.positives), _f(r.chance))
        lines.append((r.name, *counts, *scores, _f(r.threshold), r.rule, _f(r.error)))
    return f"{text_table(lines, left=(0, 4, 5, 6, 8))}\n{LEGEND}"


def _spanned(value: float | None, span: tuple[float, float] | None) -> str:
    return _f(value) if span is None else f"{_f(value)} ({_f(span[0])} … {_f(span[1])})"


def metrics_notes(rows: Sequence[ClassMetrics]) -> tuple[str, ...]:
    """What a reader of the figures must know."""
    never = [r.name for r in rows if not r.positives]
    told = [f"no clip shows {', '.join(never)}: average precision is undefined there"] if never else []
    always = [r.name for r in rows if r.clips and r.positives == r.clips]
    return (*told, *([f"every clip shows {', '.join(always)}: nothing can be told apart there"] if always else []))


def _cut(p: NDArray[np.float64], said: NDArray[np.float64], target: float) -> tuple[float, str]:
    """A threshold half way between the score that is on and the next below it, and the rule it was chosen by."""
    rated = ~np.isnan(said)
    found = operating_point(p[rated], said[rated], target=target) if rated.any() else None
    if found is None or said[rated].min() >= 1:
        return 0.5, "none"
    below = p[rated][p[rated] < found.threshold]
    half = (found.threshold + float(below.max())) / 2 if len(below) else found.threshold
    return float(np.clip(half, 1e-6, 1 - 1e-6)), "precision" if found.reached else "f0.5"


def _f(value: float | None) -> str:
    return MISSING if value is None else f"{value:.3f}".replace("0.", ".", 1) if value < 1 else f"{value:.2f}"


def metrics_json(rows: Sequence[ClassMetrics]) -> Mapping[str, Any]:
    """The figures by expression, plain JSON values."""
    return {r.name: r.as_dict() for r in rows}
