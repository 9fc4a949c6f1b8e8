"""Training the content model: one loop, read from top to bottom (spec §7)."""

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
from evoked.learning.training.config import TrainConfig
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
    """What training made.

    Attributes:
        checkpoint: the model; with validation, of its best epoch. It has no `features` and `provenance`
            yet: the code that saves it knows them (`learning.outcome`).
        history: every epoch, those of earlier sittings too.
        notes: what a reader must know, e.g. an expression that no training second shows.
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
    """Learn to predict the labels of the examples from their features.

    Adam; batches of runs of consecutive windows; each variable's gradient clipped on its own; see
    `TrainConfig`. The same seed, threads and machine give the same model, to the bit on a CPU.

    Args:
        examples: what to learn from; all with the same expressions and feature widths.
        model: choices of the model, whose sizes come from the examples; or its exact shape.
        config: choices of training.
        validation: scored after each epoch; the best epoch is kept. Never videos of `examples`.
        start: arrays to begin with instead of first weights, by the names of `model.config.shapes`; those that
            are not among them are drawn as always. Fine-tuning: all of them learn on.
        state: a folder in which training keeps where it stands. Where it finds the same work there, cut
            off or finished, it goes on from it, and ends as if it had never stopped.
        progress: told in steps, with the epoch and the loss.

    Raises:
        DatasetError: if there is nothing to learn from, or examples do not fit each other.
        TrainingError: if the device is not here, or the loss is not a number any more.
        CheckpointError, OutputError: if the state cannot be read or written.
    """
    shape = fitting(examples, validation, model)
    if _labelled(examples) < 2:
        raise DatasetError("nothing to learn from: fewer than 2 seconds have valid labels. Check labels.parquet")
    config = config.resolved(_labelled(examples))
    unseen = unusable_reasons(validation, shape, config)
    names = [m.name for m in shape.modalities]
    learnt, held = (tuple(e.only(names) for e in part) for part in (examples, validation))
    work = _Work(learnt, held, shape, config, start, state)
    trained = run_distributed(partial(_learn, work), config, progress)
    return replace(trained, notes=(*trained.notes, *unseen))


@dataclass(frozen=True, eq=False)
class _Work:
    """What `train` was given, settled; a process of its own can be handed it."""

    examples: tuple[Example, ...]
    validation: tuple[Example, ...]
    shape: ModelConfig
    config: TrainConfig
    start: Mapping[str, NDArray[np.float32]] | None
    state: Path | None


def _learn(work: _Work, fabric: Fabric, progress: Progress) -> Trained:
    """The loop, on each device."""
    examples, config, state = work.examples, work.config, work.state
    usable = [_usable(example, config) for example in examples]
    with _threads(config.threads):
        lesson = _Lesson(work, usable, fabric)
        key = job_key(examples, work.validation, work.shape, config, work.start) if state else ""
        standing = (load_state(state, key, lesson.network, lesson.optimiser) if state else None) or TrainingState()
        saves = state is not None and fabric.is_global_zero
        metrics = TensorBoardLog(state if saves and config.tensorboard else None, standing.taken)
        saved = time.monotonic()
        while not _finished(standing, config):
            plan = plan_epoch(usable, config.runs_per_batch, config.windows_per_run, (config.seed, standing.epoch))
            while standing.step < len(plan) and not _out_of_steps(standing, config):
                lesson.learn(plan[standing.step], standing)
                _tell(progress, standing, config, len(plan))
                if state and saves and time.monotonic() - saved >= config.checkpoint_every_s:
                    save_state(state, key, standing, lesson.network, lesson.optimiser)
                    saved = time.monotonic()
            lesson.close_epoch(standing)
            metrics.epoch(standing.history[-1], standing.taken)
            if state and saves and _finished(standing, config):
                save_state(state, key, standing, lesson.network, lesson.optimiser)
        metrics.close()
        arrays = standing.best_arrays or lesson.network.arrays()
    about = asdict(config) | {"epochs_done": len(standing.history), "best_epoch": standing.best or None}
    return Trained(Checkpoint(work.shape, arrays, training=about), tuple(standing.history), _notes(examples, usable))


def fitting(
    examples: Sequence[Example], validation: Sequence[Example], model: ModelSettings | ModelConfig
) -> ModelConfig:
    """The model's shape for these examples; DatasetError where they do not fit each other or the model."""
    if not examples:
        raise DatasetError("nothing to learn from: there is no video with features and labels")
    first = examples[0]
    try:
        shape = (
            model if isinstance(model, ModelConfig) else model.fit(first.widths, first.expressions, _labelled(examples))
        )
    except ValueError as error:
        raise DatasetError(f"{first.video}: {error}. Make its features anew, or choose other inputs") from error
    wanted = {m.name: m.width for m in shape.modalities}
    for example in (*examples, *validation):
        found = {name: example.widths.get(name) for name in wanted}
        if found != wanted:
            raise DatasetError(
                f"{example.video} has features {found}, {first.video} has {wanted}. Make all features with one setting"
            )
        if example.expressions != first.expressions:
            raise DatasetError(
                f"{example.video} has labels {example.expressions}, {first.video} has {first.expressions}. "
                "Learn from labels of one set"
            )
    if wrong := [e.video for e in (*examples, *validation) if e.values != (shape.answer != "probability")]:
        raise DatasetError(f"{wrong[0]}: its labels are not of the kind that the model answers with, {shape.answer}")
    if both := {e.video for e in examples} & {e.video for e in validation}:
        raise DatasetError(f"{', '.join(sorted(both))}: a video to learn from cannot validate as well. Split by video")
    return shape


