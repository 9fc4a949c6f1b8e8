"""The page of a dataset's statistics: numbers, the paper's Table 2, and the figures; one file that needs no other."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path

from evoked.core.files import write_text
from evoked.core.provenance import Provenance
from evoked.dataset.dataset_statistics import DatasetStatistics
from evoked.report.formats import NOTHING, clock, grouped
from evoked.report.page import asset, environment

__all__ = ["statistics_numbers", "write_dataset_page"]

CAPTIONS = {
    "expressions": "Share of valid seconds with each expression.",
    "co_occurrence": "Of the seconds with the row’s expression, the share with the column’s (the paper’s Figure 6).",
    "labels_per_second": "Number of expressions in a second.",
    "coverage": "Share of seconds with a label, from the beginning of the videos to their end.",
    "themes": "Videos of the most frequent themes (the paper’s Figure 2); a video may have several.",
    "expressions_by_theme": "Labels of each theme’s videos by expression; rows sum to 100 % (the paper’s Figure 7).",
}


def write_dataset_page(
    out: Path, statistics: DatasetStatistics, figures: Mapping[str, Sequence[Path]], provenance: Provenance
) -> None:
    """Write the page.

    Args:
        out: of the page.
        statistics: of the dataset.
        figures: name → files, as `draw_dataset_figures` gives them; the SVG is put into the page.
        provenance: of the statistics; its notes are shown.

    Raises:
        OutputError: if it cannot be written.
    """
    drawn = [
        (name, CAPTIONS[name], b64encode(path.read_bytes()).decode())
        for name, files in figures.items()
        for path in files
        if path.suffix == ".svg"
    ]
    template = environment().get_template("dataset.html")
    page = template.render(
        style=asset("page.css"),
        s=statistics,
        hours=f"{statistics.lengths.total / 3600:.1f}",
        numbers=statistics_numbers(statistics),
        figures=drawn,
        two=_two,
        notes=provenance.notes,
        provenance=provenance.as_dict(),
    )
    write_text(out, page)


def statistics_numbers(statistics: DatasetStatistics) -> list[tuple[str, str]]:
    """The numbers that are no table, with their names."""
    lengths, parts = statistics.lengths, statistics.parts
    rows = [
        ("videos", grouped(statistics.videos)),
        ("seconds", grouped(statistics.seconds)),
        ("valid seconds", grouped(statistics.valid_seconds)),
        ("labels per second, mean", _plain(statistics.cardinality)),
        ("seconds with more than one label, %", _two(statistics.several)),
        ("length, mean", clock(lengths.mean)),
        ("length, least / median / most", " / ".join(clock(v) for v in (lengths.least, lengths.median, lengths.most))),
    ]
    if statistics.reactions is not None:
        mean, least, most = statistics.reactions
        rows.append(("reactions per video, mean / least / most", f"{mean:.2f} / {least} / {most}"))
    rows += [(f"videos that {'are for ' if part == 'test' else ''}{part}", str(p.videos)) for part, p in parts.items()]
    return rows


def _two(share: float | None) -> str:
    return NOTHING if share is None else f"{100 * share:.2f}"


def _plain(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.3f}"
