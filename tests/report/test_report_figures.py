"""Numbers are written sensibly and marks stand where they should."""

import pytest

from evoked.learning.evaluation.scores import MeanScore, ScoreRow, Scores
from evoked.reactions.alignment.offset_map import OffsetMap, Segment
from evoked.report.formats import (
    axis_percent,
    chance_comparison,
    clock,
    clock_axis,
    css_percent,
    decimals,
    expression_colours,
    grouped,
    offset_span,
    percent,
    score_axis,
    seen_share,
    share_axis,
    uncovered,
    uncovered_s,
)
from evoked.report.page_data import PageReaction, VisibleSpan

NO_MEAN = MeanScore(None, None, None, None, None, None, None)


def scored(ap: float | None, low: float | None, high: float | None, chance: float) -> ScoreRow:
    return ScoreRow("a", 100, 20, chance, ap, low, high, None)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0 %"),
        (0.0008, "0.08 %"),
        (0.0099, "0.99 %"),
        (0.00996, "1.0 %"),
        (0.4523, "45.2 %"),
        (1.0, "100 %"),
        (None, "–"),
    ],
)
def test_percent_has_the_decimals_it_needs(value: float | None, text: str) -> None:
    assert percent(value) == text.replace(" ", "\u00a0")


@pytest.mark.parametrize(
    ("s", "text"), [(0, "0:00"), (59.6, "1:00"), (754.2, "12:34"), (3600, "1:00:00"), (-2, "0:00")]
)
def test_clock(s: float, text: str) -> None:
    assert clock(s) == text


def test_counts_and_numbers() -> None:
    assert grouped(4863653) == "4\u202f863\u202f653"
    assert decimals(-1.256) == "\u22121.26"
    assert axis_percent(0.05) == "5\u00a0%"


def test_marks_stay_within_their_track() -> None:
    assert css_percent(0.25, 0.5) == "50.000%"
    assert css_percent(2.0, 1.0) == "100.000%"
    assert css_percent(1.0, 0.0) == "0.000%"


@pytest.mark.parametrize("top", [0.0, 0.0008, 0.03, 0.1, 0.6, 0.77, 1.0])
def test_a_share_axis_holds_its_values_with_few_ticks(top: float) -> None:
    axis = share_axis([None, 0.0, top, float("nan")])
    assert axis.end >= top
    assert axis.ticks[0] == 0
    assert axis.ticks[-1] == pytest.approx(axis.end)
    assert 2 <= len(axis.ticks) <= 6
    assert top == 0 or axis.end <= max(0.01, 2 * top)  # and wastes no more than half


@pytest.mark.parametrize("seconds", [0.5, 7, 60, 67.2, 596, 5400, 80000])
def test_a_clock_axis_has_few_ticks_inside_it(seconds: float) -> None:
    ticks = clock_axis(seconds, 4).ticks
    assert len(ticks) <= 5
    assert ticks[-1] <= seconds


def test_the_score_axis_holds_intervals_and_chance() -> None:
    assert (
        score_axis(Scores((), (scored(0.2, 0.1, 0.34, 0.05), scored(None, None, None, 0.47)), NO_MEAN, ())).end >= 0.47
    )


@pytest.mark.parametrize(
    ("score", "words"),
    [
        (scored(0.5, 0.3, 0.6, 0.2), "above chance"),
        (scored(0.5, 0.2, 0.6, 0.2), "not significantly above chance"),
        (scored(0.1, 0.05, 0.15, 0.2), "below chance"),
        (scored(0.5, None, None, 0.2), "no interval"),
        (scored(None, None, None, 0.0), "undefined"),
    ],
)
def test_the_interval_decides_and_not_the_score(score: ScoreRow, words: str) -> None:
    assert chance_comparison(score) == words


def aligned(*segments: tuple[float, float, float]) -> PageReaction:
    found = tuple(Segment(a, b, r, 10.0) for a, b, r in segments)
    return PageReaction("r", "c", 100.0, (), OffsetMap(10.0, found))


def test_content_seconds_that_no_segment_shows() -> None:
    reaction = aligned((2.0, 20.0, 5.0), (20.0, 30.0, 27.5), (40.0, 50.0, 48.0))
    assert uncovered(reaction, 60.0) == ((0.0, 2.0), (30.0, 40.0), (50.0, 60.0))
    assert uncovered_s(reaction, 60.0) == 22.0
    assert offset_span(reaction) == (3.0, 8.0)


def test_a_reaction_that_is_not_aligned_covers_nothing() -> None:
    alone = PageReaction("r", None, 10.0, (), None)
    assert uncovered(alone, 4.0) == ((0.0, 4.0),)
    assert offset_span(alone) is None
    assert seen_share(alone) is None


def test_the_seen_share_is_a_mean_over_viewers() -> None:
    viewers = (VisibleSpan("1", (), 0.5), VisibleSpan("2", (), 1.0))
    assert seen_share(PageReaction("r", None, 10.0, viewers, None)) == 0.75


def test_colours_begin_again_after_eight() -> None:
    colours = expression_colours([str(k) for k in range(15)])
    assert len(set(colours.values())) == 8
    assert colours["0"] == colours["8"] == "var(--e0)"
