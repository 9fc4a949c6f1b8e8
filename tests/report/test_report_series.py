"""Tables become dense seconds; a gap stays a gap."""

from fractions import Fraction
from pathlib import Path

import numpy as np

from evoked.core.provenance import Provenance
from evoked.core.tables import write_table
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.dataset.labels import Labels
from evoked.report.page_data import PageContent
from evoked.report.timelines import labels_per_second, positive_labels, predicted_probabilities, presences


def labelled(*rows: tuple[float, float] | None) -> Labels:
    """Labels of joy and fear, one row per second; None is a second without valid labels."""
    values = np.array([row or (np.nan, np.nan) for row in rows], dtype=np.float32)
    track = Track(TimeGrid(Fraction(1), len(rows)), ("joy", "fear"), values, np.isfinite(values[:, 0]))
    return Labels(track, np.ones(len(rows), dtype=np.int64))


def test_an_invalid_second_or_an_unknown_expression_is_not_positive() -> None:
    labels = labelled((1, 0), None, (0, 1))
    assert positive_labels(labels, "joy").tolist() == [True, False, False]
    assert positive_labels(labels, "fear").tolist() == [False, False, True]
    assert positive_labels(labels, "awe").tolist() == [False] * 3


def test_a_prediction_that_is_not_valid_is_absent_and_zero_is_not() -> None:
    values = np.array([[0.0], [np.nan], [0.75]], dtype=np.float32)
    track = Track(TimeGrid(Fraction(1), 3), ("joy",), values, np.array([True, False, True]))

    np.testing.assert_array_equal(predicted_probabilities(track, "joy"), np.float32([0.0, np.nan, 0.75]))
    assert np.isnan(predicted_probabilities(track, "fear")).all()


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
    labels = labelled((1, 1), (0, 0), (1, 0), None)

    assert labels_per_second([PageContent("a", labels=labels), PageContent("bare")]) == (1, 1, 1)
    assert labels_per_second([PageContent("bare")]) == ()
