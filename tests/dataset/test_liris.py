"""The three formats of LIRIS-ACCEDE, with the known faults of its files."""

from pathlib import Path

import numpy as np
import pytest

from evoked.core.errors import DatasetError
from evoked.dataset.liris import LEAST_ROWS, SPLIT_2018, read_liris, split_of


def curve(steps: int = 90, seed: int = 0) -> np.ndarray:
    """Valence and arousal of a film, (T, 2), rounded to four decimals."""
    return np.round(np.random.default_rng(seed).uniform(-1, 1, (steps, 2)), 4)


def write(path: Path, header: str, rows: list[list[object]], separator: str = "\t") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *(separator.join(map(str, row)) for row in rows)]) + "\n")
    return path


def write_2018(folder: Path, number: int, values: np.ndarray, first: int = 0) -> Path:
    rows = [[i + first, *map(float, v)] for i, v in enumerate(values)]
    place = folder / "MEDIAEVAL18-DevSet" / "annotations" / f"MEDIAEVAL18_{number:02d}_Valence-Arousal.txt"
    return write(place, "Time\tValence\tArousal", rows)


def write_2017(folder: Path, name: str, values: np.ndarray, apart: int = 1) -> Path:
    rows = [[i, i * apart, *map(float, v)] for i, v in enumerate(values)]
    return write(folder / f"{name}_Valence-Arousal.txt", "Index Time Valence Arousal", rows, "   ")


def write_2015(folder: Path, name: str, values: np.ndarray, longer: int = 0) -> None:
    for k, what in enumerate(("Valence", "Arousal")):
        column = [*values[:, k], *([0.5] * (longer if k else 0))]
        write(folder / f"{name}_{what}.txt", "Time\tMean\tStd", [[i, float(v), 0.1] for i, v in enumerate(column)])


def test_the_three_releases_say_the_same(tmp_path: Path) -> None:
    values = curve()
    write_2018(tmp_path / "a", 7, values)
    write_2017(tmp_path / "b", "MEDIAEVAL17_00", values)
    write_2015(tmp_path / "c", "Nuclear_Family", values)
    read = [read_liris(tmp_path / part) for part in "abc"]
    assert [list(r.films) for r in read] == [["MEDIAEVAL18_07"], ["MEDIAEVAL17_00"], ["Nuclear_Family"]]
    for films in read:
        (film,) = films.films.values()
        assert film.affect.names == ("valence", "arousal")
        assert film.affect.grid.rate == 1
        assert film.affect.grid.steps == 90
        np.testing.assert_array_equal(film.affect.values, values.astype(np.float32))
        assert not films.problems
        assert not film.notes


def test_a_table_that_counts_from_one_is_the_same_film(tmp_path: Path) -> None:
    write_2018(tmp_path, 3, curve(), first=1)
    (film,) = read_liris(tmp_path).films.values()
    np.testing.assert_array_equal(film.affect.values, curve().astype(np.float32))


def test_two_tables_that_differ_by_a_row_are_cut_and_that_is_said(tmp_path: Path) -> None:
    write_2015(tmp_path, "Chatter", curve(80), longer=1)
    (film,) = read_liris(tmp_path).films.values()
    assert film.affect.grid.steps == 80
    assert film.notes == ("Chatter: valence has 80 rows and arousal 81: cut to 80",)


def test_rows_further_apart_are_held(tmp_path: Path) -> None:
    values = curve(20)
    write_2017(tmp_path, "MEDIAEVAL17_01", values, apart=5)
    (film,) = read_liris(tmp_path).films.values()
    np.testing.assert_array_equal(film.affect.values, np.repeat(values, 5, axis=0).astype(np.float32))
    assert "a row every 5 s" in film.notes[0]


def test_a_row_without_a_number_is_masked_never_zero(tmp_path: Path) -> None:
    path = write_2018(tmp_path, 0, curve())
    lines = path.read_text().splitlines()
    lines[5], lines[9] = "4\tNaN\t0.5", "8\t0.5\t-"
    path.write_text("\n".join(lines))
    (film,) = read_liris(tmp_path).films.values()
    assert np.flatnonzero(~film.affect.valid).tolist() == [4, 8]
    assert film.notes == ("MEDIAEVAL18_00: 2 rows without a number are not used",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Time\tValence\tArousal\n", "holds no row below its header"),
        ("h\n" + "0\t0.1\t0.2\n" * 3, "times do not rise"),
        ("h\n" + "".join(f"{i}\t0.1\t0.2\n" for i in range(9)), f"9 rows; a film needs {LEAST_ROWS}"),
        ("h\n" + "".join(f"{i}\t0.1\n" for i in range(90)), "has 2 columns"),
        ("h\n" + "".join(f"{i}\t0.1\t7\n" for i in range(90)), "values reach 7"),
        ("h\n0\t0.1\t0.2\n1\t0.1\n", "row 3 has 2 columns, the first has 3"),
        ("h\n" + "".join(f"{i}\tx\ty\n" for i in range(90)), "no row holds both"),
    ],
)
def test_a_film_that_cannot_be_used_is_named_and_the_others_go_on(tmp_path: Path, text: str, message: str) -> None:
    write_2018(tmp_path, 1, curve())
    (tmp_path / "MEDIAEVAL18_02_Valence-Arousal.txt").write_text(text)
    read = read_liris(tmp_path)
    assert list(read.films) == ["MEDIAEVAL18_01"]
    assert len(read.problems) == 1
    assert "MEDIAEVAL18_02" in read.problems[0]
    assert message in read.problems[0]


def test_half_a_film_and_a_film_twice_are_named(tmp_path: Path) -> None:
    write_2015(tmp_path, "Whole", curve())
    write_2015(tmp_path, "Half", curve())
    (tmp_path / "Half_Arousal.txt").unlink()
    write_2018(tmp_path, 5, curve())
    write_2018(tmp_path / "copy", 5, curve())
    read = read_liris(tmp_path)
    assert list(read.films) == ["Whole"]
    assert [p for p in read.problems if "Half_Valence.txt is there and Half_arousal.txt is not" in p]
    assert [p for p in read.problems if "MEDIAEVAL18_05: two files" in p]


def test_nothing_to_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no folder"):
        read_liris(tmp_path / "none")
    with pytest.raises(DatasetError, match=r"nothing in it is named …_Valence-Arousal\.txt"):
        read_liris(tmp_path)


def test_2018_is_split_as_the_paper_did() -> None:
    split = split_of([f"MEDIAEVAL18_{n:02d}" for n in range(66)])
    assert [sum(part == p for part in split.values()) for p in ("validate", "train", "test")] == [14, 40, 12]
    assert split["MEDIAEVAL18_13"] == "validate"
    assert split["MEDIAEVAL18_14"] == "train"
    assert split["MEDIAEVAL18_53"] == "train"
    assert split["MEDIAEVAL18_54"] == "test"
    assert sorted(n for span in SPLIT_2018.values() for n in span) == list(range(66))


@pytest.mark.parametrize("count", [3, 4, 7, 30])
def test_other_films_are_split_at_random(count: int) -> None:
    names = [f"film {i}" for i in range(count)]
    split = split_of(names, seed=1)
    assert set(split) == set(names)
    assert set(split.values()) == {"train", "validate", "test"}
    assert split == split_of(names[::-1], seed=1)
    if count == 30:
        assert sum(part == "train" for part in split.values()) == 18
        assert split != split_of(names, seed=2)


def test_two_films_are_too_few() -> None:
    with pytest.raises(DatasetError, match="2 films cannot be split"):
        split_of(["a", "b"])
