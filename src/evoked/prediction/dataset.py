"""Predictions of many videos as one dataset: Parquet parts of so many videos each, made one by one and kept.

FOLDER/part-00000.parquet   `video, time_s, valid` and a column per expression, videos in the order of the list

A part is whole or absent. Its provenance names the videos (path, size, time of change), the model and what failed; a
part that fits all of these is kept, so the same command goes on where it stopped.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evoked.core.damage import FileDamage
from evoked.core.errors import FILE_ERRORS, DatasetError, EvokedError, OutputError, WeightsError, failure_of
from evoked.core.files import digest
from evoked.core.progress import Progress, silent
from evoked.core.provenance import Provenance
from evoked.core.tables import read_numbers, read_provenance, write_table
from evoked.core.track import Track
from evoked.features.files import SUFFIX, read_features
from evoked.prediction.jobs import Prediction, PredictTask, joined_tracks, run_predict_task
from evoked.prediction.predictor import Model, load_affect_model, load_model, notes_of, predict_features
from evoked.prediction.writers import FIXED
from evoked.weights.cache import CacheLocation

__all__ = [
    "PartContent",
    "PartDone",
    "PartTask",
    "is_part",
    "kept_part",
    "part_tasks",
    "read_list",
    "read_part",
    "run_part_task",
]

MODEL_INPUTS = ("model", "affect model")
"""Names of the models among the inputs in a part's provenance."""
CODE = 1
"""Code version of predictions in parts, raised by one whenever the code changes their values."""


@dataclass(frozen=True)
class PartTask:
    """One part of the dataset.

    Attributes:
        videos: files to predict, or their features (.safetensors).
        model: folder of the model.
        cache: where the pretrained networks are.
        output: the Parquet file to write.
        threads: of the networks; 0: as many as there are cores.
        affect_model: folder of a model of `evoked transfer`, whose valence and arousal are added; None: no such.
    """

    videos: tuple[Path, ...]
    model: Path
    cache: CacheLocation
    output: Path
    threads: int = 0
    affect_model: Path | None = None


@dataclass(frozen=True)
class PartDone:
    """The result of a part.

    Attributes:
        videos: number of videos in it.
        seconds: rows of the file.
        failed: (video, reason) of those that could not be predicted.
        damage: (video, line) of what was wrong with the files that were.
    """

    videos: int
    seconds: int
    failed: tuple[tuple[str, str], ...] = ()
    damage: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class PartContent:
    """What a part on disk is of.

    Attributes:
        videos: paths of the videos that it holds predictions of.
        models: sha256 of the arrays of the model, and of that of valence and arousal, where there is one.
    """

    videos: frozenset[str]
    models: tuple[str, ...]


