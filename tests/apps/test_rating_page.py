"""The rater's page in Chromium: by keyboard, at phone size, without connection, in two tabs."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rated_study import make_study
from rating_server import RatingServer, rating_server
from report_browser import asked_for, chromium, complaints, missing, sized
from selenium.webdriver import Chrome
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from evoked.apps.rating.config import PlanConfig

pytestmark = pytest.mark.skipif(missing() is not None, reason=missing() or "")
OFFLINE = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
ONLINE = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RatingServer]:
    study = make_study(tmp_path_factory.mktemp("page") / "study", "anna.mp4")
    known = study / "training.csv"
    known.write_text("video,start_s,end_s,viewer,rater,amusement,surprise\nanna.mp4,6,9,v1,lead,1,1\n")
    with rating_server(study, 4, PlanConfig(clips=5, sample="uniform", repeats=4), training=known) as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    with chromium() as opened:
        yield opened


def until(browser: Chrome, holds: Callable[[Chrome], object]) -> None:
    """Wait until the page is as it should be."""
    WebDriverWait(browser, 30, 0.05).until(holds)


def text(browser: Chrome, name: str) -> str:
    return str(browser.find_element("id", name).text)


def type_(browser: Chrome, *keys: str) -> None:
    ActionChains(browser).send_keys(*keys).perform()


def shows(expected: str) -> Callable[[Chrome], bool]:
    """Whether the page is at this clip, and its picture is there."""
    script = "const v = document.querySelector('video:not([hidden])'); return !!v && v.readyState > 1;"
    return lambda browser: text(browser, "progress") == expected and bool(browser.execute_script(script))


def enter(browser: Chrome, link: str, width: int, height: int) -> None:
    sized(browser, width, height)
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    browser.get("about:blank")
    browser.get(link)
    until(browser, lambda b: b.find_element("id", "agree").is_displayed())
    browser.execute_script("document.getElementById('agree').focus()")


def practise(browser: Chrome, label: str = "Practice 1 of 1") -> None:
    until(browser, shows(label))
    type_(browser, "1", "2", Keys.ENTER)
    until(browser, lambda b: b.find_element("id", "feedback").is_displayed())


def test_a_whole_session_by_keyboard(browser: Chrome, served: RatingServer) -> None:
    enter(browser, served.link(0), 1400, 900)
    assert "#" not in browser.current_url  # the link does not stay in the address bar
    type_(browser, Keys.ENTER)
    until(browser, shows("Practice 1 of 1"))
    type_(browser, "2", Keys.ENTER)
    until(browser, lambda b: b.find_element("id", "feedback").is_displayed())
    assert text(browser, "feedback-text") == "Expected here: Amusement, Surprise."
    type_(browser, Keys.ENTER)
    until(browser, shows("Clip 1"))
    assert text(browser, "next") == "None of these – next"
    type_(browser, "1", "2", "1")
    assert text(browser, "next") == "Next"
    type_(browser, Keys.ENTER)
    until(browser, shows("Clip 2"))
    assert not browser.find_elements("css selector", "#choices :checked")
    type_(browser, "0")
    until(browser, shows("Clip 3"))
    type_(browser, Keys.BACKSPACE)
    until(browser, shows("Clip 2"))
    type_(browser, "1", Keys.ENTER)
    for number in (3, 4, 5):
        until(browser, shows(f"Clip {number}"))
        type_(browser, Keys.ENTER)
    until(browser, lambda b: text(b, "message-text") == "Thank you! There are no more clips for you.")
    kept = served.kept(0)
    assert [present for _, present, _ in kept] == [("surprise",), ("surprise",), ("amusement",), (), (), ()]
    assert not any(cannot_tell for *_, cannot_tell in kept)
    assert served.rows(0) == 8  # the one that was taken back, and the taking back
    assert complaints(browser) == []
    assert [url for url in asked_for(browser) if not url.startswith(served.url)] == []


def test_the_next_clip_is_there_before_it_is_asked_for(browser: Chrome, served: RatingServer) -> None:
    enter(browser, served.link(1), 390, 844)
    type_(browser, Keys.ENTER)
    practise(browser)
    assert text(browser, "feedback-text") == "As expected."
    type_(browser, Keys.ENTER)
    until(browser, shows("Clip 1"))
    until(browser, lambda b: b.execute_script("return document.querySelector('video[hidden]').readyState") == 4)
    following = browser.find_element("css selector", "video[hidden]").get_attribute("src")
    browser.execute_script("window.moved = 0; new PerformanceObserver(list => { for (const e of list.getEntries())"
                           " window.moved += e.value; }).observe({type: 'layout-shift'});")  # fmt: skip
    browser.find_element("id", "next").click()
    until(browser, shows("Clip 2"))
    assert browser.find_element("css selector", "video:not([hidden])").get_attribute("src") == following
    assert browser.execute_script("return window.moved") == 0
    page = "document.documentElement"
    assert browser.execute_script(f"return [{page}.scrollWidth, {page}.scrollHeight]") == [390, 844]


def test_without_connection_answers_are_kept_and_sent_once(browser: Chrome, served: RatingServer) -> None:
    browser.get(served.url)  # the same session: it goes on where it was
    until(browser, shows("Clip 2"))
    before = served.rows(1)
    until(browser, lambda b: b.execute_script("return document.querySelector('video[hidden]').readyState") == 4)
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", OFFLINE)
    type_(browser, "1", Keys.ENTER)
    until(browser, lambda b: text(b, "network") == "No connection: 1 answers are kept here and sent later.")
    type_(browser, "2", Keys.ENTER)
    assert served.rows(1) == before
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", ONLINE)
    until(browser, lambda b: served.rows(1) == before + 2)
    assert [present for _, present, _ in served.kept(1)][-2:] == [("amusement",), ("surprise",)]
    until(browser, shows("Clip 4"))
    assert text(browser, "network") == ""


def test_two_tabs_of_one_rater_answer_each_clip_once(browser: Chrome, served: RatingServer) -> None:
    enter(browser, f"{served.url}?lang=de#{served.tokens[2]}", 1400, 900)
    type_(browser, Keys.ENTER)
    practise(browser, "Übung 1 von 1")
    assert text(browser, "feedback-text") == "Wie erwartet."
    type_(browser, Keys.ENTER)
    until(browser, shows("Ausschnitt 1"))
    first = browser.current_window_handle
    browser.switch_to.new_window("tab")
    browser.get(served.url)
    until(browser, shows("Clip 1"))
    type_(browser, Keys.ENTER)
    until(browser, shows("Clip 2"))
    browser.close()
    browser.switch_to.window(first)
    type_(browser, "1", Keys.ENTER)  # the clip that the other tab has answered
    until(browser, lambda b: "war schon beurteilt" in text(b, "network"))
    assert [present for _, present, _ in served.kept(2)][1:] == [()]


def test_a_link_that_is_not_valid_says_so(browser: Chrome, served: RatingServer, tmp_path: Path) -> None:
    browser.delete_all_cookies()
    browser.get("about:blank")
    browser.get(f"{served.url}#wrong")
    until(browser, lambda b: "Open the link of your invitation again" in text(b, "message-text"))
