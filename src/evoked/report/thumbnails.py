"""Small frames of a content at its peaks."""

import base64
from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from evoked.core.time_grid import TimeGrid
from evoked.media.decode import VideoFrame, read_media
from evoked.media.images import jpeg
from evoked.report.page_data import PageContent

__all__ = ["thumbnails", "wanted_thumbnails"]

HEIGHT, QUALITY = 90, 70
"""Of a thumbnail: some 4 kB."""
MOST = 120
"""Thumbnails in a page."""


def wanted_thumbnails(contents: Sequence[PageContent]) -> dict[str, tuple[int, ...]]:
    """The seconds of each content that get a thumbnail: those of its peaks, the highest where there are too many.

    Args:
        contents: of the page.

    Returns:
        Content name → seconds, sorted; at most MOST in all.
    """
    each, wanted, left = max(1, MOST // max(1, len(contents))), {}, MOST
    for content in contents:
        highest: dict[int, float] = {}
        for peak in content.peaks:
            highest[peak.second] = max(peak.value, highest.get(peak.second, 0.0))
        chosen = sorted(highest, key=lambda second: (-highest[second], second))[: min(each, left)]
        wanted[content.name] = tuple(sorted(chosen))
        left -= len(chosen)
    return wanted


def thumbnails(video: Path, seconds: Collection[int]) -> Mapping[int, str]:
    """The frames in the middle of some seconds of a video.

    Args:
        video: a file; it is decoded from its beginning to the last of the seconds.
        seconds: from 0; behind its end the last frame is shown.

    Returns:
        Second → base64 of a JPEG.

    Raises:
        MediaError: if the video cannot be decoded.
    """
    found: dict[int, str] = {}
    if not seconds:
        return found
    for item in read_media(video, frames=TimeGrid(Fraction(1), max(seconds) + 1, Fraction(1, 2))):
        if isinstance(item, VideoFrame) and item.step in seconds:
            height, width, _ = item.rgb().shape
            picture = item.rgb((max(1, round(HEIGHT * width / height)), HEIGHT))
            found[item.step] = base64.b64encode(jpeg(picture, QUALITY)).decode()
            if item.step == max(seconds):
                break
    return found
