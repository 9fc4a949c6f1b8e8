"""scores.json → the scores that a page shows; keys that are not there are left out, not guessed."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evoked.report.page_data import PageScore, PageScores, ShiftNull


def read_scores(path: Path) -> PageScores:
    """Read a scores.json.

    Raises:
        ValueError, KeyError, TypeError: if it is not one; whoever asks says so on the page.
    """
    body = json.loads(path.read_text(encoding="utf-8"))
    mean, videos = body["map"], body.get("videos", 0)
    return PageScores(
        rows=tuple(_row(row) for row in body["rows"]),
        mean=_mean(mean),
        gain=_gain(mean),
        shifted=_shifted(mean),
        videos=len(videos) if isinstance(videos, list) else int(videos),
        folds=_folds(body.get("folds")),
        notes=tuple(str(note) for note in body.get("notes") or ()),
        level=float(body.get("level", 0.95)),
    )


def _row(row: Mapping[str, Any]) -> PageScore:
    value, low, high, chance = (score_number(row.get(key)) for key in ("ap", "low", "high", "chance"))
    return PageScore(
        str(row["name"]),
        value,
        low,
        high,
        chance,
        int(row["seconds"]),
        int(row["positives"]),
        score_number(row.get("auc")),
    )


def _mean(mean: Mapping[str, Any]) -> PageScore:
    low, high, chance = (score_number(mean.get(key)) for key in ("low", "high", "chance"))
    return PageScore("mean", score_number(mean["value"]), low, high, chance)


def _gain(mean: Mapping[str, Any]) -> PageScore | None:
    value, low, high = (score_number(mean.get(key)) for key in ("gain", "gain_low", "gain_high"))
    return None if value is None else PageScore("gain", value, low, high, 0.0)


def _shifted(mean: Mapping[str, Any]) -> ShiftNull | None:
    value = score_number(mean.get("shifted"))
    return (
        None
        if value is None
        else ShiftNull(value, score_number(mean.get("shifted_high")), score_number(mean.get("shifted_p")))
    )


def _folds(value: Any) -> tuple[tuple[str, ...], ...] | int | None:
    """Folds as a number, as lists of names, or as objects that name what they held out."""
    if isinstance(value, list):
        held = [fold["held_out"] if isinstance(fold, dict) else fold for fold in value]
        return tuple(tuple(str(v) for v in fold) if isinstance(fold, list) else (str(fold),) for fold in held) or None
    return value if isinstance(value, int) else None


def score_number(value: Any) -> float | None:
    """A finite number, or None; JSON from elsewhere may hold NaN for undefined."""
    return None if value is None or not math.isfinite(float(value)) else float(value)
