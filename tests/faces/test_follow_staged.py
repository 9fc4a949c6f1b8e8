"""The benchmark's staged moments, as a bar: real people who cross, leave, swap seats and are cut to."""

import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))  # for following, which is also a script

import following
from evoked.faces.detect import FaceDetector
from evoked.faces.identity import FaceIdentity
from evoked.weights.cache import Cache

FAST = ("corner, plain", "cuts, dark")
EVERY = [f"{case.__name__}, {look}" for case in following.CASES for look in following.LOOKS]


@pytest.mark.nets
@pytest.mark.parametrize("name", [n if n in FAST else pytest.param(n, marks=pytest.mark.full) for n in EVERY])
def test_staged_people_keep_their_names(name: str, cache: Cache) -> None:
    case, look = name.split(", ")
    told = following.followed(
        getattr(following, case), look, FaceDetector(cache=cache, threads=1), FaceIdentity(cache, threads=1)
    )
    assert told.extra == 0
    assert told.switches <= 2  # a tick at which two faces overlap
    assert told.right >= 0.98


def test_the_count_can_fail() -> None:
    good = following.counted({"a": [0, 0, 0], "b": [1, 1]}, 2, Counter(a=3, b=2))
    bad = following.counted({"a": [0, 0, 1], "b": [0, 0]}, 3, Counter(a=4, b=4))
    assert (good.switches, good.extra, good.right, good.missed) == (0, 0, 1.0, 0.0)
    assert (bad.switches, bad.extra, bad.right, bad.missed) == (1, 1, 0.0, 1 - 5 / 8)
