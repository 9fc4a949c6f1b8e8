"""Tables as the results keep them → dense rows from second 0."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evoked.core.errors import DatasetError
from evoked.core.tables import read_table
from evoked.dataset import labels as dataset
from evoked.report.page_data import PageContent, PageLabels, PagePrediction, VisibleSpan

NOT_EXPRESSIONS = frozenset({"video", "second", "time_s", "valid", "viewers", "viewer"})
MOST_SECONDS = 24 * 3600  # a row beyond this is a mistake of units, and would fill the memory


@dataclass(frozen=True)
class VisibleViewers:
    """The viewers of one reaction and how long it was watched for them, in seconds."""

    viewers: tuple[VisibleSpan, ...]
    length_s: float


def votes(found: dataset.Labels, names: tuple[str, ...]) -> PageLabels:
    """Labels as the dataset reads them, in the report's order of expressions."""
    track = found.labels
    on = np.zeros((track.grid.steps, len(names)), dtype=np.bool_)
    for k, name in enumerate(names):
        if name in track.names:
            on[:, k] = track.values[:, track.names.index(name)] > 0.5  # NaN, not valid, is not above
    return PageLabels(track.valid, found.viewers, on)


def prediction_from(columns: Mapping[str, Sequence[Any]], names: tuple[str, ...]) -> PagePrediction:
    """Rows of a predictions table on whole seconds; NaN where not valid, without a row or a column."""
    seconds = [_second(t) for t in columns["time_s"]]
    values = np.full((max(seconds, default=-1) + 1, len(names)), np.nan)
    for k, name in enumerate(names):
        for row, second in enumerate(seconds):
            value = columns[name][row] if name in columns else None
            if columns["valid"][row] and value is not None:
                values[second, k] = min(1.0, max(0.0, float(value)))
    return PagePrediction(values)


def _second(value: Any) -> int:
    second = round(float(value))
    if not 0 <= second < MOST_SECONDS:
        raise DatasetError(f"a row stands at {value} s: times are seconds from 0 to {MOST_SECONDS}")
    return second


def presences(path: Path) -> VisibleViewers:
    """When each viewer of an annotations table was seen, as spans of ticks.

    Raises:
        DatasetError: if the table cannot be read or lacks a column.
    """
    columns = read_table(path, ("viewer", "time_s", "valid"))
    ticks: dict[str, list[tuple[float, bool]]] = {}
    for viewer, time_s, valid in zip(columns["viewer"], columns["time_s"], columns["valid"], strict=True):
        ticks.setdefault(str(viewer), []).append((float(time_s), bool(valid)))
    every = np.unique(np.array([t for own in ticks.values() for t, _ in own]))
    tick = float(np.diff(every).min()) if len(every) > 1 else 1.0
    viewers = tuple(_presence(viewer, sorted(own), tick) for viewer, own in sorted(ticks.items()))
    return VisibleViewers(viewers, round(float(every.max(initial=-tick)) + tick, 3))


def _presence(viewer: str, ticks: list[tuple[float, bool]], tick: float) -> VisibleSpan:
    spans: list[list[float]] = []
    for time_s, valid in ticks:
        if not valid:
            continue
        if spans and time_s - spans[-1][1] < tick / 2:
            spans[-1][1] = time_s + tick
        else:
            spans.append([time_s, time_s + tick])
    share = sum(valid for _, valid in ticks) / len(ticks)
    return VisibleSpan(viewer, tuple((round(a, 3), round(b, 3)) for a, b in spans), share)


def labels_per_second(contents: Sequence[PageContent]) -> tuple[int, ...]:
    """How many valid seconds carry 0, 1, 2, … labels; empty where no second is valid."""
    counts = [x.on[x.valid].sum(axis=1) for c in contents if (x := c.labels)]
    return tuple(int(n) for n in np.bincount(np.concatenate(counts))) if counts else ()
