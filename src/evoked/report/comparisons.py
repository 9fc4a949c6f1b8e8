"""Comparisons of contents, groups and conditions, from the statistics of the viewers."""

from collections.abc import Sequence
from dataclasses import dataclass

from evoked.dataset.viewer_statistics import VIDEO, StatisticRow
from evoked.report.formats import Axis, share_axis

__all__ = ["Comparison", "comparisons", "correlations", "difference_verdict"]


@dataclass(frozen=True)
class Comparison:
    """Means that are drawn on one axis.

    Attributes:
        by: what is compared: "video", or a column of participants.csv.
        video: the content; "" where contents are compared, or over all contents.
        expressions: in the order of the page.
        rows: expression → its means, one for each level.
        differences: of pairs of levels.
        axis: contains all means and their intervals.
    """

    by: str
    video: str
    expressions: tuple[str, ...]
    rows: dict[str, tuple[StatisticRow, ...]]
    differences: tuple[StatisticRow, ...]
    axis: Axis


def comparisons(rows: Sequence[StatisticRow]) -> tuple[Comparison, ...]:
    """The comparisons that a page shows.

    Args:
        rows: from `viewer_statistics`.

    Returns:
        Of the contents first; then of each column, over all contents and in each of several contents. Comparisons
        without any mean are left out.
    """
    defined = [row for row in rows if row.value is not None]
    videos = list(dict.fromkeys(row.video for row in rows))
    overall = videos if len(videos) == 1 else [video for video in videos if not video]
    found = [_comparison(VIDEO, "", [r for r in defined if r.statistic == "mean" and not r.by and r.video], defined)]
    for column in dict.fromkeys(row.by for row in rows if row.by not in ("", VIDEO)):
        for video in [*overall, *(v for v in videos if v not in overall)]:
            own = [r for r in defined if (r.statistic, r.video, r.by) == ("mean", video, column)]
            found.append(_comparison(column, video, own, defined))
    return tuple(comparison for comparison in found if comparison.rows)


def _comparison(by: str, video: str, means: Sequence[StatisticRow], rows: Sequence[StatisticRow]) -> Comparison:
    expressions = tuple(dict.fromkeys(row.expression for row in means))
    differences = tuple(r for r in rows if (r.statistic, r.by, r.video) == ("difference", by, video))
    each = {name: tuple(row for row in means if row.expression == name) for name in expressions}
    axis = share_axis([value for row in means for value in (row.value, row.high)])
    return Comparison(by, video, expressions, each, differences, axis)


def correlations(rows: Sequence[StatisticRow]) -> dict[str, tuple[StatisticRow, ...]]:
    """The inter-subject correlations of each content in which there is any: content → rows, one per expression."""
    own = [row for row in rows if row.statistic == "correlation"]
    videos = dict.fromkeys(row.video for row in own if row.value is not None)
    return {video: tuple(row for row in own if row.video == video) for video in videos}


def difference_verdict(row: StatisticRow) -> str:
    """A difference in words, by its interval."""
    if row.low is None or row.high is None:
        return "no interval: fewer than three participants"
    return "interval excludes 0" if row.low > 0 or row.high < 0 else "interval includes 0"
