"""Training of the content model (spec §7)."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray

from evoked.core.errors import DatasetError, TrainingError
from evoked.core.progress import Progress, silent
from evoked.dataset.examples import Example
from evoked.learning.training.batching import WindowRun, gather, plan_epoch, windows_in
from evoked.learning.training.config import ResolvedTrainConfig, TrainConfig
from evoked.learning.training.distributed import mean_loss, run_distributed, shard_batch
from evoked.learning.training.label_smoothing import smoothing_kernel
from evoked.learning.training.losses import clip_each, make_loss
from evoked.learning.training.resume import Epoch, TrainingState, job_key, load_state, save_state
from evoked.learning.training.standardisation import feature_statistics
from evoked.learning.training.tensorboard import TensorBoardLog
from evoked.learning.training.validation import improved, unusable_reasons, validation_score
from evoked.model.checkpoint import Checkpoint
from evoked.model.config import ModelConfig, ModelSettings
from evoked.model.network import Network

__all__ = ["Trained", "fitting", "train"]


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained model.

    Attributes:
        checkpoint: the model; with validation, of its best epoch. `features` and `provenance` are added when it is
            saved (`learning.training.model_folder`).
        history: every epoch, including those before training was resumed.
        notes: caveats, e.g. an expression that no training second shows.
    """

    checkpoint: Checkpoint
    history: tuple[Epoch, ...]
    notes: tuple[str, ...]


def train(
    examples: Sequence[Example],
    model: ModelSettings | ModelConfig,
    config: TrainConfig,
    *,
    validation: Sequence[Example] = (),
    start: Mapping[str, NDArray[np.float32]] | None = None,
    state: Path | None = None,
    progress: Progress = silent,
) -> Trained:
    """Train a model to predict the labels of the examples from their features.

    Adam; batches of runs of consecutive windows; the gradient of each variable clipped on its own; see
    `TrainConfig`. The same seed, threads and machine give the same model, bit by bit on a CPU.

    Args:
        examples: training videos; all with the same expressions and feature widths.
        model: settings of the model, whose sizes come from the examples; or its exact shape.
        config: settings of training.
        validation: videos that are scored after each epoch; the best epoch is kept. Never videos of `examples`.
        start: initial weights, by the names of `model.config.shapes`; weights that are not given are drawn at
            random. All weights are trained (fine-tuning).
        state: a folder for the training state. Training with the same data and settings that was interrupted or
            finished there is resumed, with the same result as without interruption.
        progress: receives training steps, with the epoch and the loss.

    Returns:
        The trained model.

    Raises:
        DatasetError: if there is nothing to train on, or examples do not fit each other.
        TrainingError: if the device is not available, or the loss is not finite.
        CheckpointError, OutputError: if the state cannot be read or written.
    """
    shape = fitting(examples, validation, model)
    if _labelled(examples) < 2:
        raise DatasetError("nothing to learn from: fewer than 2 seconds have valid labels. Check labels.parquet")
    config = config.resolved(_labelled(examples))
    unseen = unusable_reasons(validation, shape, config)
    names = [m.name for m in shape.modalities]
    train_set, validation_set = (tuple(e.only(names) for e in subset) for subset in (examples, validation))
    work = _Work(train_set, validation_set, shape, config, start, state)
    trained = run_distributed(partial(_learn, work), config, progress)
    return replace(trained, notes=(*trained.notes, *unseen))


@dataclass(frozen=True, eq=False)
class _Work:
    """The input of `train`, resolved; picklable, for the processes of several devices."""

    examples: tuple[Example, ...]
    validation: tuple[Example, ...]
    shape: ModelConfig
    config: ResolvedTrainConfig
    start: Mapping[str, NDArray[np.float32]] | None
    state: Path | None


