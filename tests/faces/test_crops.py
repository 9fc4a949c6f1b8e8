"""Which piece of a picture a face net is shown: the picture tells by its colours where each pixel came from."""

import numpy as np
import pytest
from numpy.typing import NDArray

from evoked.faces.crops import add_margin, square_box

HEIGHT, WIDTH = 200, 250


@pytest.fixture
def map_() -> NDArray[np.uint8]:
    """Red is the column, green the row, blue 255: black is nothing of it."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.uint8)
    return np.stack([columns, rows, np.full_like(rows, 255)], axis=2)


def box(*numbers: float) -> NDArray[np.float32]:
    return np.array(numbers, dtype=np.float32)


def corners(cut: NDArray[np.uint8]) -> list[int]:
    """Left, top, right, bottom pixel that is seen."""
    return [int(v) for v in (*cut[0, 0, :2], *cut[-1, -1, :2])]


def test_a_margin_of_an_eighth_on_each_side(map_: NDArray[np.uint8]) -> None:
    cut = add_margin(map_, box(40, 56, 64, 80), 160)
    assert cut.shape == (160, 160, 3)
    assert corners(cut) == [32, 46, 111, 145]  # 40 - 8 … 104 + 8, 56 - 10 … 136 + 10
    assert corners(add_margin(map_, box(40, 56, 64, 80), 40))[0] in (32, 33)  # its shape is not kept: 80 and 100 wide


def test_the_margin_ends_at_the_picture(map_: NDArray[np.uint8]) -> None:
    assert corners(add_margin(map_, box(-20, 150, 100, 100), 160)) == [0, 137, 91, 199]


def test_a_square_of_the_longer_side(map_: NDArray[np.uint8]) -> None:
    cut = square_box(map_, box(60, 40, 60, 100), 100)
    assert corners(cut) == [40, 40, 139, 139]


def test_a_square_is_black_beyond_the_picture(map_: NDArray[np.uint8]) -> None:
    cut = square_box(map_, box(-50, -50, 100, 100), 100)
    assert (cut[:50] == 0).all()
    assert (cut[:, :50] == 0).all()
    assert (cut[50:, 50:, 2] == 255).all()
    assert cut[50, 50].tolist() == [0, 0, 255]
    low = square_box(map_, box(200, 150, 100, 100), 100)
    assert low[0, 0].tolist() == [200, 150, 255]
    assert (low[50:] == 0).all()


@pytest.mark.parametrize("cut", [add_margin, square_box])
@pytest.mark.parametrize("wrong", [(300, 10, 50, 50), (10, -90, 50, 50), (10, 10, 0, 0)])
def test_a_box_that_is_nowhere(map_: NDArray[np.uint8], cut, wrong: tuple[float, ...]) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=r"a face's box must lie in the picture 250×200, got \["):
        cut(map_, box(*wrong), 160)
