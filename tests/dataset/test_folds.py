"""Each video is held out once, and never with itself or its group in the training videos."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evoked.core.errors import DatasetError
from evoked.dataset.folds import Fold, audit, make_folds

NAMES = st.text("abcdefgh", min_size=1, max_size=4)


@given(
    st.dictionaries(NAMES, st.tuples(st.integers(0, 500), st.sampled_from(["x", "y", "z", None])), min_size=1),
    st.integers(2, 6),
    st.integers(0, 3),
)
@settings(max_examples=150, deadline=None)
def test_laws(drawn: dict[str, tuple[int, str | None]], count: int, seed: int) -> None:
    seconds = {v: s for v, (s, _) in drawn.items()}
    groups = {v: g for v, (_, g) in drawn.items() if g}
    units = {("group", groups[v]) if v in groups else ("video", v) for v in seconds}
    if len(units) < 2:
        with pytest.raises(DatasetError, match="cannot hold videos out in turn"):
            make_folds(seconds, count, seed=seed, groups=groups)
        return
    folds = make_folds(seconds, count, seed=seed, groups=groups)
    audit(folds, groups)
    assert len(folds) == min(count, len(units))
    assert sorted(v for f in folds for v in f.held_out) == sorted(seconds)  # each once
    for fold in folds:
        assert set(fold.train) | set(fold.held_out) == set(seconds)
    turned = dict(reversed(seconds.items()))
    assert make_folds(turned, count, seed=seed, groups=groups) == folds  # the order given does not matter


def test_the_load_is_shared_by_seconds() -> None:
    folds = make_folds({"long": 300, "a": 100, "b": 100, "c": 100}, 2)
    assert sorted(f.held_out for f in folds) == [("a", "b", "c"), ("long",)]


def test_another_seed_gives_other_folds_and_one_content_each_is_possible() -> None:
    seconds = {f"v{i}": 60 for i in range(12)}
    assert make_folds(seconds, 3, seed=0) == make_folds(seconds, 3, seed=0)
    assert len({make_folds(seconds, 3, seed=s) for s in range(5)}) > 1
    assert [len(f.held_out) for f in make_folds(seconds, 99)] == [1] * 12


def test_these_folds_stay_what_they_are() -> None:
    """A change here makes every finished study train again: expected values written by hand."""
    held = [f.held_out for f in make_folds({"a": 10, "b": 10, "c": 10, "d": 10}, 2)]
    assert held == [("c", "d"), ("a", "b")]


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        ([Fold(0, ("a", "b"), ("b",))], "fold 0: 'b' is trained on and held out"),
        ([Fold(0, ("a",), ("b",)), Fold(1, ("a",), ("b",))], "'b' is held out in folds 0 and 1"),
        ([Fold(0, ("a",), ("k1",)), Fold(1, ("b", "k2"), ("a",)), Fold(2, ("k1",), ("k2",))], "fold 2: group 'kin'"),
        ([Fold(0, ("a",), ("k1",)), Fold(1, ("a",), ("k2",))], "group 'kin' is held out in folds 0 and 1"),
        ([Fold(0, (), ("a",))], "fold 0 has nothing to train on"),
        ([Fold(0, ("a",), ())], "fold 0 has nothing to hold out"),
    ],
)
def test_the_audit_catches_a_leak(folds: list[Fold], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        audit(folds, {"k1": "kin", "k2": "kin"})


def test_one_video_cannot_be_held_out_and_one_fold_is_no_fold() -> None:
    with pytest.raises(DatasetError, match="got 1; add content"):
        make_folds({"a": 60}, 5)
    with pytest.raises(DatasetError, match="got 2 videos in 1 group;"):
        make_folds({"a": 60, "b": 60}, 5, groups={"a": "x", "b": "x"})
    with pytest.raises(DatasetError, match="got none;"):
        make_folds({}, 5)
    with pytest.raises(ValueError, match="at least 2 folds, got 1"):
        make_folds({"a": 60, "b": 60}, 1)
