"""Ways held against each other: scores as scikit-learn's, spread and intervals as they are defined."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from evoked.core.errors import DatasetError
from evoked.dataset.examples import Example
from evoked.learning.evaluation.comparison import (
    CHANCE,
    MAP,
    CompareConfig,
    ScoreCell,
    compare_variants,
    comparison_text,
)
from evoked.metrics.bootstrap import group_resamples

NAMES = ("joy", "awe", "never")


def example(number: int, seconds: int = 40) -> Example:
    draw = np.random.default_rng(number)
    labels = (draw.random((seconds, 3)) < (0.3, 0.1, 0.0)).astype(np.float32)
    valid = draw.random(seconds) < 0.8
    return Example(f"v{number}", {"image": np.zeros((seconds, 1), np.float32)}, labels * valid[:, None], valid, NAMES)


TRUTH = [example(n) for n in range(12)]


def predicted(quality: float, seed: int) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    return {e.video: quality * e.labels + draw.random(e.labels.shape) for e in TRUTH}


WAYS = {"full": [predicted(0.6, 1), predicted(0.6, 2)], "less": [predicted(0.1, 3), predicted(0.2, 4)]}
CELLS = {
    (c.way, c.expression): c for c in compare_variants(WAYS, TRUTH, "full", "machine", CompareConfig(resamples=60))
}


def scored(run: dict[str, np.ndarray], k: int, weights: np.ndarray | None = None) -> float:
    counts = np.ones(12, dtype=int) if weights is None else weights
    drawn = [e for e, n in zip(TRUTH, counts, strict=True) for _ in range(n)]
    on, score = (
        np.concatenate(x) for x in ([e.labels[e.valid, k] for e in drawn], [run[e.video][e.valid, k] for e in drawn])
    )
    return float(average_precision_score(on, score))


def test_values_are_scikit_learn_s_means_over_seeds_with_their_spread() -> None:
    for way, runs in WAYS.items():
        each = np.array([[scored(run, k) for k in (0, 1)] for run in runs])
        for k in (0, 1):
            cell = CELLS[way, NAMES[k]]
            assert cell.value == pytest.approx(each[:, k].mean())
            assert cell.spread == pytest.approx(each[:, k].std(ddof=1))
        assert CELLS[way, MAP].value == pytest.approx(each.mean())
        assert CELLS[way, MAP].spread == pytest.approx(each.mean(axis=1).std(ddof=1))


def test_a_class_that_nobody_shows_is_undefined_and_not_in_the_mean() -> None:
    assert CELLS["full", "never"] == ScoreCell("machine", "full", "never", None)
    shares = np.concatenate([e.labels[e.valid] for e in TRUTH]).mean(axis=0)
    assert [CELLS[CHANCE, n].value for n in NAMES] == pytest.approx(list(shares))
    assert CELLS[CHANCE, MAP].value == pytest.approx(shares[:2].mean())


def test_intervals_and_differences_draw_whole_videos_alike_for_all_ways() -> None:
    values, gains = [], []
    for weights in group_resamples(12, 60, 0):
        full, less = (np.mean([[scored(run, k, weights) for k in (0, 1)] for run in WAYS[w]]) for w in ("full", "less"))
        values.append(less)
        gains.append(less - full)
    cell = CELLS["less", MAP]
    assert (cell.low, cell.high) == pytest.approx(tuple(np.quantile(values, [0.025, 0.975])))
    assert (cell.gain_low, cell.gain_high) == pytest.approx(tuple(np.quantile(gains, [0.025, 0.975])))
    assert cell.gain == pytest.approx(cell.value - CELLS["full", MAP].value)
    assert cell.gain_high < 0  # it is the worse one, and that is sure
    assert CELLS["full", MAP].gain is None


def test_the_table_has_the_paper_s_layout() -> None:
    text = comparison_text(list(CELLS.values()), "full").splitlines()

    assert text[0].split() == ["in", "%", "joy", "awe", "never", "MAP"]
    assert text[1].startswith("chance, machine")
    assert text[2].split()[-4:-2] == ["–", f"{100 * CELLS['full', MAP].value:.2f}"] or "–" in text[2]
    assert text[6].split(",")[0] == "full"
    assert f"{100 * CELLS['less', MAP].gain:+.2f}" in text[7]


def test_what_cannot_be_compared_is_refused() -> None:
    blind = Example("b", TRUTH[0].features, TRUTH[0].labels * 0, np.zeros(40, dtype=np.bool_), NAMES)
    with pytest.raises(DatasetError, match="no second of the test videos has valid human labels"):
        compare_variants({"full": [{"b": np.zeros((40, 3))}]}, [blind], "full", "human", CompareConfig())
    with pytest.raises(ValueError, match="39 predictions for 40 seconds"):
        compare_variants({"full": [{"v0": np.zeros((39, 3))}]}, TRUTH[:1], "full", "human", CompareConfig())
    with pytest.raises(ValueError, match=r"confidence_level must be below 1\.0, got 1\.0"):
        CompareConfig(confidence_level=1.0)
