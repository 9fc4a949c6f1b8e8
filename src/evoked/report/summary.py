"""The page's first lines in plain words: what there is, and whether the model beats guessing."""

from dataclasses import dataclass

from evoked.learning.evaluation.scores import MeanScore, ScoreRow, Scores
from evoked.report.formats import PERCENT, chance_comparison, clock, grouped, percent
from evoked.report.page_data import PageData

__all__ = ["Summary", "SummaryTile", "against", "between", "headline", "interval", "points", "summarise"]

VERDICTS = {
    "above chance": "The model is better than random guessing: the whole interval lies above chance.",
    "below chance": "The model is worse than random guessing: the whole interval lies below chance.",
    "not significantly above chance": (
        "The model is not significantly better than random guessing: chance lies inside the interval."
    ),
    "no interval": "There is no confidence interval, so the significance of this score is unknown.",
    "undefined": "No expression has a positive second, so there is nothing to score.",
}
FEW_VIDEOS = 20
"""Below it intervals over videos are too narrow, as the scores' own note says."""
JOINER = "\u2060"  # no line break here


@dataclass(frozen=True)
class SummaryTile:
    """One figure of the summary: what it is, the number, and what stands below it."""

    title: str
    value: str
    below: str


@dataclass(frozen=True)
class Summary:
    """The summary: figures, and one verdict on the scores (empty where there are none)."""

    tiles: tuple[SummaryTile, ...]
    verdict: str


def summarise(facts: PageData) -> Summary:
    """The summary of these facts."""
    seconds = sum(c.seconds for c in facts.contents)
    title = "Contents" if facts.kind == "study" else "Video"
    value = grouped(len(facts.contents)) if facts.kind == "study" else clock(seconds)
    below = f"{clock(seconds)} in all" if facts.kind == "study" else f"{len(facts.expressions)} expressions"
    tiles = [SummaryTile(title, value, below)]
    if facts.reactions:
        viewers = sum(len(r.viewers) for r in facts.reactions)
        below = f"{grouped(viewers)} viewer{'' if viewers == 1 else 's'} seen"
        tiles.append(SummaryTile("Reactions", grouped(len(facts.reactions)), below))
    if counts := facts.statistics:
        below = f"{grouped(counts.valid_seconds)} of {grouped(counts.seconds)} s: enough faces seen"
        tiles.append(SummaryTile("Valid seconds", percent(counts.valid_share), below))
    if facts.scores is None:
        return Summary(tuple(tiles), "")
    mean = facts.scores.map
    tiles.append(SummaryTile("Mean average precision", percent(mean.value), against(facts.scores)))
    return Summary(tuple(tiles), headline(facts.scores))


def headline(scores: Scores) -> str:
    """One sentence on the mean against chance; by the interval of their difference where there is one.

    The two move together from draw to draw, so their difference says more than the mean's own interval.
    """
    found = VERDICTS[chance_comparison(scores.map)]
    if (mean := scores.map).gain is not None:
        found += f" MAP minus chance is {points(mean.gain)} points"
        if mean.gain_low is None:
            return f"{found}."
        found += f", {interval(scores)} {points(mean.gain_low)} to {points(mean.gain_high)}."
        if (count := len(scores.videos)) < FEW_VIDEOS:
            found += f" Over only {count} videos such an interval is too narrow: treat it as indicative."
    return found


def points(value: float | None) -> str:
    """A difference of shares in percentage points, with its sign."""
    return "–" if value is None else f"{100 * value:+.1f}".replace("-", "\u2212")


def against(scores: Scores) -> str:
    """Chance and interval, as they stand beside every score."""
    known = f"{interval(scores)} {between(scores.map)}" if scores.map.low is not None else "no interval"
    return f"chance {percent(scores.map.chance)}, {known}"


def interval(scores: Scores) -> str:
    """What the intervals are called: "95 % interval"."""
    return f"{100 * scores.level:g}\u00a0% interval"


def between(score: ScoreRow | MeanScore) -> str:
    """An interval as text: "21.0–24.3 %"."""
    if score.low is None or score.high is None:
        return "–"
    return f"{percent(score.low).removesuffix(PERCENT)}{JOINER}–{JOINER}{percent(score.high)}"
