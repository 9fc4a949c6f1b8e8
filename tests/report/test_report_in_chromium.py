"""The page in a real browser: it loads alone, the video and the timeline move together, nothing overflows."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from report_browser import asked_for, chromium, complaints, missing, sized, visit
from report_films import DARKEST, STEP, counting_film
from report_study import (
    NASTY,
    SECONDS,
    labels_of,
    write_items,
    write_labels,
    write_predictions,
    write_reaction,
    write_scores,
)
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By

from evoked.core.files import write_text
from evoked.core.provenance import Provenance
from evoked.core.tables import write_table
from evoked.report.config import ReportConfig
from evoked.report.load_results import load_prediction
from evoked.report.page import write_page, write_report

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))

SHOWN_GREY = """
const v = document.getElementById('video'), c = document.createElement('canvas'), done = arguments[0];
const read = () => { c.width = c.height = 8; const p = c.getContext('2d'); p.drawImage(v, 0, 0, 8, 8);
  done(p.getImageData(4, 4, 1, 1).data[0]); };
const soon = () => requestAnimationFrame(read);
if (v.seeking) v.addEventListener('seeked', soon, {once: true}); else soon();
"""
PIXELS = "const c = arguments[0]; return [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data];"


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    with chromium() as found:
        sized(found, 1280, 900)
        yield found


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two contents: a counting film with labels and predictions, and one whose name is an attack, labels only."""
    study = tmp_path_factory.mktemp("studies") / "small study"
    results, wild = study / "results", NASTY.replace("/", "_")
    counting_film(study / "contents" / "counting.mp4", SECONDS)
    counting_film(study / "contents" / wild, 2)
    write_labels(results, ["counting.mp4", wild])
    write_predictions(results, "counting.mp4")
    write_scores(results)
    write_reaction(results, wild, viewers=("<img src=x onerror=document.title='owned'>", "2"))
    write_text(results / "pairs.csv", f'reaction,content\n"{wild.replace(chr(34), chr(34) * 2)}",counting.mp4\n')
    write_items(results, [{"name": NASTY, "step": "b", "state": "failed", "reason": NASTY}])
    return write_report(study, ReportConfig(preview_height=90))


@pytest.fixture
def opened(browser: Chrome, page: Path) -> Chrome:
    """The browser on the page, with the counting film chosen."""
    sized(browser, 1280, 900)
    visit(browser, page)
    pick(browser, "counting.mp4")
    return browser


def pick(browser: Chrome, name: str) -> None:
    next(b for b in browser.find_elements(By.CSS_SELECTOR, "[data-pick]") if b.text == name).click()
    browser.execute_async_script(
        "const v = document.getElementById('video'), done = arguments[0];"
        "if (v.readyState > 1) done(); else v.addEventListener('loadeddata', () => done(), {once: true});"
    )


def current(browser: Chrome) -> float:
    return float(browser.execute_script("return document.getElementById('video').currentTime"))


def shown_second(browser: Chrome) -> int:
    """The second that the picture itself tells, by its grey."""
    return round((browser.execute_async_script(SHOWN_GREY) - DARKEST) / STEP)


def comes_to_show(browser: Chrome, *seconds: int) -> bool:
    """Whether the picture tells one of these seconds within ten more; on a busy machine a seek begins late."""
    until = time.monotonic() + 10
    while shown_second(browser) not in seconds:
        if time.monotonic() > until:
            return False
    return True


def click_at(browser: Chrome, second: float) -> None:
    lanes = browser.find_element(By.ID, "lanes")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", lanes)
    offset = round(lanes.size["width"] * (second / SECONDS - 0.5))
    ActionChains(browser).move_to_element_with_offset(lanes, offset, 0).click().perform()


def test_it_loads_without_a_complaint_and_asks_nobody(opened: Chrome) -> None:
    assert complaints(opened) == []
    assert asked_for(opened) == []
    assert opened.execute_script("return document.getElementById('video').duration") == pytest.approx(SECONDS, abs=0.15)


