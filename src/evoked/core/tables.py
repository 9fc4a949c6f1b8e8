"""Read and write tables as Parquet, CSV and JSON, each with its provenance, by pyarrow.

The provenance is stored, for Parquet, in the schema metadata under the key `evoked`; for JSON, beside the
rows, {"provenance": …, "rows": […]}; for CSV, in a separate file, NAME.csv.provenance.json, so that every
CSV reader can read the table. Tables of many millions of rows: `column_stream.py`.
"""

import contextlib
import csv
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from evoked.core.csv_sheet import CsvSheet, parse_cell, text_encoding
from evoked.core.errors import DatasetError, OutputError
from evoked.core.files import parse_json, write_text, writing
from evoked.core.names import derived_name
from evoked.core.provenance import Provenance
from evoked.core.table_times import parse_clock

__all__ = [
    "SUFFIXES",
    "Columns",
    "check_suffix",
    "read_names",
    "read_numbers",
    "read_provenance",
    "read_table",
    "write_csv_provenance",
    "write_table",
]

SUFFIXES = (".parquet", ".csv", ".json")
NAME_COLUMNS = frozenset(
    {"video", "viewer", "rater", "clip", "participant", "group", "person", "reaction", "content", "recording"}
    | {"channel", "ethnicity", "gender", "age", "condition", "part", "source"}
)
"""Columns that are text always: a video called 007 is not 7."""
BOOLEAN_COLUMNS = frozenset({"valid"})
TIME_COLUMNS = frozenset({"second", "time_s", "start_s", "end_s"})
COUNT_COLUMNS = frozenset({"second", "viewers", "ticks"})
"""Whole numbers, which pandas writes as 3.0 where a cell of the column is absent."""
KNOWN = NAME_COLUMNS | BOOLEAN_COLUMNS | TIME_COLUMNS | COUNT_COLUMNS | {"agreement"}
Columns = Mapping[str, Sequence[Any] | np.ndarray]


def check_suffix(path: Path) -> None:
    """OutputError unless the name ends in a suffix that a table can be written as."""
    if path.suffix.lower() not in SUFFIXES:
        raise OutputError(f"cannot tell what to write from {path.name!r}: end it in {', '.join(SUFFIXES)}")


