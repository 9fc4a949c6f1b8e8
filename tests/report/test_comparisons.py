"""Comparisons of contents and groups on the page are the statistics of the viewers, in words and on axes."""

import re
from pathlib import Path

import pytest
from report_study import write_watchers
from test_report_page import Elements, page_of, plain

from evoked.dataset.viewer_statistics import StatisticRow, viewer_statistics
from evoked.report.comparisons import comparisons, correlations, difference_verdict
from evoked.report.load_results import load_study


def row(rows: tuple[StatisticRow, ...], statistic: str, video: str, by: str = "", level: str = "") -> StatisticRow:
    wanted = (statistic, video, "amusement", by, level)
    return next(r for r in rows if (r.statistic, r.video, r.expression, r.by, r.level) == wanted)


def test_contents_come_first_then_each_column_over_all_and_in_each(study: Path) -> None:
    rows = load_study(study).viewer_rows
    found = comparisons(rows)
    assert [(c.by, c.video) for c in found] == [
        ("video", ""),
        ("group", ""),
        ("group", "first.mp4"),
        ("group", "second.mp4"),
    ]
    contents, groups, *_ = found
    assert [r.video for r in contents.rows["amusement"]] == ["first.mp4", "second.mp4"]
    assert [r.level for r in groups.rows["amusement"]] == ["a", "b"]
    assert next((r.level, r.against) for r in contents.differences) == ("first.mp4", "second.mp4")
    assert contents.axis.end >= max(r.high or 0 for r in contents.rows["amusement"])
    assert comparisons(()) == ()


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.01, 0.2, "interval excludes 0"),
        (-0.3, -0.1, "interval excludes 0"),
        (-0.1, 0.1, "interval includes 0"),
        (None, None, "no interval: fewer than three participants"),
    ],
)
def test_a_difference_is_read_by_its_interval(low: float | None, high: float | None, verdict: str) -> None:
    assert difference_verdict(StatisticRow("difference", "", "joy", "group", "a", "b", 3, 0.1, low, high)) == verdict


def test_the_page_tells_means_intervals_and_correlations(study: Path) -> None:
    series = write_watchers(study / "results", ["first.mp4", "second.mp4"], people=8)
    rows = viewer_statistics(series, series[0].scores.names)
    text = re.sub(r"\s+", " ", plain(Elements(page_of(study)).text))
    assert "Recordings18 participants" in text
    assert "Mean scores of 8 participants: each counts once" in text
    difference = row(rows, "difference", "", "group", "a")
    assert difference.low is not None
    assert difference.high is not None
    assert f"a − b{difference.value:.3f}[{difference.low:.3f}, {difference.high:.3f}]4interval excludes 0" in text
    r = row(rows, "correlation", "first.mp4")
    assert f"first.mp4amusement{r.value:.2f}[{r.low:.2f}, {r.high:.2f}]8" in text
    assert list(correlations(rows)) == ["first.mp4", "second.mp4"]


def test_the_page_of_one_viewer_has_means_and_no_intervals(study: Path) -> None:
    write_watchers(study / "results", ["first.mp4"], people=1)
    text = plain(Elements(page_of(study)).text)
    assert "Mean scores of 1 participant: " in text
    assert "no interval under three participants" in text
    assert "Inter-subject correlation" not in text
