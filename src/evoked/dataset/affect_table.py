"""A table of valence and arousal over time, in any of the forms in which LIRIS-ACCEDE writes it, at 1 Hz.

Every row is placed at its time, however the rows are numbered. Rows up to 1.5 s apart: a second has the value of the
row nearest to it, at most half a step away. Rows further apart: each value is held until the next. A second that no row
stands for is NaN: before the first row, and in gaps.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.core.csv_sheet import parse_cell, text_encoding
from evoked.core.errors import DatasetError
from evoked.core.table_times import check_unit, parse_clock

__all__ = ["AffectTable", "read_affect_table"]

HELD_STEP_S = 1.5
"""Rows further apart than this are held until the next."""
SAME_STEP_S = 0.05
TIME_NAMES = ("time", "second", "timestamp")
UNITS = ((r"\b(ms|msec)\b|milli", 1e-3), (r"\b(us|µs|μs)\b|micro", 1e-6), (r"\b(min|minutes?)\b", 60.0))
"""A word in the name of the time column, and seconds in it."""


@dataclass(frozen=True, eq=False)
class AffectTable:
    """Values at 1 Hz from second 0.

    Attributes:
        values: shape (seconds, quantities); NaN where no row stands for a second, or its cell is no number.
        notes: what differs from a row a second, one line each.
    """

    values: NDArray[np.float64]
    notes: tuple[str, ...]


def read_affect_table(path: Path, quantities: Sequence[str]) -> AffectTable:
    """Read a table with a column of times, perhaps an index before it, and the quantities.

    Tabs, semicolons, commas or blanks; decimal point or comma; UTF-8 or UTF-16; with or without a header. Columns are
    told by the header where it names them, else by their order. Times are seconds or H:MM:SS, or in the unit that
    the header names.

    Args:
        path: the text file.
        quantities: valence and arousal, or one of them (then its column may be called mean, and others may follow).

    Returns:
        The values, a row per second.

    Raises:
        DatasetError: if the file is no such table, its times do not rise, or they cannot be seconds.
    """
    header, rows, separator = _cells(path)
    time_column, columns = _columns(path, header, len(rows[0]), quantities)
    unit_s = _unit_s(header, time_column)
    times = unit_s * np.array([_number(parse_clock(row[time_column]), separator) for row in rows])
    values = np.array([[_number(row[column], separator) for column in columns] for row in rows])
    repeated = np.zeros(len(times), dtype=np.bool_)
    repeated[1:] = (np.diff(times) == 0) & (np.nan_to_num(np.diff(values, axis=0)) == 0).all(axis=1)
    times, values = times[~repeated], values[~repeated]
    if not np.isfinite(times).all() or (np.diff(times) <= 0).any() or times[0] < 0:
        raise DatasetError(
            f"{path.name}: its times do not rise from row to row; it is damaged or another kind of table"
        )
    check_unit(path.name, times, "time")
    notes = [f"{path.name}: times are in {header[time_column].strip()}: taken as seconds"] if unit_s != 1 else []
    if repeated.any():
        notes.append(f"{path.name}: {int(repeated.sum())} rows stand there twice: taken once")
    if unread := int((~np.isfinite(values).all(axis=1)).sum()):
        notes.append(f"{path.name}: {unread} rows without a number are not used")
    nearest = _rows_of_seconds(times)
    step_s = _step_s(times)
    if step_s > HELD_STEP_S:
        notes.append(f"{path.name}: a row every {step_s:g} s: each is held until the next")
    elif abs(step_s - 1) > SAME_STEP_S:
        notes.append(f"{path.name}: a row every {step_s:g} s: the nearest to each second is used")
    if len(nearest) and nearest[0] < 0:
        notes.append(f"{path.name}: its rows start at {times[0]:g} s: the seconds before are not valid")
    if gap := int((nearest[np.argmax(nearest >= 0) :] < 0).sum()):
        notes.append(f"{path.name}: {gap} seconds without a row are not valid")
    on_grid = np.where((nearest >= 0)[:, None], values[nearest], np.nan)
    return AffectTable(on_grid, tuple(notes))


def _step_s(times: NDArray[np.float64]) -> float:
    return float(np.median(np.diff(times))) if len(times) > 1 else 1.0


def _rows_of_seconds(times: NDArray[np.float64]) -> NDArray[np.int64]:
    """The row that stands for each second, −1 where none does."""
    step_s, tolerance_s = _step_s(times), 1e-6
    if step_s > HELD_STEP_S:
        count = int(np.ceil(times[-1] + step_s - tolerance_s))
        seconds = np.arange(count)
        rows = np.searchsorted(times, seconds + tolerance_s, side="right") - 1
        is_gap = np.append(np.diff(times) > 1.5 * step_s, True)  # after a row; then its value is held for a step
        held = (rows >= 0) & (~is_gap[rows] | (seconds - times[rows] < step_s - tolerance_s))
        return np.where(held, rows, -1)
    count = int(np.floor(times[-1] + 0.5 - tolerance_s)) + 1
    seconds = np.arange(count)
    after = np.clip(np.searchsorted(times, seconds - tolerance_s), 0, len(times) - 1)
    before = np.clip(after - 1, 0, None)
    rows = np.where(np.abs(times[before] - seconds) < np.abs(times[after] - seconds) - tolerance_s, before, after)
    farthest_s = (max(step_s, 1.0) if step_s > 1 - SAME_STEP_S else step_s) / 2
    return np.where(np.abs(times[rows] - seconds) <= farthest_s + tolerance_s, rows, -1)


def _cells(path: Path) -> tuple[list[str], list[list[str]], str]:
    """Cells of the header line (empty where there is none) and of the rows; and what separates them."""
    try:
        raw = path.read_bytes()
        text = raw.decode(text_encoding(raw[:4]))
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path.name} cannot be read as text: {error}") from error
    lines = [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    separator = Counter(_separator(line) for _, line in lines).most_common(1)[0][0] if lines else " "
    cells = [(number, _split(line, separator)) for number, line in lines]
    first = next((i for i, (_, row) in enumerate(cells) if any(_is_number(cell, separator) for cell in row)), None)
    if first is None:
        raise DatasetError(f"{path.name} holds no row below its header")
    header, rows = cells[first - 1][1] if first else [], cells[first:]
    if all(not row[-1] for _, row in rows):  # a separator at the end of each line
        rows = [(number, row[:-1]) for number, row in rows]
    columns = len(rows[0][1])
    for number, row in rows:
        if len(row) != columns:
            raise DatasetError(
                f"{path.name} row {number} has {len(row)} columns, the first has {columns}; it is damaged"
            )
    return header, [row for _, row in rows], separator


def _separator(line: str) -> str:
    """What separates the cells of a line; a blank for any number of blanks or tabs."""
    if ";" in line:
        return ";"
    if "\t" in line.strip():
        return "\t"
    return "," if re.search(r",\s", line.strip()) or not re.search(r"\s", line.strip()) else " "


def _split(line: str, separator: str) -> list[str]:
    plain = line.rstrip("\r\n").lstrip("# ")
    if separator == " " or separator not in line:
        return plain.split()
    return [cell.strip().strip('"') for cell in plain.split(separator)]


def _columns(path: Path, header: Sequence[str], count: int, quantities: Sequence[str]) -> tuple[int, list[int]]:
    """The column of times and those of the quantities, by name, else by their order."""
    names = [re.split(r"[\s(\[_]", name.strip().strip('"').lower())[0] for name in header]
    if len(names) == count:
        times = [i for i, name in enumerate(names) if name in TIME_NAMES]
        wanted = [[i for i, name in enumerate(names) if name in (q, "mean")[: 3 - len(quantities)]] for q in quantities]
        if len(times) == 1 and all(len(places) == 1 for places in wanted):
            return times[0], [places[0] for places in wanted]
    if len(quantities) == 1 and count in (2, 3):
        return 0, [1]
    if len(quantities) == 2 and count in (3, 4):
        return count - 3, [count - 2, count - 1]
    expected = (
        "time, mean, deviation" if len(quantities) == 1 else "time, valence, arousal (with an index before, or not)"
    )
    raise DatasetError(f"{path.name} has {count} columns, expected {expected}")


def _unit_s(header: Sequence[str], column: int) -> float:
    """Seconds in one unit of the time column, by its name."""
    name = header[column].lower() if column < len(header) else ""
    return next((seconds for pattern, seconds in UNITS if re.search(pattern, name.replace("_", " "))), 1.0)


def _is_number(cell: str, separator: str) -> bool:
    return bool(np.isfinite(_number(parse_clock(cell), separator)))


def _number(cell: str | float, separator: str) -> float:
    value = parse_cell(cell, separator) if isinstance(cell, str) else cell
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else np.nan
