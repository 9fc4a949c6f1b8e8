"""Predict and write: the one function that does both, and a video to predict as a task of an executor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.core.damage import of_file
from evoked.core.errors import OutputError
from evoked.core.files import sha256
from evoked.core.names import derived_name
from evoked.core.progress import Progress, silent
from evoked.core.provenance import Provenance
from evoked.core.rows import Rows
from evoked.core.track import Track
from evoked.features.extract import Features
from evoked.media.probe import no_video_error, probe
from evoked.model.checkpoint import ARRAYS
from evoked.prediction.forward import Forward
from evoked.prediction.predictor import (
    Model,
    Predictor,
    load_affect_model,
    load_model,
    model_rows,
    notes_of,
    prediction_track,
)
from evoked.prediction.writers import FORMATS, check_format, write_predictions
from evoked.weights.cache import CacheLocation

__all__ = [
    "PredictTask",
    "Prediction",
    "joined_tracks",
    "missing_audio_note",
    "output_paths",
    "predict_and_write",
    "run_predict_task",
]


@dataclass(frozen=True)
class PredictTask:
    """One video to predict. Paths are made absolute: they mean the same in a process with another working folder.

    Attributes:
        video: the file.
        model: folder of the model.
        cache: where the pretrained networks are.
        output: the file to write; None: nothing is written, the caller takes the prediction from the result.
        threshold: for .vtt.
        threads: of the networks; 0 = as many as there are cores.
        audio_track: which of the video's audio tracks, from 1; 0: the one that a player plays.
        affect_model: folder of a model of `evoked transfer`, whose valence and arousal are added; None: no such.
    """

    video: Path
    model: Path
    cache: CacheLocation
    output: Path | None = None
    threshold: float = 0.5
    threads: int = 0
    audio_track: int = 0
    affect_model: Path | None = None

    def __post_init__(self) -> None:
        folder = self.cache.folder and self.cache.folder.absolute()
        cache = replace(self.cache, root=self.cache.root.absolute(), folder=folder)
        absolute = {"video": self.video.absolute(), "model": self.model.absolute(), "cache": cache}
        absolute |= {"affect_model": self.affect_model and self.affect_model.absolute()}
        for name, value in (absolute | {"output": self.output and self.output.absolute()}).items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True, eq=False)
class Prediction:
    """Result of a task.

    Attributes:
        track: 1 Hz, as `predict_and_write` returns it.
        provenance: of the prediction.
        damage: what was wrong with the file or is missing from it, one line each.
    """

    track: Track
    provenance: Provenance
    damage: tuple[str, ...] = ()


def run_predict_task(task: PredictTask, progress: Progress = silent) -> Prediction:
    """Predict a video and write the result; model and networks are loaded once per process.

    Args:
        task: the video, and where its prediction goes.
        progress: called with the seconds done and their total.

    Returns:
        The prediction, also where it was written.

    Raises:
        EvokedError: if the video, the model, a network or the output cannot be used.
    """
    # an unusable file is reported before any network is fetched
    if probe(task.video, task.audio_track).picture is None:
        raise no_video_error(task.video)
    arrays = task.model / ARRAYS
    digest = sha256(arrays) if arrays.is_file() else ""  # a missing one is reported by load_model
    predictor = _predictor(task.model, digest, task.threads, task.cache)
    features = predictor.features(task.video, progress, task.audio_track)
    damage = (*features.damage, *missing_audio_note(predictor.model, features))
    affect = load_affect_model(task.affect_model, predictor.model) if task.affect_model else None
    provenance = predictor.provenance(task.video)
    if affect is not None:
        provenance = replace(
            provenance,
            inputs={**provenance.inputs, "affect model": affect.sha256},
            notes=tuple(dict.fromkeys((*provenance.notes, *notes_of(affect)))),
        )
    defects = of_file(task.video.name, features.defects)
    provenance = replace(provenance, notes=(*provenance.notes, *damage), damage=(*provenance.damage, *defects))
    rows, forward = model_rows(predictor.model, features), predictor.model.forward
    further = affect.forward if affect is not None else None
    track = predict_and_write(
        forward, rows, features.image.valid, task.output, provenance, threshold=task.threshold, affect=further
    )
    return Prediction(track, provenance, damage)


def predict_and_write(
    forward: Forward,
    rows: Mapping[str, Rows],
    valid: NDArray[np.bool_] | None,
    output: Path | None,
    provenance: Provenance,
    *,
    threshold: float = 0.5,
    affect: Forward | None = None,
) -> Track:
    """Predict every second of a video and write the prediction: for the command line and for a study alike.

    Args:
        forward: the model.
        rows: modality → features, shape (T, D), zeros where absent.
        valid: bool (T,), where there is a picture; None: see `prediction_track`.
        output: the file, in the format of its suffix; None: nothing is written.
        provenance: of the prediction.
        threshold: for .vtt.
        affect: of a model of valence and arousal on the same features, whose columns are added; None: no such.

    Returns:
        The prediction, 1 Hz.

    Raises:
        ValueError: if the features do not fit the model.
        OutputError: if the file cannot be written.
    """
    track = prediction_track(forward, rows, valid)
    if affect is not None:
        track = joined_tracks(track, prediction_track(affect, rows, track.valid))
    if output:
        write_predictions(output, track, provenance, threshold=threshold)
    return track


def joined_tracks(track: Track, more: Track) -> Track:
    """The columns of two predictions of one video.

    Args:
        track: of the first model.
        more: of the second, at the same seconds.

    Returns:
        Both, valid where the first is.
    """
    values = np.concatenate([track.values, more.values], axis=1)
    return Track.masked(track.grid, (*track.names, *more.names), values, track.valid)


def missing_audio_note(model: Model, features: Features) -> tuple[str, ...]:
    """A note for a video without sound.

    Args:
        model: the model that predicts.
        features: of the video.

    Returns:
        One line where the model was trained with audio and the video has none, else nothing.
    """
    modalities = {m.name for m in model.checkpoint.config.modalities}
    if "audio" not in modalities or features.audio.valid.any():
        return ()
    return ("it has no sound, which the model uses as well: predicted from the picture alone",)


def output_paths(videos: Sequence[Path], output: Path | None, suffix: str | None) -> dict[Path, Path | None]:
    """Where each video's prediction goes.

    Args:
        videos: files to predict.
        output: a file for a single video, a folder for any number (NAME.EXT.suffix in it), or None.
        suffix: for a folder: one of FORMATS, without or with its dot; None: parquet.

    Returns:
        Video → file to write; None where nothing is written.

    Raises:
        OutputError: if the suffix is none that can be written, several videos are to go to one file, or two
            videos of one name into one folder.
    """
    if output is None:
        return dict.fromkeys(videos)
    if len(videos) == 1 and not suffix and not output.is_dir() and output.suffix:
        check_format(output)
        return {videos[0]: output}
    if output.suffix.lower() in FORMATS and not output.is_dir():
        reason = f"{len(videos)} videos cannot all go to {output}" if len(videos) > 1 else "--format goes with a folder"
        raise OutputError(f"{reason}; name a folder, and the kind of file with --format")
    extension = "." + (suffix or "parquet").lstrip(".")
    files = {video: output / derived_name(video.name, extension) for video in videos}
    check_format(output / f"x{extension}")
    if len(set(files.values())) < len(files):
        raise OutputError(
            f"two videos have the same name and would overwrite each other in {output}; predict them apart"
        )
    return dict(files)


@lru_cache(maxsize=1)
def _predictor(model: Path, _digest: str, threads: int, cache: CacheLocation) -> Predictor:
    """Opened again where the model's file changed, such as by another training into the same folder."""
    return Predictor(load_model(model, threads), cache.open(), threads)
