"""Columns of a text table stand under each other."""

import pytest

from evoked.core.text_table import MISSING, text_table

ROWS = (("", "AP", "rule"), ("amusement", "12.5", "f0.5"), ("awe", MISSING, "none"))


def test_numbers_are_aligned_right_and_names_left() -> None:
    assert text_table(ROWS).splitlines() == [
        "             AP  rule",
        "amusement  12.5  f0.5",
        "awe           –  none",
    ]


def test_columns_that_are_named_are_aligned_left_and_no_line_ends_in_a_space() -> None:
    assert text_table([*ROWS, ("joy", "7", "")], left=(0, 1, 2)).splitlines() == [
        "           AP    rule",
        "amusement  12.5  f0.5",
        "awe        –     none",
        "joy        7",
    ]


def test_no_rows_are_no_text() -> None:
    assert text_table([]) == ""


def test_rows_of_two_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match=r"must have one length, got \[1, 2\]"):
        text_table([("a",), ("b", "c")])
