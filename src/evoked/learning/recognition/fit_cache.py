"""Trainings of a recogniser that are done, kept: a command that was cut off goes on with the next one.

    STATE/turn-1.safetensors …, STATE/all.safetensors    arrays; metadata: key, epoch, losses, tried

A recogniser is six trainings of a minute or less at most sizes, so whole trainings are kept, not steps of one. Each
is drawn from its own seed, so what is learnt after a cut is what would have been learnt without. A file counts only
under the key of the clips, their labels and the settings it was learnt with.
"""

import hashlib
import json
import math
from pathlib import Path

import numpy as np

from evoked.core.errors import CheckpointError
from evoked.core.files import digest
from evoked.core.progress import Progress
from evoked.learning.recognition.config import RecogniserConfig, recogniser_settings
from evoked.learning.recognition.cross_fit import FitResult, Trial, fit_recogniser
from evoked.learning.recognition.training_clips import ClipDataset
from evoked.model.stored import read_arrays, write_arrays

__all__ = ["cached_fit"]

CODE = 2
"""Raised whenever the same clips and settings give other weights: what was learnt before is learnt again."""


def cached_fit(
    path: Path | None, train: ClipDataset, stop: ClipDataset | None, config: RecogniserConfig, progress: Progress
) -> FitResult:
    """What `fit` gives; from `path` where that training is done, else learnt and written there.

    Raises:
        TrainingError: as fit.
        OutputError: if it cannot be written.
    """
    if path is None:
        return fit_recogniser(train, stop, config, progress)
    key = _key(train, stop, config)
    found = _read(path, key)
    if found is None:
        found = fit_recogniser(train, stop, config, progress)
        losses = [[own, None if math.isnan(other) else other] for own, other in found.losses]
        tried = [[t.dropout, t.epoch, None if math.isnan(t.loss) else t.loss] for t in found.tried]
        told = {"key": key, "epoch": found.epoch, "losses": losses, "tried": tried}
        write_arrays(path, found.arrays, json.dumps(told))
    progress(config.epochs, config.epochs)
    return found


def _read(path: Path, key: str) -> FitResult | None:
    """A kept training; None where there is none, of something else, or damaged: then it is learnt again."""
    try:
        arrays, text = read_arrays(path)
        held = json.loads(text)
        if held["key"] != key:
            return None
        losses = tuple((float(own), math.nan if other is None else float(other)) for own, other in held["losses"])
        tried = tuple(Trial(float(d), int(e), math.nan if x is None else float(x)) for d, e, x in held["tried"])
        return FitResult(arrays, int(held["epoch"]), losses, tried)
    except (CheckpointError, ValueError, KeyError, TypeError):
        return None


def _key(train: ClipDataset, stop: ClipDataset | None, config: RecogniserConfig) -> str:
    return digest([CODE, recogniser_settings(config), _weighed(train), None if stop is None else _weighed(stop)])


def _weighed(rated: ClipDataset) -> list[object]:
    """Everything of the clips that bears on what is learnt."""
    told = hashlib.sha256(np.ascontiguousarray(rated.said).tobytes())
    for rows in rated.rows:
        told.update(str(rows.shape).encode() + np.ascontiguousarray(rows).tobytes())
    return [list(rated.expressions), list(rated.clips), list(rated.people), told.hexdigest()]
