"""Text tables as spreadsheets, pandas and R write them; the one reader of all tables in text.

Comma, semicolon or tab; UTF-8 with or without BOM, UTF-16 and UTF-32; a line `sep=;` before the header; any line
ends; empty lines. `parse_cell` is what a cell means: numbers with a decimal point or comma, true and false in any
case and as Excel translates them, empty and NA for absent.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from evoked.core.errors import DatasetError

__all__ = ["CsvSheet", "parse_cell", "text_encoding"]

SEPARATORS = (",", ";", "\t")  # Excel writes ; wherever the comma is the decimal sign
LONGEST_LINE = 1 << 20
"""Characters; a longer line is not a line of a table."""
BOOLEANS = {
    **dict.fromkeys(("true", "wahr", "vrai", "verdadero", "vero", "waar", "verdadeiro"), True),
    **dict.fromkeys(("false", "falsch", "faux", "falso", "onwaar"), False),
}
"""As pandas (True), R and Excel (TRUE) write them, and as Excel translates them."""
ABSENT = frozenset({"", "na", "nan", "n/a", "#n/a", "<na>", "null", "none", "nat"})
DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(e[+-]?\d+)?", re.IGNORECASE)
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")


def parse_cell(cell: str, separator: str = ",") -> bool | int | float | str | None:
    """What a cell means in a column that does not hold names.

    Args:
        cell: its text.
        separator: of the table; where it is a comma, `1,234` may be a thousand and stays text.

    Returns:
        A boolean or number; None where the cell is empty or says that nothing is there (NA, NaN, null); else the
        text without spaces around it.
    """
    text = cell.strip()
    word = text.lower()
    if word in ABSENT:
        return None
    if word in BOOLEANS:
        return BOOLEANS[word]
    if "_" not in text:  # Python reads 12_34 as a number
        for parse in (int, float):
            try:
                number = parse(text)
            except ValueError:
                continue
            return number if abs(number) < 2**63 else float(text)
    if DECIMAL_COMMA.fullmatch(text) and not (separator == "," and THOUSANDS.fullmatch(text)):
        return float(text.replace(",", "."))
    return text


def text_encoding(start: bytes) -> str:
    """The encoding of a text by its first four bytes: by its BOM, or by zero bytes between Latin letters."""
    if start in (b"\xff\xfe\0\0", b"\0\0\xfe\xff"):
        return "utf-32"
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    if len(start) == 4 and start[1] == start[3] == 0 and start[0] and start[2]:
        return "utf-16-le"
    if len(start) == 4 and start[0] == start[2] == 0 and start[1] and start[3]:
        return "utf-16-be"
    return "utf-8-sig"


class CsvSheet:
    """A table with a header, read line by line.

    Args:
        path: a text file.
        columns: what its columns are, for messages, e.g. "reaction,content".

    Attributes:
        names: the column names, without spaces around them.
        header: the same in lower case.
        first: the text of the header line.
        separator: what stands between cells.

    Raises:
        DatasetError: if the file is absent or no text. Nothing below the header is read.
    """

    def __init__(self, path: Path, columns: str) -> None:
        self.path, self._columns = path, columns
        if path.exists() and not path.is_file():
            raise DatasetError(f"cannot read {path}: it is no regular file; it must be a table of {columns}")
        self._skipped, self.first, stated = 0, "", ""
        with self._lines() as lines:
            for line in lines:
                self.first = line.rstrip("\n")
                if self.first.strip() and not self.first.lower().startswith("sep="):
                    break
                self._skipped += 1
                stated = self.first[4:5] or stated
        unquoted = re.sub(r'"[^"]*"', "", self.first)
        self.separator = stated if stated in SEPARATORS else max(SEPARATORS, key=unquoted.count)
        self.names: Sequence[str] = next((cells for _, cells in self._parsed()), [])
        self.header: Sequence[str] = [name.lower() for name in self.names]

    def rows(self, *, pad: bool = True) -> Iterator[tuple[int, list[str]]]:
        """Read the lines below the header that are not empty.

        Args:
            pad: whether cells that are missing at the end of a line are empty; else such a line is refused.

        Yields:
            Line number and cells, as many as the header has, without spaces around them.

        Raises:
            DatasetError: for a line with more cells than the header has columns: any may stand under a wrong one; or
                for one that is no line of a table.
        """
        parsed = self._parsed()
        next(parsed, None)
        width = len(self.header)
        for line, cells in parsed:
            if any(cells[width:]):
                raise DatasetError(
                    f"{self.path} line {line} has {len(cells)} cells under {width} columns; put a cell that holds "
                    f"{self.separator!r} into double quotes"
                )
            if len(cells) < width and any(cells) and not pad:
                raise DatasetError(
                    f"{self.path} cannot be read as a table: line {line} has {len(cells)} cells, the header has {width}"
                )
            if any(cells):
                yield line, (cells + [""] * width)[:width]

    def _parsed(self) -> Iterator[tuple[int, list[str]]]:
        """Number of each line and its cells, the header first."""
        with self._lines() as lines:
            for _ in range(self._skipped):
                next(lines, None)
            reader = csv.reader(lines, delimiter=self.separator, strict=True)
            try:
                for cells in reader:
                    yield reader.line_num + self._skipped, [cell.strip() for cell in cells]
            except csv.Error as error:
                line = reader.line_num + self._skipped
                raise DatasetError(f"{self.path} line {line} is no line of a table: {error}") from error

    @contextmanager
    def _lines(self) -> Iterator[Iterator[str]]:
        try:
            with self.path.open("rb") as file:
                encoding = text_encoding(file.read(4))
            with self.path.open(encoding=encoding) as text:
                yield self._checked(iter(lambda: text.readline(LONGEST_LINE), ""))
        except OSError as error:
            raise DatasetError(f"cannot read {self.path}: {error.strerror or error}") from error
        except UnicodeError as error:
            line, name = self._undecodable(encoding), encoding.upper().removesuffix("-SIG")
            raise DatasetError(
                f"{self.path} cannot be read as a table: line {line} is not {name} text; save the table as 'CSV UTF-8'"
            ) from error

    def _checked(self, lines: Iterator[str]) -> Iterator[str]:
        for line in lines:
            if "\0" in line or len(line) >= LONGEST_LINE:
                raise DatasetError(f"{self.path} is no text file; {self.path.name} must be a table of {self._columns}")
            yield line

    def _undecodable(self, encoding: str) -> int:
        """The number of the line whose bytes are no text."""
        raw = self.path.read_bytes()
        try:
            raw.decode(encoding)
        except UnicodeDecodeError as error:
            return raw[: error.start].decode(encoding, "ignore").count("\n") + 1
        return 1