def read_list(path: Path) -> tuple[Path, ...]:
    """Read a list of videos: a path per line; relative ones start from the folder of the list.

    Empty lines and lines that start with # are left out.

    Raises:
        DatasetError: if it cannot be read, names nothing, or names a file twice.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeError) as error:
        raise DatasetError(f"{path} cannot be read as a list of videos, a path per line: {error}") from error
    numbers: dict[Path, int] = {}
    for number, line in enumerate(lines, start=1):
        name = line.strip()
        if not name or name.startswith("#"):
            continue
        video = Path(os.path.abspath(path.parent / name))
        if video in numbers:
            raise DatasetError(f"{path}: {name} is named twice, on lines {numbers[video]} and {number}; keep one")
        numbers[video] = number
    if not numbers:
        raise DatasetError(f"{path} names no video; write a path per line")
    return tuple(numbers)


def part_tasks(
    videos: Sequence[Path],
    model: Path,
    cache: CacheLocation,
    folder: Path,
    size: int,
    threads: int = 0,
    affect_model: Path | None = None,
) -> list[PartTask]:
    """Divide a list of videos into parts.

    Args:
        videos: files, or their features.
        model: folder of the model.
        cache: where the pretrained networks are.
        folder: of the dataset.
        size: videos in a part.
        threads: of the networks.
        affect_model: folder of a model of valence and arousal, or None.

    Returns:
        The tasks, in the order of the list.

    Raises:
        ValueError: if the size is below 1.
    """
    if size < 1:
        raise ValueError(f"a part has at least one video, got {size}")
    starts = range(0, len(videos), size)
    return [
        PartTask(
            tuple(video.absolute() for video in videos[start : start + size]),
            model.absolute(),
            cache,
            folder.absolute() / f"part-{number:05}.parquet",
            threads,
            affect_model and affect_model.absolute(),
        )
        for number, start in enumerate(starts)
    ]


def kept_part(task: PartTask) -> PartDone | None:
    """The part on disk, if it was made of the same videos by the same model; None: it has to be made."""
    config = _config_of(task.output)
    if config.get("key") != _key(task) or config.get("failed"):
        return None  # what failed may be mended by now
    damage = tuple((str(video), str(line)) for video, line in config.get("damage", ()))
    return PartDone(len(task.videos), int(config.get("seconds", 0)), damage=damage)


def is_part(path: Path) -> bool:
    """Whether a file is a part that `run_part_task` wrote."""
    return "key" in _config_of(path)


def read_part(path: Path) -> PartContent | None:
    """The videos and the model of a part; None where the file is damaged or no part."""
    if not is_part(path):
        return None
    try:
        provenance = read_provenance(path) or {}
    except EvokedError:
        return None
    columns = read_numbers(path)
    if columns is None:
        return None
    videos = frozenset(map(str, columns.get("video=", ())))
    inputs = dict(provenance.get("inputs") or {})
    return PartContent(videos, tuple(str(inputs[name]) for name in MODEL_INPUTS if name in inputs))


def run_part_task(task: PartTask, progress: Progress = silent) -> PartDone:
    """Predict the videos of a part and write it; a video that fails is noted, and the others go on.

    Args:
        task: the part.
        progress: called with the videos done and their number.

    Returns:
        What was written, and what failed.

    Raises:
        WeightsError: if a network is not available, since every video would fail.
        CheckpointError: if the model cannot be used.
        OutputError: if the part cannot be written.
    """
    model = load_model(task.model, task.threads)
    affect = load_affect_model(task.affect_model, model) if task.affect_model else None
    models = (model,) if affect is None else (model, affect)
    tracks: list[tuple[Path, Track]] = []
    failed: list[tuple[str, str]] = []
    damage: list[tuple[str, str]] = []
    defects: list[FileDamage] = []
    for number, video in enumerate(task.videos):
        progress(number, len(task.videos), video.name)
        try:
            prediction = _predicted(task, models, video)
        except (WeightsError, OutputError):
            raise
        except FILE_ERRORS as error:
            failed.append((str(video), str(failure_of(error))))
        else:
            tracks.append((video, prediction.track))
            damage += [(str(video), line) for line in prediction.damage]
            defects += prediction.provenance.damage
    progress(len(task.videos), len(task.videos))
    seconds = sum(track.grid.steps for _, track in tracks)
    config = {"key": _key(task), "videos": len(task.videos), "seconds": seconds, "failed": failed, "damage": damage}
    write_table(
        task.output,
        _columns(tracks, tuple(name for m in models for name in m.expressions)),
        Provenance(
            "predict",
            config,
            dict(zip(MODEL_INPUTS, (m.sha256 for m in models), strict=False)),
            _nets_of(model),
            tuple(dict.fromkeys(note for m in models for note in notes_of(m))),
            tuple(defects),
        ),
    )
    return PartDone(len(task.videos), seconds, tuple(failed), tuple(damage))


def _config_of(path: Path) -> dict[str, Any]:
    """The config in the provenance of a part; nothing where it is absent, damaged or another table."""
    try:
        provenance = read_provenance(path) if path.is_file() else None
    except EvokedError:
        return {}  # damaged: it is made again
    return dict((provenance or {}).get("config") or {})


def _predicted(task: PartTask, models: Sequence[Model], video: Path) -> Prediction:
    if video.suffix.lower() == SUFFIX:
        features = read_features(video)
        tracks = [predict_features(model, features) for model in models]
        return Prediction(reduce(joined_tracks, tracks), Provenance("predict", {}, {}))
    job = PredictTask(video, task.model, task.cache, threads=task.threads, affect_model=task.affect_model)
    return run_predict_task(job)


def _nets_of(model: Model) -> dict[str, str]:
    """The networks of the features that the model reads."""
    nets = model.checkpoint.features.get("nets")
    return {str(name): str(sha) for name, sha in nets.items()} if isinstance(nets, Mapping) else {}


def _columns(tracks: Sequence[tuple[Path, Track]], names: tuple[str, ...]) -> dict[str, NDArray[Any] | list[str]]:
    steps = [track.grid.steps for _, track in tracks]
    values = np.concatenate([track.values for _, track in tracks]) if tracks else np.zeros((0, len(names)), np.float32)
    seconds = [track.grid.seconds for _, track in tracks]
    valid = [track.valid for _, track in tracks]
    return {
        "video": [str(video) for (video, _), count in zip(tracks, steps, strict=True) for _ in range(count)],
        FIXED[0]: np.concatenate(seconds) if seconds else np.zeros(0),
        FIXED[1]: np.concatenate(valid) if valid else np.zeros(0, np.bool_),
        **{name: values[:, k] for k, name in enumerate(names)},
    }


def _key(task: PartTask) -> str:
    """What the part depends on: the videos as they are now, and the model."""
    models = [load_model(folder).sha256 for folder in (task.model, task.affect_model) if folder]
    return digest([CODE, *models, *(list(entry) for entry in _stats(task.videos))])


def _stats(videos: Sequence[Path]) -> Iterator[tuple[str, int, int]]:
    for video in videos:
        try:
            stat = os.stat(video)
        except OSError:
            yield str(video), -1, -1  # it fails again, unless it is there by then
        else:
            yield str(video), stat.st_size, stat.st_mtime_ns
