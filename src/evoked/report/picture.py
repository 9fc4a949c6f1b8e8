"""The curves of a study as one picture: PNG, SVG or PDF, for a slide or a paper."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import StudyError
from evoked.core.extras import require_module
from evoked.core.files import writing
from evoked.report.formats import clock
from evoked.report.page_data import PageContent, PageData
from evoked.report.timelines import positive_labels, predicted_probabilities

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["PICTURES", "chosen_contents", "write_picture"]

PICTURES = (".png", ".svg", ".pdf")
MOST_CONTENTS = 4
"""Side by side; more are not legible."""
COLOURS = ("#db8f00", "#0072b2", "#009e73", "#b4578c", "#d55e00", "#3a9bd9", "#9a8b00", "#6b6f76")  # as in page.css
INK, MUTED = "#1c2026", "#5d656e"
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "svg.fonttype": "path",
    "svg.hashsalt": "evoked",
    "path.simplify": False,
    "text.parse_math": False,  # names with dollar signs are names
}


def chosen_contents(data: PageData, content: str | None) -> tuple[PageContent, ...]:
    """The contents that a picture shows.

    Args:
        data: of a study or a prediction.
        content: name of one; None: all.

    Returns:
        One to MOST_CONTENTS contents.

    Raises:
        StudyError: if there is none of that name, none with curves, or too many.
    """
    with_curves = [c for c in data.contents if c.seconds]
    if content is not None:
        found = [c for c in with_curves if c.name == content]
        if not found:
            near = get_close_matches(content, [c.name for c in with_curves], n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(c.name for c in with_curves)}"
            raise StudyError(f"no content {content!r} with curves; {hint}")
        return tuple(found)
    if not with_curves:
        raise StudyError(f"{data.name} has no labels, viewers or predictions to draw")
    if len(with_curves) > MOST_CONTENTS:
        raise StudyError(
            f"{data.name} has {len(with_curves)} contents and a picture shows {MOST_CONTENTS}: name one with --content"
        )
    return tuple(with_curves)


def write_picture(data: PageData, out: Path, content: str | None = None, note: str = "") -> Path:
    """Draw the curves of one to four contents, a row for each expression; the same data give the same bytes.

    The mean score over participants with its 95 % interval and thin lines of the participants; the label as a band
    below; the predicted probability as a dotted line, or as the main line where there are no viewers.

    Args:
        data: from `load_study` or `load_prediction`.
        out: .png, .svg or .pdf.
        content: name of the one that is drawn; None: all.
        note: kept in a PNG or PDF, see `evoked.cli.outputs`.

    Returns:
        The path of the picture.

    Raises:
        EvokedError: if matplotlib is not installed, or there is nothing to draw.
        OutputError: if it cannot be written.
    """
    contents = chosen_contents(data, content)
    require_module("matplotlib", f"a picture ({out.suffix})")
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        rows, columns = len(data.expressions), len(contents)
        figure = Figure(figsize=(10 if columns == 1 else 13.3, 0.9 + 1.05 * rows), layout="constrained")
        axes = figure.subplots(rows, columns, sharex="col", sharey=True, squeeze=False)
        for column, one in enumerate(contents):
            for row, name in enumerate(data.expressions):
                _draw(axes[row, column], one, name, COLOURS[row % len(COLOURS)])
                if column == 0:
                    axes[row, column].set_ylabel(name, rotation=0, ha="right", va="center")
            axes[0, column].set_title(_title(one), fontsize=10, loc="left", color=INK)
            _time_axis(axes[-1, column], one.seconds)
        axes[0, 0].set_ylim(0, _top(contents))
        figure.suptitle(data.name, fontsize=14, fontweight="bold", ha="left", x=0.01, color=INK)
        figure.supxlabel(_caption(contents, data.notes), fontsize=8, color=MUTED, ha="left", x=0.01)
        with writing(out) as temporary:
            figure.savefig(temporary, format=out.suffix[1:].lower(), dpi=200, metadata=_metadata(out, note))
    return out


def _metadata(out: Path, note: str) -> dict[str, Any]:
    """Without the time of day; the note where the format has a place for it."""
    match out.suffix.lower():
        case ".png":
            return {"Software": None, "Comment": note}
        case ".pdf":
            return {"CreationDate": None, "Producer": None, "Creator": "evoked", "Keywords": note}
    return {"Date": None, "Creator": "evoked"}


def _draw(axes: "Axes", content: PageContent, name: str, colour: str) -> None:
    """One expression of one content."""
    viewers, labels, prediction = content.viewers, content.labels, content.prediction
    if viewers is not None and name in viewers.names:
        k, middles = viewers.names.index(name), np.arange(len(viewers.curves[0].mean)) + 0.5
        for line in viewers.lines:
            axes.plot(middles, line.scores[:, k], color=MUTED, linewidth=0.5, alpha=0.45)
        curve = viewers.curves[0]
        axes.fill_between(middles, curve.low[:, k], curve.high[:, k], color=colour, alpha=0.25, linewidth=0)
        axes.plot(middles, curve.mean[:, k], color=colour, linewidth=1.8)
    if prediction is not None and name in prediction.names:
        style = (":", 1.1, INK) if viewers is not None else ("-", 1.6, colour)
        values = predicted_probabilities(prediction, name)
        axes.plot(np.arange(len(values)) + 0.5, values, linestyle=style[0], linewidth=style[1], color=style[2])
    if labels is not None:
        for start, end in _runs(positive_labels(labels, name)):
            axes.axvspan(start, end, color=colour, alpha=0.15, linewidth=0)
            axes.axvspan(start, end, ymax=0.05, color=colour, linewidth=0)
    for peak in content.peaks:
        if peak.expression == name:
            axes.plot(peak.second + 0.5, peak.value, marker="v", markersize=4, color=INK)
            text = clock(peak.second)
            axes.annotate(
                text, (peak.second + 0.5, peak.value), (0, 5), textcoords="offset points", ha="center", size=8
            )
    axes.margins(x=0)
    axes.tick_params(labelsize=8, color=MUTED, labelcolor=MUTED)


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Start and end of every run of true flags."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _time_axis(axes: "Axes", seconds: int) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.set_xlim(0, max(1, seconds))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 1.5, 2, 3, 6, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: clock(value)))
    axes.set_xlabel("time (m:ss)", color=MUTED, fontsize=9)


def _top(contents: Sequence[PageContent]) -> float:
    """The end of the score axis: above everything that is drawn, with room for the times of the peaks."""
    drawn = [np.array([0.05])]
    for content in contents:
        if content.viewers is not None:
            curve = content.viewers.curves[0]
            drawn += [curve.mean, curve.high, *(line.scores for line in content.viewers.lines)]
        if content.prediction is not None:
            drawn.append(content.prediction.values)
    return 1.25 * max(float(np.nan_to_num(values).max(initial=0.0)) for values in drawn)


def _title(content: PageContent) -> str:
    if content.viewers is None:
        return content.name
    count = content.viewers.participants
    return f"{content.name} (n = {count})"


def _caption(contents: Sequence[PageContent], notes: Sequence[str]) -> str:
    """What the lines are, and what the notes say."""
    parts = []
    if any(c.viewers for c in contents):
        parts.append("mean score over participants, band: pointwise 95% bootstrap interval, thin: single participants")
    if any(c.prediction is not None for c in contents):
        parts.append("dotted: predicted probability" if parts else "predicted probability")
    if any(c.labels for c in contents):
        parts.append("shaded: labelled by majority")
    return "; ".join(parts) + "".join(f"\n{note}" for note in notes)
