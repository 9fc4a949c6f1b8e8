"""Machine against people, and people against each other (spec §5).

Every figure is a function of sums over clips (evoked.metrics): summed by video once, so that a bootstrap that
draws whole videos only weighs sums. Thresholds are chosen without the videos on which they are used.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from evoked.agreement.machine_scores import MachineScores
from evoked.agreement.paired_clips import AgreeConfig, PairedClips, groups_of, pair_clips
from evoked.agreement.results import Agreement, AgreementGroup, AgreementRow, Estimate
from evoked.dataset.folds import make_folds
from evoked.dataset.ratings import Ratings
from evoked.metrics.bootstrap import Interval, bootstrap
from evoked.metrics.correlation import correlation_sums, pearson_from_sums
from evoked.metrics.operating_point import operating_point
from evoked.metrics.rater_agreement import fleiss_kappa, krippendorff_alpha, mean_cohen, pair_tables, rater_terms

__all__ = ["agree"]

FEW = 20
"""Below about so many groups percentile intervals cover less than they say."""


@dataclass(frozen=True, eq=False)
class _Figure:
    """A number from sums.

    Attributes:
        total: how often each unit is drawn, shape (units,) → sums over what was drawn, shape (S,).
        of: the sums → the number.
        centred: whether its interval is moved onto the value (Interval.centred).
    """

    total: Callable[[NDArray[np.int64]], NDArray[np.float64]]
    of: Callable[[NDArray[np.float64]], float | None]
    centred: bool = False

    def __call__(self, weights: NDArray[np.int64]) -> float | None:
        return self.of(self.total(weights))


@dataclass(frozen=True, eq=False)
class _Cut:
    """What thresholds make of one expression: threshold of each clip (NaN: none), those used, that for new videos."""

    at: NDArray[np.float64]
    used: tuple[float | None, ...]
    final: float | None


def agree(machine: MachineScores, ratings: Ratings, config: AgreeConfig | None = None) -> Agreement:
    """Compare a machine's scores with people's ratings.

    Args:
        machine: scores of the rated clips.
        ratings: what people saw.
        config: merging, thresholds, intervals.

    Returns:
        Rows for the expressions that both know.

    Raises:
        DatasetError: if no clip or no expression is common, thresholds are set for an expression that is not,
            or persons are asked for and not named.
    """
    config = config or AgreeConfig()
    told: list[str] = [*machine.notes, *ratings.notes]
    data = pair_clips(machine, ratings, config, told)
    cuts = [_cut(data, k, config) for k in range(len(data.names))]
    rows, mean, groups = _scored(data, cuts, config)
    _tell(rows, data, config, told)
    _tell_of_no_width(rows, groups, data, told)
    return Agreement(
        expressions=data.names,
        rows=rows,
        mean=mean,
        groups=groups,
        kind=machine.kind,
        merge=config.merge,
        by=config.resample_by,
        units=len(data.units),
        clips=int(data.both.any(axis=1).sum()),
        rated=len(ratings.clips),
        raters=len(ratings.raters),
        each_clip=_each_clip(ratings),
        given=bool(config.thresholds),
        target=config.target_precision,
        level=config.confidence_level,
        notes=tuple(told),
    )


def _scored(
    data: PairedClips, cuts: Sequence[_Cut], config: AgreeConfig
) -> tuple[tuple[AgreementRow, ...], AgreementRow, tuple[AgreementGroup, ...]]:
    """Rows, their mean and the groups: all figures from one set of draws."""
    count, groups = len(data.names), groups_of(data)
    blocks = [_figures(data, k, cut, config) for k, cut in enumerate(cuts)]  # (expressions, COLUMNS)
    blocks += [[_correlation(data, k, inside) for k in range(count)] for _, _, inside in groups]
    starts = np.cumsum([0, *map(len, blocks)]).tolist()
    means = [[starts[k] + i for k in range(count)] for i in range(len(COLUMNS))]
    means += [list(range(starts[count + g], starts[count + g + 1])) for g in range(len(groups))]
    found = _estimates([f for block in blocks for f in block], means, len(data.units), config)
    parts = [found[a:b] for a, b in pairwise(starts)]
    over = found[starts[-1] :]  # the means
    rows = tuple(_row(data, k, cuts[k], parts[k], config) for k in range(count))
    return (
        rows,
        _mean_row(rows, over[: len(COLUMNS)]),
        tuple(
            AgreementGroup(
                column,
                value,
                int(inside.sum()),
                len(np.unique(data.unit[inside])),
                tuple(parts[count + g]),
                over[len(COLUMNS) + g],
            )
            for g, (column, value, inside) in enumerate(groups)
        ),
    )


COLUMNS = ("precision", "recall", "correlation", "rater", "machine", "fleiss", "krippendorff", "cohen")


def _cut(data: PairedClips, k: int, config: AgreeConfig) -> _Cut:
    """Thresholds of one expression, each chosen on the units of the other turns."""
    there = data.both[:, k]
    given = config.thresholds.get(data.names[k])
    at = np.full(len(there), np.nan)
    if config.thresholds:
        at[:] = np.nan if given is None else given
        return _Cut(at, (given,), given)
    final = _chosen(data, k, there, config)
    sizes = np.bincount(data.unit[there], minlength=len(data.units))
    held = {name: int(n) for name, n in zip(data.units, sizes, strict=True) if n}
    if len(held) < 2:
        return _Cut(at, (None,), final)
    used, number = [], {name: i for i, name in enumerate(data.units)}
    for fold in make_folds(held, config.folds, seed=config.seed):
        out = np.isin(data.unit, [number[name] for name in fold.held_out])
        used.append(_chosen(data, k, there & ~out, config))
        at[out] = np.nan if used[-1] is None else used[-1]
    return _Cut(at, tuple(used), final)


def _chosen(data: PairedClips, k: int, clips: NDArray[np.bool_], config: AgreeConfig) -> float | None:
    found = operating_point(data.scores[clips, k], data.merged[clips, k], target=config.target_precision)
    return None if found is None else found.threshold


def _figures(data: PairedClips, k: int, cut: _Cut, config: AgreeConfig) -> list[_Figure]:
    """The figures of one expression, in the order of COLUMNS."""
    there, ratings = data.both[:, k], data.ratings
    decided = np.flatnonzero(there & ~np.isnan(cut.at))
    truth, on = data.merged[decided, k], data.scores[decided, k] >= cut.at[decided]
    points = data.summed(np.stack([truth * on, on, truth], axis=1), decided)
    marks = ratings.marks[:, data.columns[k]].astype(np.float64)
    yes, rated = (counts[:, data.columns[k]] for counts in ratings.counts())
    # each mark beside the mean of the other marks of its clip
    rows = np.flatnonzero(~np.isnan(marks) & (rated[ratings.clip] > 1) & there[ratings.clip])
    of = ratings.clip[rows]
    others = (yes[of] - marks[rows]) / (rated[of] - 1)
    alike = data.summed(rater_terms(yes, rated), np.arange(len(ratings.clips)))
    return [
        _Figure(_added(points), lambda s: float(s[0] / s[1]) if s[1] > 0 else None),
        _Figure(_added(points), lambda s: float(s[0] / s[2]) if s[2] > 0 else None),
        _correlation(data, k, np.ones(len(there), dtype=np.bool_)),
        _Figure(_added(data.summed(correlation_sums(marks[rows], others), of)), pearson_from_sums),
        _Figure(_added(data.summed(correlation_sums(data.scores[of, k], others), of)), pearson_from_sums),
        _Figure(_added(alike), fleiss_kappa),
        _Figure(_added(alike), krippendorff_alpha),
        _cohen(data, k, config),
    ]


def _added(sums: NDArray[np.float64]) -> Callable[[NDArray[np.int64]], NDArray[np.float64]]:
    """From terms summed by unit, shape (units, S)."""
    return lambda weights: weights @ sums


def _cohen(data: PairedClips, k: int, config: AgreeConfig) -> _Figure:
    pairs, rows = _pairs(data, k, config)

    def total(weights: NDArray[np.int64]) -> NDArray[np.float64]:
        drawn = weights[rows[:, 0]].astype(np.float64)
        return np.bincount(rows[:, 1], drawn, minlength=4 * len(pairs)).astype(np.float64)

    return _Figure(total, lambda sums: mean_cohen(sums.reshape(-1, 4)), centred=True)


def _pairs(data: PairedClips, k: int, config: AgreeConfig) -> tuple[list[tuple[int, int]], NDArray[np.int64]]:
    r = data.ratings
    return pair_tables(r.clip, r.rater, r.marks[:, data.columns[k]], data.unit, least=config.min_shared_clips)


def _correlation(data: PairedClips, k: int, inside: NDArray[np.bool_]) -> _Figure:
    clips = np.flatnonzero(data.both[:, k] & inside)
    return _Figure(
        _added(data.summed(correlation_sums(data.scores[clips, k], data.mean[clips, k]), clips)), pearson_from_sums
    )


def _estimates(
    figures: Sequence[_Figure], means: Sequence[Sequence[int]], units: int, config: AgreeConfig
) -> list[Estimate]:
    """Each figure, then the mean of each list of figures (of those that are defined), with intervals."""

    def numbers(weights: NDArray[np.int64]) -> list[float | None]:
        each = [figure(weights) for figure in figures]
        return [*each, *(_mean([each[i] for i in places if whole[i]]) for places in means)]

    once = np.ones(units, dtype=np.int64)
    whole = [figure(once) is not None for figure in figures]
    values = numbers(once)
    spans = bootstrap(units, numbers, resamples=config.resamples, seed=config.seed, level=config.confidence_level)
    centred = [f.centred for f in figures] + [all(figures[i].centred for i in places) for places in means]
    return [_estimate(*found) for found in zip(values, spans, centred, strict=True)]


def _estimate(value: float | None, span: Interval, centred: bool) -> Estimate:
    if value is None:
        return Estimate(None)
    moved = span.centred(value) if centred else span
    if moved.span is None:
        return Estimate(value)  # draws alike: one video holds all of it, or nothing went wrong in any
    return Estimate(value, max(moved.span[0], -1.0), min(moved.span[1], 1.0))


def _mean(values: Sequence[float | None]) -> float | None:
    defined = [v for v in values if v is not None]
    return float(np.mean(defined)) if defined else None


def _row(data: PairedClips, k: int, cut: _Cut, found: Sequence[Estimate], config: AgreeConfig) -> AgreementRow:
    there = data.both[:, k]
    truth, score = data.merged[there, k], data.scores[there, k]
    pairs = len(_pairs(data, k, config)[0])
    return AgreementRow(
        data.names[k],
        int(there.sum()),
        float(truth.sum()),
        float(truth.mean()) if len(truth) else None,
        int((score >= cut.at[there]).sum()),  # NaN is no threshold: never on
        cut.final,
        cut.used,
        **dict(zip(COLUMNS, found, strict=True)),
        pairs=pairs,
    )


def _mean_row(rows: Sequence[AgreementRow], found: Sequence[Estimate]) -> AgreementRow:
    chance = _mean([r.chance for r in rows])
    return AgreementRow("mean", 0, 0.0, chance, 0, None, (), **dict(zip(COLUMNS, found, strict=True)), pairs=0)


def _each_clip(ratings: Ratings) -> tuple[int, int]:
    counts = np.bincount(ratings.clip, minlength=len(ratings.clips))
    return int(counts.min()), int(counts.max())


def _tell(rows: Sequence[AgreementRow], data: PairedClips, config: AgreeConfig, told: list[str]) -> None:
    """What a reader must know, as lines."""
    wrong: Mapping[str, list[str]] = {
        "nobody saw it, so precision and recall are undefined": [r.name for r in rows if r.clips and not r.positives],
        "no clip is both scored and rated": [r.name for r in rows if not r.clips],
        "score or judgement never changes, so r is undefined": [
            r.name for r in rows if r.clips and r.correlation.value is None
        ],
        "in some turns the others have no positives to choose a threshold by; those clips are not in precision and "
        "recall": [r.name for r in rows if r.positives and len(r.held_out) > 1 and None in r.held_out],
        f"no two raters share {config.min_shared_clips} clips, so Cohen's kappa is undefined": [
            r.name for r in rows if not r.pairs and len(data.ratings.raters) > 1
        ],
    }
    told += [f"{what}: {', '.join(names)}" for what, names in wrong.items() if names]
    if len(data.units) == 1:
        told.append(f"one {config.resample_by} only: no interval")
        if not config.thresholds:
            told.append(f"thresholds cannot be chosen on another {config.resample_by}: set them (--thresholds)")
    elif len(data.units) < FEW:
        told.append(f"{len(data.units)} {config.resample_by}s: intervals over so few are too narrow")


def _tell_of_no_width(
    rows: Sequence[AgreementRow], groups: Sequence[AgreementGroup], data: PairedClips, told: list[str]
) -> None:
    """Figures that have no interval although there is more than one unit to draw."""
    alike = {r.name: [c for c in COLUMNS if _has_no_interval(getattr(r, c))] for r in rows}
    lines = [f"{name} {', '.join(columns)}" for name, columns in alike.items() if columns]
    lines += [f"{g.column} {g.value}" for g in groups if _has_no_interval(g.mean)]
    if lines and len(data.units) > 1:
        told.append(
            f"no interval where every draw gives the same number, which is no certainty: {'; '.join(lines)}; "
            "more videos that show it would tell"
        )


def _has_no_interval(e: Estimate) -> bool:
    return e.value is not None and e.low is None
