"""Means and deviations against numpy over everything at once."""

import numpy as np
import pytest
from planted import EXPRESSIONS, World, videos

from evoked.dataset.examples import Example
from evoked.learning.training.standardisation import feature_statistics
from evoked.model.config import Modality


def example(rows: np.ndarray) -> Example:
    steps = len(rows)
    return Example("v", {"face": rows}, np.zeros((steps, 3), np.float32), np.ones(steps, bool), EXPRESSIONS)


def test_video_by_video_equals_all_at_once() -> None:
    examples = videos(World(), 5, 30)

    mean, deviation = feature_statistics(examples, Modality("image", 40, 8))

    rows = np.concatenate([e.features["image"].astype(np.float64) for e in examples])
    np.testing.assert_allclose(mean, rows.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(deviation, rows.std(axis=0), rtol=1e-6)


def test_one_deviation_for_all_columns_of_a_part() -> None:
    examples = videos(World(), 5, 30)
    modality = Modality("face", 16, 8, parts=2)

    mean, deviation = feature_statistics(examples, modality, "modality")

    own_mean, own = feature_statistics(examples, modality, "column")
    np.testing.assert_array_equal(mean, own_mean)
    for part in (slice(0, 8), slice(8, 16)):
        np.testing.assert_allclose(deviation[part], np.sqrt(np.mean(own[part].astype(np.float64) ** 2)), rtol=1e-6)


def test_absent_faces_do_not_count() -> None:
    examples = videos(World(), 5, 30)

    mean, deviation = feature_statistics(examples, Modality("face", 16, 8, parts=2))

    rows = np.concatenate([e.features["face"].astype(np.float64) for e in examples])
    for part in (slice(0, 8), slice(8, 16)):
        seen = rows[(rows[:, part] != 0).any(axis=1), part]
        assert 0 < len(seen) < len(rows)
        np.testing.assert_allclose(mean[part], seen.mean(axis=0), rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(deviation[part], seen.std(axis=0), rtol=1e-5)


def test_a_part_that_is_never_there_is_left_alone() -> None:
    rows = np.zeros((6, 4), dtype=np.float32)
    rows[:, :2] = np.arange(12).reshape(6, 2) + 1

    mean, deviation = feature_statistics([example(rows)], Modality("face", 4, 3, parts=2))

    assert mean[2:].tolist() == [0, 0]
    assert deviation[2:].tolist() == [1, 1]


def test_a_dead_column_is_not_blown_up() -> None:
    rows = np.random.default_rng(0).normal(0, 2, (50, 4)).astype(np.float32)
    rows[:, 3] = 7

    _, deviation = feature_statistics([example(rows)], Modality("face", 4, 3))

    assert deviation[3] == pytest.approx(np.sqrt(np.mean(np.append(rows[:, :3].var(axis=0), 0))), rel=1e-5)
