"""The offset map of a known start: where the content's seconds are in the recording."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from evoked.core.errors import AlignmentError
from evoked.reactions.alignment.known_offset import known_offsets
from evoked.reactions.alignment.matcher import modality_notes


@given(
    st.floats(-500, 500, allow_subnormal=False),
    st.floats(1, 1000),
    st.floats(1, 1000),
    st.sampled_from([1.0, 0.95, 1.05, 2.0]),
)
def test_every_second_is_where_the_offset_says(offset: float, content: float, reaction: float, rate: float) -> None:
    first, last = max(0.0, -offset / rate), min(content, (reaction - offset) / rate)
    assume(last - first > 1e-6)
    offsets = known_offsets(offset, content, reaction, rate)
    assert offsets.covered_s == pytest.approx(last - first)
    for share in (0.0, 0.5, 0.999):
        second = first + share * (last - first)
        assert offsets.reaction_time(second) == pytest.approx(offset + rate * second, abs=1e-6)
    assert offsets.reaction_time(last + 1e-3) is None
    assert -1e-9 <= offsets.segments[0].reaction_start_s <= reaction


@pytest.mark.parametrize(("offset", "content", "reaction"), [(60, 30, 60), (-30, 30, 60), (5000, 30, 60)])
def test_a_recording_that_covers_nothing(offset: float, content: float, reaction: float) -> None:
    with pytest.raises(AlignmentError, match=r"covers none of its 30.0 s: check the offset \(seconds"):
        known_offsets(offset, content, reaction)


def test_what_readers_are_told() -> None:
    offsets = known_offsets(2.5, 30, 60)
    assert (offsets.by, offsets.score) == ("known offset", 0)
    assert modality_notes(offsets) == ("aligned by the offset that was given: nothing was compared",)


@pytest.mark.parametrize(
    ("offset", "rate", "message"),
    [
        (0, 0, "the rate must be from 0.1 to 10"),
        (0, 1e9, "the rate must be from"),
        (0, float("nan"), "the rate must be from"),
        (float("nan"), 1, "the offset must be a number of seconds, got nan"),
        (float("inf"), 1, "the offset must be a number of seconds"),
    ],
)
def test_numbers_that_are_no_offset(offset: float, rate: float, message: str) -> None:
    with pytest.raises(AlignmentError, match=message):
        known_offsets(offset, 30, 60, rate)
