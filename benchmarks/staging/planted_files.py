"""A planted world on disk, in the files that the commands read: features, labels of the machine and the truth.

FOLDER/features/VIDEO.safetensors   FOLDER/labels.parquet   FOLDER/truth.parquet (the same, as people saw it)
FOLDER/bounds.json                  the best scores that can be had on these videos
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evoked.core.files import write_text
from evoked.core.progress import Progress, silent
from evoked.core.provenance import Provenance
from evoked.core.tables import write_table
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.features.extract import Features
from evoked.features.files import SUFFIX, write_features
from staging.bayes_bound import bounds
from staging.planted_features import Planted, World, plant

NOTE = "planted: no video, no viewer; features and labels are drawn by a known law"


def write_world(folder: Path, world: World, count: int, progress: Progress = silent) -> list[Planted]:
    """Write the first `count` videos of a world, and what can be known of them.

    Raises:
        OutputError: if it cannot be written.
    """
    made = Provenance("world", {"world": asdict(world), "videos": count}, notes=(NOTE,))
    videos = []
    for number in range(count):
        progress(number, count)
        videos.append(plant(world, number))
        path = folder / "features" / f"{videos[-1].name}{SUFFIX}"
        write_features(path, _as_features(videos[-1]), made)
    names = tuple(world.events)
    write_table(folder / "labels.parquet", _columns(names, videos, [v.labels for v in videos]), made)
    write_table(folder / "truth.parquet", _columns(names, videos, [v.truth for v in videos]), made)
    told = {"bounds": [asdict(bound) for bound in bounds(world, videos)], "provenance": made.as_dict()}
    write_text(folder / "bounds.json", json.dumps(told, indent=1, allow_nan=False) + "\n")
    progress(count, count)
    return videos


def _as_features(video: Planted) -> Features:
    grid, every = TimeGrid(Fraction(1), len(video.valid)), np.ones(len(video.valid), dtype=np.bool_)

    def track(name: str) -> Track:
        rows = video.features[name]
        return Track.masked(grid, tuple(f"{name}_{i}" for i in range(rows.shape[1])), rows, every)

    return Features(track("image"), track("face"), video.faces, track("audio"))


def _columns(
    names: tuple[str, ...], videos: Sequence[Planted], marks: Sequence[NDArray[np.bool_]]
) -> dict[str, list[Any] | NDArray[Any]]:
    """A labels table: a row per video and second; one viewer where there is a label."""
    valid = np.concatenate([video.valid for video in videos])
    shown = np.concatenate(list(marks))
    columns: dict[str, list[Any] | NDArray[Any]] = {
        "video": [video.name for video in videos for _ in video.valid],
        "second": np.concatenate([np.arange(len(video.valid)) for video in videos]),
        "valid": valid,
        "viewers": valid.astype(np.int64),
    }
    for k, name in enumerate(names):
        columns[name] = [int(on) if seen else None for on, seen in zip(shown[:, k], valid, strict=True)]
    return columns
