"""Train a recogniser on rated clips: LSTM, LSTM, experts (spec §3), every figure on people it never saw.

Clips are shared out by person in folds. In each turn one fold is held out, a part of the others says when to stop,
the rest is learnt from; so every clip gets one score from a net that never saw its person, and calibration, operating
points and average precision are read from those. The recogniser itself then learns from all clips, for as many epochs
as the turns took in the middle. Of several dropouts each turn takes the one that does best on the people it stops by,
so that nobody who is held out has chosen; the recogniser itself takes the one that did best over all turns.
"""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from evoked.core.errors import DatasetError, TrainingError
from evoked.core.progress import Progress, silent
from evoked.dataset.folds import Fold, audit, make_folds
from evoked.learning.recognition.config import RecogniserConfig
from evoked.learning.recognition.training_clips import ClipDataset
from evoked.learning.training.losses import clip_each
from evoked.model.recognition import RecognitionConfig, RecognitionForward
from evoked.model.recognition_network import RecognitionNetwork

__all__ = ["CrossFit", "FitResult", "Trial", "cross_fit", "fit_recogniser", "refit_all", "shape_of", "window_scores"]

EPSILON = 1e-5
DEAD = 1e-4
"""A column that varies less is taken as constant: it is not blown up."""


@dataclass(frozen=True)
class Trial:
    """A dropout, the best epoch with it, and the loss there on the people to stop by (NaN without)."""

    dropout: float
    epoch: int
    loss: float


@dataclass(frozen=True, eq=False)
class FitResult:
    """What one training gave.

    Attributes:
        arrays: of the best epoch.
        epoch: its number, from 1.
        losses: per epoch (of training, of validation or NaN).
        tried: what each dropout gave, the one that was taken first.
    """

    arrays: dict[str, NDArray[np.float32]]
    epoch: int
    losses: tuple[tuple[float, float], ...]
    tried: tuple[Trial, ...]


@dataclass(frozen=True, eq=False)
class CrossFit:
    """Every clip scored by a net that never saw its person.

    Attributes:
        scores: (n, K) in [0, 1], as the nets say, not calibrated.
        fold: (n,) in which turn each was held out.
        folds: the turns, over people.
        tried: of each turn what its dropouts gave, the one that was taken first.
    """

    scores: NDArray[np.float64]
    fold: NDArray[np.int64]
    folds: tuple[Fold, ...]
    tried: tuple[tuple[Trial, ...], ...]


Fit = Callable[[str, ClipDataset, ClipDataset | None, RecogniserConfig, Progress], FitResult]
"""What learns: a name of the training ("turn-1" …, "all"), then as `fit`."""


def _fit_anew(
    _: str, train: ClipDataset, stop: ClipDataset | None, config: RecogniserConfig, progress: Progress
) -> FitResult:
    return fit_recogniser(train, stop, config, progress)


def shape_of(rated: ClipDataset, config: RecogniserConfig) -> RecognitionConfig:
    """The network's shape for these clips."""
    return RecognitionConfig(
        config.descriptors,
        int(rated.rows[0].shape[1]),
        rated.expressions,
        units=config.hidden_units,
        experts=config.experts,
    )


def cross_fit(
    rated: ClipDataset, config: RecogniserConfig, progress: Progress = silent, *, learn: Fit = _fit_anew
) -> CrossFit:
    """Hold people out in turn and score them.

    Args:
        rated, config, progress: as for fit.
        learn: does each training, or finds it done.

    Raises:
        DatasetError: if there are fewer than 3 people (one to hold out, one to stop by, one to learn from).
        TrainingError: if the loss is not a number any more.
    """
    who = np.array(rated.people)
    if len(set(rated.people)) < 3:
        raise DatasetError(
            f"the clips show {len(set(rated.people))} people; 3 or more are needed: to learn from, to stop by, to "
            "hold out. Name people in a column person, or rate more of them"
        )
    folds = make_folds({p: int((who == p).sum()) for p in set(rated.people)}, config.folds, seed=config.seed)
    audit(folds)
    scores = np.zeros(rated.said.shape)
    fold_of = np.zeros(len(who), dtype=np.int64)
    tried = []
    for fold in folds:
        train, stop = _stopping(fold, who, config)
        part = _part(progress, fold.number, len(folds) + 1)
        learnt = learn(f"turn-{fold.number}", rated.only(train), rated.only(stop), config, part)
        out = np.flatnonzero(np.isin(who, fold.held_out))
        scores[out] = window_scores(shape_of(rated, config), learnt.arrays, [rated.rows[i] for i in out])
        fold_of[out] = fold.number
        tried.append(learnt.tried)
    return CrossFit(scores, fold_of, folds, tuple(tried))


