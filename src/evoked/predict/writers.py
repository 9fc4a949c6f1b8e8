"""Predictions as files: tables for programs, WebVTT for players."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from evoked.core.errors import DatasetError, OutputError
from evoked.core.files import write_text
from evoked.core.provenance import Provenance
from evoked.core.tables import SUFFIXES, read_table, write_table
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track

__all__ = ["FORMATS", "as_vtt", "check_format", "prediction_summary", "read_predictions", "write_predictions"]

FORMATS = (*SUFFIXES, ".vtt")
FIXED = ("time_s", "valid")


def check_format(path: Path) -> None:
    """OutputError unless the name ends in something that predictions can be written as."""
    if path.suffix.lower() not in FORMATS:
        raise OutputError(f"cannot tell what to write from {path.name!r}: end it in {', '.join(FORMATS)}")


def write_predictions(path: Path, track: Track, provenance: Provenance, *, threshold: float = 0.5) -> None:
    """Write predictions; the suffix says how: .parquet, .csv, .json (`time_s, valid`, expressions) or .vtt.

    Args:
        path: where to.
        track: probabilities in [0, 1] at 1 Hz.
        provenance: what made them.
        threshold: for .vtt, see `as_vtt`.

    Raises:
        OutputError: for another suffix, or if it cannot be written.
        ValueError: if an expression is called time_s or valid, or the threshold is outside (0, 1].
    """
    check_format(path)
    if taken := set(track.names) & set(FIXED):
        raise ValueError(f"an expression cannot be called {', '.join(sorted(taken))}: that is another column")
    if path.suffix.lower() == ".vtt":
        write_text(path, as_vtt(track, provenance, threshold))
        return
    columns = {"time_s": track.grid.seconds, "valid": track.valid}
    write_table(path, columns | {name: track.values[:, k] for k, name in enumerate(track.names)}, provenance)


def read_predictions(path: Path) -> Track:
    """Read a table of predictions back; whatever is neither time_s nor valid is an expression.

    Raises:
        DatasetError: if it cannot be read, has no expression, its rows are not the seconds 0, 1, 2 …, or a
            value is not a number in [0, 1] where valid.
    """
    columns = read_table(path, required=FIXED)
    names = tuple(name for name in columns if name not in FIXED)
    if not names:
        raise DatasetError(f"{path} has no expression: columns are {', '.join(columns)}")
    for i, (time_s, cell) in enumerate(zip(columns["time_s"], columns["valid"], strict=True)):
        if time_s != i or not isinstance(cell, bool):
            raise DatasetError(
                f"{path} row {i + 1}: need time_s {i} and true or false for valid, got {time_s!r}, {cell!r}"
            )
    valid = np.array(columns["valid"], dtype=np.bool_)
    numbers = [[cell if isinstance(cell, int | float) else np.nan for cell in columns[name]] for name in names]
    values = np.array(numbers, dtype=np.float64).T  # (steps, names)
    wrong = np.argwhere(valid[:, None] & ~((values >= 0) & (values <= 1)))  # NaN is neither
    if len(wrong):
        i, k = wrong[0]
        cell = columns[names[k]][i]
        raise DatasetError(f"{path} row {i + 1}: {names[k]} must be a number in [0, 1] where valid, got {cell!r}")
    return Track.masked(TimeGrid(Fraction(1), len(valid)), names, values, valid)


def as_vtt(track: Track, provenance: Provenance, threshold: float = 0.5) -> str:
    """Predictions as WebVTT: a cue for every span of seconds over which the same expressions are on.

    A cue reads like "amusement 72 %, interest 55 %", strongest first, with the mean over its span. Spans with
    nothing on, and seconds that are not valid, have no cue. Its provenance is in a NOTE at the top.

    Args:
        track: probabilities in [0, 1].
        provenance: what made them.
        threshold: a probability at or above it is on; in (0, 1].

    Source: W3C WebVTT: The Web Video Text Tracks Format, sections 4 (syntax) and 6 (escapes).
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold must be above 0 and at most 1, got {threshold}")
    on = np.nan_to_num(track.values) >= threshold  # (steps, names); not valid is NaN and so never on
    # "-->" must not be in a NOTE; \u003e says the same in JSON
    note = provenance.as_json().replace(">", "\\u003e")
    blocks = ["WEBVTT", f"NOTE evoked, on at {100 * threshold:g} %\n{note}"]
    first = 0
    for step in range(1, track.grid.steps + 1):
        if step < track.grid.steps and (on[step] == on[first]).all():
            continue
        if on[first].any():
            means = track.values[first:step].mean(axis=0, dtype=np.float64)
            shown = sorted(np.flatnonzero(on[first]), key=lambda k: -means[k])
            text = ", ".join(f"{_escaped(track.names[k])} {100 * means[k]:.0f} %" for k in shown)
            blocks.append(f"{_clock(track.grid.second(first))} --> {_clock(track.grid.second(step))}\n{text}")
        first = step
    return "\n\n".join(blocks) + "\n"


def prediction_summary(track: Track, threshold: float = 0.5) -> str:
    """A few lines for a terminal: each expression's mean, peak and when, and seconds at or above the threshold."""
    seconds, valid = track.grid.steps, int(track.valid.sum())
    lines: list[Sequence[str]] = [("", "mean", "peak", "at", f"≥ {100 * threshold:g} %")]
    for k, name in enumerate(track.names):
        values = track.values[:, k]
        if not valid:
            lines.append((name, "–", "–", "–", "–"))
            continue
        best = int(np.nanargmax(values))
        cells = (f"{100 * np.nanmean(values):.1f}", f"{100 * values[best]:.1f}", _clock(track.grid.second(best))[:8])
        lines.append((name, *cells, f"{int((np.nan_to_num(values) >= threshold).sum())} s"))
    widths = [max(len(line[i]) for line in lines) for i in range(5)]
    text = ["  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip() for line in lines]
    return "\n".join([*text, f"in %; {seconds} s, {valid} of them valid"])


def _clock(second: Fraction) -> str:
    """HH:MM:SS.mmm, as WebVTT has it."""
    thousandths = round(second * 1000)
    minutes, rest = divmod(thousandths, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"


def _escaped(text: str) -> str:
    plain = " ".join(text.split())  # a line break would end the cue
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
