"""Read and write predictions: tables for programs, subtitles for players, ELAN tiers, a summary for the terminal."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from evoked.core.errors import DatasetError, OutputError
from evoked.core.expressions import AFFECT
from evoked.core.files import write_text
from evoked.core.provenance import Provenance
from evoked.core.table_times import whole_seconds
from evoked.core.tables import SUFFIXES, read_table, write_table
from evoked.core.text_table import MISSING, text_table
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.prediction.subtitles import as_eaf, as_srt, as_vtt, clock

__all__ = [
    "FORMATS",
    "check_format",
    "prediction_rows",
    "prediction_summary",
    "read_predictions",
    "without_affect",
    "write_predictions",
]

FORMATS = (*SUFFIXES, ".vtt", ".srt", ".eaf")
FIXED = ("time_s", "valid")


def check_format(path: Path) -> None:
    """Check that predictions can be written under this name.

    Raises:
        OutputError: unless it ends in one of FORMATS.
    """
    if path.suffix.lower() not in FORMATS:
        raise OutputError(f"cannot tell what to write from {path.name!r}: end it in {', '.join(FORMATS)}")


def write_predictions(path: Path, track: Track, provenance: Provenance, *, threshold: float = 0.5) -> None:
    """Write predictions in the format of the suffix.

    .parquet, .csv, .json: columns `time_s, valid` and the expressions; .vtt and .srt: subtitles; .eaf: tiers for ELAN.

    Args:
        path: the file to write.
        track: probabilities in [0, 1], and valence and arousal in [−1, 1], at 1 Hz.
        provenance: of the predictions.
        threshold: for .vtt, .srt and .eaf: an expression is on at or above this probability. Valence and arousal,
            which are no probabilities, are left out there.

    Raises:
        OutputError: for another suffix, for subtitles of valence and arousal alone, or if it cannot be written.
        ValueError: if an expression is called time_s or valid, or the threshold is outside (0, 1].
    """
    check_format(path)
    if reserved := set(track.names) & set(FIXED):
        raise ValueError(f"an expression cannot be called {', '.join(sorted(reserved))}: that is another column")
    suffix = path.suffix.lower()
    if suffix in (".vtt", ".srt", ".eaf"):
        track = without_affect(track)
        if not track.names:
            raise OutputError(f"{path}: valence and arousal are not on or off; write {', '.join(SUFFIXES)}")
        texts = {
            ".vtt": lambda: as_vtt(track, provenance, threshold),
            ".srt": lambda: as_srt(track, threshold),
            ".eaf": lambda: as_eaf(track, provenance, threshold),
        }
        write_text(path, texts[suffix]())
        return
    columns = {"time_s": track.grid.seconds, "valid": track.valid}
    write_table(path, columns | {name: track.values[:, k] for k, name in enumerate(track.names)}, provenance)


def prediction_rows(track: Track) -> list[dict[str, float | bool | None]]:
    """A prediction as rows of JSON: time_s, valid, and each expression to six places, null where not valid."""
    rows: list[dict[str, float | bool | None]] = []
    for second, valid, values in zip(track.grid.seconds, track.valid, track.values, strict=True):
        row: dict[str, float | bool | None] = {"time_s": float(second), "valid": bool(valid)}
        cells = {name: round(float(v), 6) if valid else None for name, v in zip(track.names, values, strict=True)}
        rows.append(row | cells)
    return rows


def read_predictions(path: Path) -> Track:
    """Read a table of predictions; each column but time_s and valid is an expression.

    Rows may be in any order; seconds without a row, also before the first, are not valid.

    Returns:
        1 Hz from second 0; NaN where not valid.

    Raises:
        DatasetError: if it cannot be read, has no expression, a time is no whole second or is in the table twice, or a
            value is not a number in [0, 1] where valid (valence and arousal: [−1, 1]): the first such row is named.
    """
    columns = read_table(path, required=FIXED, check=lambda names: _check_names(path, names))
    names = tuple(name for name in columns if name not in FIXED)
    seconds = whole_seconds(path, columns["time_s"], "time_s")
    for i, cell in enumerate(columns["valid"], start=1):
        if not isinstance(cell, bool):
            raise DatasetError(f"{path} row {i}: valid must be true or false, got {cell!r}")
    valid = np.array(columns["valid"], dtype=np.bool_)
    numbers = [[cell if isinstance(cell, int | float) else np.nan for cell in columns[name]] for name in names]
    values = np.array(numbers, dtype=np.float64).reshape(len(names), -1).T  # (rows, names)
    lowest = np.array([-1 if name in AFFECT else 0 for name in names])
    wrong = np.argwhere(valid[:, None] & ~((values >= lowest) & (values <= 1)))  # NaN is neither
    if len(wrong):
        i, k = wrong[0]
        cell = columns[names[k]][i]
        raise DatasetError(
            f"{path} row {i + 1}: {names[k]} must be a number in [{lowest[k]}, 1] where valid, got {cell!r}"
        )
    steps = int(seconds.max(initial=-1)) + 1
    on_grid, grid_valid = np.full((steps, len(names)), np.nan), np.zeros(steps, dtype=np.bool_)
    on_grid[seconds], grid_valid[seconds] = values, valid
    return Track.masked(TimeGrid(Fraction(1), steps), names, on_grid, grid_valid)


def _check_names(path: Path, names: Sequence[str]) -> None:
    """DatasetError unless a column is an expression."""
    if not set(names) - set(FIXED):
        raise DatasetError(f"{path} has no expression: columns are {', '.join(names)}")


def prediction_summary(track: Track, threshold: float = 0.5) -> str:
    """Format a table for a terminal: mean and peak of each expression, the peak's time, seconds at the threshold.

    Args:
        track: probabilities in [0, 1], and valence and arousal in [−1, 1], at 1 Hz.
        threshold: seconds at or above it are counted; not of valence and arousal, which are not in %.

    Returns:
        A row per expression, and a last line with the number of seconds.
    """
    seconds, valid = track.grid.steps, int(track.valid.sum())
    rows = [("", "mean", "peak", "at", f"≥ {100 * threshold:g} %")]
    for k, name in enumerate(track.names):
        values = track.values[:, k]
        if not valid:
            rows.append((name, MISSING, MISSING, MISSING, MISSING))
            continue
        peak = int(np.nanargmax(values))
        if name in AFFECT:
            at = clock(track.grid.second(peak))[:8]
            rows.append((name, f"{np.nanmean(values):+.2f}", f"{values[peak]:+.2f}", at, MISSING))
            continue
        mean, on = 100 * np.nanmean(values), int((np.nan_to_num(values) >= threshold).sum())
        rows.append((name, f"{mean:.1f}", f"{100 * values[peak]:.1f}", clock(track.grid.second(peak))[:8], f"{on} s"))
    unit = "in %" if not set(track.names) & set(AFFECT) else "in %, valence and arousal from -1 to 1"
    return f"{text_table(rows)}\n{unit}; {seconds} s, {valid} of them valid"


def without_affect(track: Track) -> Track:
    """The expressions of a prediction, without valence and arousal; no column where there are no others."""
    chosen = [k for k, name in enumerate(track.names) if name not in AFFECT]
    names = tuple(track.names[k] for k in chosen)
    return track if names == track.names else Track.masked(track.grid, names, track.values[:, chosen], track.valid)
