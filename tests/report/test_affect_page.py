"""The page of valence and arousal: drawn numbers are the given ones, and it stands alone."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import report_browser

from evoked.core.provenance import Provenance
from evoked.report.affect import HEIGHT, WIDTH, VideoCurves, affect_table, affect_text, write_affect_page


@dataclass(frozen=True)
class Line:
    way: str
    quantity: str
    score: str
    value: float | None
    low: float | None = None
    high: float | None = None
    gain: float | None = None
    gain_low: float | None = None
    gain_high: float | None = None


LINES = [
    Line(way, quantity, score, value, 0.1, 0.3, *((-0.05, -0.08, 0.01) if way == "transfer" else (None,) * 3))
    for way, value in (("mean", None), ("from scratch", 0.25), ("transfer", 0.2))
    for quantity in ("valence", "arousal")
    for score in ("mse", "r", "video_mse", "video_r")
]


def film(seconds: int = 50) -> VideoCurves:
    t = np.linspace(0, 3, seconds)
    felt = np.stack([np.sin(t), np.cos(t)], axis=1)
    felt[10:14] = np.nan
    return VideoCurves('<b>"Film" & son</b>', {"felt": felt, "transfer": felt * 0.5})


def test_the_table_says_value_interval_and_difference() -> None:
    rows = affect_table(LINES, ("valence", "arousal"))
    assert [row["way"] for row in rows] == ["mean", "from scratch", "transfer"]
    cells = rows[2]["cells"]
    assert [c["title"] for c in cells] == [
        *("V-MSE", "A-MSE", "V-r", "A-r"),
        *("V-MSE by video", "A-MSE by video", "V-r by video", "A-r by video"),
    ]
    assert cells[0] == {"title": "V-MSE", "value": "0.200", "span": "0.100 … 0.300", "gain": "−0.050 (−0.080 … 0.010)"}
    text = affect_text(LINES, ("valence", "arousal"))
    assert "A-r by video" in text
    assert "–" in text


def test_curves_are_the_numbers_and_gaps_stay_gaps(tmp_path: Path) -> None:
    write_affect_page(tmp_path / "a.html", [film()], ("valence", "arousal"), LINES, Provenance("transfer"))
    page = (tmp_path / "a.html").read_text()
    assert "<b>" not in page.split("<style>")[1].split("</style>")[1]
    paths = re.findall(r'<path d="([^"]+)"', page)
    assert len(paths) == 4
    points = [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.]+) ([\d.-]+)", paths[0])]
    felt = film().curves["felt"][:, 0]
    kept = np.flatnonzero(np.isfinite(felt))
    np.testing.assert_allclose([x for x, _ in points], WIDTH * kept / 50, atol=0.06)
    np.testing.assert_allclose([y for _, y in points], HEIGHT * (1 - felt[kept]) / 2, atol=0.06)
    assert paths[0].count("M") == 2


def test_a_long_film_is_drawn_by_means(tmp_path: Path) -> None:
    write_affect_page(tmp_path / "a.html", [film(7200)], ("valence", "arousal"), LINES, Provenance("transfer"))
    first = re.findall(r'<path d="([^"]+)"', (tmp_path / "a.html").read_text())[0]
    assert 800 < len(re.findall("[ML]", first)) <= 900


@pytest.mark.skipif(report_browser.missing() is not None, reason=str(report_browser.missing()))
def test_it_opens_alone_and_fits_a_narrow_window(tmp_path: Path) -> None:
    write_affect_page(tmp_path / "a.html", [film(), film(90)], ("valence", "arousal"), LINES, Provenance("transfer"))
    with report_browser.chromium() as browser:
        for width in (400, 1200):
            report_browser.sized(browser, width, 900, dark=False, scale=1.0)
            report_browser.visit(browser, tmp_path / "a.html")
            assert browser.execute_script("return document.documentElement.scrollWidth") <= width
            assert browser.execute_script("return document.querySelectorAll('svg path').length") == 8
        assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
