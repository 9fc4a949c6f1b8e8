"""Rows go out and come back, with what made them."""

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from evoked.core.errors import DatasetError, OutputError
from evoked.core.provenance import Provenance, versions
from evoked.core.tables import SUFFIXES, read_provenance, read_table, write_table

MADE = Provenance("test", {"quorum": 9}, {"a.mp4": "ab" * 32}, {"yunet": "cd" * 32}, ("staged",))
ROWS = {"viewer": ["v1", "v,2"], "valid": np.array([True, False]), "x": np.array([0.25, np.nan]), "n": [1, 2]}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_table_comes_back_as_it_was(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    write_table(path, ROWS, MADE)
    back = read_table(path, ("viewer", "x"))
    assert back == {"viewer": ["v1", "v,2"], "valid": [True, False], "x": [0.25, None], "n": [1, 2]}
    told = read_provenance(path)
    assert told is not None
    assert told["config"] == {"quorum": 9}
    assert told["versions"] == versions()


def test_other_programs_read_them_too(tmp_path: Path) -> None:
    for suffix in SUFFIXES:
        write_table(tmp_path / f"t{suffix}", ROWS, MADE)
    assert pq.read_table(tmp_path / "t.parquet").column_names == list(ROWS)
    with (tmp_path / "t.csv").open(newline="") as file:
        assert [r["viewer"] for r in csv.DictReader(file)] == ["v1", "v,2"]
    assert json.loads((tmp_path / "t.json").read_text())["rows"][1]["x"] is None


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_rows_give_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    write_table(tmp_path / f"a{suffix}", ROWS, MADE)
    write_table(tmp_path / f"b{suffix}", ROWS, MADE)
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_an_unknown_suffix_says_which_are_known(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"end it in .parquet, .csv, .json"):
        write_table(tmp_path / "t.xlsx", ROWS, MADE)


def test_columns_of_different_length_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="differ in length"):
        write_table(tmp_path / "t.csv", {"a": [1], "b": [1, 2]}, MADE)


@pytest.mark.parametrize("name", ["t.parquet", "t.json", "t.csv"])
def test_damaged_tables_are_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b'a,b\n1\n"\xff\xfe')
    with pytest.raises(DatasetError, match="cannot be read as a") as caught:
        read_table(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_missing_table_and_a_missing_column_are_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no table at"):
        read_table(tmp_path / "t.csv")
    write_table(tmp_path / "t.csv", ROWS, MADE)
    with pytest.raises(DatasetError, match="has no column second; it has: viewer, valid, x, n"):
        read_table(tmp_path / "t.csv", ("second",))


def test_subtitles_are_no_table(tmp_path: Path) -> None:
    (tmp_path / "seen.vtt").write_text('WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n"a" b,c\n')

    with pytest.raises(DatasetError, match=r"seen\.vtt cannot be read as a table \(it ends in none of \.parquet"):
        read_table(tmp_path / "seen.vtt")
