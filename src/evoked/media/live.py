"""Media that are still coming: a pipe, or a file that is being written, played as they arrive.

Same clock, same pictures and same sound as `read_media` gives of the finished file. Nothing is known in
advance: no length, no index, no second pass. So containers must be of those that can be read from front to
back: MPEG-TS, Matroska, WebM, fragmented MP4.
"""

import hashlib
import io
import os
import sys
import time
from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from evoked.core.errors import MissingMedia, NoPictureError
from evoked.core.time_grid import TimeGrid
from evoked.media.audio_stream import AudioAssembler, AudioChunk
from evoked.media.container import StreamSource, first_stream
from evoked.media.decode import StreamPosition
from evoked.media.frame_sampler import FrameSampler, PtsGrid, VideoFrame
from evoked.media.gop_decoder import FullDecoder
from evoked.media.orientation import Orientation, orientation_of

__all__ = ["GrowingFile", "LiveReader"]

LONGEST_S = 48 * 3600
"""Playing stops here: the grid of instants is laid out in advance, 16 bytes a second."""
AHEAD_S = 3600
"""Sound stamped further ahead than this of what was played is a broken stamp, not a gap."""
ADVICE = "Send MPEG-TS, Matroska or fragmented MP4 (ffmpeg … -f mpegts -)"


