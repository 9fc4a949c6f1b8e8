"""Curves of viewers on the page: means, intervals, lines, peaks, and a page that stays small."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from report_study import SECONDS, write_watchers

from evoked.core.expressions import EEV5
from evoked.core.provenance import Provenance
from evoked.dataset.viewers import by_participant, write_viewers
from evoked.metrics.participant_means import mean_band
from evoked.report import page_series
from evoked.report.config import ReportConfig
from evoked.report.load_results import load_prediction, load_study
from evoked.report.page import write_report
from evoked.report.page_series import series_of, within_limit
from evoked.report.summary import summarise


def rows(value: object) -> np.ndarray:
    return np.array([np.nan if v is None else v for v in value], dtype=float)  # type: ignore[attr-defined]


def test_the_page_holds_means_bands_and_a_line_of_each_participant(study: Path) -> None:
    data = load_study(study)
    assert (data.participants, data.are_named) == (4, True)
    series = series_of(data.contents[0], EEV5)
    assert [(c["column"], c["value"], c["n"]) for c in series["curves"]] == [  # type: ignore[attr-defined]
        ("", "", 4),
        ("group", "a", 2),
        ("group", "b", 2),
    ]  # every participant has another age: nothing to compare
    written = write_watchers(study / "results", ["first.mp4"])
    _, values = by_participant(written, EEV5)
    band = mean_band(values[:, :, 0])
    everybody, a, *_ = series["curves"]  # type: ignore[misc]
    for name in ("mean", "low", "high"):
        np.testing.assert_allclose(rows(everybody[name][0]), np.round(1000 * getattr(band, name)), atol=1)  # type: ignore[index]
    assert a["low"] == [[]] * 5  # type: ignore[index]  # two people have no interval
    lines = series["lines"]
    assert [line["who"] for line in lines] == ["P1", "P2", "P3", "P4"]  # type: ignore[attr-defined]
    assert lines[2]["about"] == {"group": "b", "age": "22"}  # type: ignore[index]
    assert lines[2]["scores"][0][32] is None  # type: ignore[index]
    assert lines[2]["scores"][0][12] == 360  # type: ignore[index]


def test_the_peak_is_where_they_smiled(study: Path) -> None:
    data = load_study(study)
    (peak,) = [p for p in data.contents[0].peaks if p.expression == "amusement"]
    assert (peak.second, peak.value) == (12, pytest.approx(0.57, abs=0.005))
    assert peak.low is not None
    assert peak.predicted == pytest.approx(0.5 + 0.45 * np.sin(4), abs=1e-4)
    assert {p.expression for p in data.contents[0].peaks} == {"amusement"}  # the noise of the others is no peak


def test_a_prediction_has_peaks_of_its_own(study: Path) -> None:
    data = load_prediction(study / "results/predictions/first.mp4.parquet", None)
    seconds = [p.second for p in data.contents[0].peaks if p.expression == "concentration"]
    assert seconds == [6, 31]  # of sin(t / 4)
    assert data.notes == (
        "the model was trained on staged data: the people in its recordings did not watch its videos",
    )


def test_a_page_that_would_be_too_large_leaves_lines_out_and_says_so(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = load_study(study)
    assert within_limit(data) is data
    each = SECONDS * len(EEV5) * 2
    monkeypatch.setattr(page_series, "MOST_VALUES", each * 3 * 3)
    fewer = within_limit(data)
    assert [len(c.viewers.lines) for c in fewer.contents if c.viewers] == [0, 0]
    assert [len(c.viewers.curves) for c in fewer.contents if c.viewers] == [3, 3]
    assert "curves of single viewers are not in this page" in fewer.missing["timeline"][-1]
    monkeypatch.setattr(page_series, "MOST_VALUES", each * 3)
    assert [len(c.viewers.curves) for c in within_limit(data).contents if c.viewers] == [1, 1]


def test_everything_is_json(study: Path) -> None:
    for content in load_study(study).contents:
        json.dumps(series_of(replace(content, labels=None), EEV5), allow_nan=False)


def test_without_participants_csv_nobody_claims_to_know_who_is_who(study: Path) -> None:
    series = [
        replace(s, participant=f"{s.recording}/{s.viewer}") for s in write_watchers(study / "results", ["first.mp4"])
    ]
    write_viewers(study / "results/viewers.parquet", series, EEV5, Provenance("label"))
    data = load_study(study)
    assert not data.are_named
    tile = next(t for t in summarise(data).tiles if t.title == "Recordings")
    assert tile.below == "4 viewers, each recording counted apart"


def test_viewers_alone_are_a_page(tmp_path: Path) -> None:
    write_watchers(tmp_path / "results", ["first.mp4"])
    data = load_study(tmp_path)
    assert data.expressions == EEV5
    text = write_report(tmp_path, ReportConfig(video="none")).read_text(encoding="utf-8")
    assert "Local maxima of the mean score" in text
    assert "There are no labels" in text
