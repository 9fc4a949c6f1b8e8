"""Runs of a mask and of equal values, against a walk with itertools.groupby."""

from itertools import groupby

import numpy as np
import pytest

from evoked.core.run_lengths import equal_runs, run_lengths


@pytest.mark.parametrize("seed", range(6))
def test_runs_are_those_of_groupby(seed: int) -> None:
    values = np.random.default_rng(seed).integers(-1, 2, 40)
    expected, at = [], 0
    for value, group in groupby(values.tolist()):
        length = len(list(group))
        expected.append((value, at, at + length))
        at += length
    starts, ends = equal_runs(values)
    assert list(zip(values[starts], starts, ends, strict=True)) == expected
    inside = [(start, end) for start, end in zip(*run_lengths(values > 0), strict=True)]
    groups = groupby(range(40), key=lambda i: bool(values[i] > 0))
    assert inside == [(run[0], run[-1] + 1) for positive, g in groups for run in [list(g)] if positive]


def test_nothing_has_no_runs() -> None:
    for empty in (equal_runs(np.zeros(0)), run_lengths(np.zeros(0, np.bool_)), run_lengths(np.zeros(3, np.bool_))):
        assert [part.tolist() for part in empty] == [[], []]
