"""Pictures of viewers: none unless asked for, and then blurred beyond recognition."""

import base64
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from test_report_page import Elements, page_of

from evoked.media.images import read_image
from evoked.media.write import VideoWriter
from evoked.report.config import ReportConfig


@pytest.fixture
def filmed(study: Path) -> Path:
    """The study with a recording of 15 s: a fine chequerboard, which a blur turns into grey."""
    path = study / "reactions" / "watching.mp4"
    path.parent.mkdir()
    board = np.kron(np.indices((30, 60)).sum(axis=0) % 2, np.ones((8, 8))).astype(np.uint8) * 255
    with VideoWriter(path, (480, 240), Fraction(2), None) as film:
        for _ in range(30):
            film.picture(np.repeat(board[..., None], 3, axis=2))
    return study


def pictures(study: Path, show: str) -> list[str]:
    page = Elements(page_of(study, ReportConfig(video="none", viewer_pictures=show)))  # type: ignore[arg-type]
    assert ("holds no picture of a viewer" in page.text) == (show == "none")
    return [str(a["src"]).removeprefix("data:image/jpeg;base64,") for t, a in page.found if t == "img"]


def test_there_is_none_unless_asked_for(filmed: Path) -> None:
    assert pictures(filmed, "none") == []


def test_a_blurred_one_is_blurred_as_a_whole(filmed: Path, tmp_path: Path) -> None:
    spread = {}
    for show in ("blurred", "clear"):
        (text,) = pictures(filmed, show)
        (tmp_path / "p.jpg").write_bytes(base64.b64decode(text))
        pixels = read_image(tmp_path / "p.jpg")
        assert pixels.shape == (120, 240, 3)
        spread[show] = float(pixels.std())
    assert spread["clear"] > 60
    assert spread["blurred"] < 3


def test_a_recording_that_cannot_be_decoded_has_no_picture(filmed: Path) -> None:
    (filmed / "reactions" / "watching.mp4").write_bytes(b"no video")
    page = Elements(page_of(filmed, ReportConfig(video="none", viewer_pictures="clear")))
    assert [t for t, _ in page.found if t == "img"] == []
