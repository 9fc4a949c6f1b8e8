"""Arrays on disk: they come back with the values they had, however they lay in memory."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from evoked.model.stored import read_arrays, write_arrays

ROWS = np.arange(12, dtype=np.float32).reshape(3, 4)


@pytest.mark.parametrize(
    "view",
    [
        lambda rows: rows,
        lambda rows: rows.T,
        lambda rows: rows[::-1],
        lambda rows: rows[:, 1::2],
        lambda rows: np.asfortranarray(rows),
        lambda rows: np.broadcast_to(rows[1], rows.shape),
        lambda rows: rows.astype(">f4"),
        lambda rows: rows[1, 2, None].reshape(()),
        lambda rows: rows[:0].T,
    ],
    ids=["C", "transposed", "reversed", "strided", "Fortran", "broadcast", "big-endian", "scalar", "empty"],
)
def test_values_are_kept_in_every_memory_layout(tmp_path: Path, view: Callable[[NDArray], NDArray]) -> None:
    array = view(ROWS)

    write_arrays(tmp_path / "some.safetensors", {"array": array, "after": ROWS}, '{"a": 1}')
    read, text = read_arrays(tmp_path / "some.safetensors")

    assert read["array"].shape == array.shape
    np.testing.assert_array_equal(read["array"], array)
    np.testing.assert_array_equal(read["after"], ROWS)
    assert text == '{"a": 1}'
