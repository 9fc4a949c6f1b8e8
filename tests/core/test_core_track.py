"""Time is exact; absence is a mask."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evoked import TimeGrid, Track

RATES = st.fractions(min_value=Fraction(1, 10), max_value=Fraction(1000), max_denominator=1001)


def test_an_hour_of_ticks_does_not_drift() -> None:
    grid = TimeGrid(Fraction(6), 6 * 3600 + 1)
    assert grid.second(6 * 3600) == 3600
    assert grid.seconds[-1] == 3600.0


def test_ntsc_stays_exact() -> None:
    assert TimeGrid(Fraction(30000, 1001), 1).second(30000) == 1001


@given(RATES, st.integers(0, 10_000), st.fractions(min_value=-5, max_value=5, max_denominator=1000))
def test_a_step_is_played_at_its_own_second(rate: Fraction, step: int, start: Fraction) -> None:
    grid = TimeGrid(rate, 10_001, start)
    assert grid.step_at(grid.second(step)) == step


@given(st.fractions(min_value=0, max_value=100, max_denominator=1001), RATES)
def test_a_covering_grid_ends_with_the_video(duration_s: Fraction, rate: Fraction) -> None:
    grid = TimeGrid.covering(duration_s, rate)
    assert all(grid.second(i) < duration_s for i in range(max(0, grid.steps - 1), grid.steps))
    assert grid.second(grid.steps) >= duration_s


def test_outside_the_grid_is_an_error() -> None:
    with pytest.raises(IndexError, match=r"1.000 s is outside \[0.000, 1.000\)"):
        TimeGrid(Fraction(2), 2).step_at(Fraction(1))


@pytest.mark.parametrize(("rate", "steps"), [(Fraction(0), 1), (Fraction(-1), 1), (Fraction(1), -1)])
def test_impossible_grids_are_refused(rate: Fraction, steps: int) -> None:
    with pytest.raises(ValueError, match="must"):
        TimeGrid(rate, steps)


ONE = TimeGrid(Fraction(1), 2)


def test_what_is_not_valid_becomes_nan() -> None:
    track = Track.masked(ONE, ("a",), np.array([[1.0], [7.0]]), np.array([True, False]))
    assert track.values[0, 0] == 1
    assert np.isnan(track.values[1, 0])


@pytest.mark.parametrize(
    ("values", "valid", "said"),
    [
        (np.zeros((3, 1), np.float32), np.ones(2, bool), "shape"),
        (np.zeros((2, 1), np.float64), np.ones(2, bool), "float32"),
        (np.zeros((2, 1), np.float32), np.ones(3, bool), "valid must be bool"),
        (np.zeros((2, 1), np.float32), np.ones(2, int), "valid must be bool"),
        (np.array([[0], [np.nan]], np.float32), np.ones(2, bool), "step 1 are marked valid but not all finite"),
        (np.zeros((2, 1), np.float32), np.zeros(2, bool), "must be NaN wherever valid is False"),
    ],
)
def test_a_track_checks_itself(values: np.ndarray, valid: np.ndarray, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Track(ONE, ("a",), values, valid)


def test_names_must_differ() -> None:
    with pytest.raises(ValueError, match="differ"):
        Track(ONE, ("a", "a"), np.zeros((2, 2), np.float32), np.ones(2, bool))
