"""Reliability against statsmodels and krippendorff (kept values), scikit-learn, and plain counting."""

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from evoked.metrics.rater_agreement import (
    cohen_kappa,
    fleiss_kappa,
    krippendorff_alpha,
    mean_cohen,
    pair_tables,
    rater_terms,
)

CASES = json.loads(Path(__file__).with_name("raters.json").read_text())["cases"]


def table(case: dict[str, Any]) -> np.ndarray:
    return np.array([[np.nan if m is None else m for m in row] for row in case["marks"]])


def sums(marks: np.ndarray) -> np.ndarray:
    return rater_terms(np.nansum(marks, axis=1), (~np.isnan(marks)).sum(axis=1)).sum(axis=0)


@pytest.mark.parametrize("case", CASES, ids=[c["name"] for c in CASES])
def test_equal_to_independent_libraries(case: dict[str, Any]) -> None:
    summed = sums(table(case))
    assert krippendorff_alpha(summed) == pytest.approx(case["krippendorff"], abs=1e-9)
    if case["fleiss"] is not None:
        assert fleiss_kappa(summed) == pytest.approx(case["fleiss"], abs=1e-9)


@pytest.mark.parametrize("case", CASES, ids=[c["name"] for c in CASES])
def test_fleiss_with_different_numbers_of_raters_by_counting(case: dict[str, Any]) -> None:
    """Observed disagreement of pairs, each clip weighing as much as it has raters beyond one."""
    marks = table(case)
    rows = [row[~np.isnan(row)] for row in marks if (~np.isnan(row)).sum() > 1]
    apart = [np.mean([a != b for a, b in combinations(row, 2)]) for row in rows]
    p = np.concatenate(rows).mean()
    observed = np.average(apart, weights=[len(row) - 1 for row in rows])
    assert fleiss_kappa(sums(marks)) == pytest.approx(1 - observed / (2 * p * (1 - p)))


@pytest.mark.parametrize("case", CASES, ids=[c["name"] for c in CASES])
def test_cohen_of_every_pair_equals_scikit_learn(case: dict[str, Any]) -> None:
    marks = table(case)
    clip, rater = (grid.reshape(-1) for grid in np.indices(marks.shape))
    unit = np.arange(len(marks)) % 7
    pairs, rows = pair_tables(clip, rater, marks.reshape(-1), unit)
    assert pairs == list(combinations(range(marks.shape[1]), 2))
    tables = np.zeros((7, len(pairs), 4))
    np.add.at(tables.reshape(7, -1), (rows[:, 0], rows[:, 1]), 1)
    wanted = []
    for i, (a, b) in enumerate(pairs):
        rated_by_both = ~np.isnan(marks[:, [a, b]]).any(axis=1)
        kappa = cohen_kappa(tables.sum(axis=0)[i])
        if kappa is None:  # both said the same to everything
            assert np.ptp(marks[rated_by_both][:, [a, b]]) == 0
        else:
            wanted.append(cohen_kappa_score(marks[rated_by_both, a], marks[rated_by_both, b], labels=[0, 1]))
            assert kappa == pytest.approx(wanted[-1])
        in_three = rated_by_both & (unit == 3)
        assert tables[3, i].sum() == in_three.sum()
        assert tables[3, i, 3] == (marks[in_three][:, [a, b]].sum(axis=1) == 2).sum()
    assert mean_cohen(tables.sum(axis=0)) == pytest.approx(np.mean(wanted))


def test_weights_are_repetition() -> None:
    marks = table(CASES[3])
    times = np.random.default_rng(1).integers(3, size=len(marks))
    terms = rater_terms(np.nansum(marks, axis=1), (~np.isnan(marks)).sum(axis=1))
    again = sums(np.repeat(marks, times, axis=0))
    np.testing.assert_allclose(times @ terms, again)


def test_what_says_nothing_of_agreement_is_undefined() -> None:
    one_rater = rater_terms([1, 0, 1], [1, 1, 1]).sum(axis=0)
    all_alike = rater_terms([3, 3], [3, 3]).sum(axis=0)
    nothing = rater_terms([], []).sum(axis=0)
    for summed in (one_rater, all_alike, nothing):
        assert fleiss_kappa(summed) is None
        assert krippendorff_alpha(summed) is None
    assert cohen_kappa([0, 0, 0, 9]) is None
    assert cohen_kappa([0, 0, 0, 0]) is None
    assert cohen_kappa([0, 5, 0, 5]) == 0  # one never says no, the other does: chance alone
    pairs, rows = pair_tables(np.arange(3), np.zeros(3, int), np.ones(3), np.zeros(3, int))
    assert (pairs, rows.shape) == ([], (0, 2))
    assert mean_cohen(np.zeros((0, 4))) is None


def test_pairs_with_too_few_clips_in_common_are_left_out() -> None:
    clip, rater = np.array([0, 0, 1, 1, 1, 2, 2]), np.array([0, 1, 0, 1, 2, 0, 1])
    pairs, rows = pair_tables(clip, rater, np.array([1, 0, 1, 1, 1, 0, 0.0]), np.array([0, 0, 1]), least=2)
    assert pairs == [(0, 1)]
    assert sorted(map(tuple, rows.tolist())) == [(0, 2), (0, 3), (1, 0)]


def test_a_clip_with_one_rater_changes_nothing() -> None:
    with_one = rater_terms([2, 1, 1, 1], [3, 3, 3, 1]).sum(axis=0)
    np.testing.assert_array_equal(with_one, rater_terms([2, 1, 1], [3, 3, 3]).sum(axis=0))


def test_counts_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="0 <= yes <= rated"):
        rater_terms([4], [3])
    with pytest.raises(ValueError, match="of one shape"):
        rater_terms([1, 2], [3])
