"""Reliability curves as an SVG: the share of positive clips over the predicted probability."""

from collections.abc import Mapping, Sequence
from html import escape

__all__ = ["reliability_svg"]

SIDE, EDGE, GAP = 150, 34, 16
"""Pixels: side of a plot, width of its axes, gap between plots."""


def reliability_svg(
    curves: Mapping[str, Sequence[tuple[float, float, int]]], errors: Mapping[str, float | None]
) -> str:
    """One plot per expression, side by side; perfectly calibrated probabilities lie on the diagonal.

    Args:
        curves: expression → (mean probability, share of yes, clips) of each bin.
        errors: expression → expected calibration error; None where undefined.

    Returns:
        The text of an SVG file. A dot's area is the share of clips in its bin.
    """
    step = SIDE + EDGE + GAP
    width, height = GAP + step * max(1, len(curves)), SIDE + 2 * EDGE + GAP
    elements = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" '
        'font-size="11">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for number, (name, rows) in enumerate(curves.items()):
        elements += _plot(name, rows, errors.get(name), GAP + EDGE + number * step)
    return "\n".join([*elements, "</svg>"]) + "\n"


def _plot(name: str, rows: Sequence[tuple[float, float, int]], error: float | None, left: float) -> list[str]:
    top, total = EDGE, sum(count for *_, count in rows) or 1
    error_text = "" if error is None else f", error {error:.3f}"
    elements = [
        f'<text x="{left}" y="{top - 10}">{escape(name)}{error_text}</text>',
        f'<rect x="{left}" y="{top}" width="{SIDE}" height="{SIDE}" fill="none" stroke="#888"/>',
        f'<line x1="{left}" y1="{top + SIDE}" x2="{left + SIDE}" y2="{top}" stroke="#bbb" stroke-dasharray="4 3"/>',
        f'<text x="{left + SIDE / 2}" y="{top + SIDE + 28}" text-anchor="middle">probability</text>',
        f'<text transform="translate({left - 24} {top + SIDE / 2}) rotate(-90)" text-anchor="middle">'
        "share of yes</text>",
    ]
    for mark in (0, 0.5, 1):
        elements.append(f'<text x="{left + mark * SIDE}" y="{top + SIDE + 14}" text-anchor="middle">{mark:g}</text>')
        elements.append(f'<text x="{left - 4}" y="{top + (1 - mark) * SIDE + 4}" text-anchor="end">{mark:g}</text>')
    places = [(left + p * SIDE, top + (1 - share) * SIDE, count) for p, share, count in rows]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in places)
    elements.append(f'<polyline points="{line}" fill="none" stroke="#0072b2" stroke-width="1.5"/>')
    elements += [
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{2 + 8 * (count / total) ** 0.5:.1f}" fill="#0072b2" fill-opacity=".6"/>'
        for x, y, count in places
    ]
    return elements
