"""The page of machine against people: the paper's Table 1 and Figures 5a and 5b, with what people reach themselves."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evoked.agreement.results import Agreement, Estimate
from evoked.core.files import write_text
from evoked.core.provenance import Provenance
from evoked.report.formats import NOTHING, css_percent, decimals, expression_colours, percent
from evoked.report.page import asset, environment

__all__ = ["AxisScale", "render_agreement", "write_agreement_page"]

STEP = 0.2  # between the ticks of an axis of correlations


@dataclass(frozen=True)
class AxisScale:
    """An axis of plain numbers that may begin below zero."""

    start: float
    end: float
    ticks: tuple[float, ...]

    def at(self, value: float) -> str:
        """Where a value stands, as a CSS percentage from the left."""
        return css_percent(value - self.start, self.end - self.start)


@dataclass(frozen=True)
class AgreementLine:
    """One line of a chart: a dot with its interval, and perhaps another number's mark beside it.

    Attributes:
        name, below: what it is, in words.
        colour: as CSS has it.
        dot: the number of the line.
        mark: another number to be compared with; None where the chart has none.
    """

    name: str
    below: str
    colour: str
    dot: Estimate
    mark: Estimate | None = None


def write_agreement_page(path: Path, found: Agreement, provenance: Provenance) -> None:
    """Write one self-contained page; OutputError if it cannot be written."""
    write_text(path, render_agreement(found, provenance))


def render_agreement(found: Agreement, provenance: Provenance) -> str:
    """The page as text: the same bytes from the same agreement."""
    colours = expression_colours(found.expressions)
    rows = (*found.rows, found.mean)
    own = [AgreementLine(r.name, "", colours.get(r.name, "var(--ink)"), r.machine, r.rater) for r in rows]
    plain = [AgreementLine(r.name, "", colours.get(r.name, "var(--ink)"), r.correlation) for r in rows]
    groups = [
        AgreementLine(g.value, f"{g.column}, {g.clips} clips", colours_of_group(found, g.column), g.mean)
        for g in found.groups
    ]
    return (
        environment()
        .get_template("agreement.html")
        .render(
            found=found,
            rows=rows,
            colours=colours,
            charts={
                "expressions": (plain, scale_of(plain)),
                "people": (own, scale_of(own)),
                "groups": (groups, scale_of(groups)),
            },
            span=span,
            share_span=share_span,
            plain=agreement_number,
            percent=percent,
            decimals=decimals,
            settings=json.dumps(dict(provenance.config), indent=1, ensure_ascii=False),
            made=provenance.as_dict(),
            style=asset("page.css"),
        )
    )


def colours_of_group(found: Agreement, column: str) -> str:
    """One colour for the groups of one column."""
    columns = list(dict.fromkeys(g.column for g in found.groups))
    return expression_colours(columns)[column]


def scale_of(lines: Sequence[AgreementLine]) -> AxisScale:
    """An axis that holds all numbers, from 0 or below to above the greatest, with a tick every fifth."""
    estimates = [e for line in lines for e in (line.dot, line.mark) if e is not None]
    values = [v for e in estimates for v in (e.value, e.low, e.high) if v is not None]
    first = min(0, math.floor(round(min(values, default=0.0) / STEP, 9)))
    last = max(1, math.ceil(round(max(values, default=1.0) / STEP, 9)))
    return AxisScale(
        round(first * STEP, 6), round(last * STEP, 6), tuple(round(k * STEP, 6) for k in range(first, last + 1))
    )


def agreement_number(value: float | None) -> str:
    """A plain number with a true minus sign; a dash where it is not defined."""
    return NOTHING if value is None else decimals(value)


def span(e: Estimate) -> str:
    """An interval of plain numbers."""
    return NOTHING if e.low is None or e.high is None else f"{decimals(e.low)} to {decimals(e.high)}"


def share_span(e: Estimate) -> str:
    """An interval of shares, in percent."""
    return NOTHING if e.low is None or e.high is None else f"{percent(e.low)} to {percent(e.high)}"
