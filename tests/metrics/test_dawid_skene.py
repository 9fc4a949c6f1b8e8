"""Dawid and Skene: equal to crowd-kit's (kept in dawid_skene.json by make_dawid_skene.py), and as theory says."""

import json
from pathlib import Path

import numpy as np
import pytest

from evoked.metrics.dawid_skene import dawid_skene

KEPT = json.loads(Path(__file__).with_name("dawid_skene.json").read_text())


@pytest.mark.parametrize("case", range(len(KEPT)))
def test_equals_an_independent_implementation(case: int) -> None:
    items, raters, marks = np.array(KEPT[case]["rows"]).T
    estimate = dawid_skene(items, raters, marks)
    assert estimate.converged
    for name in ("probability", "sensitivity", "specificity"):
        np.testing.assert_allclose(getattr(estimate, name), KEPT[case][name], atol=1e-9)
    assert estimate.prevalence == pytest.approx(np.mean(KEPT[case]["probability"]), abs=1e-9)


def simulated(seed: int, each: int) -> tuple[float, float, float]:
    """Share of clips that the estimate and the majority get right, and the error of the raters' estimated skill."""
    random = np.random.default_rng(seed)
    truth = random.random(600) < 0.3
    skill = np.array([0.95, 0.95, 0.9, 0.6, 0.6, 0.6])
    items = np.repeat(np.arange(600), each)
    raters = np.concatenate([random.choice(6, each, replace=False) for _ in range(600)])
    marks = np.where(random.random(len(items)) < skill[raters], truth[items], ~truth[items]).astype(float)
    estimate = dawid_skene(items, raters, marks)
    majority = np.bincount(items, marks) * 2 > each
    error = np.abs(estimate.sensitivity - skill).max()
    return float(np.mean((estimate.probability > 0.5) == truth)), float(np.mean(majority == truth)), float(error)


def test_it_is_nearer_to_the_truth_than_the_majority_and_knows_the_raters() -> None:
    figures = np.array([simulated(seed, 5) for seed in range(8)])
    assert (figures[:, 0] > figures[:, 1]).all()
    assert figures[:, 0].mean() > 0.95
    assert figures[:, 2].max() < 0.12


def test_who_and_what_was_not_rated_is_not_known() -> None:
    estimate = dawid_skene([0, 0, 2, 3], [0, 2, 0, 2], [1, 1, 0, np.nan])
    assert np.isnan(estimate.probability).tolist() == [False, True, False, True]
    assert np.isnan(estimate.sensitivity).tolist() == [False, True, False]
    assert estimate.probability[0] > 0.99


@pytest.mark.parametrize("marks", [[0, 2], [np.nan, np.nan], [0, 1, 1]])
def test_what_are_no_ratings_is_refused(marks: list[float]) -> None:
    with pytest.raises(ValueError, match=r"marks must be 0 or 1|of one shape"):
        dawid_skene([0, 1], [0, 0], marks)
