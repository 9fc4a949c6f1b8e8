"""From the released EEV (15 scores at 6 Hz) to labels at 1 Hz: the paper's five, on or off, or all as soft labels.

The release has scores, the paper labels; how one becomes the other is not published. Here (an option each): a frame is
on at 0.5 or above, and a second by the majority of the frames of the 3 s window centred on it, the vote of
`reactions/labelling`. Of soft labels a second is the mean of its own valid frames.
"""

from collections.abc import Sequence
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np

from evoked.core.errors import DatasetError
from evoked.core.expressions import EEV5
from evoked.core.files import sha256
from evoked.core.progress import Progress, silent
from evoked.core.provenance import Provenance
from evoked.core.settings import Share, setting, settings
from evoked.core.time_grid import ANNOTATION_FPS, TimeGrid
from evoked.core.track import Track
from evoked.dataset.frames import VideoFrames, frame_files, frames_of_videos
from evoked.dataset.labels import LabelRows, Labels, write_labels
from evoked.reactions.labelling.majority_vote import VoteConfig, majority_vote

__all__ = ["BridgeConfig", "BridgedLabels", "bridge_labels", "export_labels"]


@settings
class BridgeConfig:
    """From scores at 6 Hz to labels at 1 Hz."""

    expressions: tuple[str, ...] = setting((), "which expressions; none: the paper's five (eev-v1), or all (labels)")
    threshold: Share = setting(0.5, "eev-v1: a frame (6 Hz) is on at this score or above")
    thresholds: dict[str, Share] = setting({}, "eev-v1: the threshold of single expressions, e.g. surprise=0.3")
    quorum: int = setting(9, "eev-v1: fewest frames with a detection in a second's 3 s window of 18", ge=1)


class BridgedLabels(NamedTuple):
    """Labels of a dataset at 1 Hz.

    Attributes:
        labels: video → its labels.
        notes: which parts have no scores, and so no labels.
    """

    labels: dict[str, LabelRows]
    notes: tuple[str, ...]


def bridge_labels(
    dataset: Path, config: BridgeConfig | None = None, *, soft: bool = False, progress: Progress = silent
) -> BridgedLabels:
    """Make labels at 1 Hz of the scores of a dataset.

    Args:
        dataset: folder with frames/PART.parquet.
        config: expressions, thresholds and quorum.
        soft: keep scores, as means over the frames of each second, instead of voting.
        progress: called with the parts that are done.

    Returns:
        Labels of every video that has scores.

    Raises:
        DatasetError: if there are no tables with scores, or they lack an expression.
    """
    config = config or BridgeConfig()
    labels: dict[str, LabelRows] = {}
    notes = []
    tables = frame_files(dataset)
    for i, (name, table) in enumerate(tables.items()):
        progress(i, len(tables), f"labels of {name}")
        count = len(labels)
        for frames in frames_of_videos(table):
            if not frames.scores.names:
                break
            chosen = _chosen(table, frames, config.expressions or (frames.scores.names if soft else EEV5))
            labels[frames.video] = _soft(chosen) if soft else _voted(chosen, config)
        if len(labels) == count:
            notes.append(f"{table.name} has no scores: no labels of its videos")
    if not labels:
        raise DatasetError(f"no table in {dataset} has scores, so there are no labels")
    return BridgedLabels(labels, tuple(notes))


def _chosen(table: Path, frames: VideoFrames, expressions: Sequence[str]) -> Track:
    """The scores of some expressions."""
    track = frames.scores
    if absent := [name for name in expressions if name not in track.names]:
        raise DatasetError(f"{table} has no expression {', '.join(absent)}; it has: {', '.join(track.names)}")
    columns = [track.names.index(name) for name in expressions]
    return Track(track.grid, tuple(expressions), np.ascontiguousarray(track.values[:, columns]), track.valid)


def _seconds(track: Track) -> TimeGrid:
    return TimeGrid(Fraction(1), -(-track.grid.steps // int(ANNOTATION_FPS)))


def _voted(track: Track, config: BridgeConfig) -> LabelRows:
    vote = VoteConfig(quorum=config.quorum)
    thresholds = [config.thresholds.get(name, config.threshold) for name in track.names]
    return majority_vote([track], _seconds(track), vote, thresholds=thresholds)


def _soft(track: Track) -> Labels:
    """The mean of each second's valid frames."""
    seconds = _seconds(track)
    values = np.zeros((seconds.steps * int(ANNOTATION_FPS), len(track.names)))
    present = np.zeros(len(values), np.bool_)
    values[: track.grid.steps] = np.where(track.valid[:, None], track.values, 0)
    present[: track.grid.steps] = track.valid
    counts = present.reshape(seconds.steps, -1).sum(axis=1)
    sums = values.reshape(seconds.steps, -1, len(track.names)).sum(axis=1)
    means = sums / np.maximum(counts, 1)[:, None]
    return Labels(Track.masked(seconds, track.names, means, counts > 0), (counts > 0).astype(np.int64), counts)


def export_labels(
    dataset: Path, output: Path, config: BridgeConfig | None = None, *, soft: bool = False, progress: Progress = silent
) -> tuple[str, ...]:
    """Write the labels of `bridge_labels` as a table that training and evaluation read.

    Args:
        dataset: folder with frames/PART.parquet.
        output: .parquet, .csv or .json.
        config: expressions, thresholds and quorum.
        soft: as `bridge_labels`.
        progress: called with the parts that are done.

    Returns:
        Notes, which are in the provenance too.

    Raises:
        DatasetError: as `bridge_labels`.
        OutputError: if it cannot be written.
    """
    config = config or BridgeConfig()
    bridged = bridge_labels(dataset, config, soft=soft, progress=progress)
    used = asdict(config) | {"format": "labels" if soft else "eev-v1"}
    digests = {path.name: sha256(path) for path in frame_files(dataset).values()}
    write_labels(output, bridged.labels, Provenance("dataset export", used, digests, notes=bridged.notes))
    return bridged.notes
