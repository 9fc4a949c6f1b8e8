"""Scores as values: written to scores.json and shown in a terminal."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evoked.core.errors import DatasetError
from evoked.core.files import parse_json, write_text
from evoked.core.provenance import Provenance
from evoked.core.text_table import MISSING, text_table
from evoked.learning.evaluation.challenge import CorrelationScores, correlation_from, correlation_table

__all__ = ["MeanScore", "ScoreRow", "Scores", "read_scores", "scores_table", "write_scores"]


@dataclass(frozen=True)
class ScoreRow:
    """One expression, pooled over all scored seconds.

    Attributes:
        name: of the expression.
        seconds: number of scored seconds.
        positives: number of them in which the viewers showed it.
        chance: share of positives, the score of a random ranking; None where nothing was scored.
        ap: average precision; None where there is no positive: undefined, not 0.
        low, high: interval over whole videos; None where it is undefined.
        auc: area under the ROC curve; None where all seconds have the same label.
        gain, gain_low, gain_high: AP − chance and its interval: both are computed in each bootstrap resample, so that
            the lower bound above 0 means better than chance. None in older files.
    """

    name: str
    seconds: int
    positives: int
    chance: float | None
    ap: float | None
    low: float | None
    high: float | None
    auc: float | None
    gain: float | None = None
    gain_low: float | None = None
    gain_high: float | None = None


@dataclass(frozen=True)
class MeanScore:
    """MAP over the expressions that have positives.

    Attributes:
        value: None where no expression has positives.
        low, high: interval over whole videos.
        chance: the mean prevalence of the same expressions.
        gain, gain_low, gain_high: MAP − chance and its interval: both are computed in each bootstrap resample, so
            that the lower bound above 0 means better than chance.
        shifted: mean MAP when each video's labels are circularly shifted in time: the score without the right timing;
            None where it was not computed.
        shifted_p: share of shifts that score at least as high as the real labels, (1 + k) / (1 + n).
        shifted_high: 95th percentile of the shifted scores.
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
        map: their mean, and its intervals.
        videos: names of the videos that were scored, sorted.
        folds: the videos of each held-out fold; empty where the folds are not known.
        notes: caveats.
        level: share of the bootstrap resamples inside the intervals.
        correlation: Pearson's r, where labels are soft; else None.
    """

    expressions: tuple[str, ...]
    rows: tuple[ScoreRow, ...]
    map: MeanScore
    videos: tuple[str, ...]
    folds: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()
    level: float = 0.95
    correlation: CorrelationScores | None = None

    def as_dict(self) -> dict[str, object]:
        """Plain JSON values."""
        plain: dict[str, object] = json.loads(json.dumps(asdict(self), allow_nan=False))
        if self.correlation is None:
            plain.pop("correlation")
        return plain


def write_scores(path: Path, scores: Scores, provenance: Provenance) -> None:
    """Write scores.json.

    Args:
        path: of the file.
        scores: to write.
        provenance: settings and inputs of the evaluation.

    Raises:
        OutputError: if it cannot be written.
    """
    body = scores.as_dict() | {"provenance": provenance.as_dict()}
    write_text(path, json.dumps(body, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_scores(path: Path) -> Scores:
    """Read what `write_scores` wrote; keys that may be undefined may also be absent, as in files of older versions.

    Args:
        path: a scores.json. A number that is not finite is read as undefined.

    Returns:
        The scores; `expressions` are the names of the rows where the file does not list them.

    Raises:
        DatasetError: if the file cannot be read or does not hold scores.
    """
    try:
        body = parse_json(path.read_text(encoding="utf-8"))
        rows = tuple(_row_from(row) for row in body["rows"])
        return Scores(
            expressions=_names(body.get("expressions", [row.name for row in rows]), "expressions"),
            rows=rows,
            map=MeanScore(_finite(body["map"]["value"]), *(_finite(body["map"].get(key)) for key in _MEAN_KEYS)),
            videos=_names(body["videos"], "videos"),
            folds=tuple(_names(fold, "a fold") for fold in body.get("folds") or ()),
            notes=_names(body.get("notes") or [], "notes"),
            level=float(body.get("level", 0.95)),
            correlation=correlation_from(body["correlation"]) if body.get("correlation") else None,
        )
    except OSError as error:
        raise DatasetError(f"no scores at {path}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"{path} holds no scores ({type(error).__name__}: {error}). Make it again with: evoked evaluate"
        raise DatasetError(message) from error


_ROW_KEYS = ("chance", "ap", "low", "high", "auc", "gain", "gain_low", "gain_high")
_MEAN_KEYS = ("low", "high", "chance", "gain", "gain_low", "gain_high", "shifted", "shifted_high", "shifted_p")


def _row_from(row: Mapping[str, Any]) -> ScoreRow:
    values = (_finite(row.get(key)) for key in _ROW_KEYS)
    return ScoreRow(str(row["name"]), int(row["seconds"]), int(row["positives"]), *values)


def _names(value: object, key: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError(f"{key} must be a list, got {value!r}")
    return tuple(str(name) for name in value)


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(float(value)) else float(value)


def scores_table(scores: Scores) -> str:
    """The scores as lines of text, in percent, with the chance row and the intervals."""
    interval = f"{100 * scores.level:g} % interval"
    lines = [("", "AP", interval, "chance", "gain", interval, "AUC", "positives", "seconds")]
    for r in scores.rows:
        values = (_percent(r.ap), _span(r.low, r.high), _percent(r.chance), *_gain(r), _percent(r.auc))
        lines.append((r.name, *values, str(r.positives), str(r.seconds)))
    m = scores.map
    lines.append(("MAP", _percent(m.value), _span(m.low, m.high), _percent(m.chance), *_gain(m), "", "", ""))
    if m.shifted is not None:
        shifted = (_percent(m.shifted), f"95th: {_percent(m.shifted_high)}")
        lines.append(("MAP, shifted", *shifted, "", "", "", "", "", ""))
    folds = f", held out in {len(scores.folds)} folds" if scores.folds else ""
    summary = f"in %; gain: AP − chance; {len(scores.videos)} videos{folds}; intervals resample whole videos"
    soft = ["", correlation_table(scores.correlation)] if scores.correlation else []
    return "\n".join([text_table(lines), summary, *soft, *(f"note: {n}" for n in scores.notes)])


def _gain(score: ScoreRow | MeanScore) -> tuple[str, str]:
    return _percent(score.gain), _span(score.gain_low, score.gain_high)


def _percent(value: float | None) -> str:
    return MISSING if value is None else f"{100 * value:.2f}"


def _span(low: float | None, high: float | None) -> str:
    return MISSING if low is None else f"{_percent(low)} … {_percent(high)}"
