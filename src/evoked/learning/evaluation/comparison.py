"""Compare the predictions of several variants for the same videos: average precision over seeds and videos.

Two sources of uncertainty are separated: the standard deviation over seeds shows the influence of random training, the
interval over videos that of the choice of videos. The difference to the baseline is computed within each bootstrap
resample of videos, so that what the two variants have in common cancels.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import DatasetError
from evoked.core.settings import setting, settings
from evoked.core.text_table import MISSING, text_table
from evoked.dataset.examples import Example
from evoked.dataset.labels import POSITIVE_FROM
from evoked.metrics.average_precision import RankedScores
from evoked.metrics.bootstrap import Interval, bootstrap

__all__ = ["CHANCE", "MAP", "CompareConfig", "Predicted", "ScoreCell", "compare_variants", "comparison_text"]

MAP, CHANCE = "MAP", "chance"
Predicted = Mapping[str, NDArray[np.floating]]
"""Video → predicted probabilities (T, K)."""


@settings
class CompareConfig:
    """Settings of the comparison."""

    label_threshold: float = setting(
        POSITIVE_FROM, "soft labels: a second counts as positive from this label on", gt=0, le=1
    )
    resamples: int = setting(1000, "bootstrap resamples of whole videos for the intervals", ge=1)
    bootstrap_seed: int = setting(0, "seed of the bootstrap")
    confidence_level: float = setting(0.95, "confidence level of the intervals", gt=0, lt=1)


@dataclass(frozen=True)
class ScoreCell:
    """One score; all numbers in [0, 1], None where not defined.

    Attributes:
        labels: source of the labels, e.g. "machine".
        way: name of the variant, or "chance": the prevalence.
        expression: its name, or "MAP": the mean over those that have positives.
        value: average precision, mean over seeds.
        spread: its standard deviation over seeds (n − 1); None with one seed.
        low, high: interval over videos of the mean over seeds.
        gain, gain_low, gain_high: value − value of the baseline and its interval; None for the baseline itself.
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
    variants: Mapping[str, Sequence[Predicted]],
    truth: Sequence[Example],
    baseline: str,
    labels: str,
    config: CompareConfig,
) -> tuple[ScoreCell, ...]:
    """Score variants on the same videos.

    Args:
        variants: name → one or more runs (seeds), each with a prediction for every video of `truth`.
        truth: videos with labels; only their valid seconds are scored.
        baseline: the variant that the others are compared with.
        labels: source of the labels, for the cells.
        config: of the bootstrap.

    Returns:
        For chance and then each variant: a cell per expression and one for MAP.

    Raises:
        DatasetError: if no second can be scored.
    """
    used = [example for example in truth if example.valid.any()]
    if not used:
        raise DatasetError(f"no second of the test videos has valid {labels} labels, so nothing can be scored")
    names = used[0].expressions
    positive = np.concatenate([e.labels[e.valid] >= config.label_threshold for e in used])  # (n, K)
    group = np.repeat(np.arange(len(used)), [int(e.valid.sum()) for e in used])
    ranked = {
        name: [
            [RankedScores(column, positive[:, k], group) for k, column in enumerate(_pooled(run, used).T)]
            for run in runs
        ]
        for name, runs in variants.items()
    }
    comparison = _Comparison(ranked, [k for k in range(len(names)) if positive[:, k].any()], baseline)
    intervals = bootstrap(
        len(used),
        comparison.values_and_gains,
        resamples=config.resamples,
        seed=config.bootstrap_seed,
        level=config.confidence_level,
    )
    chances = [float(positive[:, k].mean()) for k in range(len(names))]
    mean_chance = float(np.mean([chances[k] for k in comparison.scored])) if comparison.scored else None
    columns = [*names, MAP]
    by_chance = [ScoreCell(labels, CHANCE, n, c) for n, c in zip(columns, [*chances, mean_chance], strict=True)]
    return (*by_chance, *_variant_cells(comparison, intervals, columns, labels))


