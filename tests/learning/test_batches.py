"""Laws of the batches: every usable second once an epoch, and each window as the specification says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted import World, video, videos

from evoked.learning.training.batching import WindowBatch, WindowRun, gather, plan_epoch

WINDOW_S = 9
LENGTHS = st.lists(st.integers(1, 70), min_size=1, max_size=6)


def seconds_of(run: WindowRun, usable: list[np.ndarray], windows_per_run: int) -> list[tuple[int, int]]:
    inside = range(max(run.start, 0), min(run.start + windows_per_run, len(usable[run.example])))
    return [(run.example, t) for t in inside if usable[run.example][t]]


@given(
    lengths=LENGTHS,
    runs=st.integers(1, 8),
    windows_per_run=st.integers(1, 20),
    seed=st.integers(0, 9),
    share=st.floats(0, 1),
)
def test_each_usable_second_is_in_one_batch(
    lengths: list[int], runs: int, windows_per_run: int, seed: int, share: float
) -> None:
    draw = np.random.default_rng(seed)
    usable = [draw.random(n) < share for n in lengths]

    plan = plan_epoch(usable, runs, windows_per_run, (seed, 0))

    found = [second for batch in plan for run in batch for second in seconds_of(run, usable, windows_per_run)]
    assert sorted(found) == [(e, int(t)) for e, seconds in enumerate(usable) for t in np.flatnonzero(seconds)]
    sizes = [len([s for run in batch for s in seconds_of(run, usable, windows_per_run)]) for batch in plan]
    assert all(size >= 2 for size in sizes) or sum(sizes) < 2  # batch norm needs two


def test_batches_are_of_even_size() -> None:
    plan = plan_epoch([np.ones(600, dtype=bool)], runs=8, windows_per_run=16, seed=(0, 0))

    assert {len(batch) for batch in plan} <= {7, 8}


def test_another_epoch_is_cut_and_dealt_otherwise_and_a_seed_decides() -> None:
    usable = [np.ones(100, dtype=bool)] * 3

    one, same, other = (plan_epoch(usable, 4, 16, (0, epoch)) for epoch in (0, 0, 1))

    assert one == same != other
    assert {run.start % 16 for batch in one for run in batch} != {run.start % 16 for batch in other for run in batch}


def test_nothing_usable_gives_no_batches() -> None:
    assert plan_epoch([np.zeros(50, dtype=bool)], 8, 16, (0,)) == []


def read(run: WindowRun, windows_per_run: int = 5, seconds: int = 30) -> tuple[WindowBatch, object]:
    example = video(World(), "v", seconds, seed=3)[0]
    return gather([example], [run], [example.valid], windows_per_run, WINDOW_S), example


@pytest.mark.parametrize("start", [0, 3, 12, 25])
def test_each_window_reads_its_seconds(start: int) -> None:
    batch, example = read(WindowRun(0, start))

    for name, rows in batch.rows.items():
        shown = np.take_along_axis(rows, batch.source[:, :, None], axis=0)[:, 0]
        for r in range(5):
            t = start + r
            if t >= 30:
                continue
            window = [max(0, t - WINDOW_S + 1 + k) for k in range(WINDOW_S)]  # spec §7, first second repeated
            np.testing.assert_array_equal(shown[r : r + WINDOW_S], example.features[name][window].astype(np.float32))


def test_the_repeated_first_second_has_one_source() -> None:
    batch, _ = read(WindowRun(0, 2))

    assert batch.source[:, 0].tolist() == [6] * 6 + list(range(6, 13))  # seconds 2 - 8 … 6: six before second 0


def test_windows_outside_the_video_are_not_used() -> None:
    before, example = read(WindowRun(0, -2))
    beyond, _ = read(WindowRun(0, 28))

    assert before.use[:, 0].tolist() == [False, False, *example.valid[:3].tolist()]
    assert beyond.use[:, 0].tolist() == [*example.valid[28:].tolist(), False, False, False]


def test_labels_are_those_of_the_used_windows() -> None:
    examples = videos(World(), 3, 40)
    usable = [e.valid for e in examples]
    runs = [WindowRun(2, 30), WindowRun(0, -3), WindowRun(1, 7)]

    batch = gather(examples, runs, usable, windows_per_run=8, window_s=WINDOW_S)

    expected = []
    for r in range(8):
        for run in runs:
            t = run.start + r
            if 0 <= t < examples[run.example].seconds and usable[run.example][t]:
                expected.append(examples[run.example].labels[t])
    np.testing.assert_array_equal(batch.labels, expected)
    assert batch.use.sum() == len(expected)


def test_a_batch_s_arrays_are_what_the_network_takes() -> None:
    examples = videos(World(), 2, 40)

    batch = gather(
        examples, [WindowRun(0, 0), WindowRun(1, 8)], [e.valid for e in examples], windows_per_run=8, window_s=WINDOW_S
    )

    assert {n: (r.shape, r.dtype) for n, r in batch.rows.items()} == {
        "image": ((16, 2, 40), np.float32),
        "face": ((16, 2, 16), np.float32),
        "audio": ((16, 2, 24), np.float32),
    }
    assert (batch.source.dtype, batch.use.dtype, batch.labels.dtype) == (np.int64, np.bool_, np.float32)
    assert (batch.source >= 0).all()
    assert (batch.source < 16).all()
