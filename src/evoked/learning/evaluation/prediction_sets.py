"""Predictions from a folder, beside labels from a table: what `evaluate` scores."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from evoked.core.errors import CheckpointError, DatasetError
from evoked.core.files import sha256
from evoked.core.progress import Progress, silent
from evoked.core.tables import SUFFIXES, read_provenance
from evoked.core.track import Track
from evoked.dataset.load_examples import feature_nets
from evoked.dataset.result_files import find_result_files
from evoked.features.files import SUFFIX, read_features
from evoked.predict.predictor import Model, predict_features
from evoked.predict.writers import read_predictions

__all__ = ["gather_predictions", "notes_of", "predict_all"]

ONE_MODEL = "one model predicted all videos: a fair score only of those that it did not learn from"


def gather_predictions(folder: Path, videos: Iterable[str]) -> dict[str, Track]:
    """Read the predictions of each video: VIDEO.parquet, .csv or .json, with or without the video's own suffix.

    Returns:
        Video → its predictions, for those that have a file.

    Raises:
        DatasetError: if there is no such folder, no file of any video is in it, or a file is no such table.
    """
    wanted = sorted(videos)
    found: dict[str, Path] = {}
    for suffix in SUFFIXES:
        for video, path in find_result_files(wanted, folder, suffix).items():
            found.setdefault(video, path)
    if not found:
        raise DatasetError(
            f"{folder} has predictions of none of {len(wanted)} labelled videos; "
            f"files are named like {wanted[0] if wanted else 'VIDEO'}.parquet"
        )
    return {video: read_predictions(path) for video, path in sorted(found.items())}


def predict_all(
    model: Model, folder: Path, videos: Iterable[str], progress: Progress = silent
) -> tuple[dict[str, Track], tuple[str, ...]]:
    """Predict each video from its feature file.

    Returns:
        Video → its predictions, for those that have features; and what a reader must know.

    Raises:
        DatasetError: if there is no such folder, no features of any video are in it, or a file is damaged.
        CheckpointError: if the features are not as those that the model learnt from.
    """
    files = find_result_files(videos, folder, SUFFIX)
    if not files:
        raise DatasetError(f"{folder} has features of none of the labelled videos; make them: evoked features")
    made, learnt = feature_nets(files), model.checkpoint.features
    if made != {"nets": learnt.get("nets"), "config": learnt.get("config")}:
        raise CheckpointError(
            f"the model in {model.folder} learnt from features made with other nets or settings than those in "
            f"{folder}. Make the features again: evoked features"
        )
    tracks = {}
    for done, (video, path) in enumerate(files.items()):
        progress(done, len(files), video)
        tracks[video] = predict_features(model, read_features(path))
    progress(len(files), len(files))
    notes = tuple(model.checkpoint.provenance.get("notes", ()))
    return tracks, (*_seen_before(model, files), *notes, ONE_MODEL)


def _seen_before(model: Model, files: Mapping[str, Path]) -> tuple[str, ...]:
    """A line where the model learnt from these very feature files."""
    learnt = set(dict(model.checkpoint.provenance.get("inputs", {})).values())
    known = [video for video, path in files.items() if sha256(path) in learnt]
    if not known:
        return ()
    which = "all" if len(known) == len(files) else f"{len(known)}"
    return (f"NOT HELD OUT: the model learnt from {which} of these {len(files)} videos; this says nothing of new ones",)


def notes_of(*paths: Path) -> tuple[str, ...]:
    """What the makers of these tables noted in them, each note once, in order."""
    notes: dict[str, None] = {}
    for path in paths:
        made: dict[str, Any] = read_provenance(path) or {}
        notes |= dict.fromkeys(str(note) for note in made.get("notes", ()))
    return tuple(notes)
