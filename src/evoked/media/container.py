"""Open a media file: which of its streams are shown and heard, and when its clock starts.

Second 0 is the earliest thing that any picture or sound stream presents, as in a player. libav
already honours edit lists and priming samples in a stream's start time, so that an MP4 with AAC has
its first picture and its first audible sample at 0.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.stream import Disposition

from evoked.core.errors import MediaError, MissingMedia

__all__ = ["StreamSource", "first_stream", "open_container", "open_source"]

# libav takes any text file for one of these, and draws its letters
TEXT_ART = {"tty", "bin", "xbin", "adf", "idf"}
NOT_PLAYED = Disposition.attached_pic | Disposition.timed_thumbnails


@dataclass(frozen=True, eq=False)
class StreamSource:
    """An open file and what is played of it.

    Attributes:
        path: where it is.
        container: the open av.container.InputContainer.
        picture: the video stream that a player shows, or None; cover art is none.
        sound: the audio stream that a player plays, or None.
        zero: the file's own time, in seconds, that is second 0 of our clock.
    """

    path: Path
    container: Any
    picture: Any
    sound: Any
    zero: Fraction

    def on_clock(self, stream: Any, pts: int) -> Fraction:
        """A timestamp of a stream as seconds on our clock."""
        return Fraction(pts * stream.time_base - self.zero)

    def start_s(self, stream: Any) -> Fraction:
        """When a stream starts, in seconds on our clock; 0 where the file does not say."""
        return Fraction(0) if stream.start_time is None else self.on_clock(stream, stream.start_time)


@contextmanager
def open_container(path: Path) -> Iterator[StreamSource]:
    """Open a media file for reading, and close it.

    Raises:
        MissingMedia: if it is absent, a folder, empty, or no media file.
        MediaError: if it cannot be read, or was cut off before its index.
    """
    source = open_source(path)
    try:
        yield source
    finally:
        source.container.close()


def open_source(path: Path) -> StreamSource:
    """The same without closing; the caller closes `container`."""
    return first_stream(_open(path), path)


def first_stream(container: Any, path: Path) -> StreamSource:
    """What is played of an open container; MissingMedia, and the container closed, where that is nothing."""
    pictures = [s for s in container.streams.video if s.codec_context and not s.disposition & NOT_PLAYED]
    sounds = [s for s in container.streams.audio if s.codec_context]
    if container.format.name in TEXT_ART or not (pictures or sounds):
        container.close()
        raise MissingMedia(f"{path} is no media file: it holds no picture and no sound. Name a video or sound file")
    starts = [s.start_time * s.time_base for s in (*pictures, *sounds) if s.start_time is not None]
    zero = Fraction(min(starts, default=0))
    return StreamSource(path, container, _best(container, "video", pictures), _best(container, "audio", sounds), zero)


def _best(container: Any, kind: str, streams: list[Any]) -> Any:
    best = container.streams.best(kind)
    return best if best in streams else next(iter(streams), None)


def _open(path: Path) -> Any:
    try:
        if not path.exists():
            raise MissingMedia(f"no media file at {path}: check the name")
        if path.is_dir():
            raise MissingMedia(f"{path} is a folder, not a media file: name a file in it")
        if path.is_file() and path.stat().st_size == 0:
            raise MissingMedia(f"{path} is empty (0 bytes): copy or download it again")
        # "file:" keeps a colon in the name from being read as a protocol; genpts works out the
        # presentation times that AVI leaves out
        return av.open(f"file:{path}", metadata_errors="replace", options={"fflags": "+genpts"})
    except av.error.InvalidDataError as error:
        if _is_mp4(path):
            raise MediaError(
                f"{path} was cut off before its index (moov): copy, record or download it again"
            ) from error
        raise MissingMedia(
            f"{path} is no media file: its content is of no known kind. Name a video or sound file"
        ) from error
    except (OSError, av.error.FFmpegError) as error:
        reason = getattr(error, "strerror", None) or error
        raise MediaError(f"{path} cannot be opened: {reason}. Check that it can be read and is whole") from error


def _is_mp4(path: Path) -> bool:
    """Whether a file begins as an MP4 or MOV does."""
    try:
        with path.open("rb") as file:
            return file.read(8)[4:] == b"ftyp"
    except OSError:
        return False
