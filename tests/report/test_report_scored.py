"""Scores as `evoked evaluate` writes them, and what the page says of them in words."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from report_study import origin

from evoked.learning.evaluation import scores as written
from evoked.learning.evaluation.scores import read_scores
from evoked.report.formats import chance_comparison
from evoked.report.summary import against, between, gain, headline, points

ROWS = (
    written.ScoreRow("joy", 100, 20, 0.2, 0.35, 0.25, 0.45, 0.7, 0.15, 0.06, 0.24),
    written.ScoreRow("awe", 100, 0, 0.0, None, None, None, None),
)
MEAN = written.MeanScore(0.35, 0.18, 0.45, 0.2, 0.15, 0.04, 0.26, 0.21, 0.29, 0.01)


def test_what_evaluate_writes_is_read_whole(tmp_path: Path) -> None:
    body = written.Scores(("joy", "awe"), ROWS, MEAN, ("a.mp4", "b.mp4"), (("a.mp4",), ("b.mp4",)), ("thin",), 0.9)
    written.write_scores(tmp_path / "scores.json", body, origin("evaluate"))

    found = read_scores(tmp_path / "scores.json")

    assert found == body
    assert against(found) == "chance 20.0\u00a0%, 90\u00a0% interval 18.0\u2060–\u206045.0\u00a0%"


def test_no_turns_are_not_said_to_be_held_out(tmp_path: Path) -> None:
    written.write_scores(tmp_path / "s.json", written.Scores((), (), MEAN, ()), origin("evaluate"))
    assert read_scores(tmp_path / "s.json").folds == ()


SCORED = written.Scores((), (), replace(MEAN, shifted=None, shifted_high=None, shifted_p=None), ("a.mp4", "b.mp4"))
UNDEFINED = written.MeanScore(None, None, None, None, None, None, None)


def with_mean(**values: float | None) -> written.Scores:
    return replace(SCORED, map=replace(SCORED.map, **values))


def test_the_difference_decides_where_it_is_known() -> None:
    assert headline(SCORED).startswith("The model is better than random guessing")  # though 18 % is below chance
    found = "MAP minus chance is +15.0 points, 95\u00a0% interval +4.0 to +26.0."
    assert headline(replace(SCORED, videos=("a.mp4",) * 20)).endswith(found)
    assert headline(SCORED).endswith(
        f"{found} Over only 2 videos such an interval is too narrow: treat it as indicative."
    )
    assert headline(with_mean(gain=None)).startswith("The model is not significantly better than random guessing")
    worse = with_mean(gain=-0.1, gain_low=-0.2, gain_high=-0.05)
    assert headline(worse).startswith("The model is worse than random guessing")
    unsure = with_mean(gain=0.1, gain_low=-0.05, gain_high=0.2)
    assert headline(unsure).startswith("The model is not significantly better than random guessing")


def test_an_expression_is_compared_by_its_gain_over_chance() -> None:
    joy, awe = ROWS
    assert chance_comparison(replace(joy, low=0.15)) == "above chance"  # its own interval holds 20 %
    assert chance_comparison(replace(joy, gain_low=-0.01)) == "not significantly above chance"
    assert chance_comparison(replace(joy, gain=None, gain_low=None, gain_high=None)) == "above chance"
    assert chance_comparison(awe) == "undefined"
    assert chance_comparison(replace(joy, positives=9)) == "too few positive seconds"
    assert [gain(row) for row in ROWS] == ["+15.0 (+6.0 to +24.0)", "–"]
    assert gain(replace(joy, gain_low=None, gain_high=None)) == "+15.0"


def test_without_intervals_nothing_is_claimed() -> None:
    bare = with_mean(low=None, high=None, gain_low=None, gain_high=None)
    assert headline(bare) == (
        "There is no confidence interval, so the significance of this score is unknown."
        " MAP minus chance is +15.0 points."
    )
    assert against(bare) == "chance 20.0\u00a0%, no interval"
    assert between(bare.map) == "–"
    assert "nothing to score" in headline(replace(bare, map=UNDEFINED))


@pytest.mark.parametrize(
    ("value", "read"), [(None, None), (float("nan"), None), (float("inf"), None), (0, 0.0), (1, 1.0)]
)
def test_only_finite_numbers_count(tmp_path: Path, value: object, read: float | None) -> None:
    path = tmp_path / "scores.json"
    path.write_text(json.dumps({"rows": [], "map": {"value": value}, "videos": []}))
    assert read_scores(path).map.value == read


def test_points_have_a_sign() -> None:
    assert (points(0.0514), points(-0.02), points(None)) == ("+5.1", "\u22122.0", "–")