def refit_all(
    rated: ClipDataset,
    found: CrossFit,
    config: RecogniserConfig,
    progress: Progress = silent,
    *,
    learn: Fit = _fit_anew,
) -> FitResult:
    """Learn from all clips, with the dropout of the least loss over the turns, as many epochs as these took with it."""
    of_turns = {share: [t for turn in found.tried for t in turn if t.dropout == share] for share in config.shares}
    share = min(of_turns, key=lambda one: float(np.mean([t.loss for t in of_turns[one]])))
    epochs = max(1, round(float(np.median([t.epoch for t in of_turns[share]]))))
    part = _part(progress, len(found.folds), len(found.folds) + 1)
    return learn("all", rated, None, replace(config, epochs=epochs, dropout=share), part)


def fit_recogniser(
    train: ClipDataset, stop: ClipDataset | None, config: RecogniserConfig, progress: Progress = silent
) -> FitResult:
    """Learn from some clips; keep the epoch, and the dropout of those that are tried, with the smallest loss on others.

    Args:
        train: to learn from.
        stop: of other people; None to train all epochs and keep the last.
        config: choices.
        progress: told in epochs.

    Raises:
        TrainingError: if the loss is not a number any more.
        ValueError: if there are several dropouts to try and nobody to choose by.
    """
    if stop is None and len(config.shares) > 1:
        raise ValueError(f"without people to stop by dropout must be a number, got {config.dropout}")
    before = torch.get_num_threads()
    torch.set_num_threads(config.threads)
    try:
        found = [
            _fit(train, stop, replace(config, dropout=share), _part(progress, i, len(config.shares)))
            for i, share in enumerate(config.shares)
        ]
    finally:
        torch.set_num_threads(before)
    first, *others = sorted(found, key=lambda learnt: learnt.tried[0].loss)  # stable: of equals the least dropout
    return replace(first, tried=(*first.tried, *(other.tried[0] for other in others)))


def _fit(train: ClipDataset, stop: ClipDataset | None, config: RecogniserConfig, progress: Progress) -> FitResult:
    shape = shape_of(train, config)
    network = RecognitionNetwork(shape, config.seed)
    mean, deviation = _standards(train.rows)
    network.scale.mean.copy_(torch.from_numpy(mean))
    network.scale.deviation.copy_(torch.from_numpy(deviation))
    optimiser = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    weight = torch.from_numpy(positive_weights(train.said, config.class_weighting))
    draw = np.random.default_rng([config.seed, 1])
    chance = torch.Generator().manual_seed(config.seed)
    losses: list[tuple[float, float]] = []
    kept = copy.deepcopy(network)  # the running mean of the weights
    (share,) = config.shares
    best, best_arrays, best_loss = 0, kept.arrays(), math.inf
    for epoch in range(1, config.epochs + 1):
        own = _epoch(_Networks(network, kept), optimiser, train, config, weight, _RandomState(draw, chance), epoch - 1)
        other = math.nan if stop is None else _loss_on(shape, kept, stop, weight)
        losses.append((own, other))
        if stop is None or other < best_loss:
            best, best_arrays, best_loss = epoch, kept.arrays(), other
        progress(epoch, config.epochs, f"loss {own:.3f}")
        if epoch - best >= config.patience:
            break
    return FitResult(best_arrays, best, tuple(losses), (Trial(share, best, best_loss),))


class _Networks(NamedTuple):
    """The network that learns, and the exponential moving average of its weights."""

    learning: RecognitionNetwork
    averaged: RecognitionNetwork


class _RandomState(NamedTuple):
    """Generators of the order of clips and their windows, and of dropout."""

    order: np.random.Generator
    dropout: torch.Generator


def _epoch(
    networks: _Networks,
    optimiser: torch.optim.Optimizer,
    train: ClipDataset,
    config: RecogniserConfig,
    positive_weight: torch.Tensor,
    random: _RandomState,
    epochs_done: int,
) -> float:
    """Learn from every clip once, and let the averaged network follow; the mean loss."""
    (network, averaged), (draw, chance), weight = networks, random, positive_weight
    order, total = draw.permutation(len(train.rows)), 0.0
    steps = epochs_done * math.ceil(len(order) / config.batch_size)
    network.train()
    for start in range(0, len(order), config.batch_size):
        places = order[start : start + config.batch_size]
        windows = np.stack([descriptor_window(train.rows[i], network.config.ticks, draw) for i in places])
        said = torch.from_numpy(train.said[places]).float()
        p = network(torch.from_numpy(windows), config.shares[0], chance)
        loss = rated_loss(p, said, weight)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingError(
                f"the loss became {value}. Choose a smaller learning rate than {config.learning_rate:g}, or leave out "
                "clips of faces with enormous descriptions"
            )
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        clip_each(network.parameters(), 1.0)
        optimiser.step()
        steps += 1
        memory = min(config.ema_decay, steps / (steps + 10))  # or the first weights would stay in it for long
        with torch.no_grad():
            for mean, now in zip(averaged.parameters(), network.parameters(), strict=True):
                mean.lerp_(now, 1 - memory)
        total += value * len(places)
    return total / len(order)


