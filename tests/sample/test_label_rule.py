"""The planted rule keeps its limits for any loudness."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evoked.sample.label_rule import QUIETEST_DB, LabelRule, runs, smile_levels, smiles

RULE = LabelRule()


def test_levels_of_a_full_scale_sine_and_of_silence() -> None:
    hz = 16000
    sine = np.sin(2 * np.pi * 440 * np.arange(hz) / hz).astype(np.float32)
    sound = np.concatenate([sine, 0.1 * sine, np.zeros(hz, np.float32), sine[:100]])
    # a sine's root mean square is 1/sqrt(2): -3.0103 dB; the last 100 samples are no whole second
    assert smile_levels(sound, hz) == pytest.approx([-3.0103, -23.0103, QUIETEST_DB], abs=1e-3)


def test_levels_want_a_whole_second() -> None:
    with pytest.raises(ValueError, match="at least one whole second"):
        smile_levels(np.zeros(99, np.float32), 100)


def test_one_loud_second_is_one_smile_of_the_shortest_length() -> None:
    loud = np.full(12, -50.0)
    loud[4] = -10
    assert np.flatnonzero(smiles(loud, -20, RULE)).tolist() == [4, 5, 6, 7]


def test_a_short_rest_is_smiled_through_and_a_long_one_is_not() -> None:
    loud = np.full(30, -50.0)
    loud[[3, 8]] = -10  # wanted 3-5 and 8-10: two seconds between
    assert np.flatnonzero(smiles(loud, -20, RULE)).tolist() == list(range(3, 11))
    loud[8], loud[12] = -50, -10  # wanted 3-5 and 12-14
    assert np.flatnonzero(smiles(loud, -20, RULE)).tolist() == [3, 4, 5, 6, 12, 13, 14, 15]


def test_nobody_smiles_for_ever() -> None:
    assert [end - start for start, end in runs(smiles(np.zeros(40), -20, RULE))] == [10, 10, 10]


@given(st.lists(st.booleans(), min_size=1, max_size=120))
def test_lengths_of_smiles_and_their_causes(loud: list[bool]) -> None:
    level = np.where(loud, -10.0, -50.0)
    smile = smiles(level, -20, RULE)
    for start, end in runs(smile):
        assert end - start <= RULE.longest_s
        assert end - start >= RULE.shortest_s or end == len(loud)
        assert any(loud[max(0, start - RULE.memory_s - RULE.gap_s) : end])  # no smile without a cause
    if not any(loud):
        assert not smile.any()


@given(st.lists(st.booleans(), min_size=20, max_size=60), st.integers(8, 19))
def test_the_future_does_not_matter_but_for_the_gap(loud: list[bool], cut: int) -> None:
    level = np.where(loud, -10.0, -50.0)
    sure = cut - RULE.gap_s
    assert (smiles(level, -20, RULE)[:sure] == smiles(level[:cut], -20, RULE)[:sure]).all()


def test_a_rule_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="quantile must be below 1"):
        LabelRule(quantile=1.0)
    with pytest.raises(ValueError, match="longest_s must be at least shortest_s"):
        LabelRule(shortest_s=5, longest_s=4)
