"""One picture for a slide: what it shows stands where the data say, and the same data give the same bytes."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from report_study import write_predictions, write_watchers

from evoked.cli.file_provenance import read_origin
from evoked.cli.outputs import picture_note
from evoked.core.errors import EvokedError, StudyError
from evoked.media.images import read_image
from evoked.report import picture
from evoked.report.load_results import load_prediction, load_study
from evoked.report.picture import chosen_contents, write_picture

ORANGE, BLUE = [0xDB, 0x8F, 0x00], [0x00, 0x72, 0xB2]


def test_the_peak_stands_at_its_second(study: Path, tmp_path: Path) -> None:
    data = load_study(study)
    alone = replace(data.contents[0], labels=None, prediction=None, peaks=())
    data = replace(data, contents=(alone,), expressions=data.expressions[:2])
    pixels = read_image(write_picture(data, tmp_path / "p.png", "first.mp4")).astype(int)
    height, width = pixels.shape[:2]
    assert width == 2000
    mean = np.argwhere(np.abs(pixels - ORANGE).max(axis=2) < 8)  # (row, column) of the curve of amusement
    assert mean[:, 0].max() < 0.55 * height  # the first of two rows
    other = np.argwhere(np.abs(pixels - BLUE).max(axis=2) < 8)[:, 1]  # concentration, from second 0.5 to 39.5
    left, right = other.min(), other.max()
    top = mean[mean[:, 0] == mean[:, 0].min(), 1].mean()
    assert 0.5 + 39 * (top - left) / (right - left) == pytest.approx(12.5, abs=0.5)


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_the_same_bytes_again(study: Path, tmp_path: Path, suffix: str) -> None:
    data = load_study(study)
    data = replace(data, expressions=data.expressions[:1])
    note = picture_note("report", {"study x": "ab"})
    first, second = (write_picture(data, tmp_path / f"{n}{suffix}", "first.mp4", note).read_bytes() for n in "ab")
    assert first == second
    if suffix == ".svg":
        assert ElementTree.fromstring(first).tag == "{http://www.w3.org/2000/svg}svg"
    else:
        origin = read_origin(tmp_path / f"a{suffix}")
        assert origin is not None
        assert (origin.made_by, dict(origin.inputs)) == ("report", {"study x": "ab"})


def test_a_prediction_alone_is_drawn(tmp_path: Path) -> None:
    write_predictions(tmp_path, "$film$")
    data = load_prediction(tmp_path / "predictions/$film$.parquet", None)
    pixels = read_image(write_picture(data, tmp_path / "p.png")).astype(int)
    assert (np.abs(pixels - ORANGE).max(axis=2) < 8).sum() > 500


def test_what_cannot_be_drawn_is_said(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = load_study(study)
    many = replace(data, contents=data.contents * 3)
    with pytest.raises(StudyError, match="has 6 contents and a picture shows 4: name one with --content"):
        chosen_contents(many, None)
    with pytest.raises(StudyError, match=r"no content 'frist\.mp4' with curves; did you mean 'first\.mp4'\?"):
        chosen_contents(data, "frist.mp4")
    with pytest.raises(StudyError, match="has no labels, viewers or predictions to draw"):
        chosen_contents(replace(data, contents=()), None)
    monkeypatch.setattr("evoked.core.extras._is_installed", lambda name: name != "matplotlib")
    with pytest.raises(EvokedError, match=r"a picture \(\.png\) needs matplotlib, which is not installed"):
        write_picture(data, tmp_path / "p.png")
    assert picture.PICTURES == (".png", ".svg", ".pdf")


def test_two_viewers_have_no_band(study: Path, tmp_path: Path) -> None:
    write_watchers(study / "results", ["first.mp4"], people=2)
    assert write_picture(load_study(study), tmp_path / "p.svg", "first.mp4").stat().st_size > 10_000
