"""Number formats and geometry of the page's charts.

The templates draw the charts with positions in percent, so that they fit any width.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from evoked.learning.evaluation.scores import MeanScore, ScoreRow, Scores
from evoked.report.page_data import PageReaction

__all__ = [
    "FILTERS",
    "NOTHING",
    "PERCENT",
    "Axis",
    "axis_percent",
    "chance_comparison",
    "clock",
    "clock_axis",
    "css_percent",
    "decimals",
    "expression_colours",
    "grouped",
    "offset_span",
    "percent",
    "score_axis",
    "seen_share",
    "share_axis",
    "uncovered",
    "uncovered_s",
]

COLOURS = 8  # page.css names --e0 … --e7, after Okabe and Ito 2008, safe for colour-blind readers
NOTHING = "–"
PERCENT = "\u00a0%"
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5)  # between the marks of a percentage axis
CLOCK_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)  # between the marks of a time axis, seconds


def percent(value: float | None) -> str:
    """A share as percent, with as many decimals as it needs; a dash where undefined."""
    if value is None or value != value:
        return NOTHING
    hundred = 100 * value
    if 0 < abs(hundred) < 0.995:
        return f"{hundred:.2f}{PERCENT}"
    return (f"{hundred:.0f}" if hundred in (0, 100) else f"{hundred:.1f}") + PERCENT


def axis_percent(value: float) -> str:
    """A share as percent on an axis: no more decimals than it has."""
    return f"{100 * value:.10g}{PERCENT}"


def grouped(value: int) -> str:
    """A count with thin spaces between thousands."""
    return f"{value:,}".replace(",", "\u202f")


def clock(seconds: float) -> str:
    """m:ss, or h:mm:ss from an hour on."""
    total = max(0, math.floor(seconds + 0.5))
    hours, remainder = divmod(total, 3600)
    return f"{hours}:{remainder // 60:02d}:{remainder % 60:02d}" if hours else f"{remainder // 60}:{remainder % 60:02d}"


def decimals(value: float, places: int = 2) -> str:
    """A plain number with a typographic minus sign.

    Args:
        value: any finite number.
        places: decimals.

    Returns:
        The number as text.
    """
    return f"{value:.{places}f}".replace("-", "\u2212")


def css_percent(value: float, full: float) -> str:
    """A share as a CSS percentage, limited to 0 … 100.

    Args:
        value: a position or length.
        full: the length that is 100 %, in the same unit.

    Returns:
        The percentage with its sign, e.g. "12.500%".
    """
    return f"{100 * min(1.0, max(0.0, value / full if full else 0.0)):.3f}%"


def expression_colours(names: Sequence[str]) -> dict[str, str]:
    """A CSS colour for each expression; beyond eight they repeat (each is shown beside its name)."""
    return {name: f"var(--e{k % COLOURS})" for k, name in enumerate(names)}


@dataclass(frozen=True)
class Axis:
    """An axis from 0 to `end` with marks on it."""

    end: float
    ticks: tuple[float, ...]


def share_axis(values: Sequence[float | None]) -> Axis:
    """A percentage axis from 0 that contains all values, with two to six marks."""
    top = max((v for v in values if v is not None and v == v), default=0.0)
    step = next((s for s in STEPS if top <= 5 * s), STEPS[-1])
    count = max(1, math.ceil(round(top / step, 9)))
    return Axis(count * step, tuple(round(k * step, 6) for k in range(count + 1)))


def clock_axis(seconds: float, most: int = 6) -> Axis:
    """A time axis that begins at 0.

    Args:
        seconds: its end.
        most: greatest number of marks after the first.

    Returns:
        The axis, with marks at whole seconds.
    """
    step = next((s for s in CLOCK_STEPS if seconds <= most * s), math.ceil(seconds / most / 3600) * 3600)
    return Axis(seconds, tuple(float(t) for t in range(0, math.floor(seconds) + 1, step)) if seconds > 0 else (0.0,))


def score_axis(scores: Scores) -> Axis:
    """The axis of average precisions, their intervals and their chance marks."""
    rows = [v for r in scores.rows for v in (r.ap, r.high, r.chance)]
    return share_axis([*rows, scores.map.value, scores.map.high, scores.map.chance])


FEW_POSITIVES = 10
"""Random rankings of 221 seconds have a mean average precision 2.3 times the share of positives where 4 are positive,
1.5 times where 10 are."""


def chance_comparison(score: ScoreRow | MeanScore) -> str:
    """A score compared with chance, in words, by its interval.

    It is the interval of score − chance where there is one: both vary together between resamples. An expression with
    fewer than ten positive seconds is not compared.
    """
    if isinstance(score, ScoreRow) and 0 < score.positives < FEW_POSITIVES:
        return "too few positive seconds"
    value = score.ap if isinstance(score, ScoreRow) else score.value
    low, high, chance = score.low, score.high, score.chance
    if score.gain is not None:
        value, low, high, chance = score.gain, score.gain_low, score.gain_high, 0.0
    if value is None:
        return "undefined"
    if low is None or high is None or chance is None:
        return "no interval"
    if low > chance:
        return "above chance"
    return "below chance" if high < chance else "not significantly above chance"


def uncovered(reaction: PageReaction, seconds: float) -> tuple[tuple[float, float], ...]:
    """Intervals of a content's time that no segment of the reaction covers.

    Args:
        reaction: with or without an alignment.
        seconds: length of the content.

    Returns:
        (start, end) in content seconds, within [0, seconds).
    """
    gaps, reached = [], 0.0
    for segment in reaction.alignment.segments if reaction.alignment else ():
        if segment.content_start_s > reached + 1e-6:
            gaps.append((reached, min(segment.content_start_s, seconds)))
        reached = max(reached, segment.content_end_s)
    if reached < seconds - 1e-6:
        gaps.append((reached, seconds))
    return tuple((a, b) for a, b in gaps if b > a)


def uncovered_s(reaction: PageReaction, seconds: float) -> float:
    """How many seconds of the content the reaction does not cover.

    Args:
        reaction: with or without an alignment.
        seconds: length of the content.

    Returns:
        Seconds, 0 or more.
    """
    return sum(b - a for a, b in uncovered(reaction, seconds))


def offset_span(reaction: PageReaction) -> tuple[float, float] | None:
    """Least and greatest offset, reaction time minus content time, in seconds; None if not aligned."""
    offsets = [s.offset_s for s in reaction.alignment.segments] if reaction.alignment else []
    return (min(offsets), max(offsets)) if offsets else None


def seen_share(reaction: PageReaction) -> float | None:
    """The mean over viewers of the share of frames in which each was visible; None without viewers."""
    shares = [v.share for v in reaction.viewers]
    return sum(shares) / len(shares) if shares else None


FILTERS: Mapping[str, Callable[..., object]] = {
    "percent": percent,
    "axis_percent": axis_percent,
    "grouped": grouped,
    "clock": clock,
    "decimals": decimals,
    "css_percent": css_percent,
    "share_axis": share_axis,
    "clock_axis": clock_axis,
    "score_axis": score_axis,
    "chance_comparison": chance_comparison,
    "uncovered": uncovered,
    "uncovered_s": uncovered_s,
    "offset_span": offset_span,
    "seen_share": seen_share,
}
"""Filters of the templates."""
