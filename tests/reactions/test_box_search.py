"""Climbing to a rectangle and interpolating a peak: against functions whose maximum is known."""

import numpy as np
import pytest

from evoked.reactions.alignment.peak_interpolation import parabolic_peak
from evoked.reactions.alignment.video.box_search import climb_box

TRUE = np.array([12.0, 5.0, 30.0, 20.0])


def score(box: np.ndarray) -> float:
    return -float(((box - TRUE) ** 2).sum())


@pytest.mark.parametrize("relative", [True, False])
def test_the_climb_ends_at_the_maximum(relative: bool) -> None:
    steps = (0.08, 0.02, 0.005) if relative else (2.0, 0.5, 0.1)
    start = np.array([10.0, 7.0, 27.0, 21.0])
    box, value = climb_box(score, start, steps, allowed=lambda b: True, min_gain=0.0, max_sweeps=20, relative=relative)
    assert box == pytest.approx(TRUE, abs=0.3)
    assert value == score(box)


def test_a_forbidden_rectangle_is_never_taken() -> None:
    start = np.array([10.0, 7.0, 27.0, 21.0])
    box, _ = climb_box(score, start, (1.0, 0.25), allowed=lambda b: b[2] <= 28, min_gain=0.0, max_sweeps=20)
    assert box[2] <= 28
    assert box[0] == pytest.approx(12, abs=0.3)


def test_the_peak_of_a_parabola_is_found_between_samples() -> None:
    values = -((np.arange(9) - 4.3) ** 2)
    assert parabolic_peak(values, 4) == pytest.approx(0.3)
    assert parabolic_peak(values, 0) == parabolic_peak(values, 8) == parabolic_peak(np.zeros(3), 1) == 0.0
