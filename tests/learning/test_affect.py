"""Scores of valence and arousal against scipy and scikit-learn, and what smoothing does."""

import numpy as np
import pytest
from scipy.stats import pearsonr
from sklearn.metrics import mean_squared_error

from evoked.core.errors import DatasetError
from evoked.learning.evaluation.affect_scores import AffectConfig, AffectScore, low_pass, score_affect

QUICK = AffectConfig(resamples=200)


def movies(count: int = 5, seed: int = 0) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    return {f"movie{i}": np.clip(draw.normal(0, 0.4, (60 + 10 * i, 2)), -1, 1) for i in range(count)}


def near(truth: dict[str, np.ndarray], noise: float, seed: int = 1) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    return {movie: 0.5 * y + draw.normal(0, noise, y.shape) for movie, y in truth.items()}


def pick(lines: tuple[AffectScore, ...], way: str, quantity: str, score: str) -> AffectScore:
    (line,) = [x for x in lines if (x.way, x.quantity, x.score) == (way, quantity, score)]
    return line


def test_every_score_is_the_libraries_and_the_better_way_gains() -> None:
    truth = movies()
    good, bad = near(truth, 0.1), near(truth, 0.6, seed=2)
    lines = score_affect({"bad": [bad], "good": [good]}, truth, ("valence", "arousal"), QUICK, baseline="bad")

    for k, quantity in enumerate(("valence", "arousal")):
        y, x = (np.concatenate([part[f][:, k] for f in truth]) for part in (truth, good))
        assert pick(lines, "good", quantity, "mse").value == pytest.approx(mean_squared_error(y, x))
        assert pick(lines, "good", quantity, "r").value == pytest.approx(pearsonr(x, y).statistic)
        each = [pearsonr(good[f][:, k], truth[f][:, k]).statistic for f in truth]
        assert pick(lines, "good", quantity, "video_r").value == pytest.approx(np.mean(each))
        better = pick(lines, "good", quantity, "mse")
        assert better.low is not None
        assert better.high is not None
        assert better.low < better.value < better.high
        assert better.gain_high is not None
        assert better.gain_high < 0, "a smaller error is a negative difference, surely so here"
        assert pick(lines, "good", quantity, "r").gain_low > 0
        assert pick(lines, "bad", quantity, "r").gain is None


def test_a_constant_guess_has_an_error_and_no_correlation() -> None:
    truth = movies()
    dull = {movie: np.full(y.shape, 0.1) for movie, y in truth.items()}
    lines = score_affect({"dull": [dull], "good": [near(truth, 0.1)]}, truth, ("valence", "arousal"), QUICK, "good")
    assert pick(lines, "dull", "valence", "mse").value > 0.05
    assert pick(lines, "dull", "valence", "r").value is None
    assert pick(lines, "dull", "valence", "r").low is None
    assert pick(lines, "dull", "valence", "r").gain is None


def test_runs_are_averaged_and_seconds_without_truth_are_not_scored() -> None:
    truth = movies(3)
    one, two = near(truth, 0.1), near(truth, 0.5, seed=3)
    both, first, second = (
        pick(score_affect({"x": runs}, truth, ("v", "a"), QUICK, "x"), "x", "v", "r").value
        for runs in ([one, two], [one], [two])
    )
    assert both == pytest.approx((first + second) / 2)

    holed = {movie: y.copy() for movie, y in truth.items()}
    holed["movie1"][5:20, 1] = np.nan
    spoilt = {movie: y.copy() for movie, y in one.items()}
    spoilt["movie1"][5:20] = 99
    clean, same = (score_affect({"x": [x]}, holed, ("v", "a"), QUICK, "x") for x in (one, spoilt))
    assert clean == same
    with pytest.raises(DatasetError, match="no second of the test videos"):
        score_affect({"x": [one]}, {f: np.full_like(y, np.nan) for f, y in truth.items()}, ("v", "a"), QUICK, "x")


def test_one_movie_has_no_interval() -> None:
    truth = movies(1)
    line = pick(score_affect({"x": [near(truth, 0.1)]}, truth, ("v", "a"), QUICK, "x"), "x", "v", "mse")
    assert line.value is not None
    assert line.low is None


def test_smoothing_keeps_what_is_slow_and_its_time() -> None:
    t = np.arange(400)
    slow, fast = np.sin(2 * np.pi * t / 100), 0.5 * np.sin(2 * np.pi * t / 4)
    out = low_pass(np.stack([slow + fast, np.full(400, 0.3)], axis=1), 0.05)
    middle = slice(50, 350)
    assert np.abs(out[middle, 0] - slow[middle]).max() < 0.08, "zero phase: it neither lags nor leads"
    np.testing.assert_allclose(out[:, 1], 0.3, atol=1e-6)
    assert low_pass(slow[:, None], 0.0) is not None
    np.testing.assert_array_equal(low_pass(slow[:5, None], 0.05), slow[:5, None])


@pytest.mark.parametrize(
    ("name", "value"), [("lowpass_hz", 0.5), ("lowpass_hz", -1.0), ("resamples", 0), ("confidence_level", 1.0)]
)
def test_settings_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        AffectConfig(**{name: value})  # type: ignore[arg-type]