def _learn(work: _Work, fabric: Fabric, progress: Progress) -> Trained:
    """The training loop, on each device."""
    examples, config, state = work.examples, work.config, work.state
    usable = [_usable(example, config) for example in examples]
    with _threads(config.threads):
        loop = _Steps(work, usable, fabric)
        key = job_key(examples, work.validation, work.shape, config, work.start) if state else ""
        current = (load_state(state, key, loop.network, loop.optimiser) if state else None) or TrainingState()
        saves = state is not None and fabric.is_global_zero
        metrics = TensorBoardLog(state if saves and config.tensorboard else None, current.taken)
        saved = time.monotonic()
        while not _finished(current, config):
            plan = plan_epoch(usable, config.runs_per_batch, config.windows_per_run, (config.seed, current.epoch))
            while current.step < len(plan) and not _out_of_steps(current, config):
                loop.step(plan[current.step], current)
                _report(progress, current, config, len(plan))
                if state and saves and time.monotonic() - saved >= config.checkpoint_every_s:
                    save_state(state, key, current, loop.network, loop.optimiser)
                    saved = time.monotonic()
            loop.close_epoch(current)
            metrics.epoch(current.history[-1], current.taken)
            if state and saves and _finished(current, config):
                save_state(state, key, current, loop.network, loop.optimiser)
        metrics.close()
        arrays = current.best_arrays or loop.network.arrays()
    about = asdict(config) | {"epochs_done": len(current.history), "best_epoch": current.best or None}
    return Trained(Checkpoint(work.shape, arrays, training=about), tuple(current.history), _notes(examples, usable))


def fitting(
    examples: Sequence[Example], validation: Sequence[Example], model: ModelSettings | ModelConfig
) -> ModelConfig:
    """The model's shape for these examples, after checking that they fit each other.

    Args:
        examples: training videos.
        validation: validation videos.
        model: settings of the model, or its exact shape.

    Returns:
        The shape.

    Raises:
        DatasetError: if there are no examples, or they do not fit each other or the model.
    """
    if not examples:
        raise DatasetError("nothing to learn from: there is no video with features and labels")
    first = examples[0]
    try:
        shape = (
            model if isinstance(model, ModelConfig) else model.fit(first.widths, first.expressions, _labelled(examples))
        )
    except ValueError as error:
        raise DatasetError(f"{first.video}: {error}. Make its features anew, or choose other inputs") from error
    expected = {m.name: m.width for m in shape.modalities}
    for example in (*examples, *validation):
        widths = {name: example.widths.get(name) for name in expected}
        if widths != expected:
            raise DatasetError(
                f"{example.video} has features {widths}, {first.video} has {expected}. "
                "Make all features with one setting"
            )
        if example.expressions != first.expressions:
            raise DatasetError(
                f"{example.video} has labels {example.expressions}, {first.video} has {first.expressions}. "
                "Learn from labels of one set"
            )
    if wrong := [e.video for e in (*examples, *validation) if e.values != (shape.answer != "probability")]:
        raise DatasetError(f"{wrong[0]}: its labels are not of the kind that the model answers with, {shape.answer}")
    if shared := {e.video for e in examples} & {e.video for e in validation}:
        raise DatasetError(
            f"{', '.join(sorted(shared))}: a video to learn from cannot validate as well. Split by video"
        )
    return shape


