"""Open a media file: which of its streams a player presents, and when its clock starts.

Second 0 is the earliest presentation time of any video or audio stream, as in a player. libav
already honours edit lists and priming samples in a stream's start time, so that an MP4 with AAC has
its first video frame and its first audible sample at 0.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, TypeVar

import av
from av.container import InputContainer
from av.stream import Disposition, Stream

from evoked.core.errors import MediaError, MissingMedia
from evoked.core.names import is_utf8, printable, special_file
from evoked.media.file_header import header_from, header_of

__all__ = [
    "READ_ERRORS",
    "StreamSource",
    "first_stream",
    "open_container",
    "open_source",
    "reading",
    "time_base_of",
    "unreadable",
]

# libav reads any text file as one of these, and renders its letters
TEXT_ART = {"tty", "bin", "xbin", "adf", "idf"}
StreamT = TypeVar("StreamT", bound=Stream)

READ_ERRORS = (av.error.FFmpegError, IndexError)
"""What PyAV raises where a file cannot be read further; the second where a new stream appears within it."""
NOT_PLAYED = Disposition.attached_pic | Disposition.timed_thumbnails


@dataclass(frozen=True, eq=False)
class StreamSource:
    """An open file, and its streams that a player presents.

    Attributes:
        path: where it is.
        container: the open container.
        picture: the video stream that a player shows, or None; cover art does not count.
        sound: the audio stream that a player plays, or None.
        zero: the file's own time, in seconds, that is second 0 of our clock.
        audio_track: which of the file's audio streams `sound` is, from 1; 0: it has none.
        audio_tracks: a name of each audio stream for people, such as "track 2 (eng)".
    """

    path: Path
    container: InputContainer
    picture: av.VideoStream | None
    sound: av.AudioStream | None
    zero: Fraction
    audio_track: int = 0
    audio_tracks: tuple[str, ...] = ()

    @property
    def video(self) -> av.VideoStream:
        """The video stream of a file that has one."""
        assert self.picture is not None
        return self.picture

    @property
    def audio(self) -> av.AudioStream:
        """The audio stream of a file that has one."""
        assert self.sound is not None
        return self.sound

    @property
    def streams(self) -> list[Stream]:
        """The video and the audio stream, of those that there are."""
        return [s for s in (self.picture, self.sound) if s is not None]

    @property
    def in_decoding_order(self) -> bool:
        """Whether the packets carry no presentation times: AVI; libav's guesses are up to two frames off there."""
        return self.container.format.name == "avi"

    def on_clock(self, stream: Stream, pts: int) -> Fraction:
        """Convert a timestamp to our clock.

        Args:
            stream: the stream whose time base the timestamp is in.
            pts: the timestamp.

        Returns:
            Seconds from second 0.
        """
        return Fraction(pts * time_base_of(stream) - self.zero)

    def start_s(self, stream: Stream) -> Fraction:
        """When a stream starts, in seconds on our clock; 0 where the file does not declare it."""
        return Fraction(0) if stream.start_time is None else self.on_clock(stream, stream.start_time)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn whatever libav or the system raises while a file is read into a MediaError that names the file."""
    try:
        yield
    except (av.error.FFmpegError, OSError, UnicodeError) as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: Exception) -> MediaError:
    """The error for a file in which reading failed, with the reason on one line.

    Args:
        path: where it is.
        error: what libav or the system raised.

    Returns:
        The error to raise.
    """
    reason = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
    return MediaError(f"{path} cannot be read: {reason}. Copy or download it again")


@contextmanager
def open_container(path: Path, audio_track: int = 0) -> Iterator[StreamSource]:
    """Open a media file for reading, and close it.

    Args:
        path: a media file.
        audio_track: which of its audio streams is read, from 1; 0: the one that a player plays.

    Returns:
        The open file.

    Raises:
        MissingMedia: if it is absent, a folder, empty, or not a media file.
        MediaError: if it cannot be read, was cut off before its index, or has no such audio track.
    """
    source = open_source(path, audio_track)
    try:
        with reading(path):
            yield source
    finally:
        source.container.close()


def open_source(path: Path, audio_track: int = 0) -> StreamSource:
    """As open_container, without closing: the caller closes `container`.

    Args:
        path: a media file.
        audio_track: which of its audio streams is read, from 1; 0: the one that a player plays.

    Returns:
        The open file.
    """
    with reading(path):
        return first_stream(_open(path), path, audio_track)


def time_base_of(stream: Stream) -> Fraction:
    """Seconds per unit of a stream's timestamps."""
    assert stream.time_base is not None  # every stream that was demuxed has one
    return stream.time_base


