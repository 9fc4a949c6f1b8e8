"""Batches are runs of consecutive windows, so that the seconds they share are read and projected once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evoked.dataset.examples import Example

__all__ = ["WindowBatch", "WindowRun", "gather", "plan_epoch", "windows_in"]


@dataclass(frozen=True)
class WindowRun:
    """`windows_per_run` consecutive windows of one example, the first that of second `start`.

    `start` may lie before second 0 and the run may reach beyond the end: those windows are not used.
    """

    example: int
    start: int


@dataclass(frozen=True, eq=False)
class WindowBatch:
    """What one training step sees; S = windows_per_run + window_s - 1 seconds of each of B runs.

    Attributes:
        rows: modality → float32, shape (S, B, D); places before second 0 hold second 0.
        source: int64, shape (S, B): which place's row is at each place, so that the repeated second 0
            has one dropout mask. `rows` and `source` are what `Network` takes.
        labels: float32, shape (N, K): of the used windows, in the order of `use.flatten()`.
        use: bool, shape (windows_per_run, B): windows to learn from.
    """

    rows: Mapping[str, NDArray[np.float32]]
    source: NDArray[np.int64]
    labels: NDArray[np.float32]
    use: NDArray[np.bool_]


def plan_epoch(
    usable: Sequence[NDArray[np.bool_]], runs: int, windows_per_run: int, seed: Sequence[int]
) -> list[list[WindowRun]]:
    """Cut every example into runs and deal them out, so that each usable second is in exactly one batch.

    The cuts are shifted by a random amount in each example, so that other windows share a batch in each
    epoch. Runs without a usable second are left out. Batches differ by one run at most, because a much
    smaller last one would spoil the gates' batch norm; a batch of a single usable second joins its neighbour.

    Args:
        usable: for each example bool of shape (T,).
        runs: most runs in a batch.
        windows_per_run: windows in a run.
        seed: numbers that decide shifts and order, e.g. the seed and the epoch.

    Returns:
        Batches of runs; none where nothing is usable.
    """
    draw = np.random.default_rng(list(seed))
    cut = []
    for example, seconds in enumerate(usable):
        shift = int(draw.integers(windows_per_run))
        for start in range(-shift, len(seconds), windows_per_run):
            if seconds[max(start, 0) : start + windows_per_run].any():
                cut.append(WindowRun(example, start))
    dealt = [cut[i] for i in draw.permutation(len(cut))]
    count = -(-len(dealt) // runs)
    batches = [[dealt[i] for i in part] for part in np.array_split(np.arange(len(dealt)), count)] if count else []
    whole: list[list[WindowRun]] = []
    lone: list[WindowRun] = []
    for batch in batches:
        if windows_in(batch, usable, windows_per_run) < 2:
            lone += batch
        else:
            whole.append(batch)
    if lone:
        whole = [*whole[:-1], [*(whole[-1] if whole else []), *lone]]
    return whole


def gather(
    examples: Sequence[Example],
    batch: Sequence[WindowRun],
    usable: Sequence[NDArray[np.bool_]],
    windows_per_run: int,
    window_s: int,
) -> WindowBatch:
    """Read the seconds of a batch.

    Args:
        examples: all of one set of modalities and widths.
        batch: runs of `plan_epoch`.
        usable: as given to `plan_epoch`.
        windows_per_run: windows in a run.
        window_s: seconds in a window.
    """
    places = np.arange(windows_per_run + window_s - 1)
    shape = (len(places), len(batch))
    rows = {
        name: np.empty((*shape, width), dtype=np.float32) for name, width in examples[batch[0].example].widths.items()
    }
    source = np.empty(shape, dtype=np.int64)
    use = np.empty((windows_per_run, len(batch)), dtype=np.bool_)
    labels = np.zeros((windows_per_run, len(batch), len(examples[0].expressions)), dtype=np.float32)
    for column, run in enumerate(batch):
        example = examples[run.example]
        seconds = np.clip(run.start - window_s + 1 + places, 0, example.seconds - 1)
        low, high = int(seconds[0]), int(seconds[-1]) + 1
        for name, out in rows.items():
            out[:, column] = np.asarray(example.features[name][low:high])[seconds - low]
        source[:, column] = np.maximum(places, window_s - 1 - run.start)
        use[:, column] = _used(usable, run, windows_per_run)
        labels[:, column] = example.labels[seconds[window_s - 1 :]]
    return WindowBatch(rows, source, labels[use], use)


def windows_in(batch: Sequence[WindowRun], usable: Sequence[NDArray[np.bool_]], windows_per_run: int) -> int:
    """How many windows of a batch are learnt from."""
    return sum(int(np.count_nonzero(usable[r.example][max(r.start, 0) : r.start + windows_per_run])) for r in batch)


def _used(usable: Sequence[NDArray[np.bool_]], run: WindowRun, windows_per_run: int) -> NDArray[np.bool_]:
    """Which of a run's windows are usable; those outside the example are not."""
    seconds = usable[run.example]
    out = np.zeros(windows_per_run, dtype=np.bool_)
    inside = slice(max(run.start, 0), min(run.start + windows_per_run, len(seconds)))
    out[inside.start - run.start : inside.stop - run.start] = seconds[inside]
    return out
