"""The paper's statistics of a dataset, compared with a count second by second."""

import json
from fractions import Fraction

import numpy as np
import pytest

from evoked.core.errors import DatasetError
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.dataset.labels import Labels
from evoked.dataset.pairs import Pair
from evoked.dataset.statistics import statistics

NAMES = ("amusement", "interest", "surprise")


def labels(values: np.ndarray, valid: np.ndarray, names: tuple[str, ...] = NAMES) -> Labels:
    track = Track.masked(TimeGrid(Fraction(1), len(valid)), names, values.astype(np.float32), valid)
    return Labels(track, np.ones(len(valid), np.int64))


def test_everything_equals_plain_counting() -> None:
    random = np.random.default_rng(2)
    dataset = {
        f"v{i}": labels(random.random((n, 3)) < (0.5, 0.2, 0.0), random.random(n) < 0.7)
        for i, n in enumerate((40, 7, 90))
    }
    counted = statistics(dataset, [Pair("r1", "v0"), Pair("r2", "v0"), Pair("r3", "v2"), Pair("r4", "elsewhere")])

    seconds = [
        {name for name, value in zip(NAMES, row, strict=True) if value == 1}
        for rows in dataset.values()
        for row, seen in zip(rows.labels.values, rows.labels.valid, strict=True)
        if seen
    ]
    assert (counted.videos, counted.seconds, counted.valid_seconds) == (3, 137, len(seconds))
    assert counted.valid_share == len(seconds) / 137
    assert counted.lengths == {"v0": 40, "v1": 7, "v2": 90}
    assert counted.cardinality == pytest.approx(sum(map(len, seconds)) / len(seconds))
    assert counted.several == pytest.approx(sum(len(s) > 1 for s in seconds) / len(seconds))
    for i, a in enumerate(NAMES):
        has = [s for s in seconds if a in s]
        assert counted.positives[a] == len(has)
        assert counted.shares[a] == pytest.approx(len(has) / len(seconds))
        for j, b in enumerate(NAMES):
            wanted = sum(b in s for s in has) / len(has) if has else None
            assert counted.co_occurrence[i][j] == (pytest.approx(wanted) if has else None)
    assert counted.co_occurrence[2] == (None, None, None)  # never on: unknown, not 0
    assert counted.reactions == {"v0": 2, "v1": 0, "v2": 1}
    assert counted.reactions_per_content == 1.0
    assert sum(counted.shares.values()) == pytest.approx(counted.cardinality)  # type: ignore[arg-type]


def test_no_valid_second_is_unknown_and_not_zero() -> None:
    counted = statistics({"a": labels(np.zeros((4, 3)), np.zeros(4, bool))})
    assert counted.valid_share == 0
    assert (counted.cardinality, counted.several, counted.shares["amusement"]) == (None, None, None)
    assert counted.reactions_per_content is None


def test_as_dict_is_plain_json() -> None:
    counted = statistics({"a": labels(np.ones((2, 3)), np.ones(2, bool))}, [Pair("r", "a")])
    plain = json.loads(json.dumps(counted.as_dict(), allow_nan=False))
    assert plain == counted.as_dict()
    assert plain["valid_share"] == 1.0
    assert plain["co_occurrence"] == [[1.0] * 3] * 3


def test_no_labels_or_other_expressions_are_refused() -> None:
    with pytest.raises(DatasetError, match="no labels to count"):
        statistics({})
    first, second = (labels(np.zeros((1, 3)), np.ones(1, bool), names) for names in (NAMES, NAMES[::-1]))
    with pytest.raises(DatasetError, match=r"labels of 'b' are .*, of 'a'"):
        statistics({"a": first, "b": second})
