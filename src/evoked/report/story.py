"""The page's first lines in plain words: what there is, and whether the model beats guessing."""

from dataclasses import dataclass

from evoked.report.facts import Facts, Score
from evoked.report.figures import clock, percent, standing, whole

VERDICTS = {
    "above chance": "The model does better than guessing: the whole interval lies above chance.",
    "below chance": "The model does worse than guessing: the whole interval lies below chance.",
    "chance is inside the interval": "This is not distinguishable from guessing: chance lies inside the interval.",
    "no interval": "There is no interval, so nobody can say whether this is more than luck.",
    "undefined": "No expression has a labelled second, so there is nothing to score.",
}


@dataclass(frozen=True)
class Tile:
    """One figure of the summary: what it is, the number, and what stands below it."""

    title: str
    value: str
    below: str


@dataclass(frozen=True)
class Story:
    """The summary: figures, and one verdict on the scores (empty where there are none)."""

    tiles: tuple[Tile, ...]
    verdict: str


def tell(facts: Facts) -> Story:
    """The summary of these facts."""
    seconds = sum(c.seconds for c in facts.contents)
    title = "Contents" if facts.kind == "study" else "Video"
    value = whole(len(facts.contents)) if facts.kind == "study" else clock(seconds)
    below = f"{clock(seconds)} in all" if facts.kind == "study" else f"{len(facts.expressions)} expressions"
    tiles = [Tile(title, value, below)]
    if facts.reactions:
        viewers = sum(len(r.viewers) for r in facts.reactions)
        tiles.append(Tile("Reactions", whole(len(facts.reactions)), f"{whole(viewers)} viewers seen"))
    if counts := facts.statistics:
        below = f"{whole(counts.valid_seconds)} of {whole(counts.seconds)} s: enough faces seen"
        tiles.append(Tile("Valid seconds", percent(counts.valid_share), below))
    if facts.scores is None:
        return Story(tuple(tiles), "")
    mean = facts.scores.mean
    tiles.append(Tile("Mean average precision", percent(mean.value), against(mean)))
    return Story(tuple(tiles), VERDICTS[standing(mean)])


def against(score: Score) -> str:
    """Chance and interval, as they stand beside every score."""
    interval = f", 95 % interval {between(score)}" if score.low is not None else ", no interval"
    return f"chance {percent(score.chance)}{interval}"


def between(score: Score) -> str:
    """An interval as text: "21.0–24.3 %"."""
    if score.low is None or score.high is None:
        return "–"
    return f"{percent(score.low).removesuffix(' %')}–{percent(score.high)}"
