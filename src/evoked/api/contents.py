"""Content videos: extract their features, and predict what they evoke."""

from collections.abc import Iterator
from pathlib import Path

from evoked.api.arguments import File, as_path, or_silent, settings_of
from evoked.core.progress import Progress
from evoked.core.track import Track
from evoked.features.extract import FeatureConfig, Features
from evoked.features.jobs import extract_once
from evoked.prediction.baseline import BASELINE
from evoked.prediction.jobs import PredictTask, run_predict_task
from evoked.prediction.live import LivePredictor, LiveSecond
from evoked.prediction.predictor import Model
from evoked.prediction.predictor import load_model as load_folder
from evoked.prediction.writers import check_format
from evoked.weights.cache import CacheLocation, default_cache

__all__ = ["extract_features", "load_model", "predict", "predict_live"]


def extract_features(
    video: File, *, offline: bool = False, progress: Progress | None = None, **settings: object
) -> Features:
    """Extract the image, face and audio features of a content video, once a second.

    Args:
        video: a media file with a picture.
        offline: use only networks that are in the cache.
        progress: called with the seconds done, their total and a note.
        **settings: those of `[features]` in study.toml, such as `features="paper"`.

    Returns:
        The features: Tracks `image`, `face` and `audio` at 1 Hz.

    Raises:
        MediaError: if the file cannot be used or has no picture.
        WeightsError: if a network is not available.
        TypeError, ValueError: for a setting that does not exist, or a value that is not accepted.
    """
    (config,) = settings_of("extract_features", settings, FeatureConfig)
    cache = CacheLocation.of(default_cache(offline=offline))
    return extract_once(as_path(video), config, cache, or_silent(progress))


def load_model(folder: File | None = None) -> Model:
    """Read a trained model.

    Args:
        folder: as `train` or `evoked run` wrote it, such as STUDY/results/model; None: the baseline model
            that comes with evoked (docs/baseline.md).

    Returns:
        The model; `predict` takes it, or the folder.

    Raises:
        CheckpointError: if it is missing, damaged or of a newer format.
    """
    return load_folder(BASELINE if folder is None else as_path(folder).absolute())


def predict(
    video: File,
    model: File | Model | None = None,
    *,
    affect_model: File | None = None,
    output: File | None = None,
    threshold: float = 0.5,
    audio_track: int = 0,
    offline: bool = False,
    progress: Progress | None = None,
) -> Track:
    """Predict the expressions that a video evokes in its viewers, once a second.

    Networks and model are loaded once for calls in a row with the same model.

    Args:
        video: a media file with a picture.
        model: folder of a trained model, or from `load_model`; None: the baseline model, which was trained on staged
            videos and says little about people (docs/baseline.md).
        affect_model: folder of a model of `evoked transfer`, whose valence and arousal are added.
        output: also write the prediction to this file (.parquet, .csv, .json, .vtt, .srt, .eaf).
        threshold: probability from which an expression is on in .vtt, .srt and .eaf.
        audio_track: which of the video's audio tracks, from 1; 0: the one that a player plays.
        offline: use only networks that are in the cache.
        progress: called with the seconds done, their total and a note.

    Returns:
        A probability per expression in [0, 1] at 1 Hz, valence and arousal in [−1, 1]; valid where there is a picture.

    Raises:
        MediaError: if the video cannot be used.
        CheckpointError: if the model cannot be used.
        WeightsError: if a network is not available.
        OutputError: if the prediction cannot be written.
    """
    folder = model.folder if isinstance(model, Model) else BASELINE if model is None else as_path(model)
    target = None if output is None else as_path(output)
    if target is not None:
        check_format(target)
    load_folder(folder)  # a wrong model is reported before the video is read
    cache = CacheLocation.of(default_cache(offline=offline))
    affect = None if affect_model is None else as_path(affect_model)
    task = PredictTask(as_path(video), folder, cache, target, threshold, audio_track=audio_track, affect_model=affect)
    return run_predict_task(task, or_silent(progress)).track


def predict_live(
    video: File | None, model: File | Model | None = None, *, patience_s: float = 10.0, offline: bool = False
) -> Iterator[LiveSecond]:
    """Predict a video while it is being written: each second as soon as it is complete.

    Args:
        video: a growing file or a pipe (MPEG-TS, Matroska, fragmented MP4); None: standard input.
        model: folder of a trained model, or from `load_model`; None: the baseline model (docs/baseline.md).
        patience_s: seconds without growth after which a file is taken as finished.
        offline: use only networks that are in the cache.

    Yields:
        `second`, from 0, and `values`, in the order of the model's `expressions`.

    Raises:
        MediaError: if the video cannot be used.
        CheckpointError: if the model cannot be used.
        WeightsError: if a network is not available.
    """
    source: Path | None = None if video is None else as_path(video)
    opened = model if isinstance(model, Model) else load_folder(BASELINE if model is None else as_path(model))
    predictor = LivePredictor(opened, default_cache(offline=offline))
    return predictor(source, patience_s)
