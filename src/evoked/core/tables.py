"""Read and write tables as Parquet, CSV and JSON, each with its provenance. Only this module imports pyarrow.

The provenance is stored, for Parquet, in the schema metadata under the key `evoked`; for JSON, beside the
rows, {"provenance": …, "rows": […]}; for CSV, in a separate file, NAME.csv.provenance.json, so that every
CSV reader can read the table.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from evoked.core.errors import DatasetError, OutputError
from evoked.core.files import write_text, writing
from evoked.core.provenance import Provenance

__all__ = ["SUFFIXES", "Columns", "check_suffix", "read_numbers", "read_provenance", "read_table", "write_table"]

SUFFIXES = (".parquet", ".csv", ".json")
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
        write_text(path.with_name(path.name + ".provenance.json"), provenance.as_json() + "\n")


def read_table(path: Path, required: Sequence[str] = ()) -> dict[str, list[Any]]:
    """Read a table, whether `write_table` wrote it or not.

    Args:
        path: the file; its suffix chooses the format.
        required: names of columns that must be present.

    Returns:
        Column name → values; None where absent. CSV numbers and booleans are parsed.

    Raises:
        DatasetError: if the file is absent, unreadable, or lacks a required column.
    """
    if not path.is_file():
        raise DatasetError(f"no table at {path}")
    try:
        columns = _read(path)
    except (OSError, ValueError, KeyError, TypeError, csv.Error, pa.ArrowException) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        known = path.suffix.lower() in SUFFIXES
        form = f"a {path.suffix} table" if known else f"a table (it ends in none of {', '.join(SUFFIXES)})"
        raise DatasetError(f"{path} cannot be read as {form}: {first}") from error
    if missing := [n for n in required if n not in columns]:
        raise DatasetError(f"{path} has no column {', '.join(missing)}; it has: {', '.join(columns) or 'none'}")
    return columns


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
    """The provenance of a table, or None if the file has none."""
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        raw = (pq.read_schema(path).metadata or {}).get(b"evoked")
        return json.loads(raw) if raw else None
    if suffix == ".json":
        body = json.loads(path.read_text(encoding="utf-8"))
        return body.get("provenance") if isinstance(body, dict) else None
    beside = path.with_name(path.name + ".provenance.json")
    return json.loads(beside.read_text(encoding="utf-8")) if beside.is_file() else None


def _read(path: Path) -> dict[str, list[Any]]:
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return dict(pq.read_table(path).to_pydict())
    if suffix == ".json":
        body = json.loads(path.read_text(encoding="utf-8"))
        rows = body["rows"] if isinstance(body, dict) else body
        names = list(rows[0]) if rows else []
        return {n: [r[n] for r in rows] for n in names}
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file, strict=True)
        names = [n.strip() for n in next(reader, [])]
        rows = [r for r in reader if r]
    for number, row in enumerate(rows, start=2):
        if len(row) != len(names):
            raise ValueError(f"line {number} has {len(row)} cells, the header has {len(names)}")
    return {n: [_value(r[i]) for r in rows] for i, n in enumerate(names)}


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.6g}" if isinstance(value, float) else value


def _value(cell: str) -> Any:
    text = cell.strip()
    if text == "":
        return None
    if text in ("true", "false"):
        return text == "true"
    for parse in (int, float):
        try:
            return parse(text)
        except ValueError:
            continue
    return text
