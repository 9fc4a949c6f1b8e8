"""Batches of runs of consecutive windows, so that the seconds they share are read and projected once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evoked.dataset.examples import Example

__all__ = ["WindowBatch", "WindowRun", "gather", "plan_epoch", "windows_in"]


@dataclass(frozen=True)
class WindowRun:
    """`windows_per_run` consecutive windows of one example; the first ends at second `start`.

    `start` may lie before second 0 and the run may reach beyond the end: those windows are not used.

    Attributes:
        example: index of the example.
        start: second of the first window.
    """

    example: int
    start: int


@dataclass(frozen=True, eq=False)
class WindowBatch:
    """The input of one training step; S = windows_per_run + window_s - 1 seconds of each of B runs.

    Attributes:
        rows: modality → float32, shape (S, B, D); rows before second 0 repeat second 0.
        source: int64, shape (S, B): index of the row that each row holds, so that the repeated second 0
            has one dropout mask. `rows` and `source` are what `Network` takes.
        labels: float32, shape (N, K), of the used windows, in the order of `use.flatten()`.
        use: bool, shape (windows_per_run, B), windows to train on.
    """

    rows: Mapping[str, NDArray[np.float32]]
    source: NDArray[np.int64]
    labels: NDArray[np.float32]
    use: NDArray[np.bool_]


def plan_epoch(
    usable: Sequence[NDArray[np.bool_]], runs: int, windows_per_run: int, seed: Sequence[int]
) -> list[list[WindowRun]]:
    """Cut every example into runs and distribute them, so that each usable second is in exactly one batch.

    The cuts are shifted by a random amount in each example, so that different windows share a batch in each
    epoch. Runs without a usable second are left out. Batch sizes differ by one run at most, because a much
    smaller last batch would distort the batch norm of the gates; a batch with a single usable second is merged
    into its neighbour.

    Args:
        usable: for each example bool (T,), seconds to train on.
        runs: maximum number of runs in a batch.
        windows_per_run: windows in a run.
        seed: numbers that decide shifts and order, e.g. the seed and the epoch.

    Returns:
        Batches of runs; empty where nothing is usable.
    """
    rng = np.random.default_rng(list(seed))
    cuts = []
    for example, seconds in enumerate(usable):
        shift = int(rng.integers(windows_per_run))
        for start in range(-shift, len(seconds), windows_per_run):
            if seconds[max(start, 0) : start + windows_per_run].any():
                cuts.append(WindowRun(example, start))
    shuffled = [cuts[i] for i in rng.permutation(len(cuts))]
    count = -(-len(shuffled) // runs)
    splits = np.array_split(np.arange(len(shuffled)), count) if count else []
    batches: list[list[WindowRun]] = []
    single: list[WindowRun] = []
    for batch in ([shuffled[i] for i in indices] for indices in splits):
        if windows_in(batch, usable, windows_per_run) < 2:
            single += batch
        else:
            batches.append(batch)
    if single:
        batches = [*batches[:-1], [*(batches[-1] if batches else []), *single]]
    return batches


def gather(
    examples: Sequence[Example],
    batch: Sequence[WindowRun],
    usable: Sequence[NDArray[np.bool_]],
    windows_per_run: int,
    window_s: int,
) -> WindowBatch:
    """Read the seconds of a batch.

    Args:
        examples: all with the same modalities and widths.
        batch: runs of `plan_epoch`.
        usable: as passed to `plan_epoch`.
        windows_per_run: windows in a run.
        window_s: seconds in a window.

    Returns:
        Features and labels of the batch.
    """
    positions = np.arange(windows_per_run + window_s - 1)
    shape = (len(positions), len(batch))
    rows = {
        name: np.empty((*shape, width), dtype=np.float32) for name, width in examples[batch[0].example].widths.items()
    }
    source = np.empty(shape, dtype=np.int64)
    use = np.empty((windows_per_run, len(batch)), dtype=np.bool_)
    labels = np.zeros((windows_per_run, len(batch), len(examples[0].expressions)), dtype=np.float32)
    for column, run in enumerate(batch):
        example = examples[run.example]
        seconds = np.clip(run.start - window_s + 1 + positions, 0, example.seconds - 1)
        low, high = int(seconds[0]), int(seconds[-1]) + 1
        for name, out in rows.items():
            out[:, column] = np.asarray(example.features[name][low:high])[seconds - low]
        source[:, column] = np.maximum(positions, window_s - 1 - run.start)
        use[:, column] = _used(usable, run, windows_per_run)
        labels[:, column] = example.labels[seconds[window_s - 1 :]]
    return WindowBatch(rows, source, labels[use], use)


def windows_in(batch: Sequence[WindowRun], usable: Sequence[NDArray[np.bool_]], windows_per_run: int) -> int:
    """Number of windows of a batch that are trained on.

    Args:
        batch: runs.
        usable: for each example bool (T,).
        windows_per_run: windows in a run.

    Returns:
        The count over all runs.
    """
    return sum(int(np.count_nonzero(usable[r.example][max(r.start, 0) : r.start + windows_per_run])) for r in batch)


def _used(usable: Sequence[NDArray[np.bool_]], run: WindowRun, windows_per_run: int) -> NDArray[np.bool_]:
    """Which of a run's windows are usable; those outside the example are not."""
    seconds = usable[run.example]
    out = np.zeros(windows_per_run, dtype=np.bool_)
    inside = slice(max(run.start, 0), min(run.start + windows_per_run, len(seconds)))
    out[inside.start - run.start : inside.stop - run.start] = seconds[inside]
    return out
