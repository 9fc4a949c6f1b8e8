"""Statistics of viewers by content, group and condition; every interval resamples whole participants."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.core.provenance import Provenance
from evoked.core.tables import write_table
from evoked.dataset.viewers import Selection, ViewerSeries, by_participant, levels
from evoked.metrics.intersubject import intersubject_correlation
from evoked.metrics.participant_means import MeanBand, mean_band, mean_differences

__all__ = ["VIDEO", "StatisticRow", "compared_columns", "viewer_statistics", "write_statistics"]

VIDEO = "video"
"""`by` of a comparison of contents."""
MOST_LEVELS = 8
"""A column with more values, such as ages in years, is not compared."""
MOST_PAIRED = 5
"""With more values or contents their differences are not listed, only their means."""


@dataclass(frozen=True)
class StatisticRow:
    """One statistic of one expression.

    Attributes:
        statistic: "mean" (of the participants' mean scores), "difference" (of two means: level minus against) or
            "correlation" (inter-subject, between the participants' curves).
        video: the content; "" for all contents.
        expression: its name.
        by: the column that is compared, or "video"; "" for all viewers.
        level, against: its values; "" where not compared.
        participants: number of them; of a difference the smaller number.
        value, low, high: with a 95 % interval; None where not defined, the interval under three participants.
    """

    statistic: str
    video: str
    expression: str
    by: str
    level: str
    against: str
    participants: int
    value: float | None
    low: float | None
    high: float | None


Cells = Mapping[tuple[str, Selection], NDArray[np.float64]]
"""(content, selection) → mean score of each participant, shape (participants, expressions); NaN where none."""


def compared_columns(series: Sequence[ViewerSeries]) -> tuple[str, ...]:
    """The attributes with two to MOST_LEVELS values, one of them of several participants, in the table's order."""
    columns = dict.fromkeys(name for one in series for name in one.attributes)
    return tuple(name for name in columns if 2 <= len(levels(series, name)) <= MOST_LEVELS and _shared(series, name))


def _shared(series: Sequence[ViewerSeries], column: str) -> bool:
    """Whether several participants have the same value."""
    people = {(one.attributes.get(column, ""), one.participant) for one in series}
    values = [value for value, _ in people if value]
    return len(values) > len(set(values))


def viewer_statistics(
    series: Sequence[ViewerSeries], names: Sequence[str], *, resamples: int = 1000, seed: int = 0
) -> tuple[StatisticRow, ...]:
    """Means, their differences and inter-subject correlations.

    A participant counts once: their mean score in a content is over their valid seconds in all recordings of it; over
    all contents it is the mean of their contents. A participant with both conditions is resampled as a pair.

    Args:
        series: of all contents.
        names: expressions.
        resamples: number of resamples of participants.
        seed: equal seeds give equal intervals.

    Returns:
        Rows: of each content, then of all contents; intervals are not adjusted for the number of comparisons.
    """
    videos = tuple(dict.fromkeys(one.video for one in series))
    of_video = {video: [one for one in series if one.video == video] for video in videos}
    columns = compared_columns(series)
    selections: list[Selection] = [None, *((c, value) for c in columns for value in levels(series, c))]
    people = sorted({one.participant for one in series})
    cells = {(v, s): _means(of_video[v], names, people, s) for v in videos for s in selections}
    if len(videos) > 1:
        cells |= {("", s): _mean_of([cells[v, s] for v in videos]) for s in selections}
    rows: list[StatisticRow] = []
    for video in dict.fromkeys(video for video, _ in cells):
        rows += _compared(cells, video, selections, names, resamples, seed)
        rows += _correlations(of_video.get(video, []), video, names, resamples, seed)
    if 2 <= len(videos) <= MOST_PAIRED:
        for a, b in combinations(videos, 2):
            band = mean_differences(cells[a, None], cells[b, None], resamples=resamples, seed=seed)
            rows += _rows("difference", "", names, (VIDEO, a, b), band)
    return tuple(rows)


def write_statistics(path: Path, rows: Sequence[StatisticRow], provenance: Provenance) -> None:
    """Write statistics as a table, a row each.

    Args:
        path: .csv.
        rows: from `viewer_statistics`.
        provenance: of the statistics.

    Raises:
        OutputError: if it cannot be written.
    """
    flat = [asdict(row) for row in rows]
    fields = tuple(StatisticRow.__dataclass_fields__)
    write_table(path, {name: [row[name] for row in flat] for name in fields}, provenance)


def _compared(
    cells: Cells, video: str, selections: Sequence[Selection], names: Sequence[str], resamples: int, seed: int
) -> Iterator[StatisticRow]:
    """Means of each selection of a content, and differences between values of one column."""
    for chosen in selections:
        by = ("", "", "") if chosen is None else (*chosen, "")
        yield from _rows("mean", video, names, by, mean_band(cells[video, chosen], resamples=resamples, seed=seed))
    for first, second in combinations([s for s in selections if s is not None], 2):
        if first[0] == second[0] and sum(s is not None and s[0] == first[0] for s in selections) <= MOST_PAIRED:
            band = mean_differences(cells[video, first], cells[video, second], resamples=resamples, seed=seed)
            yield from _rows("difference", video, names, (*first, second[1]), band)


def _correlations(
    series: Sequence[ViewerSeries], video: str, names: Sequence[str], resamples: int, seed: int
) -> Iterator[StatisticRow]:
    """Inter-subject correlation of each expression in a content."""
    _, values = by_participant(series, names)
    for k, name in enumerate(names if len(series) else ()):
        r = intersubject_correlation(values[:, :, k], resamples=resamples, seed=seed)
        yield StatisticRow("correlation", video, name, "", "", "", r.participants, r.value, r.low, r.high)


def _rows(
    statistic: str, video: str, names: Sequence[str], by: tuple[str, str, str], band: MeanBand
) -> Iterator[StatisticRow]:
    for k, name in enumerate(names):
        numbers = [None if np.isnan(v[k]) else float(v[k]) for v in (band.mean, band.low, band.high)]
        yield StatisticRow(statistic, video, name, *by, int(band.count[k]), *numbers)


def _means(
    series: Sequence[ViewerSeries], names: Sequence[str], people: Sequence[str], chosen: Selection
) -> NDArray[np.float64]:
    """The mean over time of each participant of a content, shape (people, names); NaN for those who are not in it."""
    there, values = by_participant(series, names, chosen)
    means = np.full((len(people), len(names)), np.nan)
    if there:
        means[[people.index(name) for name in there]] = _mean_of(np.moveaxis(values, 1, 0))
    return means


def _mean_of(values: Sequence[NDArray[np.float64]] | NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean over the first axis of what is not NaN; NaN where all is."""
    stacked = np.asarray(values)
    count = np.isfinite(stacked).sum(axis=0)
    means = np.full(stacked.shape[1:], np.nan)
    np.divide(np.nan_to_num(stacked).sum(axis=0), count, out=means, where=count > 0)
    return means
