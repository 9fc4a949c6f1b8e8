"""Threads that share a chunk's windows change nothing but the time, and leave BLAS as they found it."""

import subprocess
import sys
import threading

import numpy as np
import pytest
from float64_model import small_config, some_arrays, some_features
from threadpoolctl import ThreadpoolController, threadpool_limits

from evoked.model.forward import Forward
from evoked.model.spreading import LEAST, Spread


def blas_threads() -> set[int]:
    return {one["num_threads"] for one in ThreadpoolController().select(user_api="blas").info()}


@pytest.mark.parametrize("choices", [{}, {"layers": 2}, {"kind": "tcn"}], ids=str)
@pytest.mark.parametrize("threads", [0, 2, 3])
def test_threads_change_nothing(threads: int, choices: dict[str, object]) -> None:
    config = small_config(**choices)
    arrays, features = some_arrays(config), some_features(config, 7 * LEAST + 5)

    one, several = (Forward(config, arrays, chunk_s=4 * LEAST, threads=n)(features) for n in (1, threads))

    np.testing.assert_allclose(several, one, atol=1e-6)


@pytest.mark.parametrize("rows", [2 * LEAST, 2 * LEAST + 1, 3 * LEAST, 1000])
def test_pieces_are_all_rows_in_their_order_each_in_a_thread_with_one_blas_thread(rows: int) -> None:
    before = blas_threads()

    found = Spread(3)(lambda some: (some, threading.get_ident(), blas_threads()), rows)

    assert [i for some, _, _ in found for i in range(rows)[some]] == list(range(rows))
    assert len(found) == min(3, rows // LEAST)
    assert threading.get_ident() not in {thread for _, thread, _ in found}
    assert all(blas == {1} for _, _, blas in found)
    assert blas_threads() == before


@pytest.mark.parametrize("rows", [1, 2 * LEAST - 1])
def test_few_rows_are_done_here_and_now(rows: int) -> None:
    assert Spread(4)(lambda some: (some, threading.get_ident()), rows) == [(slice(0, rows), threading.get_ident())]


def test_where_blas_may_use_one_thread_so_may_we() -> None:
    with threadpool_limits(1, user_api="blas"):
        assert len(Spread()(lambda some: some, 1000)) == 1


def test_an_error_in_one_piece_is_told_and_blas_is_put_back() -> None:
    before = blas_threads()

    def work(some: slice) -> None:
        if some.start:
            raise ValueError("the second piece")

    with pytest.raises(ValueError, match="the second piece"):
        Spread(2)(work, 1000)
    assert blas_threads() == before


def test_two_predictions_at_once_leave_blas_as_it_was() -> None:
    config, before = small_config(), blas_threads()
    forward, features = Forward(config, some_arrays(config), threads=2), some_features(config, 300)
    expected, found = forward(features), []
    both = [threading.Thread(target=lambda: found.append(forward(features))) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()

    assert blas_threads() == before
    assert all(np.array_equal(one, expected) for one in found)
    assert len(found) == 2


def test_a_negative_number_of_threads_is_refused() -> None:
    with pytest.raises(ValueError, match="threads must be 0 or more, got -1"):
        Spread(-1)


def test_no_thread_at_import() -> None:
    code = "import sys, threading, evoked.model.forward; sys.exit(threading.active_count() - 1)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
