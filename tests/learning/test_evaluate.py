"""Scores of predictions against labels, each against scikit-learn or against counting by hand."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from evoked.core.errors import DatasetError
from evoked.core.provenance import Provenance
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.dataset.labels import Labels
from evoked.learning.evaluation.evaluate import EvaluateConfig, evaluate
from evoked.learning.evaluation.scores import scores_table, write_scores

NAMES = ("amusement", "interest", "surprise")
QUICK = EvaluateConfig(resamples=100, time_shifts=20)


def track(values: np.ndarray, valid: np.ndarray, names: tuple[str, ...] = NAMES) -> Track:
    return Track.masked(TimeGrid(Fraction(1), len(values)), names, values, valid)


def world(seed: int, videos: int = 25, skill: float = 0.5) -> tuple[dict[str, Track], dict[str, Labels]]:
    """Random labels, and scores that know them as well as `skill` says; some seconds are masked."""
    random = np.random.default_rng(seed)
    predictions, labels = {}, {}
    for i in range(videos):
        seconds = int(random.integers(20, 60))
        on = random.random((seconds, 3)) < (0.3, 0.5, 0.05)
        guess = (skill * on + random.random((seconds, 3))) / (1 + skill)
        predictions[f"v{i:02}.mp4"] = track(guess, random.random(seconds) < 0.95)
        labels[f"v{i:02}.mp4"] = Labels(track(on, random.random(seconds) < 0.8), np.ones(seconds, np.int64))
    return predictions, labels


def pooled(predictions: dict[str, Track], labels: dict[str, Labels], video: list[str]) -> tuple[np.ndarray, np.ndarray]:
    both = [predictions[v].valid & labels[v].labels.valid for v in video]
    scores = np.concatenate([predictions[v].values[b] for v, b in zip(video, both, strict=True)])
    truth = np.concatenate([labels[v].labels.values[b] for v, b in zip(video, both, strict=True)])
    return scores, truth.astype(np.float64)


def test_rows_and_mean_equal_scikit_learn_over_the_valid_seconds() -> None:
    predictions, labels = world(1)
    made = evaluate(predictions, labels, QUICK)
    scores, truth = pooled(predictions, labels, sorted(labels))
    for k, row in enumerate(made.rows):
        assert (row.name, row.seconds, row.positives) == (NAMES[k], len(truth), int(truth[:, k].sum()))
        assert row.chance == pytest.approx(truth[:, k].mean())
        assert row.ap == pytest.approx(average_precision_score(truth[:, k], scores[:, k]))
        assert row.auc == pytest.approx(roc_auc_score(truth[:, k], scores[:, k]))
        assert row.low is not None
        assert row.low < row.ap < row.high  # type: ignore[operator]
    assert made.map.value == pytest.approx(average_precision_score(truth, scores, average="macro"))
    assert made.map.chance == pytest.approx(truth.mean())
    assert made.map.gain == pytest.approx(made.map.value - made.map.chance)  # type: ignore[operator]
    assert made.videos == tuple(sorted(labels))
    assert made.notes == ()


def test_the_intervals_equal_drawing_videos_by_hand() -> None:
    predictions, labels = world(2, videos=22)
    made = evaluate(predictions, labels, EvaluateConfig(resamples=60, time_shifts=0, seed=5))
    random, drawn = np.random.default_rng(5), []
    for _ in range(60):
        again = [sorted(labels)[i] for i in random.integers(22, size=22)]
        scores, truth = pooled(predictions, labels, again)
        mean = average_precision_score(truth, scores, average="macro")
        each = average_precision_score(truth, scores, average=None) - truth.mean(axis=0)
        drawn.append((mean, mean - truth.mean(), *each))
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    assert (made.map.low, made.map.high) == pytest.approx((low[0], high[0]), abs=1e-12)
    assert (made.map.gain_low, made.map.gain_high) == pytest.approx((low[1], high[1]), abs=1e-12)
    assert [r.gain_low for r in made.rows] == pytest.approx(low[2:], abs=1e-12)
    assert [r.gain_high for r in made.rows] == pytest.approx(high[2:], abs=1e-12)
    assert [r.gain for r in made.rows] == pytest.approx([r.ap - r.chance for r in made.rows])  # type: ignore[operator]


def test_skill_is_above_chance_and_lot_is_not() -> None:
    good, lot = (evaluate(*world(3, 30, skill), QUICK).map for skill in (1.0, 0.0))
    assert good.gain_low is not None
    assert good.gain_low > 0.1
    assert good.shifted_p == pytest.approx(1 / 21)
    assert good.shifted is not None
    assert good.shifted == pytest.approx(good.chance, abs=0.05)  # nothing but the timing was known here
    assert lot.gain_low is not None
    assert lot.gain_low < 0.02
    assert lot.shifted_p is not None
    assert lot.shifted_p > 0.05


def test_knowing_the_video_but_not_the_moment_is_found_out_by_shifting() -> None:
    """A score that is constant in each video beats chance by the levels alone; turned labels do as well."""
    predictions, labels = {}, {}
    random = np.random.default_rng(0)
    for i in range(24):
        level = (i % 4) / 4
        on = random.random((40, 1)) < level
        predictions[f"{i}"] = track(np.full((40, 1), level), np.ones(40, bool), ("amusement",))
        labels[f"{i}"] = Labels(track(on, np.ones(40, bool), ("amusement",)), np.ones(40, np.int64))
    made = evaluate(predictions, labels, QUICK).map
    assert made.gain_low is not None
    assert made.gain_low > 0.05
    assert made.shifted == pytest.approx(made.value)
    assert made.shifted_p == 1.0


def test_unseen_seconds_as_zeros() -> None:
    predictions, labels = world(4)
    made = evaluate(predictions, labels, EvaluateConfig(missing_labels="zeros", resamples=10, time_shifts=0))
    valid = np.concatenate([predictions[v].valid for v in sorted(labels)])
    on = np.concatenate([np.nan_to_num(labels[v].labels.values[:, 0]) for v in sorted(labels)])[valid]
    assert made.rows[0].seconds == int(valid.sum())
    assert made.rows[0].chance == pytest.approx(on.mean())


def test_a_class_nobody_showed_is_undefined_and_named() -> None:
    predictions, labels = world(5)
    never = {
        v: Labels(track(np.nan_to_num(one.labels.values) * (1, 1, 0), one.labels.valid), one.viewers)
        for v, one in labels.items()
    }
    made = evaluate(predictions, never, QUICK)
    row = made.rows[2]
    assert (row.positives, row.chance, row.ap, row.low, row.high, row.auc) == (0, 0.0, None, None, None, None)
    assert made.notes == ("never shown, so undefined and not in the mean: surprise",)
    assert made.map.value == pytest.approx(np.mean([made.rows[0].ap, made.rows[1].ap]))  # type: ignore[list-item]


def test_nothing_shown_at_all_has_no_mean() -> None:
    predictions, labels = world(5, videos=2)
    off = {
        v: Labels(track(np.zeros((len(one.viewers), 3)), one.labels.valid), one.viewers) for v, one in labels.items()
    }
    made = evaluate(predictions, off, QUICK)
    assert (made.map.value, made.map.low, made.map.gain, made.map.shifted) == (None, None, None, None)
    assert "–" in scores_table(made)


def test_one_video_has_scores_and_no_interval() -> None:
    predictions, labels = world(6, videos=1)
    made = evaluate(predictions, labels, QUICK)
    assert made.map.value is not None
    assert (made.map.low, made.map.high, made.map.gain_low, made.rows[0].low) == (None, None, None, None)
    assert made.notes == ("one video only: no interval, its seconds are no separate evidence",)


def test_columns_in_another_order_are_the_same_scores() -> None:
    predictions, labels = world(7)
    turned = {v: track(p.values[:, ::-1], p.valid, NAMES[::-1]) for v, p in predictions.items()}
    assert evaluate(turned, labels, QUICK) == evaluate(predictions, labels, QUICK)


def test_what_is_left_out_is_noted() -> None:
    predictions, labels = world(8)
    del predictions["v03.mp4"]
    predictions["stranger.mp4"] = predictions["v01.mp4"]
    blank = predictions["v02.mp4"]
    predictions["v02.mp4"] = track(blank.values, np.zeros(len(blank.valid), bool))
    made = evaluate(predictions, labels, QUICK, folds=[("v01.mp4", "v00.mp4")], notes=["staged"])
    assert made.notes == (
        "staged",
        "labelled but not predicted, left out: v03.mp4",
        "predicted but not labelled, left out: stranger.mp4",
        "no second can be scored, left out: v02.mp4",
    )
    assert len(made.videos) == 23
    assert made.folds == (("v00.mp4", "v01.mp4"),)


def test_a_few_rows_are_cut_and_many_are_refused() -> None:
    predictions, labels = world(9, videos=2)
    longer = predictions["v00.mp4"]
    for extra in (3, 30):
        values = np.concatenate([longer.values, np.zeros((extra, 3))])
        predictions["v00.mp4"] = track(values, np.concatenate([longer.valid, np.ones(extra, bool)]))
        if extra == 3:
            n = longer.grid.steps
            told = f"v00.mp4: predictions {n + 3} s and labels {n} s: cut to {n} s"
            assert told in evaluate(predictions, labels, QUICK).notes
        else:
            with pytest.raises(DatasetError, match=r"v00\.mp4: predictions have \d+ seconds and labels \d+"):
                evaluate(predictions, labels, QUICK)


def test_no_video_in_common_no_second_and_other_expressions_are_refused() -> None:
    predictions, labels = world(10, videos=5)
    with pytest.raises(DatasetError, match=r"predicted are none, labelled v00\.mp4, v01\.mp4, v02\.mp4 and 2 more"):
        evaluate({}, labels, QUICK)
    blank = {v: track(p.values, np.zeros(len(p.valid), bool)) for v, p in predictions.items()}
    with pytest.raises(DatasetError, match="no second can be scored"):
        evaluate(blank, labels, QUICK)
    other = {v: track(p.values, p.valid, ("a", "b", "c")) for v, p in predictions.items()}
    with pytest.raises(DatasetError, match=r"predictions of 'v00\.mp4' are of a, b, c, others of amusement"):
        evaluate(other, labels, QUICK)


@pytest.mark.parametrize(
    "wrong", [{"missing_labels": "x"}, {"resamples": 0}, {"time_shifts": -1}, {"confidence_level": 1.0}]
)
def test_settings_out_of_range_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="must"):
        EvaluateConfig(**wrong)


GAINS = ("gain", "gain_low", "gain_high")


def test_the_file_and_the_table(tmp_path: Path) -> None:
    made = evaluate(*world(11, videos=4), QUICK, folds=[["v00.mp4"], ["v01.mp4"]], notes=["staged: so and so"])
    write_scores(tmp_path / "scores.json", made, Provenance("evaluate", {"seed": 0}))
    body = json.loads((tmp_path / "scores.json").read_text())
    assert body["expressions"] == list(NAMES)
    assert set(body["rows"][0]) == {"name", "seconds", "positives", "chance", "ap", "low", "high", "auc", *GAINS}
    assert body["map"]["value"] == made.map.value
    assert body["videos"] == ["v00.mp4", "v01.mp4", "v02.mp4", "v03.mp4"]
    assert body["folds"] == [["v00.mp4"], ["v01.mp4"]]
    assert body["provenance"]["made_by"] == "evaluate"
    lines = scores_table(made).splitlines()
    assert [line.split("  ")[0] for line in lines[1:6]] == [*NAMES, "MAP", "MAP, shifted"]
    assert f"{100 * made.rows[0].ap:.2f}" in lines[1]  # type: ignore[operator]
    assert f"{100 * (made.rows[0].ap - made.rows[0].chance):.2f}" in lines[1]  # type: ignore[operator]
    assert lines[6] == "in %; gain: AP − chance; 4 videos, held out in 2 folds; intervals resample whole videos"
    assert lines[7:] == ["note: staged: so and so", "note: 4 videos: intervals over so few are too narrow"]


def test_holding_out_in_turn_puts_a_know_nothing_below_chance_and_shifting_sees_it() -> None:
    """Each video is predicted by the mean of the others; turned labels score just the same."""
    random, predictions, labels = np.random.default_rng(1), {}, {}
    ons = {f"{i}": random.random((50, 1)) < level for i, level in enumerate((0.1, 0.3, 0.5, 0.7, 0.9))}
    for out, on in ons.items():
        learnt = np.concatenate([o for name, o in ons.items() if name != out]).mean()
        predictions[out] = track(np.full((50, 1), learnt), np.ones(50, bool), ("amusement",))
        labels[out] = Labels(track(on, np.ones(50, bool), ("amusement",)), np.ones(50, np.int64))
    made = evaluate(predictions, labels, QUICK).map
    assert made.gain is not None
    assert made.gain < -0.1
    assert made.shifted == pytest.approx(made.value)
