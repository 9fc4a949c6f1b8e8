"""Labels that speak for their neighbours: the formula, the mask, and that only learning sees them."""

from dataclasses import replace

import numpy as np
import pytest
from planted import World, videos

from evoked.learning.training.config import TrainConfig
from evoked.learning.training.label_smoothing import smooth_labels, smoothing_kernel
from evoked.learning.training.train import train
from evoked.model.config import ModelSettings

TINY = ModelSettings(image_units=4, face_units=4, audio_units=4, window_s=4)


def plain(labels: np.ndarray, usable: np.ndarray, reach: int) -> np.ndarray:
    out = np.zeros(labels.shape)
    for t in np.flatnonzero(usable):
        total, weights = np.zeros(labels.shape[1]), 0.0
        for s in range(max(0, t - reach), min(len(labels), t + reach + 1)):
            if usable[s]:
                total += (reach + 1 - abs(t - s)) * labels[s]
                weights += reach + 1 - abs(t - s)
        out[t] = total / weights
    return out


@pytest.mark.parametrize("reach", [0, 1, 4, 50])
def test_it_is_the_weighted_mean_of_the_usable_seconds_around(reach: int) -> None:
    draw = np.random.default_rng(reach)
    labels, usable = (draw.random((30, 3)) < 0.3).astype(np.float32), draw.random(30) < 0.7

    found = smooth_labels(labels, usable, reach)

    assert found.dtype == np.float32
    np.testing.assert_allclose(found, plain(labels, usable, reach), atol=1e-6)


def test_what_never_changes_is_left_as_it_is() -> None:
    usable = np.array([True, False, True, True])
    for value in (0.0, 1.0):
        np.testing.assert_array_equal(smooth_labels(np.full((4, 2), value, np.float32), usable, 3)[usable], value)


def test_without_a_reach_the_examples_are_the_same() -> None:
    examples = videos(World(), 2, 30)

    assert smoothing_kernel(examples, [e.valid for e in examples], 0) is examples


def test_only_learning_sees_them() -> None:
    learnt, checked = videos(World(), 3, 40), videos(World(), 2, 40, seed=1)
    config = TrainConfig(epochs=1, threads=1, label_smoothing_s=3)

    made = train(learnt, TINY, config, validation=checked)
    by_hand = [
        replace(e, labels=(smooth_labels(e.labels, e.valid, 3) > 0.2).astype(np.float32)) for e in learnt
    ]  # another target, so another model
    other = train(by_hand, TINY, replace(config, label_smoothing_s=0), validation=checked)
    own = train(learnt, TINY, replace(config, label_smoothing_s=0), validation=checked)

    assert np.isin(learnt[0].labels, (0, 1)).all()
    losses = [run.history[0].loss for run in (made, other, own)]
    assert len(set(losses)) == 3
    assert made.checkpoint.training["label_smoothing_s"] == 3


def test_a_negative_reach_is_refused() -> None:
    with pytest.raises(ValueError, match="label_smoothing_s must be at least 0, got -1"):
        TrainConfig(label_smoothing_s=-1)
