"""A video and a model → what it evokes, second by second. Runs without torch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import CheckpointError
from evoked.core.files import sha256
from evoked.core.progress import Progress, silent
from evoked.core.provenance import Provenance
from evoked.core.rows import Rows, blocks
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.features.extract import Extractor, FeatureConfig, Features, digests
from evoked.model.checkpoint import ARRAYS, Checkpoint, load_checkpoint
from evoked.predict.forward import Forward
from evoked.weights.cache import Cache, default_cache

__all__ = ["RANGES", "Model", "Predictor", "load_model", "predict_features", "predict_video", "prediction_track"]


@dataclass(frozen=True, eq=False)
class Model:
    """A trained model, ready to predict.

    Attributes:
        folder: where it was read from.
        checkpoint: all that is known about it.
        sha256: of its arrays' file.
        threads: of its own arithmetic; 0 = as many as there are cores.
    """

    folder: Path
    checkpoint: Checkpoint
    sha256: str
    threads: int = 0

    @cached_property
    def forward(self) -> Forward:
        """Its arithmetic, made ready when it is first used."""
        return Forward(self.checkpoint.config, self.checkpoint.arrays, threads=self.threads)

    @property
    def expressions(self) -> tuple[str, ...]:
        """What it predicts."""
        return self.checkpoint.config.expressions

    def feature_config(self, threads: int = 0, cache: Cache | None = None) -> FeatureConfig:
        """The settings that its features were made with; `threads` is the caller's to choose.

        Args:
            threads: of the nets.
            cache: where a net of the user's own would be.

        Raises:
            CheckpointError: if its features were made with other nets than this program's, with settings
                that it does not know, or the model does not say.
            WeightsMissing: if one of them is the user's own and not there.
        """
        stored = self.checkpoint.features
        nets, settings = stored.get("nets"), stored.get("config")
        if not isinstance(nets, Mapping) or not isinstance(settings, Mapping) or not nets:
            raise CheckpointError(f"the model in {self.folder} does not say what its features are made with. {AGAIN}")
        try:
            config = FeatureConfig(**settings, threads=threads)
        except (TypeError, ValueError) as error:
            raise CheckpointError(
                f"the model in {self.folder} learnt from features made with settings that this program does not "
                f"know: {error}. {AGAIN}"
            ) from error
        ours = digests(config, cache or default_cache())
        if dict(nets) != ours:
            other = sorted(name for name in nets.keys() | ours.keys() if nets.get(name) != ours.get(name))
            raise CheckpointError(
                f"the model in {self.folder} learnt from features of other nets than this program's: "
                f"{', '.join(other)} differ. {AGAIN}"
            )
        return config


AGAIN = "Make the features and train the model again"


def load_model(folder: Path, threads: int = 0) -> Model:
    """Read a model; CheckpointError if it is missing, damaged or of a newer format.

    Args:
        folder: as `save_checkpoint` wrote it.
        threads: of its own arithmetic; 0 = as many as there are cores.
    """
    return Model(folder, load_checkpoint(folder), sha256(folder / ARRAYS), threads)


def predict_features(model: Model, features: Features, progress: Progress = silent) -> Track:
    """Probabilities of one video's seconds from its features.

    Features are taken in float16, as they are stored and learnt from, so that predicting a video and
    predicting its feature file give the same numbers.

    Returns:
        1 Hz, in [0, 1]; valid where there is a picture.

    Raises:
        CheckpointError: if the features are not as wide as those that the model learnt from.
    """
    rows: dict[str, NDArray[Any]] = {name: values.astype(np.float16) for name, values in features.filled().items()}
    for m in model.checkpoint.config.modalities:
        width = rows[m.name].shape[1] if m.name in rows else None
        if width != m.width:
            raise CheckpointError(
                f"the model in {model.folder} reads {m.width} numbers of {m.name} a second, there are "
                f"{width or 'none'}. {AGAIN}"
            )
    return prediction_track(model.forward, rows, features.image.valid, progress)


class Predictor:
    """A model and the nets in front of it, loaded once for any number of videos.

    Args:
        model: from load_model.
        cache: where the nets are.
        threads: of the nets; 0 = as many as there are cores.

    Raises:
        CheckpointError: see Model.feature_config.
        WeightsError: if a net cannot be had.
    """

    def __init__(self, model: Model, cache: Cache | None = None, threads: int = 0) -> None:
        self.model = model
        self._extractor = Extractor(model.feature_config(threads, cache), cache)

    def __call__(self, path: Path, progress: Progress = silent) -> Track:
        """Predict a video: 1 Hz, in [0, 1]; valid where there is a picture.

        Args:
            path: a media file with a picture.
            progress: counts seconds of video.

        Raises:
            MediaError: if it is no media file or has no picture.
        """
        return predict_features(self.model, self.features(path, progress))

    def features(self, path: Path, progress: Progress = silent) -> Features:
        """What the model reads of a video, with what was wrong with the file; raises as a call does."""
        return self._extractor(path, progress)

    def provenance(self, path: Path) -> Provenance:
        """What makes a prediction what it is: video, model, nets, and what the model's makers noted."""
        features = self._extractor.provenance(path)
        notes = tuple(str(note) for note in self.model.checkpoint.provenance.get("notes", ()))
        config = {"features": dict(features.config)}
        return Provenance("predict", config, {**features.inputs, "model": self.model.sha256}, features.nets, notes)


def predict_video(path: Path, model: Model, cache: Cache | None = None, progress: Progress = silent) -> Track:
    """Predict one video; see Predictor, which is for several."""
    return Predictor(model, cache)(path, progress)


def prediction_track(
    forward: Forward,
    features: Mapping[str, Rows],
    valid: NDArray[np.bool_] | None = None,
    progress: Progress = silent,
) -> Track:
    """Probabilities of one video's seconds.

    Args:
        forward: the model.
        features: modality → (T, D), zeros where absent.
        valid: bool (T,), where there is a picture; None = where the row of `image` (of the model's first
            modality, if it does not read `image`) is not all zeros.
        progress: counts seconds of video.

    Returns:
        1 Hz, in [0, 1]; in [−1, 1] for a model of valence and arousal.

    Raises:
        ValueError: if the features do not fit the model.
    """
    scores = forward(features, progress)
    if valid is None:
        names = [m.name for m in forward.config.modalities]
        seen = blocks(features["image" if "image" in names else names[0]])
        valid = np.concatenate([np.zeros(0, dtype=np.bool_), *(np.any(block != 0, axis=1) for block in seen)])
    grid = TimeGrid(Fraction(1), len(scores))
    return Track.masked(grid, forward.config.expressions, RANGES[forward.config.answer](scores), valid)


RANGES: Mapping[str, Callable[[NDArray[np.float32]], NDArray[np.float32]]] = {
    "probability": lambda p: np.clip(p, 0, 1),
    "value": lambda y: np.clip(y, -1, 1),
    "share": lambda p: 2 * np.clip(p, 0, 1) - 1,
}
"""What a user is given for a model's answers: probabilities in [0, 1], valence and arousal in [−1, 1]."""
