"""Intervals that draw whole videos, against scipy and against drawing by hand."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score

from evoked.metrics.average_precision import RankedScores
from evoked.metrics.bootstrap import Interval, bootstrap, circular_shifts, group_resamples

RANDOM = np.random.default_rng(11)


def test_the_interval_of_a_mean_equals_scipys() -> None:
    values = RANDOM.normal(3, 2, size=60)
    (interval,) = bootstrap(60, lambda w: [float(w @ values) / 60], resamples=4000, seed=1)
    reference = stats.bootstrap((values,), np.mean, method="percentile", n_resamples=4000, rng=2).confidence_interval
    assert interval.low == pytest.approx(reference.low, abs=0.06)
    assert interval.high == pytest.approx(reference.high, abs=0.06)


def test_whole_videos_are_drawn_and_scored_as_if_written_out() -> None:
    video = np.repeat(np.arange(6), [40, 5, 30, 1, 20, 60])
    truth, scores = RANDOM.random(156) < 0.3, RANDOM.random(156).round(2)
    ranked = RankedScores(scores, truth, video)
    for weights in group_resamples(6, 20, seed=4):
        rows = np.concatenate([np.flatnonzero(video == v) for v in range(6) for _ in range(weights[v])])
        by_hand = average_precision_score(truth[rows], scores[rows])
        assert ranked.average_precision(weights) == pytest.approx(by_hand, abs=1e-12)
        assert weights.sum() == 6


def test_equal_seeds_equal_intervals_and_other_seeds_others() -> None:
    values = RANDOM.normal(size=30)

    def mean(weights: np.ndarray) -> list[float | None]:
        return [float(weights @ values)]

    assert bootstrap(30, mean, resamples=50, seed=1) == bootstrap(30, mean, resamples=50, seed=1)
    assert bootstrap(30, mean, resamples=50, seed=1) != bootstrap(30, mean, resamples=50, seed=2)


def test_undefined_draws_are_left_out_and_counted() -> None:
    # the number exists only where group 0 was drawn: 1 − (1/2)² of the draws of two groups
    (interval, never) = bootstrap(2, lambda w: [1.0 if w[0] else None, None], resamples=2000)
    assert (interval.low, interval.high) == (1.0, 1.0)
    assert interval.undefined == pytest.approx(500, abs=80)
    assert never == Interval(None, None, 2000, 2000)
    assert never.centred(0.5) == never


def test_one_video_has_no_interval() -> None:
    assert bootstrap(1, lambda w: [0.5, 0.7]) == [Interval(None, None, 0, 0)] * 2


@pytest.mark.parametrize(("groups", "options"), [(0, {}), (3, {"resamples": 0}), (3, {"level": 1.0})])
def test_no_groups_no_draws_no_level_are_refused(groups: int, options: dict) -> None:
    with pytest.raises(ValueError, match=r"need at least one|level must lie"):
        bootstrap(groups, lambda w: [0.0], **options)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    held = 0
    for trial in range(200):
        values = np.random.default_rng(trial).normal(size=40)
        (interval,) = bootstrap(40, lambda w, v=values: [float(w @ v) / 40], resamples=300, seed=trial)
        assert interval.low is not None
        assert interval.high is not None
        held += interval.low <= 0 <= interval.high
    assert 175 <= held <= 199  # 190 expected; percentile intervals are a little narrow


def test_shifts_turn_each_video_by_itself() -> None:
    video = np.array([0] * 7 + [1] * 4 + [2])
    seen = set()
    for rows in circular_shifts(video, 50, seed=3):
        assert (video[rows] == video).all()
        assert sorted(rows) == list(range(12))
        first = rows[:7]
        assert (np.diff(np.concatenate([first, first[:1]])) % 7 == 1).all()  # the order in the round is kept
        seen.add(int(first[0]))
    assert seen == set(range(7))


def test_scores_are_put_in_order_once_not_at_each_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    video = np.sort(RANDOM.integers(30, size=1000))
    ranked = RankedScores(RANDOM.random(1000), RANDOM.random(1000) < 0.1, video)
    for name in ("argsort", "lexsort", "sort"):
        monkeypatch.setattr(np, name, None)
    (interval,) = bootstrap(30, lambda w: [ranked.average_precision(w)], resamples=50)
    assert interval.undefined == 0


def test_a_biased_number_has_its_bias_taken_out_of_the_interval() -> None:
    """The variance of few values, divided by n: each draw is too low once more."""
    values = np.random.default_rng(8).normal(size=12)

    def variance(weights: np.ndarray) -> list[float]:
        return [float(np.repeat(values, weights).var())]

    (plain,) = bootstrap(12, variance, resamples=4000)
    assert plain.mean == pytest.approx(values.var() * 11 / 12, rel=0.03)  # what theory says a draw has
    moved = plain.centred(float(values.var()))
    assert moved.mean == values.var()
    assert moved.low > plain.low
    assert moved.high - moved.low == pytest.approx(plain.high - plain.low)
