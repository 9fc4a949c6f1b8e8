"""Time series of the page: labels and probabilities of an expression, and when each viewer was seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.core.tables import read_table
from evoked.core.track import Track
from evoked.dataset.labels import Labels
from evoked.report.page_data import PageContent, VisibleSpan

__all__ = ["VisibleViewers", "labels_per_second", "positive_labels", "predicted_probabilities", "presences"]


@dataclass(frozen=True)
class VisibleViewers:
    """The viewers of one reaction and how long it was watched for them, in seconds."""

    viewers: tuple[VisibleSpan, ...]
    length_s: float


def positive_labels(labels: Labels, expression: str) -> NDArray[np.bool_]:
    """Which seconds are labelled with an expression; bool, shape (seconds,), False where not valid or not labelled."""
    track = labels.labels
    if expression not in track.names:
        return np.zeros(track.grid.steps, dtype=np.bool_)
    positive: NDArray[np.bool_] = track.values[:, track.names.index(expression)] > 0.5  # NaN, not valid, is not above
    return positive


def predicted_probabilities(prediction: Track, expression: str) -> NDArray[np.float32]:
    """The probabilities of an expression; float32, shape (seconds,), NaN where not valid or not predicted."""
    if expression not in prediction.names:
        return np.full(prediction.grid.steps, np.nan, dtype=np.float32)
    return prediction.values[:, prediction.names.index(expression)]


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
    tracks = [c.labels.labels for c in contents if c.labels]
    counts = [(track.values[track.valid] > 0.5).sum(axis=1) for track in tracks]
    return tuple(int(n) for n in np.bincount(np.concatenate(counts))) if counts else ()
