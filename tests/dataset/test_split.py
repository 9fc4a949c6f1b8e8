"""Which video trains, validates and tests: as in the paper, from a table, or at random with a note."""

from pathlib import Path

import pytest

from evoked.core.errors import DatasetError
from evoked.dataset.split import PARTS, SPLIT_2018, read_split, split_at_random, split_liris


def liris(numbers: range) -> list[str]:
    return [f"MEDIAEVAL18_{n:02d}" for n in numbers]


def counts(parts: dict[str, str]) -> list[int]:
    return [sum(part == p for part in parts.values()) for p in ("validate", "train", "test")]


def test_2018_is_split_as_the_paper_did() -> None:
    split = split_liris(liris(range(66)))
    assert counts(split.parts) == [14, 40, 12]
    assert [split.parts[f"MEDIAEVAL18_{n}"] for n in (13, 14, 53, 54)] == ["validate", "train", "train", "test"]
    assert sorted(n for span in SPLIT_2018.values() for n in span) == list(range(66))
    assert split.notes == ()


def test_the_54_development_films_are_split_as_the_paper_did() -> None:
    split = split_liris(liris(range(54)))
    assert counts(split.parts) == [14, 40, 0]
    assert split.parts["MEDIAEVAL18_02"] == "validate"
    assert split.notes == ()


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (liris(range(14, 54)), "MediaEval 2018's 00-13, which validate, are not here"),
        (liris(range(14)), "MediaEval 2018's 14-53, which train, are not here"),
        (liris(range(60, 70)), "MEDIAEVAL18_66 is not one of MediaEval 2018's 00-65"),
        (["MEDIAEVAL17_00", "a", "b"], "MEDIAEVAL17_00 is not one of"),
    ],
)
def test_what_is_split_at_random_says_so(names: list[str], reason: str) -> None:
    split = split_liris(names)
    assert set(split.parts) == set(names)
    (note,) = split.notes
    assert note.startswith("split at random, 60:15:25, seed 0: ")
    assert reason in note


@pytest.mark.parametrize("count", [3, 4, 7, 30])
def test_a_random_split_depends_on_seed_and_names_alone(count: int) -> None:
    names = [f"film {i}" for i in range(count)]
    split = split_at_random(names, seed=1).parts
    assert set(split) == set(names)
    assert set(split.values()) == set(PARTS)
    assert split == split_at_random(names[::-1], seed=1).parts
    if count == 30:
        assert counts(dict(split)) == [4, 18, 8]
        assert split != split_at_random(names, seed=2).parts


def test_two_films_are_too_few() -> None:
    with pytest.raises(DatasetError, match="2 videos cannot be split"):
        split_liris(["a", "b"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("film,part\na,train\n", "has no column video"),
        ("video,part\na,learn\n", "row 1: need a video and one of train, validate, test, got 'a', 'learn'"),
        ("video,part\n,train\n", "row 1: need a video"),
        ("video,part\na,train\na.mp4,test\n", "row 2: a is listed twice"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "split.csv").write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_split(tmp_path / "split.csv", ["a", "b"])


def test_names_that_are_numbers_stay_names(tmp_path: Path) -> None:
    (tmp_path / "split.csv").write_text("video;part\n007;train\n7;TEST\n")
    split = read_split(tmp_path / "split.csv", ["007", "7", "8"])
    assert split.parts == {"007": "train", "7": "test"}
    assert split.notes == ("left out: not in split.csv: 8",)
