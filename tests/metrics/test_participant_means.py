"""Means over participants and inter-subject correlation, beside scipy and pandas."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from evoked.metrics.intersubject import intersubject_correlation
from evoked.metrics.participant_means import mean_band, mean_differences, resample_weights


def values(people: int, columns: int, seed: int = 0, missing: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    numbers = rng.random((people, columns))
    numbers[rng.random(numbers.shape) < missing] = np.nan
    return numbers


def test_scipy_gives_the_same_interval() -> None:
    data = values(12, 3)
    band = mean_band(data, resamples=20_000)
    for k in range(3):
        theirs = stats.bootstrap(
            (data[:, k],), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(7)
        ).confidence_interval
        assert band.mean[k] == pytest.approx(data[:, k].mean())
        assert (band.low[k], band.high[k]) == pytest.approx((theirs.low, theirs.high), abs=0.006)


def test_missing_values_are_left_out_as_pandas_does() -> None:
    data = values(9, 40, missing=0.4)
    band = mean_band(data)
    table = pd.DataFrame(data)
    np.testing.assert_allclose(band.mean, table.mean().to_numpy())
    assert band.count.tolist() == table.count().tolist()
    inside = np.isfinite(band.low)
    assert inside.tolist() == (table.count() >= 3).tolist()
    assert (band.low[inside] <= band.mean[inside]).all()
    assert (band.mean[inside] <= band.high[inside]).all()


def test_there_is_no_band_under_three_participants_and_no_mean_of_nobody() -> None:
    two = mean_band(values(2, 4))
    assert np.isnan([*two.low, *two.high]).all()
    assert np.isfinite(two.mean).all()
    nobody = mean_band(np.zeros((0, 2)))
    assert np.isnan(nobody.mean).all()
    assert nobody.count.tolist() == [0, 0]


def test_equal_seeds_give_equal_bands_and_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    data = values(6, 11, missing=0.2)
    first = mean_band(data, seed=4)
    monkeypatch.setattr("evoked.metrics.participant_means.CHUNK", 3)
    again = mean_band(data, seed=4)
    np.testing.assert_array_equal(first.low, again.low)
    np.testing.assert_array_equal(first.high, again.high)
    assert not np.array_equal(first.low, mean_band(data, seed=5).low)


def test_a_difference_of_the_same_people_is_resampled_in_pairs() -> None:
    first = values(15, 1, seed=1)
    second = first - 0.1 + values(15, 1, seed=2) * 0.02
    band = mean_differences(first, second, resamples=20_000)
    theirs = stats.bootstrap(
        (first[:, 0] - second[:, 0],), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(3)
    ).confidence_interval
    assert (band.low[0], band.high[0]) == pytest.approx((theirs.low, theirs.high), abs=3e-4)
    assert band.count.tolist() == [15]


def test_a_difference_of_two_groups_is_resampled_within_each() -> None:
    a, b = values(8, 1, seed=5), values(11, 1, seed=6) + 0.3
    first = np.vstack([a, np.full((11, 1), np.nan)])
    second = np.vstack([np.full((8, 1), np.nan), b])
    band = mean_differences(first, second, resamples=20_000)
    theirs = stats.bootstrap(
        (a[:, 0], b[:, 0]),
        lambda x, y, axis: np.mean(x, axis=axis) - np.mean(y, axis=axis),
        n_resamples=20_000,
        method="percentile",
        rng=np.random.default_rng(3),
    ).confidence_interval
    assert band.mean[0] == pytest.approx(a.mean() - b.mean())
    assert (band.low[0], band.high[0]) == pytest.approx((theirs.low, theirs.high), abs=0.008)
    assert band.count.tolist() == [8]


def test_each_stratum_keeps_its_size() -> None:
    weights = resample_weights(["x", "y", "x", "x", "y"], 50, seed=1)
    assert (weights[:, [0, 2, 3]].sum(axis=1) == 3).all()
    assert (weights[:, [1, 4]].sum(axis=1) == 2).all()


def test_pandas_gives_the_same_inter_subject_correlation() -> None:
    rng = np.random.default_rng(2)
    common = rng.standard_normal(60)
    series = common + rng.standard_normal((7, 60))
    series[rng.random(series.shape) < 0.2] = np.nan
    matrix = pd.DataFrame(series.T).corr(min_periods=10).to_numpy()
    above = np.triu_indices(7, 1)
    found = intersubject_correlation(series)
    assert found.value == pytest.approx(np.tanh(np.arctanh(matrix[above]).mean()))
    assert (found.participants, found.pairs) == (7, 21)

    drawn = []
    for weights in resample_weights([0] * 7, 1000, 0):  # the resampled group written out, one person after the other
        people = np.repeat(np.arange(7), weights.astype(int))
        pairs = [(a, b) for i, a in enumerate(people) for b in people[:i] if a != b]
        if pairs:
            drawn.append(np.tanh(np.mean([np.arctanh(matrix[pair]) for pair in pairs])))
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])))


def test_series_without_anything_in_common_have_no_correlation() -> None:
    series = np.full((4, 40), np.nan)
    for i in range(4):
        series[i, 10 * i : 10 * i + 10] = np.arange(10)
    assert intersubject_correlation(series).value is None
    series[1, :10] = np.arange(10)
    pair = intersubject_correlation(series)
    assert (round(pair.value or 0, 4), pair.low, pair.participants, pair.pairs) == (1.0, None, 2, 1)
    constant = np.vstack([np.ones(20), np.arange(20.0), np.arange(20.0) ** 2])
    assert intersubject_correlation(constant).pairs == 1


def test_participants_without_a_value_change_no_interval() -> None:
    data, series = values(5, 3), values(5, 40)
    absent = np.full((30, 40), np.nan)
    alone, beside = mean_band(data), mean_band(np.concatenate([data, absent[:, :3]]))
    np.testing.assert_array_equal(alone.low, beside.low)
    np.testing.assert_array_equal(alone.high, beside.high)
    assert intersubject_correlation(series) == intersubject_correlation(np.concatenate([absent, series]))
