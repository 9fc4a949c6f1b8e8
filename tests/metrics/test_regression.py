"""Squared error and r per video equal those of scikit-learn and scipy, also for resampled videos."""

import numpy as np
import pytest
from scipy.stats import pearsonr
from sklearn.metrics import mean_squared_error

from evoked.metrics.regression import PairedSeries


def series(videos: int = 7, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    groups = np.repeat(np.arange(videos), draw.integers(5, 60, videos))
    truth = np.clip(draw.normal(0, 0.3, len(groups)) + draw.normal(0, 0.3, videos)[groups], -1, 1)
    return 0.6 * truth + draw.normal(0, 0.2, len(groups)), truth, groups


def test_pooled_scores_are_the_libraries() -> None:
    predicted, truth, groups = series()
    paired = PairedSeries(predicted, truth, groups)
    assert paired.mse() == pytest.approx(mean_squared_error(truth, predicted), rel=1e-12)
    assert paired.pearson() == pytest.approx(pearsonr(predicted, truth).statistic, rel=1e-12)


def test_film_by_film_scores_are_the_mean_of_the_libraries() -> None:
    predicted, truth, groups = series(seed=1)
    paired = PairedSeries(predicted, truth, groups)
    members = [groups == g for g in range(7)]
    assert paired.video_mse() == pytest.approx(np.mean([mean_squared_error(truth[o], predicted[o]) for o in members]))
    correlations = [pearsonr(predicted[o], truth[o]).statistic for o in members]
    assert paired.video_pearson() == pytest.approx(np.mean(correlations))
    np.testing.assert_allclose(paired.pearson_by_video(), correlations, rtol=1e-9)


def test_weights_are_films_drawn_again() -> None:
    predicted, truth, groups = series(seed=2)
    weights = np.array([2, 0, 1, 3, 0, 1, 0])
    rows = np.concatenate([np.flatnonzero(groups == g) for g, times in enumerate(weights) for _ in range(times)])
    numbers = np.concatenate([np.full((groups == g).sum(), k) for k, g in enumerate(np.repeat(np.arange(7), weights))])
    drawn, paired = PairedSeries(predicted[rows], truth[rows], numbers), PairedSeries(predicted, truth, groups)
    assert paired.mse(weights) == pytest.approx(drawn.mse())
    assert paired.pearson(weights) == pytest.approx(drawn.pearson())
    assert paired.video_mse(weights) == pytest.approx(drawn.video_mse())
    assert paired.video_pearson(weights) == pytest.approx(drawn.video_pearson())


def test_a_constant_series_has_no_r_and_is_not_zero() -> None:
    predicted, truth, groups = series(videos=3, seed=3)
    flat = np.where(groups == 1, 0.1, predicted)
    paired = PairedSeries(flat, truth, groups)
    assert np.isnan(paired.pearson_by_video()).tolist() == [False, True, False]
    left = [pearsonr(flat[groups == g], truth[groups == g]).statistic for g in (0, 2)]
    assert paired.video_pearson() == pytest.approx(np.mean(left))
    assert PairedSeries(np.full(len(truth), 0.3), truth, groups).pearson() is None
    assert PairedSeries(np.full(len(truth), 0.3), truth, groups).video_pearson() is None


def test_far_from_zero_it_keeps_its_digits() -> None:
    predicted, truth, groups = series(seed=4)
    far = PairedSeries(predicted + 1e6, truth - 1e6, groups)
    assert far.pearson() == pytest.approx(PairedSeries(predicted, truth, groups).pearson(), rel=1e-6)


def test_what_is_no_pair_is_refused() -> None:
    groups = np.zeros(3, dtype=int)
    with pytest.raises(ValueError, match="one or more rows"):
        PairedSeries([1, 2], [1, 2, 3], groups)
    with pytest.raises(ValueError, match="not finite"):
        PairedSeries([1, 2, np.nan], [1, 2, 3], groups)
