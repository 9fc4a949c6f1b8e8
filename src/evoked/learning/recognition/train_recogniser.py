"""From rated clips to a recogniser on disk: cross-fit, calibration, operating points, final training on all clips."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from evoked.core.errors import DatasetError
from evoked.core.files import writing
from evoked.core.progress import Progress, silent
from evoked.core.provenance import Provenance
from evoked.faces.descriptors import models_of
from evoked.learning.recognition.config import RecogniserConfig, recogniser_settings
from evoked.learning.recognition.cross_fit import CrossFit, Fit, FitResult, cross_fit, refit_all, shape_of
from evoked.learning.recognition.fit_cache import cached_fit
from evoked.learning.recognition.held_out_metrics import (
    ClassMetrics,
    class_metrics,
    held_out_points,
    metrics_json,
    metrics_notes,
)
from evoked.learning.recognition.moving_check import check_on_moving_faces
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
    """Train on all clips, with metrics from held-out people, and check the result on moving faces.

    Args:
        rated: the clips.
        config: settings of the training.
        provenance: command, settings and inputs, written into the recogniser.
        progress: called with the share of all trainings that is done.
        state: a folder in which finished trainings are cached, so that an interrupted run can continue.

    Returns:
        The recogniser with the check, and its metrics per expression.

    Raises:
        DatasetError: if there is nothing to learn: no clip with any expression, fewer than 3 people.
        TrainingError: if the loss is no longer finite.
    """
    if not np.nansum(rated.labels):
        raise DatasetError(
            f"no rater saw {' or '.join(rated.expressions)} in any clip that can be used: there is nothing to learn"
        )
    fit = _fit_in(state)
    crossed = cross_fit(rated, config, progress, fit=fit)
    calibration, points, calibrated, predicted = held_out_points(
        crossed.scores, rated.labels, crossed.fold, config.target_precision, config.precision_confidence
    )
    class_rows = class_metrics(
        rated.expressions, calibrated, rated.labels, rated.people, points, predicted, uncalibrated=crossed.scores
    )
    fitted = refit_all(rated, crossed, config, progress, fit=fit)
    shape = shape_of(rated, config)
    check = check_on_moving_faces(rated, shape, fitted.arrays, config.seed)
    nets = {name: NETS[name].sha256 for name in models_of(config.descriptors)}
    notes = (*provenance.notes, *metrics_notes(class_rows), *check.notes)
    training_provenance = replace(provenance, nets=nets, notes=notes)
    recognition = Recognition(
        shape,
        fitted.arrays,
        calibration,
        points,
        nets,
        metrics_json(class_rows),
        _training_record(rated, config, crossed, fitted),
        training_provenance.as_dict(),
        check.as_dict(),
    )
    return recognition, class_rows


def _fit_in(state: Path | None) -> Fit:
    """A training function that caches finished trainings in a folder, if there is one."""

    def fit(
        name: str,
        train: ClipDataset,
        validation: ClipDataset | None,
        config: RecogniserConfig,
        progress: Progress,
    ) -> FitResult:
        return cached_fit(state / f"{name}.safetensors" if state else None, train, validation, config, progress)

    return fit


def _training_record(
    rated: ClipDataset, config: RecogniserConfig, crossed: CrossFit, fitted: FitResult
) -> dict[str, object]:
    """What the recogniser's file says of its training."""
    return {
        "config": recogniser_settings(config),
        "clips": len(rated.clips),
        "people": len(set(rated.people)),
        "epochs": fitted.epoch,
        "dropout": fitted.tried[0].dropout,
        "tried_in_turns": [[asdict(trial) for trial in fold_trials] for fold_trials in crossed.tried],
        "loss": [round(training_loss, 6) for training_loss, _ in fitted.losses],
    }


def write_recogniser(folder: Path, recognition: Recognition, reliability_svg: str) -> None:
    """Write the recogniser and its reliability curves.

    Args:
        folder: created if missing.
        recognition: the recogniser.
        reliability_svg: SVG text of the curves.

    Raises:
        OutputError: if a file cannot be written.
    """
    save_recognition(folder, recognition)
    with writing(folder / "reliability.svg") as temporary:
        temporary.write_text(reliability_svg, encoding="utf-8")
