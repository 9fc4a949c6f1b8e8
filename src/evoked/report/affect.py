"""Valence and arousal of films as a page: the table of scores, and each film's curves (the paper's Figure 9)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from evoked.core.files import write_text
from evoked.core.provenance import Provenance
from evoked.report.formats import NOTHING, clock, clock_axis, decimals
from evoked.report.page import asset, environment

__all__ = ["FilmCurves", "ScoreLine", "affect_table", "affect_text", "write_affect_page"]

WIDTH, HEIGHT = 900, 150  # of one panel, in the drawing's own units
MOST_POINTS = 900
COLOURS = ("var(--ink)", "var(--e4)", "var(--e1)", "var(--e2)")


class ScoreLine(Protocol):
    """One score, as `learning.affect.Line` has it."""

    @property
    def way(self) -> str: ...
    @property
    def quantity(self) -> str: ...
    @property
    def score(self) -> str: ...
    @property
    def value(self) -> float | None: ...
    @property
    def low(self) -> float | None: ...
    @property
    def high(self) -> float | None: ...
    @property
    def gain(self) -> float | None: ...
    @property
    def gain_low(self) -> float | None: ...
    @property
    def gain_high(self) -> float | None: ...


@dataclass(frozen=True, eq=False)
class FilmCurves:
    """One film: curve's name → (T, K) at 1 Hz, NaN where there is nothing; the truth first."""

    name: str
    curves: Mapping[str, NDArray[np.floating]]


def write_affect_page(
    out: Path,
    films: Sequence[FilmCurves],
    quantities: Sequence[str],
    lines: Sequence[ScoreLine],
    provenance: Provenance,
) -> None:
    """Write one self-contained page; OutputError if it cannot be written."""
    page = (
        environment()
        .get_template("affect.html")
        .render(
            style=asset("page.css"),
            films=[_drawn(film, quantities) for film in films],
            curves=list(zip(films[0].curves, COLOURS, strict=False)) if films else [],
            rows=affect_table(lines, quantities),
            notes=provenance.notes,
            made=provenance.as_dict(),
        )
    )
    write_text(out, page)


COLUMNS = (("mse", "MSE"), ("r", "r"), ("film_mse", "MSE by film"), ("film_r", "r by film"))


def affect_table(lines: Sequence[ScoreLine], quantities: Sequence[str]) -> list[dict[str, object]]:
    """Rows of the paper's Table 4 layout: per way its cells, each with value, interval and gain as text."""
    found = {(line.way, line.quantity, line.score): line for line in lines}
    ways = list(dict.fromkeys(line.way for line in lines))
    return [
        {
            "way": way,
            "cells": [
                {
                    "title": f"{quantity[0].upper()}-{title}",
                    "value": _number(found[way, quantity, score].value),
                    "span": _span(found[way, quantity, score].low, found[way, quantity, score].high),
                    "gain": _gain(found[way, quantity, score]),
                }
                for score, title in COLUMNS
                for quantity in quantities
            ],
        }
        for way in ways
    ]


def affect_text(lines: Sequence[ScoreLine], quantities: Sequence[str]) -> str:
    """The same table for a terminal: a block of four lines per score."""
    rows = affect_table(lines, quantities)
    out = []
    for i in range(len(COLUMNS) * len(quantities)):
        title = str(rows[0]["cells"][i]["title"])  # type: ignore[index]
        out.append(f"{title:14s}  {'value':>7s}  {'interval':>17s}  against scratch")
        for row in rows:
            cell = row["cells"][i]  # type: ignore[index]
            out.append(f"  {row['way']!s:30.30s}{cell['value']:>8s}  {cell['span']:>17s}  {cell['gain']}".rstrip())
    return "\n".join(out)


def _number(value: float | None) -> str:
    return NOTHING if value is None else decimals(value, 3)


def _span(low: float | None, high: float | None) -> str:
    return NOTHING if low is None or high is None else f"{_number(low)} … {_number(high)}"


def _gain(line: ScoreLine) -> str:
    if line.gain is None:
        return ""
    sign = "+" if line.gain > 0 else ""
    return f"{sign}{_number(line.gain)} ({_span(line.gain_low, line.gain_high)})"


def _drawn(film: FilmCurves, quantities: Sequence[str]) -> dict[str, object]:
    seconds = max(len(values) for values in film.curves.values())
    axis = clock_axis(float(seconds))
    return {
        "name": film.name,
        "clock": clock(seconds),
        "ticks": [(WIDTH * t / axis.end, clock(t)) for t in axis.ticks] if axis.end else [],
        "panels": [
            {
                "quantity": quantity,
                "lines": [
                    (name, colour, Markup(_path(values[:, k], seconds)))
                    for (name, values), colour in zip(film.curves.items(), COLOURS, strict=False)
                ],
            }
            for k, quantity in enumerate(quantities)
        ],
    }


def _path(series: NDArray[np.floating], seconds: int) -> str:
    """SVG path data of a curve in −1 … 1; long films by the means of equal stretches; a gap stays a gap."""
    stride = max(1, -(-len(series) // MOST_POINTS))
    parts, pen_down = [], False
    for start in range(0, len(series), stride):
        piece = series[start : start + stride]
        piece = piece[np.isfinite(piece)]
        if not len(piece):
            pen_down = False
            continue
        x = WIDTH * (start + stride / 2 if stride > 1 else start) / max(seconds, 1)
        y = HEIGHT * (1 - float(piece.mean())) / 2
        parts.append(f"{'L' if pen_down else 'M'}{x:.1f} {y:.1f}")
        pen_down = True
    return "".join(parts)
