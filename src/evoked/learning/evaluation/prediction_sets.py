"""Collect the predictions that `evaluate` scores: read from a folder, or made by a model."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from evoked.core.errors import CheckpointError, DatasetError
from evoked.core.files import sha256
from evoked.core.progress import Progress, silent
from evoked.core.tables import SUFFIXES, read_provenance
from evoked.core.track import Track
from evoked.dataset.load_examples import feature_nets
from evoked.dataset.manifest import read_manifest
from evoked.dataset.result_files import find_result_files
from evoked.dataset.submission import write_submission
from evoked.features.files import SUFFIX, read_features
from evoked.prediction.predictor import Model, predict_features
from evoked.prediction.writers import read_predictions

__all__ = ["export_submission", "gather_predictions", "notes_of", "predict_all", "prediction_files"]

ONE_MODEL = "one model predicted all videos: a fair score only of those that it did not learn from"


def gather_predictions(folder: Path, videos: Iterable[str]) -> tuple[dict[str, Track], tuple[str, ...]]:
    """Read the predictions of each video: VIDEO.parquet, .csv or .json, with or without the suffix of the video.

    Args:
        folder: with the files.
        videos: names of the labelled videos.

    Returns:
        Video → its predictions, for those that have a file; and notes: tables of none of the videos, a second table
        of a video, seconds without a prediction.

    Raises:
        DatasetError: if there is no such folder, no file of any video is in it, or a file is no such table.
    """
    paths, notes = _choose_files(folder, videos)
    tracks = {video: read_predictions(path) for video, path in sorted(paths.items())}
    seconds = sum(track.grid.steps for track in tracks.values())
    if absent := seconds - sum(int(track.valid.sum()) for track in tracks.values()):
        notes.append(f"{absent} of {seconds} predicted seconds have no row or are not valid: not scored")
    return tracks, tuple(notes)


def export_submission(dataset: Path, part: str, folder: Path, output: Path) -> tuple[str, ...]:
    """Write the predictions of a dataset's part as a submission to the EEV challenge.

    Args:
        dataset: folder with manifest.parquet and frames/PART.parquet.
        part: train, validate or test.
        folder: with a table of predictions per video.
        output: the CSV file.

    Returns:
        Notes on what is missing.

    Raises:
        DatasetError: if dataset or predictions cannot be read, or have different expressions.
        OutputError: if it cannot be written.
    """
    videos = [video for video, entry in read_manifest(dataset).items() if entry.part == part]
    if not videos:
        raise DatasetError(f"{dataset} has no videos in the part {part}")
    tracks, notes = gather_predictions(folder, videos)
    return (*notes, *write_submission(dataset, part, tracks, output))


def prediction_files(folder: Path, videos: Iterable[str]) -> dict[str, Path]:
    """The files that `gather_predictions` reads.

    Args:
        folder: with the files.
        videos: names of the labelled videos.

    Returns:
        Video → file.

    Raises:
        DatasetError: if there is no such folder, or no file of any video is in it.
    """
    return _choose_files(folder, videos)[0]


def _choose_files(folder: Path, videos: Iterable[str]) -> tuple[dict[str, Path], list[str]]:
    """The table of each video, and notes on tables that are not read."""
    names = sorted(videos)
    paths: dict[str, Path] = {}
    notes, unread = list[str](), set[str]()
    for suffix in SUFFIXES:
        for video, path in find_result_files(names, folder, suffix).items():
            if paths.setdefault(video, path) != path:
                unread.add(path.name)
                notes.append(f"{video} has two tables of predictions: {paths[video].name} is used, {path.name} is not")
    if not paths:
        raise DatasetError(
            f"{folder} has predictions of none of {len(names)} labelled videos; "
            f"files are named like {names[0] if names else 'VIDEO'}.parquet"
        )
    used = unread | {path.name for path in paths.values()}
    tables = (path.name for path in folder.iterdir() if path.suffix in SUFFIXES and path.is_file())
    if unused := sorted(name for name in tables if name not in used and not name.endswith(".provenance.json")):
        notes.append(f"predictions of no labelled video, left out: {_some(unused)}")
    return paths, notes


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def predict_all(
    model: Model, folder: Path, videos: Iterable[str], progress: Progress = silent
) -> tuple[dict[str, Track], tuple[str, ...]]:
    """Predict each video from its feature file.

    Args:
        model: the model.
        folder: with the feature files.
        videos: names of the labelled videos.
        progress: receives videos done.

    Returns:
        Video → its predictions, for those that have features; and notes for the user.

    Raises:
        DatasetError: if there is no such folder, no features of any video are in it, or a file is damaged.
        CheckpointError: if the features were made with other networks or settings than those of training.
    """
    files = find_result_files(videos, folder, SUFFIX)
    if not files:
        raise DatasetError(f"{folder} has features of none of the labelled videos; make them: evoked features")
    made_with, trained_with = feature_nets(files), model.checkpoint.features
    if made_with != {"nets": trained_with.get("nets"), "config": trained_with.get("config")}:
        raise CheckpointError(
            f"the model in {model.folder} learnt from features made with other networks or settings than those in "
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
    """A note where the model was trained on some of these feature files."""
    trained_on = set(dict(model.checkpoint.provenance.get("inputs", {})).values())
    seen = [video for video, path in files.items() if sha256(path) in trained_on]
    if not seen:
        return ()
    count = "all" if len(seen) == len(files) else f"{len(seen)}"
    return (f"NOT HELD OUT: the model learnt from {count} of these {len(files)} videos; this says nothing of new ones",)


def notes_of(*paths: Path) -> tuple[str, ...]:
    """Notes in the provenance of these tables, each once, in order."""
    notes: dict[str, None] = {}
    for path in paths:
        provenance = read_provenance(path) or {}
        notes |= dict.fromkeys(str(note) for note in provenance.get("notes", ()))
    return tuple(notes)
