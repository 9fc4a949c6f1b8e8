"""Figures of a dataset, drawn by matplotlib as SVG and PNG: colour-blind safe, and readable in grey.

One colour where one suffices; parts differ in brightness and hatching; tables of shares in cividis with their numbers.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evoked.core.extras import require_module
from evoked.core.files import writing
from evoked.dataset.dataset_statistics import DatasetStatistics

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURES", "draw_dataset_figures"]

BLUE, GREYS, HATCHES = "#0072b2", ("#1b4f72", "#5dade2", "#d6eaf8"), ("", "//", "..")
WIDTH_IN = 7.0
PNG_DPI = 150
STYLE: Any = {"svg.hashsalt": "evoked", "svg.fonttype": "none", "font.size": 9.0, "axes.spines.top": False,
         "axes.spines.right": False}  # fmt: skip


def draw_dataset_figures(
    statistics: DatasetStatistics, folder: Path, suffixes: Sequence[str] = (".svg", ".png")
) -> dict[str, list[Path]]:
    """Draw every figure for which there are numbers.

    Args:
        statistics: of the dataset.
        folder: for the files, NAME.svg and NAME.png.
        suffixes: formats that matplotlib writes.

    Returns:
        Name of the figure → its files, in the order of FIGURES.

    Raises:
        EvokedError: if matplotlib is not installed.
        OutputError: if a file cannot be written.
    """
    require_module("matplotlib", "the figures")
    import matplotlib

    written: dict[str, list[Path]] = {}
    for name, draw in FIGURES.items():
        with matplotlib.rc_context(STYLE):
            figure = draw(statistics)
            for suffix in suffixes if figure is not None else ():
                path = folder / f"{name}{suffix}"
                metadata = {"Date": None} if suffix == ".svg" else {}
                with writing(path) as temporary:
                    assert figure is not None
                    figure.savefig(temporary, dpi=PNG_DPI, metadata=metadata)
                written.setdefault(name, []).append(path)
    return written


def _figure(rows: float) -> tuple["Figure", Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_IN, rows), layout="constrained")
    return figure, figure.subplots()


def _expressions(statistics: DatasetStatistics) -> "Figure | None":
    """The paper's Table 2, drawn: share of valid seconds, by part where there are parts."""
    parts = {name: part.shares for name, part in statistics.parts.items()} or {"all": statistics.shares}
    names = list(statistics.expressions)
    figure, axes = _figure(0.9 + 0.24 * len(names) * max(1.0, len(parts) / 1.6))
    height = 0.8 / len(parts)
    for i, (part, by_name) in enumerate(parts.items()):
        at = [k + (i - (len(parts) - 1) / 2) * height for k in range(len(names))]
        shares = [100 * (by_name[name] or 0) for name in names]
        colour = BLUE if len(parts) == 1 else GREYS[i]
        bars = axes.barh(at, shares, height, label=part, color=colour, hatch=HATCHES[i], edgecolor="white")
        if len(parts) == 1:
            axes.bar_label(bars, fmt="%.2f", padding=2)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlabel("share of valid seconds, %")
    if len(parts) > 1:
        axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(parts))
    return figure


def _table(rows: Sequence[str], columns: Sequence[str], values: Sequence[Sequence[float | None]]) -> "Figure":
    """Shares as a table of colours with their numbers, in %."""
    figure, axes = _figure(1.2 + 0.3 * len(rows))
    shown = [[float("nan") if v is None else 100 * v for v in row] for row in values]
    most = max((v for row in shown for v in row if v == v), default=1.0)
    axes.imshow(shown, cmap="cividis", vmin=0, vmax=most, aspect="auto")
    for i, row in enumerate(shown):
        for j, value in enumerate(row):
            text, colour = (
                ("–", "black") if value != value else (f"{value:.0f}", "black" if value > most / 2 else "white")
            )
            axes.text(j, i, text, ha="center", va="center", color=colour, fontsize=8)
    axes.set_xticks(range(len(columns)), columns, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(rows)), rows)
    axes.spines[:].set_visible(False)
    return figure


def _co_occurrence(statistics: DatasetStatistics) -> "Figure | None":
    """The paper's Figure 6: of the seconds with the row's expression, the share that has the column's too."""
    if len(statistics.expressions) < 2:
        return None
    others = [[None if i == j else v for j, v in enumerate(row)] for i, row in enumerate(statistics.co_occurrence)]
    figure = _table(statistics.expressions, statistics.expressions, others)
    figure.axes[0].set_title("of the seconds with the row's expression: with the column's too, %", fontsize=9)
    return figure


def _by_theme(statistics: DatasetStatistics) -> "Figure | None":
    """The paper's Figure 7: expressions of each theme, rows sum to 100 %."""
    rows = {theme: row for theme, row in statistics.expressions_by_theme.items() if row is not None}
    if not rows:
        return None
    figure = _table(list(rows), statistics.expressions, list(rows.values()))
    figure.axes[0].set_title("labels of the theme's videos, rows sum to 100 %", fontsize=9)
    return figure


def _themes(statistics: DatasetStatistics) -> "Figure | None":
    """The paper's Figure 2: videos of the most frequent themes."""
    if not statistics.themes:
        return None
    figure, axes = _figure(0.8 + 0.22 * len(statistics.themes))
    bars = axes.barh(list(statistics.themes), list(statistics.themes.values()), color=BLUE)
    axes.bar_label(bars, padding=2)
    axes.invert_yaxis()
    axes.set_xlabel("videos")
    return figure


def _labels_per_second(statistics: DatasetStatistics) -> "Figure | None":
    if not statistics.valid_seconds:
        return None
    figure, axes = _figure(2.4)
    most = max(i for i, n in enumerate(statistics.labels_per_second) if n)
    shares = [100 * n / statistics.valid_seconds for n in statistics.labels_per_second[: most + 1]]
    bars = axes.bar(range(most + 1), shares, color=BLUE)
    axes.bar_label(bars, fmt="%.1f", padding=2)
    axes.set_xticks(range(most + 1))
    axes.set_xlabel("expressions in a second")
    axes.set_ylabel("share of valid seconds, %")
    return figure


def _coverage(statistics: DatasetStatistics) -> "Figure | None":
    """Share of the seconds with a label, from the beginning of the videos to their end."""
    figure, axes = _figure(2.2)
    count = len(statistics.coverage)
    middles = [100 * (i + 0.5) / count for i in range(count)]
    values = [float("nan") if v is None else 100 * v for v in statistics.coverage]
    axes.plot(middles, values, color=BLUE, marker="o", markersize=3)
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 102)
    axes.set_xlabel("position in the video, %")
    axes.set_ylabel("valid seconds, %")
    return figure


FIGURES: Mapping[str, Callable[[DatasetStatistics], "Figure | None"]] = {
    "expressions": _expressions,
    "co_occurrence": _co_occurrence,
    "labels_per_second": _labels_per_second,
    "coverage": _coverage,
    "themes": _themes,
    "expressions_by_theme": _by_theme,
}
"""Name of the file → what draws it, from the statistics; None where there is nothing to draw."""
