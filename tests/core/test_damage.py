"""Damage of a media file is one line for people and plain values for files."""

import pytest

from evoked.core.damage import Damage, damage_dicts, damage_texts


def test_an_entry_is_its_text_and_plain_values() -> None:
    entry = Damage("cut_off", "cut off: its picture ends after 4.0 s of 5.0 s", 4.0, 5.0)
    assert str(entry) == entry.text
    assert damage_dicts([entry]) == [{"kind": "cut_off", "text": entry.text, "from_s": 4.0, "to_s": 5.0}]


def test_the_same_line_is_said_once_in_order() -> None:
    first, second = Damage("b", "second thing"), Damage("a", "first thing")
    assert damage_texts([first, second, first]) == ("second thing", "first thing")


@pytest.mark.parametrize(
    ("kind", "text", "span"),
    [("", "text", (None, None)), ("kind", "", (None, None)), ("kind", "two\nlines", (None, None)), ("k", "t", (2, 1))],
)
def test_what_could_not_be_shown_is_refused(kind: str, text: str, span: tuple[float | None, float | None]) -> None:
    with pytest.raises(ValueError, match="damage must"):
        Damage(kind, text, *span)
