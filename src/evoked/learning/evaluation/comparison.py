"""Several ways of predicting the same videos, compared with each other: average precision over seeds and videos.

Two things make a score uncertain, and they are separated: the spread over seeds says how much of it is luck of
training; the interval over videos how much is luck of the videos. The difference to another way is computed within
each draw of videos, so that what both have in common cancels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import DatasetError
from evoked.core.settings import setting
from evoked.core.text_table import MISSING, text_table
from evoked.dataset.examples import Example
from evoked.metrics.average_precision import RankedScores
from evoked.metrics.bootstrap import bootstrap

__all__ = ["CHANCE", "MAP", "CompareConfig", "Predicted", "ScoreCell", "compare_variants", "comparison_text"]

MAP, CHANCE = "MAP", "chance"
Predicted = Mapping[str, NDArray[np.floating]]
"""Video → (T, K)."""


@dataclass(frozen=True)
class CompareConfig:
    """How ways are compared with each other."""

    resamples: int = setting(1000, "bootstrap resamples of whole videos for the intervals")
    bootstrap_seed: int = setting(0, "seed of the bootstrap")
    confidence_level: float = setting(0.95, "confidence level of the intervals")

    def __post_init__(self) -> None:
        if self.resamples < 1 or not 0 < self.confidence_level < 1:
            raise ValueError(
                "resamples must be 1 or more and confidence_level between 0 and 1, got "
                f"{self.resamples} and {self.confidence_level}"
            )


@dataclass(frozen=True)
class ScoreCell:
    """One score; all numbers in [0, 1], None where not defined.

    Attributes:
        labels: against whose labels, e.g. "machine".
        way: who predicted, or "chance": the prevalence.
        expression: which, or "MAP": the mean of those that have positives.
        value: average precision, mean over seeds.
        spread: its standard deviation over seeds (n − 1); None with one seed.
        low, high: interval over videos of the mean over seeds.
        gain, gain_low, gain_high: value − that of the way it is compared with; None for that way itself.
    """

    labels: str
    way: str
    expression: str
    value: float | None
    spread: float | None = None
    low: float | None = None
    high: float | None = None
    gain: float | None = None
    gain_low: float | None = None
    gain_high: float | None = None


def compare_variants(
    ways: Mapping[str, Sequence[Predicted]], truth: Sequence[Example], against: str, labels: str, config: CompareConfig
) -> tuple[ScoreCell, ...]:
    """Score ways on the same videos.

    Args:
        ways: name → one or more runs (seeds), each with a prediction for every video of `truth`.
        truth: videos with labels; only their valid seconds are scored.
        against: the way that the others are compared with.
        labels: whose labels these are, for the cells.
        config: draws.

    Returns:
        For chance and then each way: a cell per expression and one for MAP.

    Raises:
        DatasetError: if no second can be scored.
    """
    used = [example for example in truth if example.valid.any()]
    if not used:
        raise DatasetError(f"no second of the test videos has valid {labels} labels, so nothing can be scored")
    names = used[0].expressions
    on = np.concatenate([e.labels[e.valid] > 0.5 for e in used])  # (n, K)
    group = np.repeat(np.arange(len(used)), [int(e.valid.sum()) for e in used])
    ranked = {
        way: [[RankedScores(column, on[:, k], group) for k, column in enumerate(_pooled(run, used).T)] for run in runs]
        for way, runs in ways.items()
    }
    shown = [k for k in range(len(names)) if on[:, k].any()]
    base = list(ways).index(against)

    def scores(weights: NDArray[np.int64] | None) -> NDArray[np.float64]:
        """Mean over seeds, (ways, K + 1); NaN where not defined."""
        return np.stack([_row(runs, shown, weights).mean(axis=0) for runs in ranked.values()])

    def numbers(weights: NDArray[np.int64]) -> list[float | None]:
        found = scores(weights)
        return [None if np.isnan(x) else float(x) for x in np.stack([found, found - found[base]]).ravel()]

    spans = bootstrap(
        len(used), numbers, resamples=config.resamples, seed=config.bootstrap_seed, level=config.confidence_level
    )
    whole, columns = scores(None), [*names, MAP]
    chances = [float(on[:, k].mean()) for k in range(len(names))]
    mean_chance = float(np.mean([chances[k] for k in shown])) if shown else None
    cells = [ScoreCell(labels, CHANCE, n, c) for n, c in zip(columns, [*chances, mean_chance], strict=True)]
    for w, (way, runs) in enumerate(ranked.items()):
        each = _row(runs, shown, None)
        for k, name in enumerate(columns):
            if np.isnan(whole[w, k]):
                cells.append(ScoreCell(labels, way, name, None))
                continue
            spread = float(each[:, k].std(ddof=1)) if len(each) > 1 else None
            place = w * len(columns) + k
            span, gained = spans[place], spans[len(ways) * len(columns) + place]
            made = (labels, way, name, float(whole[w, k]), spread, span.low, span.high)
            gain = () if way == against else (float(whole[w, k] - whole[base, k]), gained.low, gained.high)
            cells.append(ScoreCell(*made, *gain))
    return tuple(cells)


def _row(
    runs: Sequence[Sequence[RankedScores]], shown: Sequence[int], weights: NDArray[np.int64] | None
) -> NDArray[np.float64]:
    """Average precision of each run (seeds, K + 1), MAP last, over the classes that are `shown` and drawn."""
    out = np.full((len(runs), len(runs[0]) + 1), np.nan)
    for s, run in enumerate(runs):
        for k in shown:
            found = run[k].average_precision(weights)
            out[s, k] = np.nan if found is None else found
        there = out[s, :-1][~np.isnan(out[s, :-1])]
        out[s, -1] = there.mean() if len(there) else np.nan
    return out


def _pooled(run: Predicted, used: Sequence[Example]) -> NDArray[np.floating]:
    """Scores of the valid seconds, (n, K)."""
    for example in used:
        if len(run[example.video]) != example.seconds:
            raise ValueError(f"{example.video}: {len(run[example.video])} predictions for {example.seconds} seconds")
    return np.concatenate([run[e.video][e.valid] for e in used])


def comparison_text(cells: Sequence[ScoreCell], against: str) -> str:
    """The paper's Table 3 layout, in %: rows are ways, columns expressions and MAP; then MAP's intervals."""
    columns = list(dict.fromkeys(cell.expression for cell in cells))
    rows = list(dict.fromkeys((cell.labels, cell.way) for cell in cells))
    found = {(cell.labels, cell.way, cell.expression): cell for cell in cells}
    lines = [["in %", *columns]]
    for labels, way in rows:
        lines.append([f"{way}, {labels}", *(_cell(found[labels, way, name]) for name in columns)])
    intervals = [["MAP", "value", "interval over videos", f"less {against}", "interval"]]
    for labels, way in rows:
        cell = found[labels, way, MAP]
        if way != CHANCE:
            gain = "" if cell.gain is None else f"{100 * cell.gain:+.2f}"
            span = (_span(cell.low, cell.high), gain, _span(cell.gain_low, cell.gain_high) if gain else "")
            intervals.append([f"{way}, {labels}", _number(cell.value), *span])
    return f"{text_table(lines)}\n\n{text_table(intervals)}"


def _cell(cell: ScoreCell) -> str:
    spread = "" if cell.spread is None else f" ±{100 * cell.spread:.2f}"
    return _number(cell.value) + spread


def _number(value: float | None) -> str:
    return MISSING if value is None else f"{100 * value:.2f}"


def _span(low: float | None, high: float | None) -> str:
    return MISSING if low is None or high is None else f"{100 * low:.2f} … {100 * high:.2f}"