def write_table(path: Path, columns: Columns, provenance: Provenance) -> None:
    """Write named columns of one length. NaN is written as absent.

    Args:
        path: the file to write; its suffix chooses the format.
        columns: name → values.
        provenance: stored with the table.

    Raises:
        OutputError: for an unknown suffix, or if the file cannot be written.
        ValueError: if the columns differ in length.
    """
    check_suffix(path)
    if len({len(c) for c in columns.values()}) > 1:
        raise ValueError(f"columns differ in length: { {n: len(c) for n, c in columns.items()} }")
    table = pa.table({name: pa.array(c, from_pandas=True) for name, c in columns.items()})
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        table = table.replace_schema_metadata({"evoked": provenance.as_json()})
        with writing(path) as temporary:
            pq.write_table(table, temporary)
    elif suffix == ".json":
        body = {"provenance": provenance.as_dict(), "rows": table.to_pylist()}
        write_text(path, json.dumps(body, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    else:
        with writing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(table.column_names)
            writer.writerows([_cell(v) for v in row.values()] for row in table.to_pylist())
        write_csv_provenance(path, provenance)


def write_csv_provenance(path: Path, provenance: Provenance) -> None:
    """Write what made a CSV file into a file beside it; it has to be newer than the table.

    Args:
        path: the table, which is written already.
        provenance: of the table.

    Raises:
        OutputError: if it cannot be written.
    """
    write_text(_beside(path), provenance.as_json() + "\n")


def read_table(
    path: Path, required: Sequence[str] = (), check: Callable[[Sequence[str]], None] | None = None
) -> dict[str, list[Any]]:
    """Read a table, whether `write_table` wrote it or not.

    The columns are checked before the rows are read. Column names that evoked knows may be in any case; columns of row
    numbers (as pandas and R write them) are left out. Columns in NAME_COLUMNS are text always, `valid` is a boolean
    (1 and 0 too), and times may be H:MM:SS. Text tables may be in any form that `CsvSheet` reads.

    Args:
        path: the file; its suffix chooses the format.
        required: names of columns that must be present.
        check: receives the names of the columns, and raises DatasetError where they are not as they should be.

    Returns:
        Column name → values; None where absent. Numbers and booleans in text are parsed.

    Raises:
        DatasetError: if the file is absent, unreadable, or lacks a required column.
    """
    if not path.is_file():
        raise DatasetError(f"no table at {path}")

    def check_names(names: Sequence[str]) -> None:
        if repeated := [n for i, n in enumerate(names) if n and n in names[:i]]:
            raise DatasetError(f"{path} has the column {repeated[0]!r} twice; keep one")
        if missing := [n for n in required if n not in names]:
            known = ", ".join(n for n in names if n) or "none"
            raise DatasetError(f"{path} has no column {', '.join(missing)}; it has: {known}")
        if check is not None:
            check([n for n in names if not _is_unnamed(n)])

    try:
        columns = _read(path, check_names)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, pa.ArrowException) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        known = path.suffix.lower() in SUFFIXES
        form = f"a {path.suffix} table" if known else f"a table (it ends in none of {', '.join(SUFFIXES)})"
        raise DatasetError(f"{path} cannot be read as {form}: {first}") from error
    for name in [n for n in columns if _is_unnamed(n)]:
        if not _is_row_number(columns.pop(name)):
            raise DatasetError(f"{path}: column {name!r} has no name and holds no row numbers; name it or delete it")
    return columns


def read_names(path: Path) -> tuple[str, ...]:
    """The names of the columns, as `read_table` gives them; of a Parquet or CSV table, no row is read.

    Raises:
        DatasetError: if the file is absent or unreadable.
    """
    names: list[str] = []

    def stop(columns: Sequence[str]) -> None:
        names.extend(columns)
        raise _NamesRead

    with contextlib.suppress(_NamesRead):
        read_table(path, check=stop)
    return tuple(names)


class _NamesRead(Exception):
    """Ends the reading of a table whose names alone are wanted."""


def read_numbers(path: Path) -> dict[str, np.ndarray] | None:
    """The columns of a Parquet table as arrays, without a Python object per cell: for millions of rows.

    Returns:
        Column name → integers, booleans or floats unchanged; numbers with absent cells as float64, NaN
        there; text as (codes) under its name and the texts, in order, under (name + "=").
        None where the file is not Parquet, a column has another type, or a boolean or text column has missing
        values: then `read_table` reads it, or reports what is wrong.
    """
    if path.suffix.lower() != ".parquet" or not path.is_file():
        return None
    arrays: dict[str, np.ndarray] = {}
    try:
        for name in pq.read_schema(path).names:
            column = pq.read_table(path, columns=[name])[name]  # one at a time, or the table would be in memory twice
            column_type = column.type
            if pa.types.is_string(column_type) and not column.null_count:
                coded = column.combine_chunks().dictionary_encode()
                arrays[name], arrays[name + "="] = coded.indices.to_numpy(), np.array(coded.dictionary.to_pylist())
            elif (pa.types.is_boolean(column_type) and not column.null_count) or pa.types.is_null(column_type):
                arrays[name] = column.to_numpy() if column.null_count == 0 else np.full(len(column), np.nan)
            elif pa.types.is_integer(column_type) or pa.types.is_floating(column_type):
                arrays[name] = column.to_numpy()
            else:
                return None
    except (OSError, ValueError, KeyError, pa.ArrowException):
        return None
    return arrays


def read_provenance(path: Path) -> dict[str, Any] | None:
    """The provenance of a table, or None if the file has none.

    Raises:
        DatasetError: if the table, or the file with the provenance of a CSV, cannot be read.
    """
    suffix = path.suffix.lower()
    beside = _beside(path)
    try:
        if suffix == ".parquet":
            raw = (pq.read_schema(path).metadata or {}).get(b"evoked")
            return parse_json(raw) if raw else None
        if suffix == ".json":
            body = _json(path)
            return body.get("provenance") if isinstance(body, dict) else None
        return _json(beside) if beside.is_file() else None
    except (OSError, ValueError, RecursionError, pa.ArrowException) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        source = path if suffix in (".parquet", ".json") else beside
        raise DatasetError(f"the provenance in {source} cannot be read: {first}") from error


def _beside(path: Path) -> Path:
    """Where the provenance of a CSV file is."""
    return path.with_name(derived_name(path.name, ".provenance.json"))


def _read(path: Path, check_names: Callable[[Sequence[str]], None]) -> dict[str, list[Any]]:
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        names = pq.read_schema(path).names
        check_names([_known_name(n) for n in names])
        arrays = pq.read_table(path)
        return {_known_name(n): [_value(_known_name(n), v) for v in arrays[n].to_pylist()] for n in names}
    if suffix == ".json":
        body = _json(path)
        rows = body["rows"] if isinstance(body, dict) else body
        names = list(rows[0]) if rows else []
        check_names([_known_name(n) for n in names])
        return {_known_name(n): [_value(_known_name(n), r[n]) for r in rows] for n in names}
    if suffix != ".csv":
        raise ValueError("its suffix is not that of a table")
    sheet = CsvSheet(path, "numbers, with a header")
    names = [_known_name(n) for n in sheet.names]
    while names and not names[-1]:  # separators at the end of the header line
        names.pop()
    check_names(names)
    columns: list[list[Any]] = [[] for _ in names]
    for line, cells in sheet.rows(pad=False):
        if any(cells[len(names) :]):
            raise DatasetError(f"{path} line {line} has more cells than the header has names")
        for column, name, cell in zip(columns, names, cells, strict=False):
            column.append(_value(name, cell, sheet.separator))
    return dict(zip(names, columns, strict=True))


def _json(path: Path) -> Any:
    raw = path.read_bytes()
    return json.loads(raw.decode(text_encoding(raw[:4])))


def _known_name(name: str) -> str:
    """A column name without spaces around it; in lower case if evoked knows it."""
    plain = name.strip()
    return plain.lower() if plain.lower() in KNOWN else plain


def _is_unnamed(name: str) -> bool:
    return re.fullmatch(r"|Unnamed: \d+|__index_level_\d+__", name) is not None


def _is_row_number(values: Sequence[Any]) -> bool:
    """Whether a column is empty or counts the rows."""
    numbers = [int(v) if isinstance(v, str) and v.isdecimal() else v for v in values]
    count = len(numbers)
    return all(v is None for v in numbers) or numbers in (list(range(count)), list(range(1, count + 1)))


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.6g}" if isinstance(value, float) else value


def _value(name: str, value: Any, separator: str = ",") -> Any:
    """A cell as a column of this name has it; None where absent."""
    if isinstance(value, float) and math.isnan(value):
        return None
    if name in NAME_COLUMNS:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return None if value is None or value == "" else str(value)
    if isinstance(value, str):
        value = parse_cell(value, separator)
    elif isinstance(value, Decimal) or (isinstance(value, int) and abs(value) >= 2**63):
        value = float(str(value))
    if name in BOOLEAN_COLUMNS and not isinstance(value, str | bool) and value in (0, 1):
        return bool(value)
    if name in TIME_COLUMNS and isinstance(value, str):
        value = parse_clock(value)
    if name in COUNT_COLUMNS and isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return int(value)
    return value