def test_names_that_attack_are_only_text(opened: Chrome) -> None:
    pick(opened, NASTY.replace("/", "_"))
    assert opened.title.startswith("small study")
    assert opened.find_element(By.ID, "content-name").text == NASTY.replace("/", "_")
    assert opened.find_elements(By.CSS_SELECTOR, "u, img:not([src^='data:image/jpeg;base64,'])") == []
    assert complaints(opened) == []


@pytest.mark.parametrize("second", [2.5, 17.5, 33.5])
def test_a_click_goes_to_that_second(opened: Chrome, second: float) -> None:
    click_at(opened, second)
    assert comes_to_show(opened, int(second))
    assert current(opened) == pytest.approx(second, abs=0.2)
    assert opened.find_element(By.ID, "now").text.startswith(f"0:{int(second):02d}")


def test_dragging_scrubs(opened: Chrome) -> None:
    click_at(opened, 5)
    lanes = opened.find_element(By.ID, "lanes")
    step = lanes.size["width"] / SECONDS
    ActionChains(opened).click_and_hold().move_by_offset(round(10 * step), 0).release().perform()
    assert comes_to_show(opened, 14, 15)
    assert current(opened) == pytest.approx(15, abs=0.2)


def test_the_playhead_follows_the_video(opened: Chrome) -> None:
    place = "return document.getElementById('playhead').getBoundingClientRect().x"
    lanes = opened.find_element(By.ID, "lanes")
    opened.execute_async_script(
        "const v = document.getElementById('video'), done = arguments[0]; v.currentTime = 20;"
        "v.addEventListener('seeked', () => requestAnimationFrame(() => done()), {once: true});"
    )
    assert opened.execute_script(place) == pytest.approx(lanes.rect["x"] + lanes.rect["width"] / 2, abs=3)

    opened.execute_async_script(
        "const v = document.getElementById('video'), done = arguments[0]; v.muted = true; v.playbackRate = 4; v.play();"
        "const look = () => v.currentTime > 22 ? (v.pause(), setTimeout(done, 100)) : setTimeout(look, 20); look();"
    )
    expected = lanes.rect["x"] + lanes.rect["width"] * current(opened) / SECONDS
    assert opened.execute_script(place) == pytest.approx(expected, abs=3)
    assert float(lanes.get_attribute("aria-valuenow") or 0) == pytest.approx(current(opened), abs=0.11)


def test_keys_step_and_the_slider_says_where_it_is(opened: Chrome) -> None:
    lanes = opened.find_element(By.ID, "lanes")
    for keys, second in ((Keys.ARROW_RIGHT, 1), (Keys.PAGE_UP, 11), (Keys.ARROW_LEFT, 10), (Keys.HOME, 0)):
        lanes.send_keys(keys)
        assert float(lanes.get_attribute("aria-valuenow") or -1) == second
    assert "amusement 0.50" in (lanes.get_attribute("aria-valuetext") or "")
    assert lanes.get_attribute("aria-valuemax") == str(SECONDS)
    lanes.send_keys(Keys.END)
    assert float(lanes.get_attribute("aria-valuenow") or 0) == pytest.approx(SECONDS, abs=0.15)


def lane(browser: Chrome, name: str) -> np.ndarray:
    """The pixels of a lane, (height, width, 4)."""
    canvas = browser.find_element(By.CSS_SELECTOR, f"canvas[data-lane='{name}']")
    flat = np.array(browser.execute_script(PIXELS, canvas), dtype=np.uint8)
    return flat.reshape(int(canvas.get_property("height")), int(canvas.get_property("width")), 4)  # type: ignore[arg-type]


