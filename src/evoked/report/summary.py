"""The summary at the top of the page: counts, and whether the model is better than random guessing."""

from dataclasses import dataclass

import numpy as np

from evoked.learning.evaluation.scores import MeanScore, ScoreRow, Scores
from evoked.report.formats import PERCENT, chance_comparison, clock, grouped, percent
from evoked.report.page_data import PageData

__all__ = ["Summary", "SummaryTile", "against", "between", "gain", "headline", "interval", "points", "summarise"]

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
"""With fewer videos the intervals are too narrow."""
JOINER = "\u2060"  # no line break here


@dataclass(frozen=True)
class SummaryTile:
    """One number of the summary, with a title above and a line of text below."""

    title: str
    value: str
    below: str


@dataclass(frozen=True)
class Summary:
    """The summary: numbers, and one verdict on the scores ("" where there are none)."""

    tiles: tuple[SummaryTile, ...]
    verdict: str


def summarise(data: PageData) -> Summary:
    """The summary of a page."""
    seconds = sum(c.seconds for c in data.contents)
    title = "Contents" if data.kind == "study" else "Video"
    value = grouped(len(data.contents)) if data.kind == "study" else clock(seconds)
    below = f"{clock(seconds)} in all" if data.kind == "study" else f"{len(data.expressions)} expressions"
    tiles = [SummaryTile(title, value, below)]
    if data.reactions:
        viewers = data.participants or sum(len(r.viewers) for r in data.reactions)
        word = f"{'participant' if data.are_named else 'viewer'}{'' if viewers == 1 else 's'}"
        below = f"{grouped(viewers)} {word}{'' if data.are_named else ', each recording counted apart'}"
        tiles.append(SummaryTile("Recordings", grouped(len(data.reactions)), below))
    if counts := data.statistics:
        below = f"{grouped(counts.valid_seconds)} of {grouped(counts.seconds)} s: enough faces seen"
        tiles.append(SummaryTile("Valid seconds", percent(counts.valid_share), below))
    if data.kind == "prediction":
        return Summary((*tiles, *_highest_probabilities(data)), "")
    if data.scores is None:
        return Summary(tuple(tiles), "")
    mean = data.scores.map
    tiles.append(SummaryTile("Mean average precision", percent(mean.value), against(data.scores)))
    return Summary(tuple(tiles), headline(data.scores))


def _highest_probabilities(data: PageData) -> list[SummaryTile]:
    """The highest predicted probability, and the expression with the highest mean."""
    track = data.contents[0].prediction
    if track is None or not track.valid.any():
        return []
    values = track.values[track.valid]
    second, k = (int(i) for i in np.unravel_index(np.nanargmax(track.values), track.values.shape))
    mean = int(values.mean(axis=0).argmax())
    at = f"{track.names[k]} at {clock(second)}"
    return [
        SummaryTile("Highest probability", f"{track.values[second, k]:.2f}", at),
        SummaryTile("Highest mean", f"{values[:, mean].mean():.2f}", track.names[mean]),
        SummaryTile("Valid seconds", percent(float(track.valid.mean())), f"{int(track.valid.sum())} of {len(track)} s"),
    ]


def headline(scores: Scores) -> str:
    """One sentence that compares the mean with chance, by the interval of their difference where there is one.

    Both vary together between resamples, so the difference is more informative than the mean's interval.
    """
    text = VERDICTS[chance_comparison(scores.map)]
    if (mean := scores.map).gain is not None:
        text += f" MAP minus chance is {points(mean.gain)} points"
        if mean.gain_low is None:
            return f"{text}."
        text += f", {interval(scores)} {points(mean.gain_low)} to {points(mean.gain_high)}."
        if (count := len(scores.videos)) < FEW_VIDEOS:
            text += f" Over only {count} videos such an interval is too narrow: treat it as indicative."
    return text


def points(value: float | None) -> str:
    """A difference of shares in percentage points, with its sign."""
    return "–" if value is None else f"{100 * value:+.1f}".replace("-", "\u2212")


def against(scores: Scores) -> str:
    """Chance and interval of the mean, as text."""
    interval_text = f"{interval(scores)} {between(scores.map)}" if scores.map.low is not None else "no interval"
    return f"chance {percent(scores.map.chance)}, {interval_text}"


def interval(scores: Scores) -> str:
    """The name of the intervals: "95 % interval"."""
    return f"{100 * scores.level:g}\u00a0% interval"


def between(score: ScoreRow | MeanScore) -> str:
    """An interval as text: "21.0–24.3 %"."""
    if score.low is None or score.high is None:
        return "–"
    return f"{percent(score.low).removesuffix(PERCENT)}{JOINER}–{JOINER}{percent(score.high)}"


def gain(score: ScoreRow | MeanScore) -> str:
    """Score minus chance in percentage points with its interval: "+12.1 (+3.4 to +20.0)"."""
    if score.gain_low is None:
        return points(score.gain)
    return f"{points(score.gain)} ({points(score.gain_low)} to {points(score.gain_high)})"
