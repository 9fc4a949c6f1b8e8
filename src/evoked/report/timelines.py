"""Time series of the page: labels and probabilities of an expression, and when each viewer was visible."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.core.tables import read_table
from evoked.core.track import Track
from evoked.dataset.labels import POSITIVE_FROM, Labels
from evoked.report.page_data import PageContent, VisibleSpan

__all__ = ["VisibleViewers", "labels_per_second", "positive_labels", "predicted_probabilities", "presences"]


@dataclass(frozen=True)
class VisibleViewers:
    """The viewers of one reaction, and the length of its annotated time, in seconds."""

    viewers: tuple[VisibleSpan, ...]
    length_s: float


def positive_labels(labels: Labels, expression: str) -> NDArray[np.bool_]:
    """Which seconds are labelled with an expression.

    Args:
        labels: of one content.
        expression: its name.

    Returns:
        bool, shape (seconds,), False where not valid or not labelled.
    """
    track = labels.labels
    if expression not in track.names:
        return np.zeros(track.grid.steps, dtype=np.bool_)
    positive: NDArray[np.bool_] = (
        track.values[:, track.names.index(expression)] >= POSITIVE_FROM
    )  # NaN, not valid, is never on
    return positive


def predicted_probabilities(prediction: Track, expression: str) -> NDArray[np.float32]:
    """The predicted probabilities of an expression.

    Args:
        prediction: of one video.
        expression: its name.

    Returns:
        float32, shape (seconds,), NaN where not valid or not predicted.
    """
    if expression not in prediction.names:
        return np.full(prediction.grid.steps, np.nan, dtype=np.float32)
    return prediction.values[:, prediction.names.index(expression)]


def presences(path: Path) -> VisibleViewers:
    """When each viewer of an annotations table was visible, as spans of consecutive frames.

    Raises:
        DatasetError: if the table cannot be read or lacks a column.
    """
    columns = read_table(path, ("viewer", "time_s", "valid"))
    frames: dict[str, list[tuple[float, bool]]] = {}
    for viewer, time_s, valid in zip(columns["viewer"], columns["time_s"], columns["valid"], strict=True):
        frames.setdefault(str(viewer), []).append((float(time_s), bool(valid)))
    times = np.unique(np.array([time_s for rows in frames.values() for time_s, _ in rows]))
    frame_s = float(np.diff(times).min()) if len(times) > 1 else 1.0
    viewers = tuple(_presence(viewer, sorted(rows), frame_s) for viewer, rows in sorted(frames.items()))
    return VisibleViewers(viewers, round(float(times.max(initial=-frame_s)) + frame_s, 3))


def _presence(viewer: str, frames: list[tuple[float, bool]], frame_s: float) -> VisibleSpan:
    """The spans of a viewer from (time in seconds, valid) of each frame; a frame lasts `frame_s`."""
    spans: list[list[float]] = []
    for time_s, valid in frames:
        if not valid:
            continue
        if spans and time_s - spans[-1][1] < frame_s / 2:
            spans[-1][1] = time_s + frame_s
        else:
            spans.append([time_s, time_s + frame_s])
    share = sum(valid for _, valid in frames) / len(frames)
    return VisibleSpan(viewer, tuple((round(a, 3), round(b, 3)) for a, b in spans), share)


def labels_per_second(contents: Sequence[PageContent]) -> tuple[int, ...]:
    """Number of valid seconds with 0, 1, 2, … labels; empty where no second is valid."""
    tracks = [c.labels.labels for c in contents if c.labels]
    counts = [(track.values[track.valid] >= POSITIVE_FROM).sum(axis=1) for track in tracks]
    return tuple(int(n) for n in np.bincount(np.concatenate(counts))) if counts else ()
