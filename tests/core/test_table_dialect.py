"""Tables as spreadsheets, pandas and R write them mean the same as evoked's own."""

import contextlib
import json
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evoked.core.csv_sheet import CsvSheet, parse_cell
from evoked.core.errors import DatasetError, EvokedError
from evoked.core.provenance import Provenance
from evoked.core.table_times import check_unit, parse_clock
from evoked.core.tables import NAME_COLUMNS, read_names, read_provenance, read_table, write_table

NAMES = ["007", "7", "12_34", "1e5", "true", "NA", "1.0", "0x1F", "١٢"]
WANTED = {
    "video": ["007", "12_34", "NA"],
    "second": [0, 1, 2],
    "valid": [True, False, True],
    "awe": [0.5, None, 1],
}
PLAIN = "video,second,valid,awe\n007,0,true,0.5\n12_34,1,false,\nNA,2,true,1\n"


def as_excel(text: str) -> str:
    """As a spreadsheet with a decimal comma saves it."""
    return text.replace(",", ";").replace("0.5", "0,5").replace("true", "TRUE").replace("false", "FALSE")


@pytest.mark.parametrize(
    "raw",
    [
        PLAIN,
        "\ufeff" + PLAIN,
        PLAIN.encode("utf-16"),
        PLAIN.encode("utf-16-le"),
        PLAIN.encode("utf-16-be"),
        PLAIN.encode("utf-32"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.replace("\n", "\n\n"),
        "\n \n" + PLAIN,
        "\nsep=;\n\n" + as_excel(PLAIN),
        PLAIN.replace(",", "\t"),
        as_excel(PLAIN),
        "sep=;\n" + as_excel(PLAIN),
        as_excel(PLAIN).replace("TRUE", "WAHR").replace("FALSE", "FALSCH"),
        PLAIN.replace("0.5", '"0,5"'),
        PLAIN.replace("true", "True").replace("false", "False"),
        PLAIN.replace("true", "1").replace("false", "0"),
        PLAIN.replace("true", "1.0").replace("false", "0.0"),
        PLAIN.replace("false,\n", "false,NaN\n"),
        PLAIN.replace("false,\n", "false,NA\n"),
        PLAIN.replace(",0,", ",0.0,").replace(",1,", ",1.0,").replace(",2,", ",2.0,"),
        PLAIN.replace(",0,", ",0:00:00,").replace(",1,", ",00:00:01,").replace(",2,", ",0:00:02.000,"),
        PLAIN.replace("video,second,valid", "Video, Second ,VALID"),
        "\n".join(
            line and f"{mark},{line}" for mark, line in zip(["", "0", "1", "2", ""], PLAIN.split("\n"), strict=True)
        ),
        "\n".join(
            line and f'"{mark}",{line}' for mark, line in zip(["", "1", "2", "3", ""], PLAIN.split("\n"), strict=True)
        ),
        PLAIN.replace("\n", ",\n"),
    ],
)
def test_every_dialect_means_the_same(tmp_path: Path, raw: str | bytes) -> None:
    (tmp_path / "t.csv").write_bytes(raw if isinstance(raw, bytes) else raw.encode())

    assert read_table(tmp_path / "t.csv", ("video", "valid")) == WANTED


@pytest.mark.parametrize("column", ["video", "viewer", "rater", "clip", "participant", "group"])
def test_names_are_text_in_every_format(tmp_path: Path, column: str) -> None:
    assert column in NAME_COLUMNS
    (tmp_path / "t.csv").write_text(f"{column},second\n" + "".join(f"{name},0\n" for name in NAMES))
    (tmp_path / "t.json").write_text(json.dumps([{column: name} for name in NAMES]))
    pq.write_table(pa.table({column: NAMES}), tmp_path / "t.parquet")

    for suffix in ("csv", "json", "parquet"):
        assert read_table(tmp_path / f"t.{suffix}")[column] == NAMES


def test_names_that_are_numbers_in_the_file_become_text(tmp_path: Path) -> None:
    pq.write_table(pa.table({"video": [7, 12], "viewer": [1.0, None]}), tmp_path / "t.parquet")

    assert read_table(tmp_path / "t.parquet") == {"video": ["7", "12"], "viewer": ["1", None]}


def test_pandas_index_in_parquet_is_left_out(tmp_path: Path) -> None:
    pq.write_table(pa.table({"video": ["a", "b"], "__index_level_0__": [0, 1]}), tmp_path / "t.parquet")

    assert list(read_table(tmp_path / "t.parquet")) == ["video"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (",video\nx,a\n", "column '' has no name and holds no row numbers"),
        ("video,awe,awe\na,1,2\n", "has the column 'awe' twice"),
        ("video,Video\na,b\n", "has the column 'video' twice"),
        ("video,awe\na\n", "line 2 has 1 cells, the header has 2"),
        ("video,awe\na,1,2\n", "line 2 has 3 cells under 2 columns"),
        ("video;awe,joy\na;1,2,3;4\n", "line 2 has 3 cells under 2 columns"),
        ("video,awe\na,0\x001\n", "is no text file"),
    ],
)
def test_a_table_with_faults_is_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(text)

    with pytest.raises(DatasetError, match=message) as caught:
        read_table(tmp_path / "t.csv")
    assert "\n" not in str(caught.value)


