"""Videos in the page: previews where they fit, links where they do not."""

import base64
import json
import subprocess
from fractions import Fraction
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from report_films import DARKEST, STEP, counting_film
from report_study import NASTY

from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.media.images import read_image
from evoked.report.config import ReportConfig
from evoked.report.page import write_report
from evoked.report.page_data import PageContent
from evoked.report.video import embed_video


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("films") / "a film.mp4"
    counting_film(path, 3)
    return path


def constant(seconds: int) -> Track:
    """A prediction of 0.5 in every second."""
    values = np.full((seconds, 1), 0.5, dtype=np.float32)
    return Track(TimeGrid(Fraction(1), seconds), ("joy",), values, np.ones(seconds, dtype=np.bool_))


def content(film: Path | None, seconds: int = 3) -> PageContent:
    return PageContent("a film.mp4", film, prediction=constant(seconds))


def test_an_embedded_preview_is_the_film_made_small(film: Path, tmp_path: Path) -> None:
    shown = embed_video([content(film)], tmp_path / "r.html", tmp_path / "kept", ReportConfig(preview_height=64))

    assert shown["a film.mp4"].mode == "embed"
    small = tmp_path / "out.mp4"
    small.write_bytes(base64.b64decode(shown["a film.mp4"].source))
    asked = [
        "ffprobe",
        "-v",
        "error",
        "-show_entries",
        "stream=codec_name,height:format=duration",
        "-of",
        "json",
        small,
    ]
    told = json.loads(subprocess.run(asked, check=True, capture_output=True).stdout)
    assert [s["codec_name"] for s in told["streams"]] == ["h264", "aac"]
    assert told["streams"][0]["height"] == 64
    assert float(told["format"]["duration"]) == pytest.approx(3.0, abs=0.15)


def test_the_poster_is_a_picture_of_the_film_a_tenth_into_it(tmp_path: Path) -> None:
    counting_film(tmp_path / "long.mp4", 30)
    film = PageContent("a film.mp4", tmp_path / "long.mp4", prediction=constant(30))
    shown = embed_video([film], tmp_path / "r.html", None, ReportConfig(preview_height=64))["a film.mp4"]
    (tmp_path / "poster.jpg").write_bytes(base64.b64decode(shown.poster))
    picture = read_image(tmp_path / "poster.jpg")
    assert picture.shape[0] == 64
    assert picture.mean() == pytest.approx(DARKEST + 3 * STEP, abs=1.5)  # second 3 of 30
    assert embed_video([film], tmp_path / "r.html", None, ReportConfig(video="link"))["a film.mp4"].poster == ""


def test_a_preview_is_made_once(film: Path, tmp_path: Path) -> None:
    config, kept = ReportConfig(preview_height=64), tmp_path / "kept"
    first = embed_video([content(film)], tmp_path / "r.html", kept, config)
    (path,) = kept.iterdir()
    made = path.stat().st_mtime_ns

    assert embed_video([content(film)], tmp_path / "r.html", kept, config) == first
    assert path.stat().st_mtime_ns == made


def test_a_preview_made_again_is_the_same_and_an_old_one_is_removed(film: Path, tmp_path: Path) -> None:
    config, kept = ReportConfig(preview_height=64), tmp_path / "kept"
    kept.mkdir()
    (kept / "of-a-video-that-has-gone.mp4").write_bytes(b"old")

    first = embed_video([content(film)], tmp_path / "r.html", kept, config)

    assert len(list(kept.iterdir())) == 1
    assert embed_video([content(film)], tmp_path / "r.html", None, config) == first


def test_without_a_place_to_keep_it_nothing_stays_behind(film: Path, tmp_path: Path) -> None:
    assert embed_video([content(film)], tmp_path / "r.html", None, ReportConfig())["a film.mp4"].mode == "embed"
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_fit_is_linked_without_being_made(film: Path, tmp_path: Path) -> None:
    page, kept = tmp_path / "deep" / "r.html", tmp_path / "kept"

    expected = embed_video([content(film, seconds=9000)], page, kept, ReportConfig())["a film.mp4"]  # too long to try
    weighed = embed_video([content(film, seconds=0)], page, kept, ReportConfig(video_limit_mb=0.001))["a film.mp4"]

    assert expected == weighed
    assert expected.mode == "link"
    assert (page.parent / unquote(expected.source)).resolve() == film.resolve()
    assert " " not in expected.source


def test_no_video_says_why(film: Path, tmp_path: Path) -> None:
    page = tmp_path / "r.html"
    assert (
        "made without video"
        in embed_video([content(film)], page, None, ReportConfig(video="none"))["a film.mp4"].reason
    )
    assert "does not exist" in embed_video([content(None)], page, None, ReportConfig())["a film.mp4"].reason
    text = tmp_path / "text.mp4"
    text.write_text("no film")
    broken = embed_video([content(text)], page, None, ReportConfig())["a film.mp4"]
    assert broken.mode == "none"
    assert broken.reason.startswith("No preview:")


def test_a_link_to_a_wild_name_is_quoted(study: Path) -> None:
    wild = NASTY.replace("/", "_")
    (study / "contents").mkdir()
    (study / "contents" / wild).write_bytes(b"film")
    path = write_report(study, ReportConfig(video="link"))
    page = path.read_text(encoding="utf-8")
    url = json.loads(f'"{page.split(chr(34) + "url" + chr(34) + ":" + chr(34))[1].split(chr(34))[0]}"')
    assert (path.parent / unquote(url)).resolve() == (study / "contents" / wild).resolve()
    assert not set("<>\"'& ") & set(url)