@dataclass(frozen=True, eq=False)
class _Comparison:
    """Variants that are scored on the same seconds.

    Attributes:
        ranked: variant → per run (seed) and expression, the ranked scores.
        scored: indices of the expressions that have positives.
        baseline: the variant that the others are compared with.
    """

    ranked: Mapping[str, Sequence[Sequence[RankedScores]]]
    scored: Sequence[int]
    baseline: str

    def by_seed(self, variant: str, weights: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
        """Average precision of each run of a variant, (seeds, K + 1), MAP last; NaN where undefined."""
        runs = self.ranked[variant]
        out = np.full((len(runs), len(runs[0]) + 1), np.nan)
        for s, run in enumerate(runs):
            for k in self.scored:
                ap = run[k].average_precision(weights)
                out[s, k] = np.nan if ap is None else ap
            defined = out[s, :-1][~np.isnan(out[s, :-1])]
            out[s, -1] = defined.mean() if len(defined) else np.nan
        return out

    def values(self, weights: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
        """Mean over seeds, (variants, K + 1); NaN where undefined."""
        return np.stack([self.by_seed(variant, weights).mean(axis=0) for variant in self.ranked])

    def gains(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Differences to the baseline, (variants, K + 1)."""
        return np.asarray(values - values[list(self.ranked).index(self.baseline)])

    def values_and_gains(self, weights: NDArray[np.int64]) -> list[float | None]:
        """All values, then all gains, row by row: what is resampled; None where undefined."""
        values = self.values(weights)
        return [None if np.isnan(x) else float(x) for x in np.stack([values, self.gains(values)]).ravel()]


def _variant_cells(
    comparison: _Comparison, intervals: Sequence[Interval], columns: Sequence[str], labels: str
) -> Iterator[ScoreCell]:
    """A cell per variant and column; the intervals are those of `values_and_gains`."""
    values = comparison.values()
    gains = comparison.gains(values)
    for v, variant in enumerate(comparison.ranked):
        by_seed = comparison.by_seed(variant)
        for k, name in enumerate(columns):
            value = float(values[v, k])
            if np.isnan(value):
                yield ScoreCell(labels, variant, name, None)
                continue
            spread = float(by_seed[:, k].std(ddof=1)) if len(by_seed) > 1 else None
            index = v * len(columns) + k
            span, of_gain = intervals[index], intervals[values.size + index]
            cell = ScoreCell(labels, variant, name, value, spread, span.low, span.high)
            if variant != comparison.baseline:
                cell = replace(cell, gain=float(gains[v, k]), gain_low=of_gain.low, gain_high=of_gain.high)
            yield cell


def _pooled(run: Predicted, used: Sequence[Example]) -> NDArray[np.floating]:
    """Scores of the valid seconds, (n, K)."""
    for example in used:
        if len(run[example.video]) != example.seconds:
            raise ValueError(f"{example.video}: {len(run[example.video])} predictions for {example.seconds} seconds")
    return np.concatenate([run[e.video][e.valid] for e in used])


def comparison_text(cells: Sequence[ScoreCell], baseline: str) -> str:
    """The table in the layout of the paper's Table 3, then the intervals of MAP.

    Args:
        cells: of `compare_variants`.
        baseline: name of the variant that the others are compared with.

    Returns:
        Text; rows are variants, columns expressions and MAP, in %.
    """
    columns = list(dict.fromkeys(cell.expression for cell in cells))
    rows = list(dict.fromkeys((cell.labels, cell.way) for cell in cells))
    by_key = {(cell.labels, cell.way, cell.expression): cell for cell in cells}
    lines = [["in %", *columns]]
    for labels, variant in rows:
        lines.append([f"{variant}, {labels}", *(_cell(by_key[labels, variant, name]) for name in columns)])
    intervals = [["MAP", "value", "interval over videos", f"less {baseline}", "interval"]]
    for labels, variant in rows:
        cell = by_key[labels, variant, MAP]
        if variant != CHANCE:
            gain = "" if cell.gain is None else f"{100 * cell.gain:+.2f}"
            span = (_span(cell.low, cell.high), gain, _span(cell.gain_low, cell.gain_high) if gain else "")
            intervals.append([f"{variant}, {labels}", _number(cell.value), *span])
    return f"{text_table(lines)}\n\n{text_table(intervals)}"


def _cell(cell: ScoreCell) -> str:
    spread = "" if cell.spread is None else f" ±{100 * cell.spread:.2f}"
    return _number(cell.value) + spread


def _number(value: float | None) -> str:
    return MISSING if value is None else f"{100 * value:.2f}"


def _span(low: float | None, high: float | None) -> str:
    return MISSING if low is None or high is None else f"{100 * low:.2f} … {100 * high:.2f}"
