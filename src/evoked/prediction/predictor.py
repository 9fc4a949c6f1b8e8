"""A video and a model → the expressions that it evokes, second by second. Runs without torch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import CheckpointError
from evoked.core.expressions import AFFECT
from evoked.core.files import sha256
from evoked.core.progress import Progress, silent
from evoked.core.provenance import Provenance
from evoked.core.rows import Rows, blocks
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.features.extract import Extractor, FeatureConfig, Features, digests
from evoked.model.checkpoint import ARRAYS, Checkpoint, load_checkpoint
from evoked.prediction.forward import Forward
from evoked.weights.cache import Cache, default_cache

__all__ = [
    "RANGES",
    "Model",
    "Predictor",
    "load_affect_model",
    "load_model",
    "model_rows",
    "notes_of",
    "predict_features",
    "predict_video",
    "prediction_track",
]


@dataclass(frozen=True, eq=False)
class Model:
    """A trained model, ready to predict.

    Attributes:
        folder: where it was read from.
        checkpoint: its config, arrays and provenance.
        sha256: of the file of its arrays.
        threads: of its computation; 0 = as many as there are cores.
    """

    folder: Path
    checkpoint: Checkpoint
    sha256: str
    threads: int = 0

    @cached_property
    def forward(self) -> Forward:
        """Computes the predictions; built when it is first used."""
        return Forward(self.checkpoint.config, self.checkpoint.arrays, threads=self.threads)

    @property
    def expressions(self) -> tuple[str, ...]:
        """Names of what it predicts, K."""
        return self.checkpoint.config.expressions

    def feature_config(self, threads: int = 0, cache: Cache | None = None) -> FeatureConfig:
        """The settings of the features that it was trained on.

        Args:
            threads: of the networks; not part of the model.
            cache: where a user's own network is looked for.

        Returns:
            Settings with which features of new videos match those of the training.

        Raises:
            CheckpointError: if the model holds no such settings, they are unknown to this version, or the networks
                differ from this version's.
            WeightsMissing: if a user's own network is not in the cache.
        """
        stored = self.checkpoint.features
        nets, settings = stored.get("nets"), stored.get("config")
        if not isinstance(nets, Mapping) or not isinstance(settings, Mapping) or not nets:
            raise CheckpointError(f"the model in {self.folder} does not describe how its features were made. {RETRAIN}")
        try:
            config = FeatureConfig(**settings, threads=threads)
        except (TypeError, ValueError) as error:
            raise CheckpointError(
                f"the model in {self.folder} was trained on features made with settings that this version does not "
                f"know: {error}. {RETRAIN}"
            ) from error
        wanted = digests(config, cache or default_cache())
        if dict(nets) != wanted:
            differing = sorted(name for name in nets.keys() | wanted.keys() if nets.get(name) != wanted.get(name))
            raise CheckpointError(
                f"the model in {self.folder} was trained on features of other networks than this version's: "
                f"{', '.join(differing)} differ. {RETRAIN}"
            )
        return config


RETRAIN = "Make the features and train the model again"


def load_model(folder: Path, threads: int = 0) -> Model:
    """Read a model.

    Args:
        folder: as `save_checkpoint` wrote it.
        threads: of its computation; 0 = as many as there are cores.

    Returns:
        The model, ready to predict.

    Raises:
        CheckpointError: if it is missing, damaged or of a newer format.
    """
    return Model(folder, load_checkpoint(folder), sha256(folder / ARRAYS), threads)


def load_affect_model(folder: Path, model: Model) -> Model:
    """Read a model of valence and arousal that predicts beside another from the same features.

    Args:
        folder: as `evoked transfer` wrote it: OUT/model.
        model: the other one.

    Returns:
        The model.

    Raises:
        CheckpointError: if it cannot be read, does not predict valence and arousal, or reads other features.
    """
    affect = load_model(folder, model.threads)
    if affect.expressions != AFFECT or affect.checkpoint.config.answer == "probability":
        raise CheckpointError(
            f"the model in {folder} does not predict valence and arousal: name one of evoked transfer"
        )
    if set(model.expressions) & set(AFFECT):
        raise CheckpointError(f"the model in {model.folder} predicts valence and arousal already: leave {folder} out")
    if dict(affect.checkpoint.features) != dict(model.checkpoint.features):
        raise CheckpointError(f"the models in {folder} and {model.folder} read other features: predict with each apart")
    return affect


def notes_of(model: Model) -> tuple[str, ...]:
    """What readers of the model's predictions should know, from its training; one line each."""
    return tuple(str(note) for note in model.checkpoint.provenance.get("notes", ()))