def first_stream(container: InputContainer, path: Path, audio_track: int = 0) -> StreamSource:
    """Choose the streams of an open container that a player presents.

    Args:
        container: the open container; closed where it has no such stream.
        path: where it is, for messages.
        audio_track: which of its audio streams, from 1; 0: the one that a player plays.

    Returns:
        The container with its video and audio stream.

    Raises:
        MissingMedia: if there is neither video nor audio.
        MediaError: if there is no such audio track.
    """
    pictures = [s for s in container.streams.video if s.codec_context and not s.disposition & NOT_PLAYED]
    sounds = [s for s in container.streams.audio if s.codec_context]
    if container.format.name in TEXT_ART or not (pictures or sounds):
        container.close()
        if (missing := _missing_index(path)) is not None:
            raise MediaError(f"{path} {missing}: copy, record or download it again")
        raise MissingMedia(f"{path} is no media file: it holds no picture and no sound. Name a video or sound file")
    starts = [s.start_time * time_base_of(s) for s in (*pictures, *sounds) if s.start_time is not None]
    zero = Fraction(min(starts, default=0))
    tracks = tuple(container.streams.audio)
    sound = _best(container, "audio", sounds)
    if audio_track:
        if not 1 <= audio_track <= len(tracks) or tracks[audio_track - 1] not in sounds:
            container.close()
            raise MediaError(f"{path} has no audio track {audio_track} that can be read: {_count(len(tracks))}")
        sound = tracks[audio_track - 1]
    return StreamSource(
        path,
        container,
        _best(container, "video", pictures),
        sound,
        zero,
        tracks.index(sound) + 1 if sound is not None else 0,
        tuple(_track_name(track, number) for number, track in enumerate(tracks, start=1)),
    )


def _count(tracks: int) -> str:
    if not tracks:
        return "it has none"
    return "it has one" if tracks == 1 else f"it has {tracks}; name one from 1 to {tracks}"


def _track_name(track: av.AudioStream, number: int) -> str:
    """A name of an audio stream for people: its number, its language and its title."""
    words = [" ".join(str(track.metadata.get(key, "")).split()) for key in ("language", "title")]
    about = ", ".join(word for word in words if word and word != "und")
    return f"track {number} ({about})" if about else f"track {number}"


def _best(container: InputContainer, stream_type: Literal["video", "audio"], streams: list[StreamT]) -> StreamT | None:
    best = container.streams.best(stream_type)
    return next((s for s in streams if s is best), next(iter(streams), None))


URL = re.compile(r"[a-z][a-z0-9+]+:/", re.IGNORECASE)
"""A path that was typed as a URL; pathlib has made one of its two slashes."""


def _open(path: Path) -> InputContainer:
    if not is_utf8(path):
        raise MissingMedia(f"{printable(path)} has a name that is not UTF-8, which results cannot hold: rename it")
    try:
        if not path.exists():
            if URL.match(str(path)):
                raise MissingMedia(f"{path} is a URL, and only files are read: download the video and name the file")
            raise MissingMedia(f"no media file at {path}: check the name")
        if path.is_dir():
            raise MissingMedia(f"{path} is a folder, not a media file: name a file in it")
        if file_type := special_file(path):
            raise MissingMedia(
                f"{path} is {file_type}, not a media file: save what comes out of it as a file and name that"
            )
        if path.is_file() and path.stat().st_size == 0:
            raise MissingMedia(f"{path} is empty (0 bytes): copy or download it again")
        # genpts computes the presentation times that AVI omits
        with path.open("rb") as file:
            if header_from(path, file).has_signature:  # libav reads from the file that is open: no second opening
                os.lseek(file.fileno(), 0, os.SEEK_SET)  # Python's own position is that of its buffer
                options = {"fflags": "+genpts", "fd": str(file.fileno())}
                return av.open("fd:", metadata_errors="replace", options=options)
        # its name helps to recognise it; "file:" keeps a colon in the name from being read as a protocol
        return av.open(f"file:{path}", metadata_errors="replace", options={"fflags": "+genpts"})
    except av.error.InvalidDataError as error:
        return _open_before_torn_fragment(path, error)
    except (OSError, av.error.FFmpegError) as error:
        reason = getattr(error, "strerror", None) or error
        raise MediaError(f"{path} cannot be opened: {reason}. Check that it can be read and is whole") from error


def _open_before_torn_fragment(path: Path, error: Exception) -> InputContainer:
    """Open what comes before the last fragment of an MP4 that ends within that one's index, which libav refuses.

    Raises:
        MediaError: if it is an MP4 of another kind, with what is missing.
        MissingMedia: if it is none.
    """
    header = header_of(path)
    if header.head[4:8] != b"ftyp":
        raise MissingMedia(
            f"{path} is no media file: its content is of no known kind. Name a video or sound file"
        ) from error
    kinds = [kind for kind, _ in header.boxes]
    if kinds[-1] not in (b"moov", b"mdat") and b"mdat" in kinds and header.boxes_end > header.size:
        whole = f"subfile,,start,0,end,{header.boxes[-1][1]},,:{path}"
        return av.open(whole, metadata_errors="replace", options={"fflags": "+genpts"})
    what = _missing_index(path) or "is damaged: its index (moov) cannot be read"
    raise MediaError(f"{path} {what}: copy, record or download it again") from error


def _missing_index(path: Path) -> str | None:
    """What is missing of the index of an MP4 that was cut off, as a clause after its name; None: nothing is."""
    header = header_of(path)
    kinds = [kind for kind, _ in header.boxes]
    if header.head[4:8] != b"ftyp":
        return None
    if b"moov" not in kinds:
        return "was cut off before its index (moov)"
    is_torn = kinds[-1] == b"moov" and header.boxes_end > header.size
    return "was cut off within its index (moov)" if is_torn else None
