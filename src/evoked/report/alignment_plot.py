"""A plot of an offset map: as text for a terminal, and as an SVG with axes, units and a caption."""

from html import escape
from math import ceil, floor

from evoked.reactions.alignment.offset_map import OffsetMap

__all__ = ["map_html", "map_svg", "map_text"]

WIDTH, HEIGHT = 860, 560  # pixels
LEFT, RIGHT, TOP, BOTTOM = 76, 20, 58, 84
LINE, BAND = "#1f5fa8", "#7fb0e0"
SHADE = " ·▁▃▅▇█"


def map_text(offsets: OffsetMap, content_s: float, width: int = 72) -> str:
    """Two bars that show which parts of content and reaction are covered, and one line per segment.

    Args:
        offsets: the map.
        content_s: length of the content, in seconds.
        width: of the bars, in characters.

    Returns:
        The lines, joined.
    """
    reaction_s = max(s.reaction_end_s for s in offsets.segments)
    content_bar = _bar([(s.content_start_s, s.content_end_s) for s in offsets.segments], content_s, width)
    reaction_bar = _bar([(s.reaction_start_s, s.reaction_end_s) for s in offsets.segments], reaction_s, width)
    lines = [f"content   0 s |{content_bar}| {content_s:.1f} s", f"reaction  0 s |{reaction_bar}| {reaction_s:.1f} s"]
    for s in offsets.segments:
        speed = "" if abs(s.rate - 1) < 5e-5 else f"   × {1 / s.rate:.4f} speed"
        lines.append(
            f"  content {s.content_start_s:8.2f} … {s.content_end_s:8.2f} s   at {s.reaction_start_s:8.2f} … "
            f"{s.reaction_end_s:8.2f} s   score {s.score:6.1f}{speed}"
        )
    return "\n".join(lines)


def map_svg(offsets: OffsetMap, reaction: str, content: str, content_s: float, reaction_s: float) -> str:
    """The map as an SVG: reaction time across, content time up, one line per segment.

    Args:
        offsets: the map.
        reaction, content: their names.
        content_s, reaction_s: their lengths, in seconds.

    Returns:
        The SVG element as text.
    """
    right, top = max(reaction_s, 1e-3), max(content_s, 1e-3)

    def x(s: float) -> float:
        return LEFT + s / right * (WIDTH - LEFT - RIGHT)

    def y(s: float) -> float:
        return HEIGHT - BOTTOM - s / top * (HEIGHT - TOP - BOTTOM)

    grid, marks = [], []
    for s in _ticks(right):
        grid.append(f'<line x1="{x(s):.1f}" x2="{x(s):.1f}" y1="{y(0):.1f}" y2="{y(top):.1f}"/>')
        marks.append(f'<text x="{x(s):.1f}" y="{y(0) + 18:.1f}" text-anchor="middle">{s:g}</text>')
    for s in _ticks(top):
        grid.append(f'<line x1="{x(0):.1f}" x2="{x(right):.1f}" y1="{y(s):.1f}" y2="{y(s):.1f}"/>')
        marks.append(f'<text x="{x(0) - 8:.1f}" y="{y(s) + 4:.1f}" text-anchor="end">{s:g}</text>')
    bands = [
        f'<rect x="{x(s.reaction_start_s):.1f}" width="{max(0.5, x(s.reaction_end_s) - x(s.reaction_start_s)):.1f}" '
        f'y="{y(0) + 26:.1f}" height="8"/>'
        f'<rect x="{x(0) + 1:.1f}" width="6" y="{y(s.content_end_s):.1f}" '
        f'height="{max(0.5, y(s.content_start_s) - y(s.content_end_s)):.1f}"/>'
        for s in offsets.segments
    ]
    lines = [
        f'<line x1="{x(s.reaction_start_s):.2f}" y1="{y(s.content_start_s):.2f}" x2="{x(s.reaction_end_s):.2f}" '
        f'y2="{y(s.content_end_s):.2f}"><title>content {s.content_start_s:.3f} to {s.content_end_s:.3f} s at '
        f"{s.reaction_start_s:.3f} s, score {s.score:.1f}, rate {s.rate:.6f}</title></line>"
        for s in offsets.segments
    ]
    count = len(offsets.segments)
    caption = (
        f"{offsets.covered_s:.1f} of {content_s:.1f} s of the content are covered by {count} "
        f"segment{'s' if count > 1 else ''}; best score {offsets.score:.1f}."
    )
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" \
height="{HEIGHT}" font-family="system-ui, sans-serif" font-size="13" fill="#333">
<title>Where {escape(reaction)} plays {escape(content)}</title>
<rect width="100%" height="100%" fill="#fff"/>
<text x="{LEFT}" y="26" font-size="16" font-weight="600">Where {escape(reaction)} plays {escape(content)}</text>
<text x="{LEFT}" y="45">{escape(caption)}</text>
<g stroke="#ddd">{"".join(grid)}</g>
<g font-size="12">{"".join(marks)}</g>
<g fill="{BAND}">{"".join(bands)}</g>
<g stroke="{LINE}" stroke-width="2.5" stroke-linecap="round">{"".join(lines)}</g>
<text x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 30}" text-anchor="middle">time in the reaction, seconds</text>
<text x="22" y="{(TOP + HEIGHT - BOTTOM) / 2:.0f}" text-anchor="middle" \
transform="rotate(-90 22 {(TOP + HEIGHT - BOTTOM) / 2:.0f})">time in the content, seconds</text>
{_legend()}
</svg>
"""


def _legend() -> str:
    """What the marks mean, each beside its sign."""
    y = HEIGHT - 14
    return (
        f'<g font-size="12" fill="#555"><line x1="{LEFT}" x2="{LEFT + 24}" y1="{y}" y2="{y - 9}" stroke="{LINE}" '
        f'stroke-width="2.5" stroke-linecap="round"/><text x="{LEFT + 32}" y="{y}">a stretch of the content that ran '
        f'without a stop</text><rect x="{LEFT + 330}" width="24" y="{y - 8}" height="8" fill="{BAND}"/>'
        f'<text x="{LEFT + 362}" y="{y}">covered seconds; what has no bar is not known</text></g>'
    )


def map_html(svg: str, title: str) -> str:
    """A page that holds the picture and nothing else.

    Args:
        svg: an SVG element.
        title: of the page, escaped here.

    Returns:
        The HTML.
    """
    head = f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title></head>'
    return f'{head}\n<body style="margin:1rem">\n{svg}</body></html>\n'


def _bar(spans: list[tuple[float, float]], length: float, width: int) -> str:
    """How much of each part of a length is covered, one character for each part."""
    out = []
    for i in range(width):
        low, high = length * i / width, length * (i + 1) / width
        share = sum(max(0.0, min(high, b) - max(low, a)) for a, b in spans) / max(high - low, 1e-9)
        out.append(SHADE[min(len(SHADE) - 1, ceil(share * (len(SHADE) - 1) - 1e-6))])
    return "".join(out)


def _ticks(length: float) -> list[float]:
    """Round seconds from 0 to the length, ten at most."""
    step = next(
        (s for s in (0.1, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600) if length / s <= 10), 7200
    )
    return [i * step for i in range(floor(length / step) + 1)]
