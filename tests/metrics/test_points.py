"""Precision, recall and F at thresholds against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import fbeta_score, precision_score, recall_score

from evoked.metrics.precision_recall import precision_recall

RANDOM = np.random.default_rng(3)


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_equals_scikit_learn_at_every_threshold(beta: float) -> None:
    scores = RANDOM.integers(20, size=300) / 20
    truth = RANDOM.random(300) < 0.3
    cuts = np.array([0.5, 0.0, 0.33, 0.95, 0.1])  # in no order; some are scores themselves
    measured = precision_recall(scores, truth, cuts, beta=beta)
    for i, cut in enumerate(cuts):
        on = scores >= cut
        assert measured.precision[i] == pytest.approx(precision_score(truth, on))
        assert measured.recall[i] == pytest.approx(recall_score(truth, on))
        assert measured.f_beta[i] == pytest.approx(fbeta_score(truth, on, beta=beta))


def test_nothing_on_has_no_precision_and_no_positives_have_no_recall() -> None:
    above = precision_recall([0.1, 0.2], [0, 1], 0.9)
    assert np.isnan(above.precision).all()
    assert above.recall.tolist() == [0.0]
    assert np.isnan(above.f_beta).all()
    empty = precision_recall([0.1, 0.2], [0, 0], 0.15)
    assert empty.precision.tolist() == [0.0]
    assert np.isnan(empty.recall).all()
    assert np.isnan(precision_recall([], [], 0.5).precision).all()


def test_all_wrong_is_f_zero() -> None:
    assert precision_recall([0.1, 0.9], [1, 0], 0.5).f_beta.tolist() == [0.0]


def test_a_beta_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="beta must be above zero, got 0"):
        precision_recall([0.1], [1], 0.5, beta=0)