def test_columns_are_refused_before_rows_are_read(tmp_path: Path) -> None:
    """The last line is no text: whoever reads it before the header is checked says so."""
    (tmp_path / "t.csv").write_bytes(b"video,second\n" + b"a,0\n" * 20_000 + b"a,\xff\n")

    with pytest.raises(DatasetError, match="has no column valid; it has: video, second"):
        read_table(tmp_path / "t.csv", ("video", "valid"))
    assert read_names(tmp_path / "t.csv") == ("video", "second")
    assert CsvSheet(tmp_path / "t.csv", "x").header == ["video", "second"]
    with pytest.raises(DatasetError, match="line 20002 is not UTF-8 text"):
        read_table(tmp_path / "t.csv", ("video",))


@pytest.mark.parametrize(
    ("cell", "separator", "value"),
    [
        ("1,234", ",", "1,234"),  # a thousand, or not
        ("1,234", ";", 1.234),
        ("-,5", ";", -0.5),
        ("1,5e-3", ";", 0.0015),
        ("12_34", ",", "12_34"),
        ("1e5", ",", 100000.0),
        ("50 %", ",", "50 %"),
        ("Vrai", ";", True),
        ("#N/A", ";", None),
        ("yes", ",", "yes"),
        ("9" * 20, ",", 1e20),
        ("-" + "9" * 400, ",", -np.inf),
    ],
)
def test_what_a_cell_means(cell: str, separator: str, value: Any) -> None:
    parsed = parse_cell(cell, separator)
    assert parsed == value
    assert type(parsed) is type(value)


def test_times_on_a_clock_and_in_other_units() -> None:
    assert [parse_clock(t) for t in ("1:02:03", "00:00:00.5", "12:30", "x")] == [3723, 0.5, "12:30", "x"]
    check_unit("t", [0, 300, 4000, 7200])  # sparse, and seconds
    for times, unit in (([0, 1000, 2000], "milliseconds"), ([0, 166666, 333333], "microseconds"), ([1e9], "a week")):
        with pytest.raises(DatasetError, match=unit):
            check_unit("t", times)


def test_json_in_another_encoding_and_a_broken_provenance(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_bytes(json.dumps([{"video": 7, "valid": "TRUE", "awe": "0.5"}]).encode("utf-16"))
    assert read_table(tmp_path / "t.json") == {"video": ["7"], "valid": [True], "awe": [0.5]}
    assert read_provenance(tmp_path / "t.json") is None

    (tmp_path / "t.csv").write_text(PLAIN)
    (tmp_path / "t.csv.provenance.json").write_text("[" * 100_000)
    with pytest.raises(DatasetError, match=r"the provenance in .*t\.csv\.provenance\.json cannot be read"):
        read_provenance(tmp_path / "t.csv")
    (tmp_path / "t.json").write_text("[" * 100_000)
    with pytest.raises(DatasetError, match=r"cannot be read as a \.json table"):
        read_table(tmp_path / "t.json")


def test_damaged_tables_of_every_format_are_refused_or_read(tmp_path: Path) -> None:
    """Bits flipped, pieces cut and odd numbers put in: no reader ends in anything but an EvokedError of one line."""
    rows = {"video": ["a", "a"], "second": [0, 1], "valid": [True, True], "awe": [1, 0], "time_s": [0.0, 1.0]}
    write_table(tmp_path / "t.parquet", rows, Provenance("test"))
    write_table(tmp_path / "t.json", rows, Provenance("test"))
    write_table(tmp_path / "t.csv", rows, Provenance("test"))
    tokens = (b"9" * 400, b"1e400", b"NaN", b'"', b"\n", b"\0", b"\xff", b"999999999999:00:00", b"[", b"null", b"")
    random = Random(5)
    for path in (tmp_path / "t.parquet", tmp_path / "t.json", tmp_path / "t.csv"):
        whole = path.read_bytes()
        for _ in range(150):
            first = random.randrange(len(whole))
            last = first + random.randrange(8)
            path.write_bytes(whole[:first] + random.choice(tokens) + whole[last:])
            for read in (lambda p: read_table(p, ("time_s",)), read_provenance, read_names):
                with contextlib.suppress(EvokedError):
                    read(path)
