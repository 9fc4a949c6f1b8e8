"""Peaks with frames of the content, and what the page says where no second has a majority."""

import base64
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from report_films import DARKEST, STEP, counting_film
from report_study import SECONDS, labels_of, origin, write_predictions, write_watchers
from test_report_page import Elements, page_of, plain

from evoked.core.expressions import EEV5
from evoked.core.tables import write_table
from evoked.media.images import read_image
from evoked.report.config import ReportConfig
from evoked.report.load_results import load_prediction, load_study
from evoked.report.majorities import highest_shares, without_majority
from evoked.report.page import write_page
from evoked.report.page_data import PageContent, Peak
from evoked.report.thumbnails import MOST, thumbnails, wanted_thumbnails


def test_a_thumbnail_is_the_frame_of_its_second(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    counting_film(film, 6)
    found = thumbnails(film, (1, 4))
    assert sorted(found) == [1, 4]
    assert thumbnails(film, ()) == {}
    for second, text in found.items():
        (tmp_path / "t.jpg").write_bytes(base64.b64decode(text))
        picture = read_image(tmp_path / "t.jpg")
        assert picture.shape == (90, 160, 3)
        assert float(picture.mean()) == pytest.approx(DARKEST + STEP * second, abs=2)


def test_a_page_has_so_many_thumbnails_and_the_highest_first() -> None:
    peaks = tuple(Peak("joy", 10 * i, i / 50, None, None, None, None) for i in range(40))
    contents = [PageContent(f"{k}.mp4", peaks=peaks) for k in range(200)]
    wanted = wanted_thumbnails(contents)
    assert sum(map(len, wanted.values())) == MOST
    assert wanted["0.mp4"] == (390,)
    assert wanted_thumbnails(contents[:2])["1.mp4"] == tuple(range(0, 400, 10))


def test_the_list_of_peaks_says_when_what_and_how_high(study: Path) -> None:
    counting_film(study / "contents" / "first.mp4", SECONDS)
    page = Elements(page_of(study, ReportConfig(video="link")))
    text = plain(page.text)
    assert "mean 0.57 [" in text
    assert "predicted 0.16" in text  # 0.5 + 0.45 sin(4)
    assert [a["href"] for t, a in page.found if t == "a" and "@" in str(a.get("href"))] == [
        "#content-0@12",
        "#content-1@12",
    ]
    images = [a for t, a in page.found if t == "img"]
    assert [a["alt"] for a in images] == ["Frame at 0:12"]  # the second video does not exist


def test_a_page_of_a_prediction_has_a_summary_and_peaks(tmp_path: Path) -> None:
    write_predictions(tmp_path, "film")
    data = load_prediction(tmp_path / "predictions/film.parquet", None)
    text = plain(Elements(write_page(data, tmp_path / "r.html", ReportConfig(video="none")).read_text()).text)
    assert "Highest probability" in text
    assert "Local maxima of the predicted probability" in text
    assert "the model was trained on staged data" in text
    assert "these people did not watch this film" not in text.split("Provenance")[0]


def voted(study: Path, video: str, share: float) -> None:
    """Labels without any positive second; amusement has this share of the votes at second 7."""
    columns = labels_of(video, SECONDS, 0)
    for name in EEV5:
        columns[name] = [None if v is None else 0 for v in columns[name]]
        columns[f"share_{name}"] = [share if t == 7 and name == "amusement" else 0.0 for t in range(SECONDS)]
    write_table(study / "results" / "labels.parquet", columns, origin("label"))


def test_without_any_majority_the_page_says_how_close_it_was_and_draws_no_empty_axis(study: Path) -> None:
    voted(study, "first.mp4", 0.47)
    path = study / "results/scores.json"
    path.write_text(path.read_text().replace('"ap": 0.5', '"ap": null').replace('"value": 0.5', '"value": null'))
    page = Elements(page_of(study))
    text = plain(page.text)
    assert "No second has a majority: the highest vote share is 47.0 % (amusement, first.mp4, 0:07)." in text
    assert 'thresholds = {"amusement" = 0.4}' in text
    assert "Co-occurrence" not in text
    assert "Share of each expression" not in text
    assert "so there is nothing to score" in text
    assert not [a for _, a in page.found if a.get("class") == "dots"]


def test_the_highest_share_is_over_valid_seconds_of_all_contents(study: Path) -> None:
    voted(study, "first.mp4", 0.3)
    data = load_study(study)
    assert without_majority(data.contents, EEV5) == EEV5
    assert without_majority((), EEV5) == ()
    (best,) = highest_shares(data.contents, ("amusement",))
    assert (round(best.share or 0, 3), best.content, best.second) == (0.3, "first.mp4", 7)
    (labels,) = [c.labels for c in data.contents if c.labels]
    invalid = replace(labels.labels, valid=np.zeros(SECONDS, bool), values=np.full((SECONDS, 5), np.nan, np.float32))
    content = replace(data.contents[0], labels=replace(labels, labels=invalid))
    assert highest_shares((content,), ("amusement",))[0].share is None


def test_two_viewers_have_peaks_without_intervals(study: Path) -> None:
    write_watchers(study / "results", ["first.mp4"], people=2)
    data = load_study(study)
    (peak,) = [p for p in data.contents[0].peaks if p.expression == "amusement"]
    assert (peak.second, peak.low) == (12, None)
