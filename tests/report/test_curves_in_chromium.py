"""The viewers' curves in a real browser: layers, groups, downloads, print, a narrow screen."""

import base64
import csv
import io
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from report_browser import asked_for, chromium, complaints, missing, sized, visit
from report_study import SECONDS, write_labels, write_predictions, write_scores, write_watchers
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select
from test_report_in_chromium import lane

from evoked.core.expressions import EEV5
from evoked.dataset.viewers import by_participant
from evoked.media.images import read_image
from evoked.report.config import ReportConfig
from evoked.report.page import write_report

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))

ORANGE = [0xDB, 0x8F, 0x00]
SAVED = """
const done = arguments[1]; let kept = null;
const make = URL.createObjectURL, click = HTMLAnchorElement.prototype.click;
URL.createObjectURL = (blob) => { kept = blob; return make(blob); };
HTMLAnchorElement.prototype.click = function () {
  const name = this.download, read = new FileReader();
  URL.createObjectURL = make; HTMLAnchorElement.prototype.click = click;
  read.onload = () => done([name, read.result.split(",")[1]]);
  read.readAsDataURL(kept);
};
document.querySelector(`[data-save="${arguments[0]}"]`).click();
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    study = tmp_path_factory.mktemp("studies") / "pilot"
    results = study / "results"
    write_labels(results, ["a & b.mp4"])
    write_predictions(results, "a & b.mp4")
    write_scores(results)
    write_watchers(results, ["a & b.mp4"], people=6)
    return write_report(study, ReportConfig(video="none"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    with chromium() as found:
        yield found


@pytest.fixture
def opened(browser: Chrome, page: Path) -> Chrome:
    sized(browser, 1280, 900)
    visit(browser, page)
    return browser


def layer(browser: Chrome, name: str) -> None:
    browser.find_element(By.CSS_SELECTOR, f"[data-layer='{name}']").click()


def coloured(pixels: np.ndarray) -> int:
    return int((np.abs(pixels[:-12, :, :3].astype(int) - ORANGE).max(axis=2) <= 3).sum())


def saved(browser: Chrome, kind: str) -> tuple[str, bytes]:
    name, text = browser.execute_async_script(SAVED, kind)
    return name, base64.b64decode(text)


def test_each_layer_can_be_switched(opened: Chrome) -> None:
    before = lane(opened, "0")
    assert coloured(before) > 150  # the mean
    for name in ("lines", "prediction", "labels", "share", "curves"):
        if name == "share":
            assert not opened.find_element(By.CSS_SELECTOR, "[data-layer='share']").is_displayed()  # no such column
            continue
        layer(opened, name)
        after = lane(opened, "0")
        assert not np.array_equal(before, after), name
        before = after
    assert coloured(before) == 0
    assert asked_for(opened) == []


def test_the_mean_stands_at_its_value(opened: Chrome) -> None:
    for name in ("lines", "prediction"):
        layer(opened, name)
    pixels = lane(opened, "0")[:, :, :3].astype(int)
    height, width = pixels.shape[:2]
    bottom, top = height - 12, 2
    end = float(opened.find_element(By.CSS_SELECTOR, "[data-scale='0']").text.removeprefix("0 to "))
    for t in (9, 12, 14):
        column = np.abs(pixels[:bottom, round((t + 0.5) * width / SECONDS)] - ORANGE).max(axis=1)
        at = np.flatnonzero(column < 12).mean()
        wanted = np.mean([(0.8 if n < 3 else 0.4) - 0.02 * n for n in range(6)]) * np.exp(-(((t - 12) / 3) ** 2))
        assert end * (bottom - at) / (bottom - top) == pytest.approx(wanted, abs=0.03)


def test_a_group_is_chosen_or_compared_and_a_viewer_highlighted(opened: Chrome) -> None:
    who = Select(opened.find_element(By.ID, "who"))
    assert [option.text for option in who.options] == [
        "all participants (n = 6)",
        "group: a (n = 3)",
        "group: b (n = 3)",
        "compare by group",
    ]
    opened.find_element(By.ID, "lanes").send_keys(*"\ue014" * 12)  # arrow right: to second 12
    value = opened.find_element(By.CSS_SELECTOR, "[data-value='0']")
    assert value.text == "0.55"
    who.select_by_visible_text("group: b (n = 3)")
    assert value.text == "0.32"
    one = lane(opened, "0")
    who.select_by_visible_text("compare by group")
    assert [item.text for item in opened.find_elements(By.CSS_SELECTOR, "#compared li")] == ["a (n = 3)", "b (n = 3)"]
    assert not np.array_equal(one, lane(opened, "0"))
    who.select_by_index(0)
    plain = lane(opened, "0")
    Select(opened.find_element(By.ID, "person")).select_by_visible_text("P5")
    assert not np.array_equal(plain, lane(opened, "0"))


def test_the_csv_holds_what_was_measured(opened: Chrome) -> None:
    name, data = saved(opened, "csv")
    assert name == "a_b.mp4.csv"
    rows = list(csv.DictReader(io.StringIO(data.decode())))
    assert len(rows) == SECONDS * len(EEV5)
    at = next(row for row in rows if (row["second"], row["expression"]) == ("12", "amusement"))
    assert (float(at["mean"]), float(at["mean_group_b"])) == (0.55, 0.32)
    assert float(at["low"]) < 0.55 < float(at["high"])
    assert float(at["viewer P1 a 20"]) == 0.8
    assert next(row for row in rows if row["second"] == "30")["viewer P1 a 20"] == ""


def test_the_pictures_are_what_they_say(opened: Chrome, tmp_path: Path) -> None:
    name, data = saved(opened, "svg")
    assert name == "a_b.mp4.svg"
    root = ElementTree.fromstring(data)
    words = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"a & b.mp4", *EEV5, "time in the content (m:ss)"} <= set(words)
    assert "mean score of 6 participants, band: 95% bootstrap interval over participants" in words
    name, data = saved(opened, "png")
    (tmp_path / name).write_bytes(data)
    pixels = read_image(tmp_path / name)
    assert pixels.shape[1] == 2400
    assert (np.abs(pixels.astype(int) - ORANGE).max(axis=2) <= 3).sum() > 2000
    assert complaints(opened) == []


def test_a_peak_leads_to_its_second(opened: Chrome) -> None:
    opened.execute_script("document.querySelector('#peaks a').click()")
    assert opened.find_element(By.ID, "lanes").get_attribute("aria-valuenow") == "12.0"


def test_it_prints_on_white_without_controls(opened: Chrome) -> None:
    sized(opened, 800, 1100, dark=True)
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": []})
    try:
        colour = opened.execute_script("return getComputedStyle(document.documentElement).getPropertyValue('--bg')")
        assert colour.strip() == "#fcfcfa"
        for selector in (".layers", ".saves", "nav", ".controls"):
            assert not opened.find_element(By.CSS_SELECTOR, selector).is_displayed(), selector
        assert opened.find_element(By.ID, "lanes").is_displayed()
    finally:
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "screen", "features": []})


@pytest.mark.parametrize("width", [320, 390])
def test_a_narrow_screen_has_no_overflow_and_no_marks_on_each_other(opened: Chrome, width: int) -> None:
    sized(opened, width, 800)
    assert opened.execute_script("return document.documentElement.scrollWidth") == width
    boxes = opened.execute_script(
        "return [...document.querySelectorAll('.ticks')].map((row) => [...row.querySelectorAll('em')]"
        ".map((e) => e.getBoundingClientRect()).filter((b) => b.width).map((b) => [b.left, b.right]))"
    )
    assert len(boxes) >= 2
    for row in boxes:
        assert all(right <= left for (_, right), (left, _) in pairwise(row)), row


def test_the_data_of_the_test_are_those_of_the_page(opened: Chrome, page: Path) -> None:
    series = write_watchers(page.parents[1] / "again", ["a & b.mp4"], people=6)
    _, values = by_participant(series, EEV5)
    shown = opened.execute_script(
        "return JSON.parse(document.getElementById('series-0').textContent).curves[0].mean[0]"
    )
    np.testing.assert_allclose(np.array(shown) / 1000, np.nanmean(values[:, :, 0], axis=0), atol=6e-4)
