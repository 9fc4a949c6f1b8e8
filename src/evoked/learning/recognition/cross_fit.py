"""Train a recogniser on rated clips: two LSTM layers and a mixture of experts (spec §3), cross-fitted by person.

Clips are divided into folds by person. For each fold a model is trained without it: part of the other people is used
for early stopping, the remaining ones for training. Every clip so gets one score from a model that never saw its
person; calibration, operating points and average precision are computed from these scores. The final recogniser is
trained on all clips for the median number of epochs of the folds. Of several dropouts each fold takes the one with the
smallest validation loss, so that held-out people have no influence; the final recogniser takes the one with the
smallest mean loss over all folds.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from evoked.core.errors import DatasetError, TrainingError
from evoked.core.progress import Progress, silent
from evoked.dataset.folds import Fold, audit, make_folds
from evoked.learning.recognition.config import RecogniserConfig
from evoked.learning.recognition.descriptor_windows import TrainingWindows, moving_clips, window_scores
from evoked.learning.recognition.initial_network import initial_network
from evoked.learning.recognition.training_clips import ClipDataset
from evoked.learning.training.losses import clip_each
from evoked.model.recognition import RecognitionConfig
from evoked.model.recognition_network import RecognitionNetwork

__all__ = ["CrossFit", "Fit", "FitResult", "Trial", "cross_fit", "fit_recogniser", "refit_all", "shape_of"]

EPSILON = 1e-5


@dataclass(frozen=True)
class Trial:
    """A dropout, the best epoch with it, and the validation loss of that epoch (NaN without validation)."""

    dropout: float
    epoch: int
    loss: float


@dataclass(frozen=True, eq=False)
class FitResult:
    """Result of one training.

    Attributes:
        arrays: weights of the best epoch, by name.
        epoch: its number, from 1.
        losses: per epoch the training loss and the validation loss (NaN without validation).
        tried: result of each dropout, the chosen one first.
    """

    arrays: dict[str, NDArray[np.float32]]
    epoch: int
    losses: tuple[tuple[float, float], ...]
    tried: tuple[Trial, ...]


@dataclass(frozen=True, eq=False)
class CrossFit:
    """Every clip scored by a model that never saw its person.

    Attributes:
        scores: (n, K) in [0, 1], not calibrated.
        fold: (n,) number of the fold in which each clip was held out.
        folds: the folds, over people.
        tried: per fold the result of each dropout, the chosen one first.
    """

    scores: NDArray[np.float64]
    fold: NDArray[np.int64]
    folds: tuple[Fold, ...]
    tried: tuple[tuple[Trial, ...], ...]


Fit = Callable[[str, ClipDataset, ClipDataset | None, RecogniserConfig, Progress], FitResult]
"""A training function: name of the training ("turn-1" …, "all"), then the arguments of `fit_recogniser`."""


def _fit_anew(
    _: str, train: ClipDataset, validation: ClipDataset | None, config: RecogniserConfig, progress: Progress
) -> FitResult:
    return fit_recogniser(train, validation, config, progress)


def shape_of(rated: ClipDataset, config: RecogniserConfig) -> RecognitionConfig:
    """The network's shape for these clips.

    Args:
        rated: clips; their descriptor width and expressions are used.
        config: settings of the training.

    Returns:
        The shape.
    """
    return RecognitionConfig(
        config.descriptors,
        int(rated.rows[0].shape[1]),
        rated.expressions,
        units=config.hidden_units,
        experts=config.experts,
        recurrence=config.recurrence,
    )


def cross_fit(
    rated: ClipDataset, config: RecogniserConfig, progress: Progress = silent, *, fit: Fit = _fit_anew
) -> CrossFit:
    """Train without each fold and score its clips.

    Args:
        rated: the clips.
        config: settings of the training.
        progress: called with the share of all trainings that is done.
        fit: runs each training, or reads it from a cache.

    Returns:
        Scores of all clips and the folds.

    Raises:
        DatasetError: if there are fewer than 3 people (one each to train, to validate and to hold out).
        TrainingError: if the loss is no longer finite.
    """
    people = np.array(rated.people)
    if len(set(rated.people)) < 3:
        raise DatasetError(
            f"the clips show {len(set(rated.people))} people; 3 or more are needed: to train, to validate, to "
            "hold out. Name people in a column person, or rate more of them"
        )
    folds = make_folds({p: int((people == p).sum()) for p in set(rated.people)}, config.folds, seed=config.seed)
    audit(folds)
    scores = np.zeros(rated.labels.shape)
    fold_of = np.zeros(len(people), dtype=np.int64)
    trials = []
    for fold in folds:
        train, validation = _train_validation_split(fold, people, config)
        fold_progress = _progress_of(progress, fold.number, len(folds) + 1)
        fitted = fit(f"turn-{fold.number}", rated.subset(train), rated.subset(validation), config, fold_progress)
        held_out = np.flatnonzero(np.isin(people, fold.held_out))
        scores[held_out] = window_scores(shape_of(rated, config), fitted.arrays, [rated.rows[i] for i in held_out])
        fold_of[held_out] = fold.number
        trials.append(fitted.tried)
    return CrossFit(scores, fold_of, folds, tuple(trials))


def refit_all(
    rated: ClipDataset,
    crossed: CrossFit,
    config: RecogniserConfig,
    progress: Progress = silent,
    *,
    fit: Fit = _fit_anew,
) -> FitResult:
    """Train on all clips, with the dropout of the smallest mean loss over the folds and its median number of epochs.

    Args:
        rated: the clips.
        crossed: cross-fit of the same clips.
        config: settings of the training.
        progress: called with the share of all trainings that is done.
        fit: runs the training, or reads it from a cache.

    Returns:
        The final recogniser's weights.

    Raises:
        TrainingError: if the loss is no longer finite.
    """
    by_dropout = {
        dropout: [trial for fold_trials in crossed.tried for trial in fold_trials if trial.dropout == dropout]
        for dropout in config.shares
    }
    dropout = min(by_dropout, key=lambda dropout: float(np.mean([trial.loss for trial in by_dropout[dropout]])))
    epochs = max(1, round(float(np.median([trial.epoch for trial in by_dropout[dropout]]))))
    fit_progress = _progress_of(progress, len(crossed.folds), len(crossed.folds) + 1)
    return fit("all", rated, None, replace(config, epochs=epochs, dropout=dropout), fit_progress)


def fit_recogniser(
    train: ClipDataset, validation: ClipDataset | None, config: RecogniserConfig, progress: Progress = silent
) -> FitResult:
    """Train on clips; keep the epoch and the dropout with the smallest validation loss.

    Args:
        train: clips to train on.
        validation: clips of other people, for early stopping; None to train all epochs and keep the last.
        config: settings of the training.
        progress: called after each epoch.

    Returns:
        Weights and losses.

    Raises:
        TrainingError: if the loss is no longer finite.
        ValueError: if there are several dropouts to try and no validation clips.
    """
    if validation is None and len(config.shares) > 1:
        raise ValueError(f"without validation clips dropout must be a number, got {config.dropout}")
    threads_before = torch.get_num_threads()
    torch.set_num_threads(config.threads)
    try:
        initial = initial_network(train, shape_of(train, config), config)
        results = [
            _fit(
                copy.deepcopy(initial),
                train,
                validation,
                replace(config, dropout=dropout),
                _progress_of(progress, i, len(config.shares)),
            )
            for i, dropout in enumerate(config.shares)
        ]
    finally:
        torch.set_num_threads(threads_before)
    # sorted is stable: of equal losses the smallest dropout is chosen
    best, *worse = sorted(results, key=lambda result: result.tried[0].loss)
    return replace(best, tried=(*best.tried, *(result.tried[0] for result in worse)))


def _fit(
    network: RecognitionNetwork,
    train: ClipDataset,
    validation: ClipDataset | None,
    config: RecogniserConfig,
    progress: Progress,
) -> FitResult:
    shape = network.config
    optimiser = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    positive_weight = torch.from_numpy(positive_weights(train.labels, config.class_weighting))
    moving = config.still_windows == "moving"
    windows = TrainingWindows(train, shape.ticks, moving=moving)
    stopping = None if validation is None else moving_clips(validation, shape.ticks, config.seed, moving=moving)
    order = np.random.default_rng([config.seed, 1])
    dropout_generator = torch.Generator().manual_seed(config.seed)
    losses: list[tuple[float, float]] = []
    averaged = copy.deepcopy(network)  # exponential moving average of the weights
    (dropout,) = config.shares
    best, best_arrays, best_loss = 0, averaged.arrays(), math.inf
    for epoch in range(1, config.epochs + 1):
        training_loss = _epoch(
            _Networks(network, averaged),
            optimiser,
            (train.labels, windows),
            config,
            positive_weight,
            _RandomState(order, dropout_generator),
            epoch - 1,
        )
        validation_loss = math.nan if stopping is None else _loss_on(shape, averaged, stopping, positive_weight)
        losses.append((training_loss, validation_loss))
        if validation is None or validation_loss < best_loss:
            best, best_arrays, best_loss = epoch, averaged.arrays(), validation_loss
        progress(epoch, config.epochs, f"loss {training_loss:.3f}")
        if epoch - best >= config.patience:
            break
    return FitResult(best_arrays, best, tuple(losses), (Trial(dropout, best, best_loss),))


class _Networks(NamedTuple):
    """The network in training, and the exponential moving average of its weights."""

    learning: RecognitionNetwork
    averaged: RecognitionNetwork


class _RandomState(NamedTuple):
    """Random generators: of clip order and windows, and of dropout."""

    order: np.random.Generator
    dropout: torch.Generator


def _epoch(
    networks: _Networks,
    optimiser: torch.optim.Optimizer,
    train: tuple[NDArray[np.float64], TrainingWindows],
    config: RecogniserConfig,
    positive_weight: torch.Tensor,
    random: _RandomState,
    epochs_done: int,
) -> float:
    """Train one epoch and update the averaged network; the mean loss."""
    (network, averaged), (all_labels, draw_window) = networks, train
    order, total = draw_window.epoch(random.order), 0.0
    steps = epochs_done * math.ceil(len(order) / config.batch_size)
    network.train()
    for start in range(0, len(order), config.batch_size):
        batch = order[start : start + config.batch_size]
        windows = np.stack([draw_window(int(i), random.order) for i in batch])
        labels = torch.from_numpy(all_labels[batch]).float()
        p = network(torch.from_numpy(windows), config.shares[0], random.dropout)
        loss = rated_loss(p, labels, positive_weight)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingError(
                f"the loss became {value}. Choose a smaller learning rate than {config.learning_rate:g}, or leave out "
                "clips of faces with enormous descriptors"
            )
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        clip_each(network.parameters(), 1.0)
        optimiser.step()
        steps += 1
        decay = min(config.ema_decay, steps / (steps + 10))  # smaller at first: the initial weights fade quickly
        with torch.no_grad():
            for mean, current in zip(averaged.parameters(), network.parameters(), strict=True):
                mean.lerp_(current, 1 - decay)
        total += value * len(batch)
    return total / len(order)


def positive_weights(labels: NDArray[np.float64], balance: str) -> NDArray[np.float32]:
    """Weight of the positive labels per class: 1, or the square root of negatives / positives, at most 10.

    The square root, because with the full ratio the few clips of a rare class outweigh all others; calibration
    corrects the shift of the probabilities.

    Args:
        labels: (n, K) in [0, 1], NaN where nobody rated.
        balance: "weights" or "none".

    Returns:
        (K,).
    """
    if balance == "none":
        return np.ones(labels.shape[1], dtype=np.float32)
    yes, no = np.nansum(labels, axis=0), np.nansum(1 - labels, axis=0)
    ratio = np.sqrt(no / np.maximum(yes, 1))
    return np.asarray(np.clip(ratio, 1, 10), dtype=np.float32)


def rated_loss(p: torch.Tensor, labels: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Cross entropy summed over classes, mean over clips; unrated labels (NaN) do not count.

    Args:
        p: (n, K) probabilities.
        labels: (n, K) in [0, 1], NaN where nobody rated.
        weight: (K,) weight of the positive labels.

    Returns:
        The loss, a scalar.
    """
    rated = ~torch.isnan(labels)
    t = torch.nan_to_num(labels)
    by_class = weight * t * torch.log(p + EPSILON) + (1 - t) * torch.log(1 - p + EPSILON)
    return -(by_class * rated).sum(dim=1).mean()


def _loss_on(
    shape: RecognitionConfig, network: RecognitionNetwork, validation: ClipDataset, weight: torch.Tensor
) -> float:
    p = torch.from_numpy(window_scores(shape, network.arrays(), validation.rows)).float()
    return float(rated_loss(p, torch.from_numpy(validation.labels).float(), weight))


def _train_validation_split(
    fold: Fold, people: NDArray[np.str_], config: RecogniserConfig
) -> tuple[list[int], list[int]]:
    """Indices of the training clips and of the validation clips, of different people."""
    clips_per_person = {p: int((people == p).sum()) for p in fold.train}
    inner = make_folds(clips_per_person, config.folds, seed=config.seed + 1)[0]
    audit([inner])
    return (
        np.flatnonzero(np.isin(people, inner.train)).tolist(),
        np.flatnonzero(np.isin(people, inner.held_out)).tolist(),
    )


def _progress_of(progress: Progress, number: int, parts: int) -> Progress:
    """Progress of one of several trainings, reported as a share of all of them."""

    def report(done: float, total: float | None, note: str = "") -> None:
        progress(number + done / (total or 1), parts, note)

    return report
