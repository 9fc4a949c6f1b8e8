"""Wrong arguments of the Python API are refused before any work, and say what is accepted."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas
import pytest

import evoked
from evoked.api.arguments import settings_of
from evoked.api.reactions import RENAMED
from evoked.faces.detect import DetectConfig
from evoked.reactions.alignment.config import MatchConfig
from evoked.reactions.content_region.detector import ContentRegionConfig
from evoked.reactions.viewers.annotation import AnnotateConfig


def track() -> evoked.Track:
    values = np.array([[0.25, 0.5], [0, 0], [1, 0.75]], dtype=np.float32)
    valid = np.array([True, False, True])
    return evoked.Track.masked(evoked.TimeGrid(Fraction(6), 3), ("amusement", "interest"), values, valid)


def test_a_track_as_a_data_frame() -> None:
    frame = track().to_pandas()
    expected = pandas.DataFrame(
        {"amusement": [0.25, np.nan, 1.0], "interest": [0.5, np.nan, 0.75]},
        index=pandas.Index([0, 1 / 6, 2 / 6], name="time_s"),
        dtype=np.float32,
    )
    pandas.testing.assert_frame_equal(frame, expected)
    frame.iloc[0, 0] = 9  # a copy
    assert track()["amusement"][0] == 0.25


def test_a_track_as_an_arrow_table() -> None:
    table = track().to_arrow()
    assert table.column_names == ["time_s", "valid", "amusement", "interest"]
    assert table["amusement"].to_pylist() == [0.25, None, 1.0]
    assert table["valid"].to_pylist() == [True, False, True]


def test_a_track_is_short_to_print() -> None:
    assert repr(track()) == "Track(3 steps at 6 Hz, 2 valid: amusement, interest)"
    wide = evoked.Track.masked(
        evoked.TimeGrid(Fraction(1), 1, Fraction(5)), tuple("abcdefgh"), np.zeros((1, 8)), np.ones(1, bool)
    )
    assert repr(wide) == "Track(1 steps at 1 Hz from 5 s, 1 valid: a, b, c, d, e, … 8 columns)"
    assert len(wide) == 1


def test_a_column_that_is_not_there() -> None:
    with pytest.raises(KeyError, match="no column 'joy'; there are: amusement, interest"):
        track()["joy"]


def test_settings_go_to_the_class_that_has_them() -> None:
    detect, annotate = settings_of("annotate", {"min_score": 0.5, "min_face_px": 30}, DetectConfig, AnnotateConfig)
    assert (detect.min_score, annotate.min_face_px) == (0.5, 30)
    assert annotate.detect_every == AnnotateConfig().detect_every


def test_a_setting_goes_to_one_class() -> None:
    configs = MatchConfig, ContentRegionConfig, DetectConfig, AnnotateConfig
    values = {"min_score": 0.5, "align_min_score": 10.0, "region_min_score": 0.4}
    match, region, detect, _ = settings_of("annotate", values, *configs, renamed=RENAMED)
    assert (match.min_score, region.min_score, detect.min_score) == (10.0, 0.4, 0.5)
    match, region, _, _ = settings_of("annotate", {"min_score": 0.5}, *configs, renamed=RENAMED)
    assert (match.min_score, region.min_score) == (MatchConfig().min_score, ContentRegionConfig().min_score)
    with pytest.raises(ValueError, match="would go to two classes"):
        settings_of("annotate", {}, *configs)


def test_a_setting_that_does_not_exist() -> None:
    with pytest.raises(TypeError, match=r"align\(\) has no setting 'min_scor'; there are: .*min_score"):
        evoked.align("a.mp4", "b.mp4", min_scor=3)
    with pytest.raises(ValueError, match="quorum must be"):
        evoked.label(["a.mp4"], "b.mp4", quorum="many")


@pytest.mark.parametrize(
    "call",
    [
        lambda: evoked.predict("missing.mp4", "no_model"),
        lambda: evoked.annotate("missing.mp4"),
        lambda: evoked.extract_features("missing.mp4"),
        lambda: evoked.run("no_study"),
        lambda: evoked.read_labels("missing.parquet"),
        lambda: evoked.read_annotation("missing.parquet"),
        lambda: evoked.evaluate("missing.parquet", "folder"),
        lambda: evoked.agree("missing.parquet", "missing.csv"),
    ],
)
def test_what_is_missing_is_an_evoked_error(call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(evoked.EvokedError, match=r"missing|no_model|no_study"):
        call()


def test_votes_need_viewers_of_the_content() -> None:
    with pytest.raises(ValueError, match="at least one reaction"):
        evoked.vote([], "content.mp4")
    with pytest.raises(ValueError, match="either predictions, or model with features"):
        evoked.evaluate({}, {}, model="model")


def test_one_text_where_names_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"expressions are names in a list, such as \['amusement'\]; got the text"):
        evoked.annotate("a.mp4", expressions="amusement")
    with pytest.raises(TypeError, match=r"groups are names in a list"):
        evoked.read_ratings("ratings.csv", groups="age")
    with pytest.raises(TypeError, match=r"expressions are names, got 3"):
        evoked.agree("machine.csv", "human.csv", expressions=[3])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="columns"):
        evoked.annotate("a.mp4", columns="aus")
    with pytest.raises(TypeError, match="validate are names in a list"):
        evoked.train(tmp_path, tmp_path, tmp_path, validate="a.mp4")