def test_labels_are_drawn_on_their_seconds_and_gaps_are_hatched(opened: Chrome) -> None:
    table, pixels = labels_of("counting.mp4", SECONDS, 0), lane(opened, "3")  # interest
    height, width = pixels.shape[:2]
    middles = [round((t + 0.5) * width / SECONDS) for t in range(SECONDS)]
    strip = pixels[height - 4, middles, :3].astype(int)  # inside the label band
    drawn = np.abs(strip - [0xB4, 0x57, 0x8C]).max(axis=1) <= 2  # the colour of the fourth expression
    assert drawn.tolist() == [value == 1 for value in table["interest"]]

    def colours(a: int, b: int) -> int:
        return len(np.unique(pixels[-12:, a * width // SECONDS + 2 : b * width // SECONDS - 2].reshape(-1, 4), axis=0))

    off = next(t for t in range(SECONDS) if table["interest"][t] == 0)
    assert colours(10, 14) > 5  # hatched
    assert colours(off, off + 1) < 5


def test_the_curve_stands_at_its_value(opened: Chrome) -> None:
    pixels = lane(opened, "0")[:, :, :3].astype(int)
    height, width = pixels.shape[:2]
    bottom, top = height - 12, 2  # 7 of band, 4 of air, 1 of edge
    for t in (0, 5, 15, 25, 33):
        column = pixels[:bottom, round((t + 0.5) * width / SECONDS)]
        line = int(np.abs(column - [0xDB, 0x8F, 0x00]).max(axis=1).argmin())
        assert (bottom - line) / (bottom - top) == pytest.approx(0.5 + 0.45 * np.sin(t / 3), abs=0.06)


def test_zoom_shows_less_time_and_comes_back(opened: Chrome) -> None:
    click_at(opened, 30)
    opened.find_element(By.ID, "zoom-in").click()
    lanes = opened.find_element(By.ID, "lanes")
    middle = lanes.rect["x"] + lanes.rect["width"] / 2
    ActionChains(opened).move_to_element(lanes).click().perform()
    inside = current(opened)
    assert 15 < inside < 35  # the middle is no longer second 20 of 40 seen whole
    assert opened.execute_script(
        "return document.getElementById('playhead').getBoundingClientRect().x"
    ) == pytest.approx(middle, abs=3)
    assert opened.find_element(By.ID, "pan").is_displayed()
    opened.find_element(By.ID, "zoom-fit").click()
    assert not opened.find_element(By.ID, "pan").is_displayed()


def test_hovering_tells_the_values_of_that_second(opened: Chrome) -> None:
    click_at(opened, 12.5)
    text = opened.find_element(By.ID, "tip").text
    assert text.startswith("0:12")
    assert "amusement 0.16 not valid" in text  # 0.5 + 0.45 sin(4)
    assert "viewers seen 0" in text


def test_nothing_overflows_a_narrow_screen(opened: Chrome) -> None:
    for width in (320, 390, 768):
        for dark in (False, True):
            sized(opened, width, 800, dark=dark)
            assert opened.execute_script("return document.documentElement.scrollWidth") == width
    sized(opened, 320, 800)
    opened.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(() => arguments[0]()))")
    pixels = lane(opened, "0")
    assert pixels.shape[1] < 320
    assert pixels[..., :3].std() > 10  # drawn anew for this width


def contrast(browser: Chrome, selector: str) -> float:
    """WCAG contrast of an element's text against the nearest background that is painted."""
    return float(
        browser.execute_script(
            """
            const straight = (v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
            const light = (text) => { const [r, g, b] = text.match(/[\\d.]+/g).map((v) => straight(v / 255));
              return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
            const e = document.querySelector(arguments[0]); let b = e;
            while (/, 0\\)$|transparent/.test(getComputedStyle(b).backgroundColor)) b = b.parentElement;
            const both = [light(getComputedStyle(e).color), light(getComputedStyle(b).backgroundColor)];
            const [x, y] = both.sort((p, q) => q - p);
            return (x + 0.05) / (y + 0.05);""",
            selector,
        )
    )


def test_what_covers_the_shadows_beside_a_table_reaches_over_its_edges(opened: Chrome) -> None:
    """Else rounding leaves a thin line of shadow beside a table that fits."""
    table = opened.find_element(By.CSS_SELECTOR, "#scores .scroll")
    style = "return getComputedStyle(arguments[0])[arguments[1]].split(', ')"
    covers = [place for place in opened.execute_script(style, table, "backgroundPosition") if "2px" in place]
    assert covers == ["-2px 0px", "calc(100% + 2px) 0px"]
    assert opened.execute_script(style, table, "backgroundAttachment")[:2] == ["local", "local"]


def test_before_it_plays_a_picture_of_the_film_is_shown(opened: Chrome) -> None:
    poster = opened.execute_script("return document.getElementById('video').poster")
    assert poster.startswith("data:image/jpeg;base64,")
    size = opened.execute_async_script(
        "const i = new Image(), done = arguments[1]; i.onload = () => done([i.naturalWidth, i.naturalHeight]);"
        "i.onerror = () => done(null); i.src = arguments[0];",
        poster,
    )
    assert size == [160, 90]


def test_text_can_be_read(opened: Chrome) -> None:
    for dark in (False, True):
        sized(opened, 1280, 900, dark=dark)
        for selector in ("p.lead", ".caption", ".note", ".failed h2", "nav a", ".quiet", ".state.failed"):
            assert contrast(opened, selector) >= 4.5, (selector, dark)


def test_a_linked_video_plays_from_beside_the_page(browser: Chrome, tmp_path: Path) -> None:
    film = tmp_path / "study" / "contents" / "a #1 film?.mp4"
    counting_film(film, 3)
    write_predictions(tmp_path / "study" / "results", film.name, 3)
    path = write_report(tmp_path / "study", ReportConfig(video="link"))
    visit(browser, path)
    assert browser.execute_script("return document.getElementById('video').duration") == pytest.approx(3, abs=0.15)
    assert asked_for(browser) == []
    assert complaints(browser) == []


def test_a_linked_video_that_is_gone_says_so(browser: Chrome, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    counting_film(film, 3)
    write_predictions(tmp_path, "film", 3)
    table = tmp_path / "predictions/film.parquet"
    path = write_page(load_prediction(table, film), tmp_path / "r.html", ReportConfig(video="link"))
    film.unlink()
    visit(browser, path)
    assert "cannot play the video" in browser.find_element(By.ID, "no-video").text


def test_parts_that_are_missing_do_no_harm(browser: Chrome, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    path = write_report(tmp_path, ReportConfig())
    visit(browser, path)
    assert complaints(browser) == []
    assert "There is no content to show" in browser.find_element(By.ID, "timeline").text


def test_hundreds_of_contents_are_chosen_from_a_list_and_by_address(browser: Chrome, tmp_path: Path) -> None:
    names = tuple(f"video {k:03d}" for k in range(200))
    n = 300
    columns = {"video": [v for v in names for _ in range(n)], "second": list(range(n)) * 200}
    columns |= {"valid": [True] * n * 200, "viewers": [1] * n * 200, "joy": [t % 2 for t in range(n)] * 200}  # type: ignore[dict-item]
    write_table(tmp_path / "results" / "labels.parquet", columns, Provenance("votes"))
    path = write_report(tmp_path, ReportConfig(video="none"))
    assert path.stat().st_size < 1_000_000

    visit(browser, path)
    browser.find_element(By.ID, "after").click()
    assert browser.find_element(By.ID, "content-name").text == names[1]
    browser.get(path.as_uri() + "#content-150")
    assert browser.find_element(By.ID, "content-name").text == names[150]
    assert browser.find_element(By.ID, "pick").get_property("value") == "150"
    assert lane(browser, "0")[..., :3].std() > 10
    assert complaints(browser) == []
