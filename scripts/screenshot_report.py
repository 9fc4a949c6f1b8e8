"""Take the picture of a report page that stands in docs/report.png.

    python scripts/screenshot_report.py STUDY/results/report.html docs/report.png --at 14

Needs Chromium with its driver (apt-get install chromium chromium-driver) and selenium, as the tests do.
"""

import argparse
import base64
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "report"))

from report_browser import chromium, sized, visit


def main() -> None:
    """Open the page, go to a second of a content, and keep what is seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--width", type=int, default=1200, help="CSS pixels")
    parser.add_argument("--height", type=int, default=0, help="CSS pixels; 0 for the whole page")
    parser.add_argument("--until", default="", help="end the picture above the element with this id, e.g. labels")
    parser.add_argument("--content", type=int, default=0, help="which content, from 0")
    parser.add_argument("--at", type=float, default=0.0, help="second of the content")
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--scale", type=float, default=1.0, help="device pixels per CSS pixel")
    wanted = parser.parse_args()
    with chromium() as browser:
        sized(browser, wanted.width, 900, dark=wanted.dark, scale=wanted.scale)
        visit(browser, wanted.page)
        browser.execute_script("location.hash = 'content-' + arguments[0]", wanted.content)
        time.sleep(1)
        browser.execute_script("const v = document.getElementById('video'); v.currentTime = arguments[0]", wanted.at)
        browser.execute_script("document.getElementById('video').removeAttribute('controls')")
        time.sleep(1.5)  # for the seek and the picture
        edge = "const e = document.getElementById(arguments[0]); return e ? e.getBoundingClientRect().top + scrollY : 0"
        whole = browser.execute_script("return document.documentElement.scrollHeight")
        height = wanted.height or browser.execute_script(edge, wanted.until) or whole
        area = {"x": 0, "y": 0, "width": wanted.width, "height": height, "scale": 1}
        taken = browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": area})
        wanted.out.write_bytes(base64.b64decode(taken["data"]))


if __name__ == "__main__":
    main()
