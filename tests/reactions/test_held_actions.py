"""Actions that last: laws of the held intensity, and a plain second computation."""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from evoked.reactions.expressions.held_actions import HELD_QUANTILE, held_intensities

SIX_HZ = Fraction(6)


def held(values: list[float], hidden: tuple[int, ...] = ()) -> list[float]:
    valid = np.array([i not in hidden for i in range(len(values))])
    result = held_intensities(np.array(values)[:, None], valid, SIX_HZ)[:, 0]
    return [float(v) for v, seen in zip(result, valid, strict=True) if seen]


def plain(values: NDArray[np.float64], valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    out = values.copy()
    for step in np.flatnonzero(valid):
        seconds = [range(max(0, first), min(len(values), first + 7)) for first in range(step - 6, step + 1)]
        seen = [values[[i for i in second if valid[i]]] for second in seconds]
        usable = [np.quantile(s, HELD_QUANTILE, axis=0) for s in seen if len(s) >= 4]
        if usable:
            out[step] = np.minimum(values[step], np.max(usable, axis=0))
    return out


def test_a_face_that_does_not_move_keeps_its_intensities() -> None:
    assert held([0.7] * 18) == [0.7] * 18
    assert held([0.7]) == [0.7]


def test_what_lasts_a_second_counts_from_its_first_frame_to_its_last() -> None:
    for frames in (7, 9, 30):
        values = [0.0] * 9 + [1.0] * frames + [0.0] * 9
        assert held(values) == values


def test_half_a_second_does_not_count() -> None:
    assert max(held([0.0] * 9 + [1.0] * 3 + [0.0] * 9)) == 0


def test_alternation_at_the_rate_of_syllables_is_not_held() -> None:
    assert max(held([0.0, 1.0] * 12)) == 0


def test_one_lost_frame_does_not_end_a_smile() -> None:
    values = [1.0] * 9 + [0.0] + [1.0] * 9
    assert held(values) == values


def test_hidden_frames_do_not_count_and_nothing_is_raised() -> None:
    rng = np.random.default_rng(3)
    values, valid = rng.uniform(-0.5, 1.25, (200, 4)), rng.uniform(size=200) < 0.6
    valid[50:70] = False
    result = held_intensities(values, valid, SIX_HZ)
    np.testing.assert_allclose(result[valid], plain(values, valid)[valid], atol=1e-12)
    assert (result[valid] <= values[valid]).all()


def test_a_frame_among_hidden_ones_keeps_its_intensity() -> None:
    assert held([0.0, 0.0, 0.0, 0.9, 0.0, 0.0, 0.0], hidden=(0, 1, 2, 4, 5, 6)) == [0.9]


def test_frames_further_apart_than_a_second_are_not_compared() -> None:
    values = np.array([[0.0], [1.0], [0.0]])
    np.testing.assert_array_equal(held_intensities(values, np.ones(3, bool), Fraction(1, 3)), values)
