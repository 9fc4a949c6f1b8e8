"""The page of valence and arousal: a table of scores, and the curves of each video (the paper's Figure 9)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypedDict

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from evoked.core.files import write_text
from evoked.core.provenance import Provenance
from evoked.report.formats import NOTHING, clock, clock_axis, decimals
from evoked.report.page import asset, environment

__all__ = [
    "AffectCell",
    "AffectRow",
    "ScoreLine",
    "VideoCurves",
    "VideoScoreLine",
    "affect_table",
    "affect_text",
    "write_affect_page",
]

WIDTH, HEIGHT = 900, 150  # of one panel, in SVG user units
MOST_POINTS = 900
COLOURS = ("var(--ink)", "var(--e4)", "var(--e1)", "var(--e2)")


class ScoreLine(Protocol):
    """One score, as in `learning.evaluation.affect_scores.AffectScore`."""

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


class VideoScoreLine(Protocol):
    """Scores of one video, as in `learning.evaluation.affect_scores.VideoScore`."""

    @property
    def way(self) -> str: ...
    @property
    def quantity(self) -> str: ...
    @property
    def mse(self) -> float: ...
    @property
    def r(self) -> float | None: ...


@dataclass(frozen=True, eq=False)
class VideoCurves:
    """The curves of one video.

    Attributes:
        name: of the video.
        curves: name → values, shape (seconds, quantities), NaN where undefined; the ground truth first.
        part: of the split: test or validation.
        scores: of the methods, for each quantity.
    """

    name: str
    curves: Mapping[str, NDArray[np.floating]]
    part: str = "test"
    scores: Sequence[VideoScoreLine] = ()


def write_affect_page(
    out: Path,
    videos: Sequence[VideoCurves],
    quantities: Sequence[str],
    lines: Sequence[ScoreLine],
    provenance: Provenance,
) -> None:
    """Write one self-contained page.

    Args:
        out: the HTML file.
        videos: the test videos, then the validation videos.
        quantities: names of the curves' columns, e.g. valence and arousal.
        lines: the scores.
        provenance: of the scores, shown on the page.

    Raises:
        OutputError: if the page cannot be written.
    """
    page = (
        environment()
        .get_template("affect.html")
        .render(
            style=asset("page.css"),
            videos=[_drawn(video, quantities) for video in videos],
            scored="test" if any(video.part == "test" for video in videos) else "validation",
            curves=list(zip(videos[0].curves, COLOURS, strict=False)) if videos else [],
            rows=affect_table(lines, quantities),
            notes=provenance.notes,
            provenance=provenance.as_dict(),
        )
    )
    write_text(out, page)


class AffectCell(TypedDict):
    """One score as text: its title, value, interval, and difference from training from scratch."""

    title: str
    value: str
    span: str
    gain: str


class AffectRow(TypedDict):
    """The scores of one method."""

    way: str
    cells: list[AffectCell]


COLUMNS = (("mse", "MSE"), ("r", "r"), ("video_mse", "MSE by video"), ("video_r", "r by video"))


def affect_table(lines: Sequence[ScoreLine], quantities: Sequence[str]) -> list[AffectRow]:
    """The scores in the layout of the paper's Table 4.

    Args:
        lines: the scores; every method has the same quantities and kinds of score.
        quantities: in the order of the columns.

    Returns:
        One row per method.
    """
    by_column = {(line.way, line.quantity, line.score): line for line in lines}
    return [
        {
            "way": variant,
            "cells": [
                {
                    "title": f"{quantity[0].upper()}-{title}",
                    "value": _number(by_column[variant, quantity, score].value),
                    "span": _span(by_column[variant, quantity, score].low, by_column[variant, quantity, score].high),
                    "gain": _gain(by_column[variant, quantity, score]),
                }
                for score, title in COLUMNS
                for quantity in quantities
            ],
        }
        for variant in dict.fromkeys(line.way for line in lines)
    ]


def affect_text(lines: Sequence[ScoreLine], quantities: Sequence[str]) -> str:
    """The same table for a terminal: one block per score, with one line per method.

    Args:
        lines, quantities: as for `affect_table`.

    Returns:
        The lines, joined.
    """
    rows = affect_table(lines, quantities)
    out = []
    for i in range(len(COLUMNS) * len(quantities)):
        title = rows[0]["cells"][i]["title"]
        out.append(f"{title:14s}  {'value':>7s}  {'interval':>17s}  against scratch")
        for row in rows:
            cell = row["cells"][i]
            out.append(f"  {row['way']:30.30s}{cell['value']:>8s}  {cell['span']:>17s}  {cell['gain']}".rstrip())
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


def _drawn(video: VideoCurves, quantities: Sequence[str]) -> dict[str, object]:
    seconds = max(len(values) for values in video.curves.values())
    axis = clock_axis(float(seconds))
    return {
        "name": video.name,
        "part": video.part,
        "scores": [
            (
                variant,
                [
                    (score.quantity, _number(score.mse), _number(score.r))
                    for score in video.scores
                    if score.way == variant
                ],
            )
            for variant in dict.fromkeys(score.way for score in video.scores)
        ],
        "clock": clock(seconds),
        "ticks": [(WIDTH * t / axis.end, clock(t)) for t in axis.ticks] if axis.end else [],
        "panels": [
            {
                "quantity": quantity,
                "lines": [
                    (name, colour, Markup(_path(values[:, k], seconds)))
                    for (name, values), colour in zip(video.curves.items(), COLOURS, strict=False)
                ],
            }
            for k, quantity in enumerate(quantities)
        ],
    }


def _path(series: NDArray[np.floating], seconds: int) -> str:
    """SVG path data of a curve in −1 … 1; long videos by the means of equal intervals; undefined values leave a gap."""
    stride = max(1, -(-len(series) // MOST_POINTS))
    parts, pen_down = [], False
    for start in range(0, len(series), stride):
        defined = series[start : start + stride]
        defined = defined[np.isfinite(defined)]
        if not len(defined):
            pen_down = False
            continue
        x = WIDTH * (start + stride / 2 if stride > 1 else start) / max(seconds, 1)
        y = HEIGHT * (1 - float(defined.mean())) / 2
        parts.append(f"{'L' if pen_down else 'M'}{x:.1f} {y:.1f}")
        pen_down = True
    return "".join(parts)