def descriptor_window(rows: NDArray[np.float32], ticks: int, draw: np.random.Generator) -> NDArray[np.float32]:
    """One window of a clip, (ticks, D): its end, padded with its first row; of a longer clip any that lies within."""
    end = len(rows) if len(rows) <= ticks else int(draw.integers(ticks, len(rows) + 1))
    taken = rows[max(0, end - ticks) : end]
    return np.concatenate([np.repeat(taken[:1], ticks - len(taken), axis=0), taken])


def window_scores(
    shape: RecognitionConfig, arrays: dict[str, NDArray[np.float32]], clips: Sequence[NDArray[np.float32]]
) -> NDArray[np.float64]:
    """Score whole clips, (n, K): the mean over the windows that lie within; one window of a short clip."""
    own = [windows_of(rows, shape.ticks) for rows in clips]
    p = RecognitionForward(shape, arrays).windows(np.concatenate(own)).astype(np.float64)
    ends = np.cumsum([len(windows) for windows in own])
    return np.stack([part.mean(axis=0) for part in np.split(p, ends[:-1])])


def windows_of(rows: NDArray[np.float32], ticks: int) -> NDArray[np.float32]:
    """Every window that lies within a clip, (n, ticks, D); of a short clip one, padded with its first row."""
    short = ticks - len(rows)
    padded = np.concatenate([np.repeat(rows[:1], short, axis=0), rows]) if short > 0 else rows
    return np.lib.stride_tricks.sliding_window_view(padded, ticks, axis=0).transpose(0, 2, 1)


def positive_weights(said: NDArray[np.float64], balance: str) -> NDArray[np.float32]:
    """How much a yes counts, per class: 1, or the root of (noes / yeses), at most 10.

    The root, because the full ratio makes a rare class's few clips outweigh all others; calibration takes
    the shift of probabilities out again.
    """
    if balance == "none":
        return np.ones(said.shape[1], dtype=np.float32)
    yes, no = np.nansum(said, axis=0), np.nansum(1 - said, axis=0)
    ratio = np.sqrt(no / np.maximum(yes, 1))
    return np.asarray(np.clip(ratio, 1, 10), dtype=np.float32)


def rated_loss(p: torch.Tensor, said: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Cross entropy summed over classes, mean over clips; what nobody rated (NaN) does not count."""
    rated = ~torch.isnan(said)
    t = torch.nan_to_num(said)
    by_class = weight * t * torch.log(p + EPSILON) + (1 - t) * torch.log(1 - p + EPSILON)
    return -(by_class * rated).sum(dim=1).mean()


def _loss_on(shape: RecognitionConfig, network: RecognitionNetwork, stop: ClipDataset, weight: torch.Tensor) -> float:
    p = torch.from_numpy(window_scores(shape, network.arrays(), stop.rows)).float()
    return float(rated_loss(p, torch.from_numpy(stop.said).float(), weight))


def _standards(clips: Sequence[NDArray[np.float32]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and deviation of every column; each clip counts once however long it is."""
    means = np.stack([rows.mean(axis=0, dtype=np.float64) for rows in clips])
    squares = np.stack([(rows.astype(np.float64) ** 2).mean(axis=0) for rows in clips])
    mean = means.mean(axis=0)
    deviation = np.sqrt(np.maximum(squares.mean(axis=0) - mean**2, 0))
    deviation[deviation < DEAD] = 1.0
    return mean.astype(np.float32), deviation.astype(np.float32)


def _stopping(fold: Fold, who: NDArray[np.str_], config: RecogniserConfig) -> tuple[list[int], list[int]]:
    """Places of the clips to learn from and of those to stop by, of different people."""
    left = {p: int((who == p).sum()) for p in fold.train}
    inner = make_folds(left, config.folds, seed=config.seed + 1)[0]
    audit([inner])
    return (
        np.flatnonzero(np.isin(who, inner.train)).tolist(),
        np.flatnonzero(np.isin(who, inner.held_out)).tolist(),
    )


def _part(progress: Progress, number: int, parts: int) -> Progress:
    """Progress of one of several trainings, as of all of them."""

    def tell(done: float, total: float | None, note: str = "") -> None:
        progress(number + done / (total or 1), parts, note)

    return tell
