"""Tables of many millions of rows, read and written in batches of columns: CSV and Parquet, by pyarrow.

With `tables.py` the home of the columnar engine: other rooms see numpy arrays only. A batch is column name → array;
a column of texts is a `TextColumn`. Memory does not grow with the file.
"""

import csv
import gzip
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from evoked.core.errors import DatasetError
from evoked.core.files import write_text, writing
from evoked.core.names import derived_name
from evoked.core.provenance import Provenance

__all__ = [
    "Batch",
    "CsvHeader",
    "TextColumn",
    "csv_rows",
    "read_csv_batches",
    "read_csv_header",
    "read_parquet_batches",
    "write_csv_batches",
    "write_parquet_batches",
]

BLOCK_BYTES = 8 << 20
BATCH_ROWS = 1 << 17
LFS = b"version https://git-lfs.github.com/spec/"
SEPARATORS = (",", ";", "\t")


@dataclass(frozen=True, eq=False)
class TextColumn:
    """A column of texts, many of them equal.

    Attributes:
        codes: int32, shape (n,): index of each row's text; −1 where absent.
        texts: the different texts.
    """

    codes: NDArray[np.int32]
    texts: Sequence[str]

    def __len__(self) -> int:
        return len(self.codes)


Batch = Mapping[str, "NDArray[Any] | TextColumn"]


@dataclass(frozen=True)
class CsvHeader:
    """The first line of a CSV file.

    Attributes:
        names: of the columns, as they are written.
        separator: what stands between cells.
    """

    names: tuple[str, ...]
    separator: str


def read_csv_header(path: Path) -> CsvHeader:
    """Read the header of a CSV file, which may be packed by gzip or zip.

    Raises:
        DatasetError: if it cannot be read, is empty, is not UTF-8, or is a Git LFS pointer instead of the file.
    """
    with _opened(path) as file:
        start = file.readline(1 << 20)
    if start.startswith(LFS):
        raise DatasetError(f"{path} is a Git LFS pointer, not the file itself: run `git lfs pull` where it was cloned")
    try:
        text = start.decode("utf-8-sig").strip("\r\n")
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path} is not UTF-8 text: save it as CSV in UTF-8") from error
    if not text.strip():
        raise DatasetError(f"{path} is empty: it has no header. Get the file again")
    separator = max(SEPARATORS, key=text.count)
    return CsvHeader(tuple(name.strip() for name in next(csv.reader([text], delimiter=separator))), separator)


def read_csv_batches(path: Path, header: CsvHeader, text: Sequence[str], whole: Sequence[str]) -> Iterator[Batch]:
    """Read a CSV file in batches of rows; other columns than those named are numbers, NaN where a cell is empty.

    Args:
        path: the file, which may be packed by gzip or zip.
        header: of `read_csv_header`.
        text: columns of texts.
        whole: columns of whole numbers.

    Yields:
        Batches, in the order of the file.

    Raises:
        DatasetError: if a cell is not what its column holds, or a line has another number of cells; `csv_rows` finds
            the line.
    """
    types: dict[str, pa.DataType] = {name: pa.float64() for name in header.names}
    types |= {name: pa.dictionary(pa.int32(), pa.string()) for name in text} | {name: pa.int64() for name in whole}
    read = pa_csv.ReadOptions(block_size=BLOCK_BYTES, column_names=list(header.names), skip_rows=1)
    parse = pa_csv.ParseOptions(delimiter=header.separator)
    convert = pa_csv.ConvertOptions(column_types=types, strings_can_be_null=True, null_values=[""])
    try:
        with _opened(path) as file, pa_csv.open_csv(pa.PythonFile(file, mode="r"), read, parse, convert) as reader:
            for batch in reader:
                yield _arrays(batch)
    except (pa.ArrowException, EOFError, OSError, zipfile.BadZipFile) as error:
        raise DatasetError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error


def csv_rows(path: Path, header: CsvHeader) -> Iterator[tuple[int, list[str]]]:
    """Read a CSV file line by line: slow, to find what is wrong.

    Args:
        path: the file, which may be packed by gzip or zip.
        header: of `read_csv_header`.

    Yields:
        Number of the row below the header, from 1, and its cells; rows without any text are left out.
    """
    with _opened(path) as file, io.TextIOWrapper(file, "utf-8-sig", "backslashreplace", newline="") as lines:
        reader = csv.reader(lines, delimiter=header.separator)
        next(reader, None)
        row = 0
        for cells in reader:
            if cells:
                row += 1
                yield row, cells