class _Lesson:
    """What every step of training needs: the data, the network, its optimiser and the device."""

    def __init__(self, work: _Work, usable: Sequence[NDArray[np.bool_]], fabric: Fabric) -> None:
        self.work, self.usable, self.fabric, self.config = work, usable, fabric, work.config
        self.network = _new_network(work.examples, work.shape, work.config, work.start or {}).train()
        own = torch.optim.AdamW(
            self.network.parameters(), lr=self.config.learning_rate, weight_decay=self.config.weight_decay, fused=True
        )
        self._ready, self._stepper = fabric.setup(self.network, own)
        self.optimiser = own
        self._examples = smoothing_kernel(work.examples, usable, work.config.label_smoothing_s)
        shown = np.sum(
            [e.labels[seconds].sum(axis=0) for e, seconds in zip(self._examples, usable, strict=True)], axis=0
        )
        count = int(sum(seconds.sum() for seconds in usable))
        means = torch.from_numpy(shown / max(count, 1)).to(fabric.device)
        self._charge = make_loss(work.shape.answer, work.config.loss, means, count)

    def learn(self, runs: Sequence[WindowRun], standing: TrainingState) -> None:
        """Take one step, and note in `standing` that it was taken."""
        config, fabric, count = self.config, self.fabric, windows_in(runs, self.usable, self.config.windows_per_run)
        own, weight = shard_batch(runs, fabric, lambda part: windows_in(part, self.usable, config.windows_per_run))
        batch = gather(self._examples, own, self.usable, config.windows_per_run, self.network.config.window_s)
        rows = {m.name: torch.from_numpy(batch.rows[m.name]) for m in self.network.config.modalities}
        rows, source, use, labels = fabric.to_device(
            (rows, torch.from_numpy(batch.source), torch.from_numpy(batch.use), torch.from_numpy(batch.labels))
        )
        chance = torch.Generator(fabric.device).manual_seed(
            _seed(config.seed, standing.epoch, standing.step, *([fabric.global_rank] if fabric.global_rank else []))
        )
        p = self._ready(rows, source, use, generator=chance)
        loss = self._charge(p, labels) * weight
        self._stepper.zero_grad()
        fabric.backward(loss + config.l2 * self.network.experts.weight_squares())
        clip_each(self.network.parameters(), config.max_grad_norm)
        self._stepper.step()
        value = mean_loss(fabric, loss)
        if not math.isfinite(value):
            where = f"epoch {standing.epoch + 1}, step {standing.step + 1}"
            raise TrainingError(
                f"the loss became {value} in {where}. Choose a smaller learning rate than {config.learning_rate:g}, "
                "or leave out features of enormous size"
            )
        standing.step, standing.taken = standing.step + 1, standing.taken + 1
        standing.loss_sum, standing.windows = standing.loss_sum + value * count, standing.windows + count

    def close_epoch(self, standing: TrainingState) -> None:
        """Score the validation videos (the first device does), and note how the epoch went."""
        epoch, best = Epoch(standing.epoch + 1, standing.loss_sum / standing.windows), standing.best
        if self.work.validation:
            scores = validation_score(self.network, self.work.validation) if self.fabric.is_global_zero else None
            if self.fabric.world_size > 1:
                scores = self.fabric.broadcast(scores)
            epoch = Epoch(epoch.epoch, epoch.loss, *(scores or (None, None)))
            if improved(epoch, standing.history[best - 1] if best else None, self.config.monitor):
                standing.best, standing.best_arrays = epoch.epoch, self.network.arrays()
        standing.history.append(epoch)
        standing.epoch, standing.step, standing.loss_sum, standing.windows = epoch.epoch, 0, 0.0, 0


def _new_network(
    examples: Sequence[Example],
    shape: ModelConfig,
    config: TrainConfig,
    start: Mapping[str, NDArray[np.float32]],
) -> Network:
    network = Network(shape, config.seed)
    network.kind = {"f32": torch.float32, "bf16": torch.bfloat16}[config.precision]
    if shape.standardise != "none":
        for m in shape.modalities:
            network.set_standardisation(m.name, *feature_statistics(examples, m, shape.standardise))
    network.load_arrays(network.arrays() | dict(start))
    return network


def _finished(standing: TrainingState, config: TrainConfig) -> bool:
    waited = standing.epoch - standing.best
    patient = not config.patience or not standing.best or waited < config.patience
    return standing.epoch >= config.epochs or _out_of_steps(standing, config) or not patient


def _out_of_steps(standing: TrainingState, config: TrainConfig) -> bool:
    return bool(config.max_steps) and standing.taken >= config.max_steps


def _tell(progress: Progress, standing: TrainingState, config: TrainConfig, per_epoch: int) -> None:
    total = min(config.epochs * per_epoch, config.max_steps or math.inf)
    loss = standing.loss_sum / standing.windows
    progress(standing.taken, total, f"epoch {standing.epoch + 1} of {config.epochs}, loss {loss:.3f}")


def _labelled(examples: Sequence[Example]) -> int:
    return sum(int(example.valid.sum()) for example in examples)


def _usable(example: Example, config: TrainConfig) -> NDArray[np.bool_]:
    """Seconds to learn from; with `zeros` an unseen second counts as one without any expression."""
    return example.valid if config.missing_labels == "masked" else np.ones_like(example.valid)


def _notes(examples: Sequence[Example], usable: Sequence[NDArray[np.bool_]]) -> tuple[str, ...]:
    shown = np.sum([e.labels[seconds].sum(axis=0) for e, seconds in zip(examples, usable, strict=True)], axis=0)
    return tuple(
        f"{name}: no training second shows it, so the model can only learn to say no"
        for name, count in zip(examples[0].expressions, shown, strict=True)
        if count == 0
    )


def _seed(*numbers: int) -> int:
    """One seed from several, without the patterns of a sum."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let torch use so many threads in this block (0: as many as it does)."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