class GrowingFile:
    """Bytes of a pipe, or of a file that somebody else still writes.

    Args:
        path: the file; None for standard input.
        patience_s: a file that has not grown for so long is taken for finished. A pipe says so itself.

    Raises:
        MissingMedia: if there is no such file.
    """

    def __init__(self, path: Path | None, patience_s: float) -> None:
        self.name = str(path or "-")
        self.interrupted = False
        self._total = hashlib.sha256()
        if path is not None and path.is_dir():
            raise MissingMedia(f"{path} is a folder, not media: name a file in it, or - for standard input")
        self._follows = path is not None and path.is_file()
        self._patience_s = patience_s
        try:
            self._file: Any = io.FileIO(path) if path is not None else io.FileIO(os.dup(sys.stdin.fileno()))
        except OSError as error:
            raise MissingMedia(f"no media at {self.name}: {error.strerror or error}. Check the name") from error

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, as soon as there are any; none at the end.

        libav calls this, and an interrupt that is raised into libav is lost (measured: the program went on
        waiting). So it ends the stream and is remembered in `interrupted`.
        """
        try:
            return self._read(size)
        except KeyboardInterrupt:
            self.interrupted = True
            return b""

    def _read(self, size: int) -> bytes:
        since = time.monotonic()
        while not self.interrupted:
            got: bytes = self._file.read(size)
            if got or not self._follows or time.monotonic() - since > self._patience_s:
                self._total.update(got)
                return got
            time.sleep(0.02)
        return b""

    @property
    def sha256(self) -> str:
        """Of all that was read so far."""
        return self._total.hexdigest()

    def close(self) -> None:
        """Close it."""
        self._file.close()


class LiveReader(Iterator[VideoFrame | AudioChunk]):
    """Plays what comes: a VideoFrame for each whole second, and mono sound, in the order in which they are known.

    The picture of second t comes with the first frame that is shown after t; sound comes by half seconds.

    Args:
        path: a file that grows, a named pipe; None for standard input.
        audio_hz: samples per second of the sound.
        patience_s: see GrowingFile.

    Attributes:
        has_sound: whether there is a stream of sound; its samples then come from second 0.
        sound_start_s: when the sound begins, in seconds on the clock.
        dropped: packets that could not be decoded, so far.

    Raises:
        MissingMedia: if it is absent, or no media that can be read from front to back.
        NoPictureError: if it has no picture, or at its end if none could be decoded.
    """

    def __init__(self, path: Path | None, audio_hz: int, patience_s: float = 10.0) -> None:
        self.dropped = 0
        self._bytes = GrowingFile(path, patience_s)
        try:
            self._source = self._open()
        except BaseException:
            self._bytes.close()
            raise
        self.has_sound = self._source.sound is not None
        # what libav tells of a stream must be read before the container is closed: after that it is freed memory
        self.sound_start_s = float(self._source.start_s(self._source.sound)) if self.has_sound else 0.0
        context = self._source.picture.codec_context
        self._stored = (int(context.width), int(context.height))
        self._hz = audio_hz
        self._seen = StreamPosition(self._source, self._source.picture)
        self._heard = StreamPosition(self._source, self._source.sound) if self.has_sound else None
        self._turned: Orientation | None = None
        self._items = self._played()

    def __iter__(self) -> Iterator[VideoFrame | AudioChunk]:
        return self

    def __next__(self) -> VideoFrame | AudioChunk:
        return next(self._items)

    def close(self) -> None:
        """Stop, and close what is read; playing to the end does the same."""
        self._items.close()
        self._shut()

    def _shut(self) -> None:
        self._source.container.close()
        self._bytes.close()

    @property
    def reached_s(self) -> tuple[float, float]:
        """How far picture and sound have come, in seconds on the clock; 0 for sound where there is none."""
        return float(self._seen.end_s), float(self._heard.end_s) if self._heard else 0.0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as shown, known with the first picture; before that as the stream is stored."""
        return self._turned.size(*self._stored) if self._turned else self._stored

    @property
    def sha256(self) -> str:
        """Of the bytes that came so far."""
        return self._bytes.sha256

    def _open(self) -> StreamSource:
        path = Path(self._bytes.name)
        try:  # libav reads up to 5 s to learn what streams there are; told to read less, it finds other start times
            container = av.open(self._bytes, metadata_errors="replace", options={"fflags": "+genpts"})
        except (av.error.FFmpegError, OSError) as error:
            if self._bytes.interrupted:
                raise KeyboardInterrupt from error
            raise MissingMedia(f"{path}: what comes is no media that can be read while it comes. {ADVICE}") from error
        source = first_stream(container, path)
        if source.picture is None:
            container.close()
            raise NoPictureError(f"{path} has no picture: send a stream with video")
        return source

    def _played(self) -> Generator[VideoFrame | AudioChunk, None, None]:
        try:
            yield from self._pass()
        finally:
            self._shut()

    def _pass(self) -> Iterator[VideoFrame | AudioChunk]:
        source = self._source
        grid = TimeGrid(Fraction(1), LONGEST_S)
        source.picture.codec_context.thread_count = 1  # threads hold frames back
        decoder, chooser = FullDecoder(source), None
        line = None
        if self.has_sound:
            source.sound.codec_context.thread_count = 1
            line = AudioAssembler(self._hz, Fraction(source.sound.time_base), source.zero, Fraction(LONGEST_S))
        ticks = PtsGrid(grid, source.picture.time_base, source.zero)
        for packet in self._packets():
            if line is not None and packet.stream_index == source.sound.index:
                yield from self._hear(line, packet)
                continue
            self._seen.advance(packet)
            for frame in decoder.feed(packet):
                chooser = chooser or self._chooser(ticks, frame)
                yield from chooser.push(frame)
        yield from self._last(decoder, chooser, ticks)
        self.dropped += decoder.dropped
        if line is not None:
            yield from line.finish(max(self._seen.end_s, self._heard.end_s if self._heard else Fraction(0)))

    def _chooser(self, ticks: PtsGrid, first: Any) -> FrameSampler:
        self._turned = orientation_of(first)
        return FrameSampler(ticks, self._turned)

    def _packets(self) -> Iterator[Any]:
        wanted = [s for s in (self._source.picture, self._source.sound) if s is not None]
        try:
            for packet in self._source.container.demux(wanted):
                if self._bytes.interrupted:
                    break
                if packet.size:
                    yield packet
        except av.error.FFmpegError:
            self.dropped += 1
        if self._bytes.interrupted:
            raise KeyboardInterrupt

    def _hear(self, line: AudioAssembler, packet: Any) -> Iterator[AudioChunk]:
        assert self._heard is not None
        if packet.pts is not None:
            ahead_s = self._source.on_clock(packet.stream, packet.pts) - max(self._heard.end_s, self._seen.end_s)
            if ahead_s > AHEAD_S:
                self.dropped += 1
                return
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            self.dropped += 1
            return
        self._heard.advance(packet)
        for frame in frames:
            yield from line.take(frame)

    def _last(self, decoder: FullDecoder, chooser: FrameSampler | None, ticks: PtsGrid) -> Iterator[VideoFrame]:
        for frame in decoder.end():
            chooser = chooser or self._chooser(ticks, frame)
            yield from chooser.push(frame)
        if chooser is None:
            raise NoPictureError(
                f"{self._source.path}: not one frame of its picture could be decoded. {ADVICE}; a plain MP4 has its "
                "index at the end"
            )
        for picture in chooser.end():
            if picture.time_s >= self._seen.end_s:
                return
            yield picture