def read_parquet_batches(path: Path, columns: Sequence[str] | None = None) -> Iterator[Batch]:
    """Read a Parquet table in batches of rows.

    Args:
        path: the file.
        columns: those wanted; None: all.

    Yields:
        Batches: numbers with NaN where absent, booleans, and texts as `TextColumn`.

    Raises:
        DatasetError: if it cannot be read, or lacks a column.
    """
    try:
        with pq.ParquetFile(path) as file:
            text = [f.name for f in file.schema_arrow if _is_text(f.type)]
            if missing := [name for name in columns or () if name not in file.schema_arrow.names]:
                raise DatasetError(f"{path} has no column {', '.join(missing)}")
        with pq.ParquetFile(path, read_dictionary=text) as file:
            for batch in file.iter_batches(BATCH_ROWS, columns=None if columns is None else list(columns)):
                yield _arrays(batch)
    except (pa.ArrowException, OSError) as error:
        raise DatasetError(f"{path} cannot be read as Parquet: {str(error).splitlines()[0]}") from error


def write_parquet_batches(
    path: Path, batches: Iterator[Batch], provenance: Provenance, *, like: Path | None = None
) -> int:
    """Write batches of equal columns to a Parquet table; NaN is written as absent.

    Args:
        path: the file; it is put in place when all is written.
        batches: at least one; its columns are those of the table.
        provenance: stored with the table.
        like: a table of the same columns, whose types are kept; None: those of the first batch.

    Returns:
        The number of rows.

    Raises:
        OutputError: if it cannot be written.
        ValueError: if there is no batch.
    """
    rows, writer = 0, None
    with writing(path) as temporary:
        try:
            for batch in batches:
                table = pa.record_batch({name: _arrow(column) for name, column in batch.items()})
                if writer is None:
                    schema = table.schema if like is None else pq.read_schema(like)
                    schema = schema.with_metadata({"evoked": provenance.as_json()})
                    writer = pq.ParquetWriter(temporary, schema, compression="zstd", compression_level=1)
                writer.write_batch(table.cast(writer.schema), row_group_size=BATCH_ROWS)
                rows += table.num_rows
            if writer is None:
                raise ValueError("there is no batch to write")
        finally:
            if writer is not None:
                writer.close()
    return rows


def write_csv_batches(path: Path, names: Sequence[str], batches: Iterator[Batch], provenance: Provenance) -> int:
    """Write batches of columns to a CSV file, numbers in the shortest form that reads back as the same number.

    Args:
        path: the file; it is put in place when all is written.
        names: header; the columns of each batch in their order.
        batches: their columns.
        provenance: written to NAME.csv.provenance.json.

    Returns:
        The number of rows.

    Raises:
        OutputError: if it cannot be written.
    """
    rows = 0
    with writing(path) as temporary, temporary.open("wb") as file:
        head = io.StringIO()
        csv.writer(head, lineterminator="\n").writerow(names)
        file.write(head.getvalue().encode())
        for batch in batches:
            texts = [t for column in batch.values() if isinstance(column, TextColumn) for t in column.texts]
            plain = not any(set(text) & {",", '"', "\n", "\r"} for text in texts)
            options = pa_csv.WriteOptions(include_header=False, quoting_style="none" if plain else "needed")
            columns = [_arrow(column) for column in batch.values()]
            pa_csv.write_csv(pa.Table.from_arrays(columns, names=list(names)), file, options)
            rows += len(columns[0])
    write_text(path.with_name(derived_name(path.name, ".provenance.json")), provenance.as_json() + "\n")
    return rows


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, unpacked where it is gzip or a zip with one file in it."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
            file.seek(0)
            if start[:2] == b"\x1f\x8b":
                with gzip.open(file) as unpacked:
                    yield cast(BinaryIO, unpacked)
            elif start == b"PK\x03\x04":
                with zipfile.ZipFile(file) as archive:
                    members = [m for m in archive.namelist() if not m.endswith("/") and not m.startswith("__MACOSX")]
                    if len(members) != 1:
                        raise DatasetError(f"{path} holds {len(members)} files; need a zip of one CSV file")
                    with archive.open(members[0]) as member:
                        yield cast(BinaryIO, member)
            else:
                yield file
    except (OSError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, OSError) and error.strerror:
            raise DatasetError(f"{path} cannot be read: {error.strerror}") from error
        raise DatasetError(f"{path} is damaged and cannot be unpacked: {error}. Get it again") from error


def _is_text(column_type: pa.DataType) -> bool:
    return bool(pa.types.is_string(column_type) or pa.types.is_large_string(column_type))


def _arrays(batch: pa.RecordBatch) -> dict[str, NDArray[Any] | TextColumn]:
    """The columns of a batch as numpy arrays."""
    arrays: dict[str, NDArray[Any] | TextColumn] = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if pa.types.is_dictionary(column.type):
            codes = column.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32, copy=False)
            arrays[name] = TextColumn(codes, column.dictionary.to_pylist())
        elif pa.types.is_boolean(column.type):
            arrays[name] = column.to_numpy(zero_copy_only=False)
        else:
            arrays[name] = column.to_numpy(zero_copy_only=False)
    return arrays


def _arrow(column: NDArray[Any] | TextColumn) -> pa.Array:
    if isinstance(column, TextColumn):
        indices = pa.array(column.codes, mask=column.codes < 0)
        return pa.DictionaryArray.from_arrays(indices, pa.array(list(column.texts), pa.string())).cast(pa.string())
    return pa.array(column, from_pandas=True)
