"""From rated clips to a recogniser on disk: turns, calibration, operating points, the net from all clips."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from evoked.core.errors import DatasetError
from evoked.core.files import writing
from evoked.core.progress import Progress, silent
from evoked.core.provenance import Provenance
from evoked.faces.descriptors import models_of
from evoked.learning.recognition.config import RecogniserConfig, recogniser_settings
from evoked.learning.recognition.cross_fit import FitResult, cross_fit, refit_all, shape_of
from evoked.learning.recognition.fit_cache import cached_fit
from evoked.learning.recognition.held_out_metrics import (
    ClassMetrics,
    class_metrics,
    held_out_points,
    metrics_json,
    metrics_notes,
)
from evoked.learning.recognition.training_clips import ClipDataset
from evoked.model.recognition_checkpoint import Recognition, save_recognition
from evoked.weights.catalogue import NETS

__all__ = ["train_recogniser", "write_recogniser"]


def train_recogniser(
    rated: ClipDataset,
    config: RecogniserConfig,
    provenance: Provenance,
    progress: Progress = silent,
    *,
    state: Path | None = None,
) -> tuple[Recognition, tuple[ClassMetrics, ...]]:
    """Train on all clips, with figures from people held out.

    Args:
        rated: the clips.
        config: choices.
        provenance: who asked, and for what.
        progress: told parts of all trainings.
        state: a folder in which each training is kept when it is done: called again, it goes on from there.

    Returns:
        The recogniser, and its figures.

    Raises:
        DatasetError: if there is nothing to learn: no clip with any expression, fewer than 3 people.
        TrainingError: if the numbers come apart.
    """
    if not np.nansum(rated.said):
        raise DatasetError(
            f"no rater saw {' or '.join(rated.expressions)} in any clip that can be used: there is nothing to learn"
        )

    def learn(
        name: str, train: ClipDataset, stop: ClipDataset | None, how: RecogniserConfig, told: Progress
    ) -> FitResult:
        return cached_fit(state / f"{name}.safetensors" if state else None, train, stop, how, told)

    found = cross_fit(rated, config, progress, learn=learn)
    calibration, points, fair, on = held_out_points(found.scores, rated.said, found.fold, config.target_precision)
    judged = class_metrics(rated.expressions, fair, rated.said, rated.people, points, on, before=found.scores)
    learnt = refit_all(rated, found, config, progress, learn=learn)
    training = {
        "config": recogniser_settings(config),
        "clips": len(rated.clips),
        "people": len(set(rated.people)),
        "epochs": learnt.epoch,
        "dropout": learnt.tried[0].dropout,
        "tried_in_turns": [[asdict(tried) for tried in turn] for turn in found.tried],
        "loss": [round(own, 6) for own, _ in learnt.losses],
    }
    nets = {name: NETS[name].sha256 for name in models_of(config.descriptors)}
    made = Provenance(
        provenance.made_by, provenance.config, provenance.inputs, nets, (*provenance.notes, *metrics_notes(judged))
    )
    told: Mapping[str, object] = metrics_json(judged)
    recognition = Recognition(
        shape_of(rated, config), learnt.arrays, calibration, points, nets, told, training, made.as_dict()
    )
    return recognition, judged


def write_recogniser(folder: Path, recognition: Recognition, picture: str) -> None:
    """Write the recogniser and its reliability curves (SVG text); OutputError if it cannot be."""
    save_recognition(folder, recognition)
    with writing(folder / "reliability.svg") as part:
        part.write_text(picture, encoding="utf-8")