def predict_features(model: Model, features: Features, progress: Progress = silent) -> Track:
    """Predict a video from its features.

    Args:
        model: from load_model.
        features: of one video.
        progress: called with the seconds done and their total.

    Returns:
        1 Hz, in the ranges of RANGES; valid where there is a picture.

    Raises:
        CheckpointError: if the features are not as wide as those that the model was trained on.
    """
    return prediction_track(model.forward, model_rows(model, features), features.image.valid, progress)


def model_rows(model: Model, features: Features) -> dict[str, NDArray[np.float16]]:
    """The features of a video as a model reads them.

    They are rounded to float16, as they are stored and trained on, so that a video and its feature file give the same
    predictions.

    Args:
        model: from load_model.
        features: of one video.

    Returns:
        Modality → (T, D), zeros where absent.

    Raises:
        CheckpointError: if the features are not as wide as those that the model was trained on.
    """
    rows: dict[str, NDArray[np.float16]] = {
        name: values.astype(np.float16) for name, values in features.filled().items()
    }
    for m in model.checkpoint.config.modalities:
        width = rows[m.name].shape[1] if m.name in rows else None
        if width != m.width:
            raise CheckpointError(
                f"the model in {model.folder} reads {m.width} numbers of {m.name} a second, there are "
                f"{width or 'none'}. {RETRAIN}"
            )
    return rows


class Predictor:
    """A model and the networks that describe a video for it, loaded once for any number of videos.

    Args:
        model: from load_model.
        cache: where the pretrained networks are.
        threads: of the networks; 0 = as many as there are cores.

    Raises:
        CheckpointError: see Model.feature_config.
        WeightsError: if a network cannot be loaded.
    """

    def __init__(self, model: Model, cache: Cache | None = None, threads: int = 0) -> None:
        self.model = model
        self._extractor = Extractor(model.feature_config(threads, cache), cache)

    def __call__(self, path: Path, progress: Progress = silent) -> Track:
        """Predict a video.

        Args:
            path: a media file with a picture.
            progress: called with the seconds done and their total.

        Returns:
            As predict_features.

        Raises:
            MediaError: if it is no media file or has no picture.
        """
        return predict_features(self.model, self.features(path, progress))

    def features(self, path: Path, progress: Progress = silent, audio_track: int = 0) -> Features:
        """Describe a video for the model.

        Args:
            path: a media file with a picture.
            progress: called with the seconds done and their total.
            audio_track: which of its audio tracks, from 1; 0: the one that a player plays.

        Returns:
            Its features, and what was wrong with the file.

        Raises:
            MediaError: if it is no media file or has no picture.
        """
        return self._extractor(path, progress, audio_track)

    def provenance(self, path: Path) -> Provenance:
        """Provenance of a video's prediction: video, model, networks, and the notes of the model's training."""
        features = self._extractor.provenance(path)
        notes = notes_of(self.model)
        config = {"features": dict(features.config)}
        return Provenance("predict", config, {**features.inputs, "model": self.model.sha256}, features.nets, notes)


def predict_video(path: Path, model: Model, cache: Cache | None = None, progress: Progress = silent) -> Track:
    """Predict one video; Predictor is faster for several.

    Args:
        path: a media file with a picture.
        model: from load_model.
        cache: where the pretrained networks are.
        progress: called with the seconds done and their total.

    Returns:
        As predict_features.

    Raises:
        CheckpointError, WeightsError, MediaError: as Predictor.
    """
    return Predictor(model, cache)(path, progress)


def prediction_track(
    forward: Forward,
    features: Mapping[str, Rows],
    valid: NDArray[np.bool_] | None = None,
    progress: Progress = silent,
) -> Track:
    """Predict every second of a video as a Track.

    Args:
        forward: the model.
        features: modality → (T, D), zeros where absent.
        valid: bool (T,), where there is a picture; None = where the row of `image` (of the model's first
            modality, if it does not read `image`) is not all zeros.
        progress: called with the seconds done and their total.

    Returns:
        1 Hz; probabilities in [0, 1], valence and arousal in [−1, 1].

    Raises:
        ValueError: if the features do not fit the model.
    """
    scores = forward(features, progress)
    if valid is None:
        names = [m.name for m in forward.config.modalities]
        rows = blocks(features["image" if "image" in names else names[0]])
        valid = np.concatenate([np.zeros(0, dtype=np.bool_), *(np.any(block != 0, axis=1) for block in rows)])
    grid = TimeGrid(Fraction(1), len(scores))
    return Track.masked(grid, forward.config.expressions, RANGES[forward.config.answer](scores), valid)


RANGES: Mapping[str, Callable[[NDArray[np.float32]], NDArray[np.float32]]] = {
    "probability": lambda p: np.clip(p, 0, 1),
    "value": lambda y: np.clip(y, -1, 1),
    "share": lambda p: 2 * np.clip(p, 0, 1) - 1,
}
"""`config.answer` → the model's output in the range that is reported: probabilities in [0, 1], valence and arousal in
[−1, 1]."""
