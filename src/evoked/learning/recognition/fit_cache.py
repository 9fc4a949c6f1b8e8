"""Cache of finished trainings of a recogniser: an interrupted command continues with the next training.

    STATE/turn-1.safetensors …, STATE/all.safetensors    arrays; metadata: key, epoch, losses, tried

A recogniser takes six trainings, mostly of a minute or less, so finished trainings are cached, not states within one.
Each has its own seed, so the result after an interruption equals the result without. A file is used only if its key
matches the clips, their labels and the settings.
"""

import hashlib
import json
import math
from pathlib import Path

import numpy as np

from evoked.core.errors import CheckpointError
from evoked.core.files import digest, parse_json
from evoked.core.progress import Progress
from evoked.learning.recognition.config import RecogniserConfig, recogniser_settings
from evoked.learning.recognition.cross_fit import FitResult, Trial, fit_recogniser
from evoked.learning.recognition.training_clips import ClipDataset
from evoked.model.stored import read_arrays, write_arrays

__all__ = ["cached_fit"]

CODE = 3
"""Raised whenever the same clips and settings give other weights, so that older files are not used."""


def cached_fit(
    path: Path | None, train: ClipDataset, validation: ClipDataset | None, config: RecogniserConfig, progress: Progress
) -> FitResult:
    """The result of `fit_recogniser`, read from `path` if that training is done, else trained and written there.

    Args:
        path: the cache file; None to train without one.
        train: clips to train on.
        validation: clips of other people, for early stopping; None to train all epochs and keep the last.
        config: settings of the training.
        progress: called after each epoch.

    Returns:
        Weights and losses.

    Raises:
        TrainingError: if the loss is no longer finite.
        OutputError: if the file cannot be written.
    """
    if path is None:
        return fit_recogniser(train, validation, config, progress)
    key = _key(train, validation, config)
    fitted = _read(path, key)
    if fitted is None:
        fitted = fit_recogniser(train, validation, config, progress)
        losses = [
            [training, None if math.isnan(validation_loss) else validation_loss]
            for training, validation_loss in fitted.losses
        ]
        tried = [[trial.dropout, trial.epoch, None if math.isnan(trial.loss) else trial.loss] for trial in fitted.tried]
        metadata = {"key": key, "epoch": fitted.epoch, "losses": losses, "tried": tried}
        write_arrays(path, fitted.arrays, json.dumps(metadata))
    progress(config.epochs, config.epochs)
    return fitted


def _read(path: Path, key: str) -> FitResult | None:
    """A cached training; None where the file is missing, has another key, or is damaged."""
    try:
        arrays, text = read_arrays(path)
        stored = parse_json(text)
        if stored["key"] != key:
            return None
        losses = tuple(
            (float(training), math.nan if validation is None else float(validation))
            for training, validation in stored["losses"]
        )
        tried = tuple(
            Trial(float(dropout), int(epoch), math.nan if loss is None else float(loss))
            for dropout, epoch, loss in stored["tried"]
        )
        return FitResult(arrays, int(stored["epoch"]), losses, tried)
    except (CheckpointError, ValueError, KeyError, TypeError):
        return None


AFTERWARDS = ("target_precision", "precision_confidence")
"""Settings of what is chosen once the trainings are done: another choice needs no other training."""


def _key(train: ClipDataset, validation: ClipDataset | None, config: RecogniserConfig) -> str:
    return digest(
        [
            CODE,
            {name: value for name, value in recogniser_settings(config).items() if name not in AFTERWARDS},
            _fingerprint(train),
            None if validation is None else _fingerprint(validation),
        ]
    )


def _fingerprint(clips: ClipDataset) -> list[object]:
    """Everything of the clips that affects the training."""
    sha = hashlib.sha256(np.ascontiguousarray(clips.labels).tobytes())
    for rows in clips.rows:
        sha.update(str(rows.shape).encode() + np.ascontiguousarray(rows).tobytes())
    return [clips.mostly_stills, list(clips.expressions), list(clips.clips), list(clips.people), sha.hexdigest()]
