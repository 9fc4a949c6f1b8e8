"""Statistics of viewers by content, group and condition, beside pandas."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evoked.core.provenance import Provenance
from evoked.core.tables import read_provenance
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.dataset.viewer_statistics import StatisticRow, compared_columns, viewer_statistics, write_statistics
from evoked.dataset.viewers import ViewerSeries

NAMES = ("joy", "fear")
STEPS = 30


def study() -> list[ViewerSeries]:
    """Eight people in two groups watch two films, the first in two conditions; P1 was filmed twice in one of them."""
    rng = np.random.default_rng(0)
    shared = {video: rng.random((STEPS, 2)) for video in ("a.mp4", "b.mp4")}
    series = []
    for number in range(8):
        group = "old" if number < 4 else "young"
        takes = [("a.mp4", "sound"), ("a.mp4", "silent"), ("b.mp4", "sound")] + (
            [("a.mp4", "sound")] if number == 1 else []
        )
        for take, (video, condition) in enumerate(takes):
            values = 0.5 * shared[video] + 0.5 * rng.random((STEPS, 2)) * (0.5 if group == "old" else 1.0)
            track = Track.masked(TimeGrid(Fraction(1), STEPS), NAMES, values, rng.random(STEPS) > 0.2)
            about = {"group": group, "condition": condition, "age": str(20 + number)}
            series.append(ViewerSeries(video, f"{number}-{take}.mp4", "v1", f"P{number}", track, about))
    return series


@pytest.fixture(scope="module")
def rows() -> tuple[StatisticRow, ...]:
    return viewer_statistics(study(), NAMES, resamples=300)


def frame() -> pd.DataFrame:
    parts = [
        pd.DataFrame({"joy": s.scores["joy"], "second": range(STEPS)}).assign(
            video=s.video, person=s.participant, **s.attributes
        )
        for s in study()
    ]
    return pd.concat(parts).dropna()


def row(rows: tuple[StatisticRow, ...], statistic: str, video: str, *by: str) -> StatisticRow:
    wanted = (*by, "", "", "")[:3]
    (found,) = [
        r
        for r in rows
        if (r.statistic, r.video, r.expression, (r.by, r.level, r.against)) == (statistic, video, "joy", wanted)
    ]
    return found


def test_a_participant_counts_once(rows: tuple[StatisticRow, ...]) -> None:
    table = frame()
    each = table[table["video"] == "a.mp4"].groupby(["person", "second"])["joy"].mean().groupby("person").mean()
    found = row(rows, "mean", "a.mp4")
    assert (found.participants, len(each)) == (8, 8)
    assert found.value == pytest.approx(each.mean(), abs=1e-6)
    assert found.low is not None
    assert found.high is not None
    assert found.low < each.mean() < found.high


def test_groups_and_conditions_are_compared(rows: tuple[StatisticRow, ...]) -> None:
    assert compared_columns(study()) == ("group", "condition")
    table = frame()
    each = table.groupby(["group", "person", "video", "second"])["joy"].mean()
    each = each.groupby(["group", "person", "video"]).mean().groupby(["group", "person"]).mean().groupby("group").mean()
    found = row(rows, "difference", "", "group", "old", "young")
    assert found.value == pytest.approx(each["old"] - each["young"], abs=1e-6)
    assert found.participants == 4
    assert found.high is not None
    assert found.high < 0  # the old are planted lower
    conditions = row(rows, "difference", "a.mp4", "condition", "silent", "sound")
    assert (conditions.participants, conditions.low is not None) == (8, True)
    assert row(rows, "mean", "b.mp4", "condition", "silent").value is None  # nobody saw it without sound


def test_a_column_in_which_everybody_differs_is_not_compared(rows: tuple[StatisticRow, ...]) -> None:
    assert not [r for r in rows if r.by == "age"]
    assert compared_columns([s for s in study() if s.participant == "P1"]) == ()


def test_contents_are_compared_within_people(rows: tuple[StatisticRow, ...]) -> None:
    found = row(rows, "difference", "", "video", "a.mp4", "b.mp4")
    assert found.value == pytest.approx(
        (row(rows, "mean", "a.mp4").value or 0) - (row(rows, "mean", "b.mp4").value or 0)
    )
    assert found.participants == 8


def test_people_who_share_a_signal_correlate(rows: tuple[StatisticRow, ...]) -> None:
    wide = frame().query("video == 'a.mp4'").groupby(["second", "person"])["joy"].mean().unstack()
    matrix = wide.corr(min_periods=10).to_numpy()[np.triu_indices(8, 1)]
    found = row(rows, "correlation", "a.mp4")
    assert found.value == pytest.approx(np.tanh(np.arctanh(matrix).mean()), abs=1e-6)
    assert found.low is not None
    assert 0 < found.low < found.value
    assert not [r for r in rows if r.statistic == "correlation" and not r.video]


def test_two_people_have_no_interval_and_nobody_no_rows() -> None:
    two = [s for s in study() if s.participant in ("P1", "P2")]
    assert {r.low for r in viewer_statistics(two, NAMES, resamples=10)} == {None}
    assert viewer_statistics([], NAMES) == ()


def test_the_table_is_read_by_pandas(rows: tuple[StatisticRow, ...], tmp_path: Path) -> None:
    path = tmp_path / "viewer_statistics.csv"
    write_statistics(path, rows, Provenance("label"))
    table = pd.read_csv(path, keep_default_na=False)
    assert list(table.columns[:6]) == ["statistic", "video", "expression", "by", "level", "against"]
    assert len(table) == len(rows)
    assert (read_provenance(path) or {})["made_by"] == Provenance("label").made_by
