"""A headless Chromium for the report's tests: opened from file://, with everything it asks for written down."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium.webdriver import Chrome
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--autoplay-policy=no-user-gesture-required", "--hide-scrollbars"),
)
BROWSERS, DRIVERS = ("chromium", "chromium-browser", "google-chrome"), ("chromedriver", "chromium.chromedriver")
OWN = ("file:", "data:", "blob:")


def found(names: tuple[str, ...]) -> str | None:
    """The first of these programs that is installed."""
    return next((path for name in names if (path := shutil.which(name))), None)


def missing() -> str | None:
    """Why no browser can be tested here, or None where it can."""
    if found(BROWSERS) and found(DRIVERS):
        return None
    return "no Chromium with its driver: apt-get install chromium chromium-driver"


@contextmanager
def chromium() -> Iterator[Chrome]:
    """A browser of its own, with a profile of its own; gone when the block ends."""
    options = Options()
    options.binary_location = found(BROWSERS) or ""
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        browser = Chrome(options=options, service=Service(found(DRIVERS)))
        try:
            browser.set_script_timeout(20)
            yield browser
        finally:
            browser.quit()


def sized(browser: Chrome, width: int, height: int, *, dark: bool = False, scale: float = 1) -> None:
    """Make the view this many CSS pixels, as a phone where narrow; light or dark."""
    view = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", view)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


def visit(browser: Chrome, page: Path) -> None:
    """Open a page from its file and wait for its video's length, where it has one; logs begin anew."""
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    browser.get("about:blank")
    browser.get(page.resolve().as_uri())
    browser.execute_async_script(
        "const done = arguments[0], v = document.getElementById('video');"
        "if (!v || v.hidden || !v.src || v.readyState > 1 || v.error) done();"
        "else for (const e of ['loadeddata', 'error']) v.addEventListener(e, () => done(), {once: true});"
    )


def complaints(browser: Chrome) -> list[str]:
    """All that the console said since the visit."""
    return [entry["message"] for entry in browser.get_log("browser")]


def asked_for(browser: Chrome) -> list[str]:
    """Everything that was asked for from outside the page and its folder since the visit."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    return [url for url in urls if not url.startswith((*OWN, "about:"))]
