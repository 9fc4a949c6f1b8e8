"""The paper's numbers of a dataset, counted second by second beside."""

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
    made = {
        f"v{i}": labels(random.random((n, 3)) < (0.5, 0.2, 0.0), random.random(n) < 0.7)
        for i, n in enumerate((40, 7, 90))
    }
    found = statistics(made, [Pair("r1", "v0"), Pair("r2", "v0"), Pair("r3", "v2"), Pair("r4", "elsewhere")])

    seconds = [
        {name for name, value in zip(NAMES, row, strict=True) if value == 1}
        for one in made.values()
        for row, seen in zip(one.labels.values, one.labels.valid, strict=True)
        if seen
    ]
    assert (found.videos, found.seconds, found.valid_seconds) == (3, 137, len(seconds))
    assert found.valid_share == len(seconds) / 137
    assert found.lengths == {"v0": 40, "v1": 7, "v2": 90}
    assert found.cardinality == pytest.approx(sum(map(len, seconds)) / len(seconds))
    assert found.several == pytest.approx(sum(len(s) > 1 for s in seconds) / len(seconds))
    for i, a in enumerate(NAMES):
        has = [s for s in seconds if a in s]
        assert found.positives[a] == len(has)
        assert found.shares[a] == pytest.approx(len(has) / len(seconds))
        for j, b in enumerate(NAMES):
            wanted = sum(b in s for s in has) / len(has) if has else None
            assert found.co_occurrence[i][j] == (pytest.approx(wanted) if has else None)
    assert found.co_occurrence[2] == (None, None, None)  # never on: unknown, not 0
    assert found.reactions == {"v0": 2, "v1": 0, "v2": 1}
    assert found.reactions_per_content == 1.0
    assert sum(found.shares.values()) == pytest.approx(found.cardinality)  # type: ignore[arg-type]


def test_no_valid_second_is_unknown_and_not_zero() -> None:
    found = statistics({"a": labels(np.zeros((4, 3)), np.zeros(4, bool))})
    assert found.valid_share == 0
    assert (found.cardinality, found.several, found.shares["amusement"]) == (None, None, None)
    assert found.reactions_per_content is None


def test_as_dict_is_plain_json() -> None:
    made = statistics({"a": labels(np.ones((2, 3)), np.ones(2, bool))}, [Pair("r", "a")])
    plain = json.loads(json.dumps(made.as_dict(), allow_nan=False))
    assert plain == made.as_dict()
    assert plain["valid_share"] == 1.0
    assert plain["co_occurrence"] == [[1.0] * 3] * 3


def test_no_labels_or_other_expressions_are_refused() -> None:
    with pytest.raises(DatasetError, match="no labels to count"):
        statistics({})
    one, other = (labels(np.zeros((1, 3)), np.ones(1, bool), names) for names in (NAMES, NAMES[::-1]))
    with pytest.raises(DatasetError, match=r"labels of 'b' are .*, of 'a'"):
        statistics({"a": one, "b": other})
