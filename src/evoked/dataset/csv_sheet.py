"""Tables that people write by hand, as they really write them.

Comma, semicolon or tab; UTF-8 with or without BOM, or UTF-16 with one; a line `sep=;` before the header;
any line ends; empty lines.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from evoked.core.errors import DatasetError

__all__ = ["CsvSheet"]

SEPARATORS = (",", ";", "\t")  # Excel writes ; wherever the comma is the decimal sign


class CsvSheet:
    """A table with a header, read line by line.

    Args:
        path: a text file.
        what: its columns, for messages, e.g. "reaction,content".

    Attributes:
        header: the column names, lower case, without spaces around them.

    Raises:
        DatasetError: if the file is absent or no text.
    """

    def __init__(self, path: Path, what: str) -> None:
        text = _text(path, what)
        self._skipped = 1 if text.split("\n", 1)[0].strip().lower().startswith("sep=") else 0
        if self._skipped:
            text = text.split("\n", 1)[1] if "\n" in text else ""
        self.path, self.first = path, text.split("\n", 1)[0]
        separator = max(SEPARATORS, key=self.first.count)
        self._separator = separator
        self._reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        with self._told():
            self.header: Sequence[str] = [cell.strip().lower() for cell in next(self._reader, [])]

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Line number and cells (as many as the header has, without spaces around) of each line that is not empty.

        Raises:
            DatasetError: for a line with more cells than the header has columns: any may stand under a wrong one.
        """
        with self._told():
            for row in self._reader:
                if any(cell.strip() for cell in row[len(self.header) :]):
                    raise DatasetError(
                        f"{self.path} line {self._reader.line_num + self._skipped} has {len(row)} cells under "
                        f"{len(self.header)} columns; put a cell that holds {self._separator!r} into double quotes"
                    )
                if any(cell.strip() for cell in row):
                    cells = [row[i].strip() if i < len(row) else "" for i in range(len(self.header))]
                    yield self._reader.line_num + self._skipped, cells

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except csv.Error as error:
            line = self._reader.line_num + self._skipped
            raise DatasetError(f"{self.path} line {line} is no line of a table: {error}") from error


def _text(path: Path, what: str) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"cannot read {path}: {error.strerror or error}") from error
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise DatasetError(f"{path} line {line} is not UTF-8 text; save the table as 'CSV UTF-8'") from error
    if "\0" in text:
        raise DatasetError(f"{path} is no text file; {path.name} must be a table of {what}")
    return text.replace("\r\n", "\n").replace("\r", "\n")
