"""The videos of a page: small previews embedded in it, or links to the files."""

import base64
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from urllib.parse import quote

from evoked.core.errors import MediaError, OutputError
from evoked.core.files import digest, sha256
from evoked.core.progress import Progress, silent
from evoked.core.time_grid import TimeGrid
from evoked.media.decode import VideoFrame, read_media
from evoked.media.images import jpeg
from evoked.media.preview import write_browser_copy
from evoked.media.probe import probe
from evoked.report.config import ReportConfig
from evoked.report.page_data import PageContent
from evoked.report.thumbnails import thumbnails, wanted_thumbnails

__all__ = ["EmbeddedVideo", "embed_video"]

MEGABYTE = 1_000_000
BYTES_PER_SECOND = 12_000  # smallest measured size of a 240-line preview with audio (96 kbit/s)
DECODED_S = 1800
"""Seconds of linked videos that are decoded for thumbnails."""
PREVIEW = 2  # version; raised when previews of the same file change


@dataclass(frozen=True)
class EmbeddedVideo:
    """How one content's video is shown.

    Attributes:
        mode: "embed", "link" or "none".
        source: base64 of an MP4 (embed), a relative URL (link), or "".
        reason: for "none": why there is no video, one sentence.
        poster: base64 of a JPEG that is shown before it plays; "" for links and where there is no video.
        thumbnails: second → base64 of a JPEG, at the content's peaks.
    """

    mode: str
    source: str = ""
    reason: str = ""
    poster: str = ""
    thumbnails: Mapping[int, str] = field(default_factory=dict)


def embed_video(
    contents: Sequence[PageContent], page: Path, keep: Path | None, config: ReportConfig, progress: Progress = silent
) -> Mapping[str, EmbeddedVideo]:
    """Decide how the video of each content is shown, and encode the previews that are needed.

    Args:
        contents: those without a file get mode "none".
        page: the HTML file; links are relative to its folder.
        keep: a folder in which previews are cached, and from which others are removed; None: no cache.
        config: where all previews together exceed the limit, "embed" falls back to "link" for all videos.
        progress: called with the number of previews that are done.

    Returns:
        Content name → how its video is shown; for a video that cannot be decoded the reason says so.
    """
    with_file = [(c.name, c.file) for c in contents if c.file is not None]
    shown = {c.name: EmbeddedVideo("none", reason="The video file does not exist.") for c in contents}
    if config.video == "none":
        return {c.name: EmbeddedVideo("none", reason="This page was made without video.") for c in contents}
    links = {name: EmbeddedVideo("link", _url(file, page)) for name, file in with_file}
    expected = sum(c.seconds for c in contents if c.file) * BYTES_PER_SECOND
    peaks = wanted_thumbnails(contents)
    if config.video == "link" or expected > config.video_limit_mb * MEGABYTE:
        return {**shown, **_with_thumbnails(links, dict(with_file), peaks)}
    previews, weight = {}, 0
    for number, (name, file) in enumerate(with_file):
        progress(number, len(with_file), name)
        previews[name], size = _embedded(file, page, keep, config.preview_height, peaks[name])
        weight += size
        if weight > config.video_limit_mb * MEGABYTE:
            return {**shown, **_with_thumbnails(links, dict(with_file), peaks)}
    if keep is not None:
        _forget(keep, {_key(file, config.preview_height) for _, file in with_file})
    return {**shown, **previews}


def _with_thumbnails(
    links: Mapping[str, EmbeddedVideo], files: Mapping[str, Path], peaks: Mapping[str, Sequence[int]]
) -> dict[str, EmbeddedVideo]:
    """Links with thumbnails, which are decoded from the videos themselves: not more than DECODED_S in all."""
    left, shown = DECODED_S, dict(links)
    for name, link in links.items():
        length = max(peaks[name], default=0)
        if length > left:
            continue
        left -= length
        with suppress(MediaError):  # the page says what is wrong with it where it is played
            shown[name] = replace(link, thumbnails=thumbnails(files[name], peaks[name]))
    return shown


def _forget(keep: Path, used: set[str]) -> None:
    """Remove previews of videos that have changed or are gone."""
    for path in keep.glob("*.mp4"):
        if path.stem not in used:
            with suppress(OSError):  # a cache on a read-only disk stays as it is
                path.unlink()


def _key(file: Path, height: int) -> str:
    return digest({"preview": PREVIEW, "source": sha256(file), "height": height})[:32]


def _embedded(
    file: Path, page: Path, keep: Path | None, height: int, peaks: Sequence[int]
) -> tuple[EmbeddedVideo, int]:
    """The preview of a video with thumbnails of its peaks, and its size in bytes."""
    name = f"{_key(file, height)}.mp4"
    kept = keep / name if keep else None
    path = kept or page.parent / name
    try:
        if not path.is_file():
            path = _written(file, [path, page.parent / name], height)
        data, poster, frames = path.read_bytes(), _poster(path), thumbnails(path, peaks)
    except MediaError as error:
        return EmbeddedVideo("none", reason=f"No preview: {error}"), 0
    finally:
        if path != kept:
            path.unlink(missing_ok=True)
    texts = (base64.b64encode(part).decode() for part in (data, poster))
    return EmbeddedVideo("embed", next(texts), poster=next(texts), thumbnails=frames), len(data)


def _written(file: Path, places: Sequence[Path], height: int) -> Path:
    """Write the preview at the first of these paths that can be written; a cache may be on a read-only disk."""
    for path in places:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_browser_copy(file, path, height=height)
        except (OSError, OutputError):
            if path == places[-1]:
                raise
        else:
            return path
    raise AssertionError("no place was given")


def _poster(preview: Path) -> bytes:
    """A frame of a preview as JPEG: at a tenth of its length, when most videos have faded in."""
    length_s = probe(preview).duration_s
    moment = TimeGrid(Fraction(1), 1, Fraction(length_s) / 10)
    (frame,) = (item for item in read_media(preview, frames=moment) if isinstance(item, VideoFrame))
    return jpeg(frame.rgb())


def _url(file: Path, page: Path) -> str:
    """A relative URL from the page to the file; characters with a meaning in URLs are quoted."""
    return quote(Path(os.path.relpath(file.resolve(), page.resolve().parent)).as_posix())