class _Steps:
    """Takes training steps: holds the data, the network, its optimiser and the device."""

    def __init__(self, work: _Work, usable: Sequence[NDArray[np.bool_]], fabric: Fabric) -> None:
        self.work, self.usable, self.fabric, self.config = work, usable, fabric, work.config
        self.network = _new_network(work.examples, work.shape, work.config, work.start or {}).train()
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=self.config.learning_rate, weight_decay=self.config.weight_decay, fused=True
        )
        self._wrapped_network, self._wrapped_optimiser = fabric.setup(self.network, self.optimiser)
        self._examples = smoothing_kernel(work.examples, usable, work.config.label_smoothing_s)
        positives = np.sum(
            [e.labels[seconds].sum(axis=0) for e, seconds in zip(self._examples, usable, strict=True)], axis=0
        )
        count = int(sum(seconds.sum() for seconds in usable))
        prevalence = torch.from_numpy(positives / max(count, 1)).to(fabric.device)
        self._loss = make_loss(work.shape.answer, work.config.loss, prevalence, count)

    def step(self, runs: Sequence[WindowRun], current: TrainingState) -> None:
        """Train on one batch, and count the step in `current`; TrainingError if the loss is not finite."""
        config, fabric, count = self.config, self.fabric, windows_in(runs, self.usable, self.config.windows_per_run)
        shard, weight = shard_batch(runs, fabric, lambda share: windows_in(share, self.usable, config.windows_per_run))
        batch = gather(self._examples, shard, self.usable, config.windows_per_run, self.network.config.window_s)
        rows = {m.name: torch.from_numpy(batch.rows[m.name]) for m in self.network.config.modalities}
        rows, source, use, labels = fabric.to_device(
            (rows, torch.from_numpy(batch.source), torch.from_numpy(batch.use), torch.from_numpy(batch.labels))
        )
        dropout = torch.Generator(fabric.device).manual_seed(
            _seed(config.seed, current.epoch, current.step, *([fabric.global_rank] if fabric.global_rank else []))
        )
        p = self._wrapped_network(rows, source, use, generator=dropout)
        loss = self._loss(p, labels) * weight
        self._wrapped_optimiser.zero_grad()
        fabric.backward(loss + config.l2 * self.network.experts.weight_squares())
        clip_each(self.network.parameters(), config.max_grad_norm)
        self._wrapped_optimiser.step()
        value = mean_loss(fabric, loss)
        if not math.isfinite(value):
            where = f"epoch {current.epoch + 1}, step {current.step + 1}"
            raise TrainingError(
                f"the loss became {value} in {where}. Choose a smaller learning rate than {config.learning_rate:g}, "
                "or leave out features of enormous size"
            )
        current.step, current.taken = current.step + 1, current.taken + 1
        current.loss_sum, current.windows = current.loss_sum + value * count, current.windows + count

    def close_epoch(self, current: TrainingState) -> None:
        """Score the validation videos on the first device, and add the epoch to the history."""
        epoch, best = Epoch(current.epoch + 1, current.loss_sum / current.windows), current.best
        if self.work.validation:
            scores = validation_score(self.network, self.work.validation) if self.fabric.is_global_zero else None
            if self.fabric.world_size > 1:
                scores = self.fabric.broadcast(scores)
            epoch = Epoch(epoch.epoch, epoch.loss, *(scores or (None, None)))
            if improved(epoch, current.history[best - 1] if best else None, self.config.monitor):
                current.best, current.best_arrays = epoch.epoch, self.network.arrays()
        current.history.append(epoch)
        current.epoch, current.step, current.loss_sum, current.windows = epoch.epoch, 0, 0.0, 0


def _new_network(
    examples: Sequence[Example],
    shape: ModelConfig,
    config: TrainConfig,
    start: Mapping[str, NDArray[np.float32]],
) -> Network:
    network = Network(shape, config.seed)
    network.matmul_dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[config.precision]
    if shape.standardise != "none":
        for m in shape.modalities:
            network.set_standardisation(m.name, *feature_statistics(examples, m, shape.standardise))
    network.load_arrays(network.arrays() | dict(start))
    return network


def _finished(current: TrainingState, config: ResolvedTrainConfig) -> bool:
    waited = current.epoch - current.best
    patient = not config.patience or not current.best or waited < config.patience
    return current.epoch >= config.epochs or _out_of_steps(current, config) or not patient


def _out_of_steps(current: TrainingState, config: ResolvedTrainConfig) -> bool:
    return bool(config.max_steps) and current.taken >= config.max_steps


def _report(progress: Progress, current: TrainingState, config: ResolvedTrainConfig, per_epoch: int) -> None:
    total = min(config.epochs * per_epoch, config.max_steps or math.inf)
    loss = current.loss_sum / current.windows
    progress(current.taken, total, f"epoch {current.epoch + 1} of {config.epochs}, loss {loss:.3f}")


def _labelled(examples: Sequence[Example]) -> int:
    return sum(int(example.valid.sum()) for example in examples)


def _usable(example: Example, config: TrainConfig) -> NDArray[np.bool_]:
    """Seconds to train on; with `zeros` a second without valid labels counts as one without any expression."""
    return example.valid if config.missing_labels == "masked" else np.ones_like(example.valid)


def _notes(examples: Sequence[Example], usable: Sequence[NDArray[np.bool_]]) -> tuple[str, ...]:
    positives = np.sum([e.labels[seconds].sum(axis=0) for e, seconds in zip(examples, usable, strict=True)], axis=0)
    return tuple(
        f"{name}: no training second shows it, so the model can only learn to say no"
        for name, count in zip(examples[0].expressions, positives, strict=True)
        if count == 0
    )


def _seed(*numbers: int) -> int:
    """One seed from several numbers, mixed by numpy's SeedSequence."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let torch use this many threads within the block; 0: no change."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
