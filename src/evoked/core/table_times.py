"""Times in tables: seconds, as numbers or as H:MM:SS; units are checked, gaps stay gaps."""

import re
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evoked.core.errors import DatasetError

__all__ = ["LONGEST_S", "check_unit", "has_unit_of_seconds", "parse_clock", "whole_seconds"]

LONGEST_S = 7 * 24 * 3600
"""No video is longer than a week: a later time is in another unit, and a row per second up to it would not fit."""
WIDEST_STEP_S = 1000
"""Rows that are multiples of this apart are in milliseconds or finer."""
TOLERANCE_S = 1e-6
CLOCK = re.compile(r"(\d{1,6}):([0-5]?\d):([0-5]?\d(?:[.,]\d+)?)")


def parse_clock(text: str) -> float | str:
    """Seconds of H:MM:SS or H:MM:SS.mmm; another text unchanged."""
    match = CLOCK.fullmatch(text.strip())
    if not match:
        return text
    seconds = int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3].replace(",", "."))
    return int(seconds) if seconds == int(seconds) else seconds


def has_unit_of_seconds(times: ArrayLike) -> bool:
    """Whether times can be seconds: see `check_unit`."""
    try:
        check_unit("", times)
    except DatasetError:
        return False
    return True


def check_unit(source: object, times: ArrayLike, column: str = "time_s") -> None:
    """Check that times can be seconds.

    Args:
        source: the table, for the message.
        times: shape (n,), finite, in any order; of one series (one video, one viewer).
        column: its name, for the message.

    Raises:
        DatasetError: if three or more times are multiples of 1000, or 100,000 apart; or a time is beyond a week.
    """
    unique = np.unique(np.asarray(times, dtype=np.float64))
    step = float(np.median(np.diff(unique))) if len(unique) > 2 else 0.0
    if step >= WIDEST_STEP_S and (not (unique % WIDEST_STEP_S).any() or step >= 100 * WIDEST_STEP_S):
        unit = "microseconds" if step >= 100 * WIDEST_STEP_S else "milliseconds"
        raise DatasetError(
            f"{source}: its rows are {step:.9g} apart in {column}, so it holds {unit}; need seconds: divide by "
            f"{1_000_000 if unit == 'microseconds' else 1000}"
        )
    if len(unique) and unique[-1] > LONGEST_S:
        raise DatasetError(f"{source}: {column} reaches {unique[-1]:.9g} s, more than a week; need seconds")


def whole_seconds(path: Path, times: list[object], column: str) -> NDArray[np.int64]:
    """The second of each row, for a table with one row a second.

    Args:
        path: the table, for messages.
        times: its cells.
        column: their column, for messages.

    Returns:
        Shape (n,): seconds from 0, in the order of the rows.

    Raises:
        DatasetError: naming the first row whose time is no whole second from 0 or is in the table before, or if the
            times are not in seconds.
    """
    for i, cell in enumerate(times, start=1):
        if isinstance(cell, bool) or not isinstance(cell, int | float) or not np.isfinite(cell):
            raise DatasetError(f"{path} row {i}: {column} must be a number of seconds, got {cell!r}")
    seconds = np.array(times, dtype=np.float64)
    check_unit(path, seconds, column)
    rounded: NDArray[np.int64] = np.round(seconds).astype(np.int64)
    if len(wrong := np.flatnonzero((np.abs(seconds - rounded) > TOLERANCE_S) | (rounded < 0))):
        i = int(wrong[0])
        raise DatasetError(f"{path} row {i + 1}: {column} must be a whole second from 0, got {times[i]!r}")
    _, first = np.unique(rounded, return_index=True)
    if len(repeated := np.setdiff1d(np.arange(len(rounded)), first)):
        i = int(repeated[0])
        raise DatasetError(f"{path} row {i + 1}: second {rounded[i]} is in the table twice; keep one row")
    return rounded
