"""The page of agreement between the model and human raters: the paper's Table 1 and Figures 5a and 5b."""

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

STEP = 0.2  # between the marks of an axis of correlations


@dataclass(frozen=True)
class AxisScale:
    """An axis from `start` to `end`, which may begin below zero, with marks at `ticks`."""

    start: float
    end: float
    ticks: tuple[float, ...]

    def at(self, value: float) -> str:
        """The position of a value, as a CSS percentage from the left."""
        return css_percent(value - self.start, self.end - self.start)


@dataclass(frozen=True)
class AgreementLine:
    """One line of a chart: a dot with its interval, and optionally a mark to compare it with.

    Attributes:
        name, below: labels.
        colour: a CSS colour.
        dot: the value of the line.
        mark: the value it is compared with; None where the chart has none.
    """

    name: str
    below: str
    colour: str
    dot: Estimate
    mark: Estimate | None = None


def write_agreement_page(path: Path, agreement: Agreement, provenance: Provenance) -> None:
    """Write one self-contained page.

    Args:
        path: the HTML file.
        agreement: the results.
        provenance: of the results, shown on the page.

    Raises:
        OutputError: if the page cannot be written.
    """
    write_text(path, render_agreement(agreement, provenance))


def render_agreement(agreement: Agreement, provenance: Provenance) -> str:
    """The page as text; the same input gives the same bytes.

    Args:
        agreement: the results.
        provenance: of the results, shown on the page.

    Returns:
        The HTML.
    """
    colours = expression_colours(agreement.expressions)
    rows = (*agreement.rows, agreement.mean)
    people = [AgreementLine(r.name, "", colours.get(r.name, "var(--ink)"), r.machine, r.rater) for r in rows]
    correlations = [AgreementLine(r.name, "", colours.get(r.name, "var(--ink)"), r.correlation) for r in rows]
    groups = [
        AgreementLine(g.value, f"{g.column}, {g.clips} clips", _group_colour(agreement, g.column), g.mean)
        for g in agreement.groups
    ]
    return (
        environment()
        .get_template("agreement.html")
        .render(
            agreement=agreement,
            rows=rows,
            colours=colours,
            charts={
                "expressions": (correlations, _axis_scale(correlations)),
                "people": (people, _axis_scale(people)),
                "groups": (groups, _axis_scale(groups)),
            },
            span=_span,
            share_span=_share_span,
            plain=_number,
            percent=percent,
            decimals=decimals,
            settings=json.dumps(dict(provenance.config), indent=1, ensure_ascii=False),
            provenance=provenance.as_dict(),
            style=asset("page.css"),
        )
    )


def _group_colour(agreement: Agreement, column: str) -> str:
    """The colour of the groups of one column."""
    columns = list(dict.fromkeys(g.column for g in agreement.groups))
    return expression_colours(columns)[column]


def _axis_scale(lines: Sequence[AgreementLine]) -> AxisScale:
    """An axis that holds all numbers, from 0 or below to above the greatest, with a mark every fifth."""
    estimates = [e for line in lines for e in (line.dot, line.mark) if e is not None]
    values = [v for e in estimates for v in (e.value, e.low, e.high) if v is not None]
    first = min(0, math.floor(round(min(values, default=0.0) / STEP, 9)))
    last = max(1, math.ceil(round(max(values, default=1.0) / STEP, 9)))
    return AxisScale(
        round(first * STEP, 6), round(last * STEP, 6), tuple(round(k * STEP, 6) for k in range(first, last + 1))
    )


def _number(value: float | None) -> str:
    """A plain number with a true minus sign; a dash where it is not defined."""
    return NOTHING if value is None else decimals(value)


def _span(e: Estimate) -> str:
    """An interval of plain numbers."""
    return NOTHING if e.low is None or e.high is None else f"{decimals(e.low)} to {decimals(e.high)}"


def _share_span(e: Estimate) -> str:
    """An interval of shares, in percent."""
    return NOTHING if e.low is None or e.high is None else f"{percent(e.low)} to {percent(e.high)}"
