"""Scores as values: what scores.json holds and what a terminal shows."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from evoked.core.files import write_text
from evoked.core.provenance import Provenance
from evoked.core.text_table import MISSING, text_table


@dataclass(frozen=True)
class ScoreRow:
    """One expression, pooled over all scored seconds.

    Attributes:
        seconds: how many were scored.
        positives: in how many of them the viewers showed it.
        chance: share of positives, what a ranking by lot scores; None where nothing was scored.
        ap: average precision; None where there is no positive: undefined, not 0.
        low, high: interval over whole videos; None where it cannot be known.
        auc: area under the ROC curve; None where all seconds are alike.
    """

    name: str
    seconds: int
    positives: int
    chance: float | None
    ap: float | None
    low: float | None
    high: float | None
    auc: float | None


@dataclass(frozen=True)
class MeanScore:
    """MAP over the expressions that have positives.

    Attributes:
        value: None where no expression has positives.
        low, high: its interval.
        chance: the mean prevalence of the same expressions.
        gain, gain_low, gain_high: MAP − chance and its interval: both are worked out in each draw, so
            that the lower bound above 0 means better than chance.
        shifted: mean MAP when each video's labels are turned round in time, what this score gets
            without getting the timing right; None where not asked for.
        shifted_p: share of turns that score at least as high as the real labels, (1 + k) / (1 + n).
        shifted_high: 95th percentile of the turned scores.
    """

    value: float | None
    low: float | None
    high: float | None
    chance: float | None
    gain: float | None
    gain_low: float | None
    gain_high: float | None
    shifted: float | None = None
    shifted_high: float | None = None
    shifted_p: float | None = None


@dataclass(frozen=True)
class Scores:
    """How well predictions rank the seconds of videos.

    Attributes:
        expressions: in the order of the rows.
        rows: one per expression.
        map: their mean.
        videos: names of the videos that were scored, sorted.
        folds: the videos of each held-out turn; empty where nothing is known of turns.
        notes: what a reader must know.
        level: share of the draws inside the intervals.
    """

    expressions: tuple[str, ...]
    rows: tuple[ScoreRow, ...]
    map: MeanScore
    videos: tuple[str, ...]
    folds: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()
    level: float = 0.95

    def as_dict(self) -> dict[str, object]:
        """Plain JSON values."""
        plain: dict[str, object] = json.loads(json.dumps(asdict(self), allow_nan=False))
        return plain


def write_scores(path: Path, scores: Scores, provenance: Provenance) -> None:
    """Write scores.json; OutputError if it cannot be written."""
    body = scores.as_dict() | {"provenance": provenance.as_dict()}
    write_text(path, json.dumps(body, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def scores_table(scores: Scores) -> str:
    """The scores as lines of text, in percent, with the chance row and the intervals."""
    lines = [("", "AP", f"{100 * scores.level:g} % interval", "chance", "AUC", "positives", "seconds")]
    for r in scores.rows:
        found = (_percent(r.ap), _span(r.low, r.high), _percent(r.chance), _percent(r.auc))
        lines.append((r.name, *found, str(r.positives), str(r.seconds)))
    m = scores.map
    lines.append(("MAP", _percent(m.value), _span(m.low, m.high), _percent(m.chance), "", "", ""))
    lines.append(("MAP − chance", _percent(m.gain), _span(m.gain_low, m.gain_high), "", "", "", ""))
    if m.shifted is not None:
        lines.append(("MAP, shifted", _percent(m.shifted), f"95th: {_percent(m.shifted_high)}", "", "", "", ""))
    folds = f", held out in {len(scores.folds)} folds" if scores.folds else ""
    summary = f"in %; {len(scores.videos)} videos{folds}; intervals resample whole videos"
    return "\n".join([text_table(lines), summary, *(f"note: {n}" for n in scores.notes)])


def _percent(value: float | None) -> str:
    return MISSING if value is None else f"{100 * value:.2f}"


def _span(low: float | None, high: float | None) -> str:
    return MISSING if low is None else f"{_percent(low)} … {_percent(high)}"
