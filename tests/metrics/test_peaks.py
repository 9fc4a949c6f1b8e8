"""Peaks, beside scipy's."""

import numpy as np
import pytest
from scipy import signal

from evoked.metrics.peaks import find_peaks


@pytest.mark.parametrize("seed", range(8))
def test_scipy_finds_the_same_peaks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = np.round(np.convolve(rng.random(200), np.ones(3) / 3), 2)  # rounded: with flat tops
    for prominence in (0.01, 0.1, 0.3):
        theirs, about = signal.find_peaks(values, prominence=prominence)
        ours = find_peaks(values, prominence=prominence)
        assert [index for index, _ in ours] == theirs.tolist()
        assert [height for _, height in ours] == pytest.approx(about["prominences"].tolist())
    assert len(find_peaks(values, prominence=0.01)) > 10


def test_of_two_close_peaks_the_higher_stays_and_the_most_prominent_come_first() -> None:
    values = np.array([0, 0.5, 0.2, 0.6, 0, 0, 0, 0.3, 0.0])
    assert [index for index, _ in find_peaks(values, prominence=0.1)] == [1, 3, 7]
    assert [index for index, _ in find_peaks(values, prominence=0.1, distance=3)] == [3, 7]
    assert [index for index, _ in find_peaks(values, prominence=0.1, distance=3, most=1)] == [3]


def test_a_gap_ends_the_series_and_ends_are_no_peaks() -> None:
    values = np.array([0.9, 0.1, 0.5, 0.2, np.nan, 0.3, 0.8, 0.1, 0.9])
    assert find_peaks(values, prominence=0.0) == [(2, pytest.approx(0.3)), (6, pytest.approx(0.5))]
    assert find_peaks(np.full(5, 0.4), prominence=0.0) == []
    assert find_peaks(np.full(5, np.nan), prominence=0.0) == []
