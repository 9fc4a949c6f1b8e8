"""Tables become dense seconds; a gap stays a gap."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from evoked.core.errors import DatasetError
from evoked.core.provenance import Provenance
from evoked.core.tables import write_table
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.dataset.labels import Labels
from evoked.report import page_data
from evoked.report.page_data import PageContent
from evoked.report.timelines import labels_per_second, prediction_from, presences, votes


def test_labels_stand_in_the_report_s_order_and_an_invalid_second_is_off() -> None:
    values = np.array([[1, 0], [np.nan, np.nan], [0, 1]], dtype=np.float32)
    track = Track(TimeGrid(Fraction(1), 3), ("joy", "fear"), values, np.array([True, False, True]))

    found = votes(Labels(track, np.array([2, 0, 1])), ("fear", "awe", "joy"))

    assert found.on.tolist() == [[False, False, True], [False] * 3, [True, False, False]]
    assert found.valid.tolist() == [True, False, True]
    assert found.viewers.tolist() == [2, 0, 1]


def test_a_prediction_that_is_not_valid_is_absent_and_zero_is_not() -> None:
    table = {"time_s": [0.0, 1.0, 3.0], "valid": [True, False, True], "joy": [0.0, 0.4, 0.75]}

    values = prediction_from(table, ("joy", "fear")).values

    np.testing.assert_array_equal(values[:, 0], [0.0, np.nan, np.nan, 0.75])
    assert np.isnan(values[:, 1]).all()


@pytest.mark.parametrize("second", [-1, 86400, 166666 * 6])
def test_times_in_other_units_are_refused(second: int) -> None:
    with pytest.raises(DatasetError, match="times are seconds from 0"):
        prediction_from({"time_s": [second], "valid": [True], "joy": [0.5]}, ("joy",))


def viewed(folder: Path, *rows: tuple[str, int, bool]) -> Path:
    """An annotations table of (viewer, tick at 6 Hz, seen)."""
    path = folder / "r.parquet"
    columns = {
        "viewer": [v for v, _, _ in rows],
        "time_s": [float(Fraction(i, 6)) for _, i, _ in rows],
        "valid": [seen for _, _, seen in rows],
    }
    write_table(path, columns, Provenance("annotate"))
    return path


def test_presence_is_spans_of_ticks_and_a_gap_stays_a_gap(tmp_path: Path) -> None:
    rows = [("2", i, True) for i in range(12)] + [("1", i, not 3 <= i < 6) for i in range(12)]

    seen = presences(viewed(tmp_path, *rows))

    assert [v.viewer for v in seen.viewers] == ["1", "2"]
    assert seen.viewers[0].spans == ((0.0, 0.5), (1.0, 2.0))
    assert seen.viewers[0].share == 0.75
    assert seen.viewers[1].spans == ((0.0, 2.0),)
    assert seen.length_s == 2.0


def test_an_hour_of_ticks_is_one_span(tmp_path: Path) -> None:
    seen = presences(viewed(tmp_path, *(("1", i, True) for i in range(6 * 3600))))
    assert seen.viewers[0].spans == ((0.0, 3600.0),)


def test_a_recording_without_viewers_is_empty(tmp_path: Path) -> None:
    assert presences(viewed(tmp_path)).viewers == ()


def test_labels_per_second_are_counted_over_valid_seconds() -> None:
    on = np.array([[True, True], [False, False], [True, False], [True, False]])
    valid = np.array([True, True, True, False])
    labels = page_data.PageLabels(valid, np.ones(4, dtype=np.int64), on)

    assert labels_per_second([PageContent("a", labels=labels), PageContent("bare")]) == (1, 1, 1)
    assert labels_per_second([PageContent("bare")]) == ()
