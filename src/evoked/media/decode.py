"""A film, played: pictures on a grid and sound without gaps, from one sequential pass."""

from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path
from queue import Empty, Queue
from threading import Event, Thread
from typing import Any, TypeVar

import av
import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import NoPictureError, NoSoundError
from evoked.core.time_grid import TimeGrid
from evoked.media.audio_stream import AudioAssembler, AudioChunk
from evoked.media.container import StreamSource, open_source
from evoked.media.frame_sampler import FrameSampler, PtsGrid, VideoFrame
from evoked.media.gop_decoder import Decoder, decoder_for
from evoked.media.orientation import Orientation
from evoked.media.probe import Media, no_video_error, probe

__all__ = [
    "AudioChunk",
    "MediaReader",
    "VideoFrame",
    "audio_of",
    "damage_lines",
    "prefetch",
    "read_audio",
    "read_media",
]

T = TypeVar("T")

CUT_OFF_S = 0.5
"""A stream that ends this long before the file says was cut off; whole files differ by hundredths."""


def read_media(
    path: Path,
    *,
    frames: TimeGrid | None = None,
    audio_hz: int | None = None,
    skip: bool = True,
    media: Media | None = None,
) -> "MediaReader":
    """Play a file once from start to end.

    Args:
        path: a media file.
        frames: the instants at which a picture is wanted; None for no pictures. One VideoFrame comes for
            each step, in order: the frame with the largest presentation time <= the instant, the first
            frame before that, the last frame to the end of the grid.
        audio_hz: samples per second of the mono sound; None for no sound. It runs from second 0 to the
            end of the file, silent where the file has none.
        skip: leave out of decoding what no wanted picture needs; the pictures are the same either way.
        media: what probe says of the file, where that is known; else it is probed, which opens it once more.

    Returns:
        An iterator over VideoFrame and AudioChunk, each in order, interleaved about as they lie in the file.

    Raises:
        MediaError or a subclass: as probe.
        NoPictureError, NoSoundError: if what is wanted is not there; for pictures also at the end of
            playing, if not one frame could be decoded.
        ValueError: if neither is wanted, or the rate is not above zero.
    """
    return MediaReader(path, frames, audio_hz, skip, media)


class MediaReader(Iterator[VideoFrame | AudioChunk]):
    """What read_media returns; also tells how well it went.

    Attributes:
        media: the file's description.
        dropped: packets that could not be decoded, and wanted frames that never came out, so far.
    """

    def __init__(
        self, path: Path, frames: TimeGrid | None, audio_hz: int | None, skip: bool, media: Media | None = None
    ) -> None:
        if frames is None and audio_hz is None:
            raise ValueError("read_media needs frames (a time grid), audio_hz, or both: give at least one")
        if audio_hz is not None and audio_hz < 1:
            raise ValueError(f"audio_hz must be above zero samples per second, got {audio_hz}")
        self.media: Media = media or probe(path)
        if frames is not None and self.media.picture is None:
            raise no_video_error(path)
        if audio_hz is not None and self.media.sound is None:
            raise NoSoundError(f"{path} has no sound: name a file with an audio stream")
        self.dropped = 0
        self._reached: dict[str, StreamPosition] = {}
        self._lost: set[int] = set()
        self._enough = False
        self._items = self._run(path, frames, audio_hz, skip)

    def __iter__(self) -> Iterator[VideoFrame | AudioChunk]:
        return self

    def __next__(self) -> VideoFrame | AudioChunk:
        return next(self._items)

    def close(self) -> None:
        """Stop, and close the file; leaving the iterator unused does the same."""
        self._items.close()

    @property
    def ended_s(self) -> float:
        """How far into the file, in seconds on its clock, there was anything to decode, so far."""
        return float(max((r.end_s for r in self._reached.values()), default=Fraction(0)))

    @property
    def missing_s(self) -> float:
        """Seconds at the end that the file declares but did not have; known once playing has ended.

        The longer of picture and sound, of those that were wanted. Pictures in these seconds repeat the
        last frame, sound is silence. A few hundredths are rounding; more is a file that was cut off.
        """
        media, missing = self.media, [Fraction(0)]
        if "picture" in self._reached and media.picture and not self._enough:
            missing.append(media.picture.end_s - self._reached["picture"].end_s)
        if "sound" in self._reached and media.sound:
            missing.append(media.sound.end_s - self._reached["sound"].end_s)
        return float(max(missing))

    @property
    def broke_off_s(self) -> dict[str, float]:
        """Which streams were cut off, and when: "picture", "sound" → the second on the file's clock.

        Known once playing has ended; only of those that were wanted. Empty for a whole file.
        """
        media, ends = self.media, {}
        for name, stream in (("picture", media.picture), ("sound", media.sound)):
            if name in self._reached and stream and not (name == "picture" and self._enough):
                end_s = self._reached[name].end_s
                if stream.end_s - end_s > CUT_OFF_S:
                    ends[name] = float(end_s)
        return ends

    @property
    def of_what(self) -> str:
        """Which stream was played: " of its sound" or " of its picture"; "" where both were."""
        return f" of its {next(iter(self._reached))}" if len(self._reached) == 1 else ""

    @property
    def lost_s(self) -> NDArray[np.float64]:
        """When frames should have been shown that could not be decoded, in seconds on the file's clock, ascending.

        Known once playing has ended. What was shown before stays on the screen until a frame comes out again.
        """
        return np.array([self._reached["picture"].second(pts) for pts in sorted(self._lost)], dtype=np.float64)

    def _run(
        self, path: Path, grid: TimeGrid | None, hz: int | None, skip: bool
    ) -> Generator[VideoFrame | AudioChunk, None, None]:
        source = open_source(path)
        try:
            yield from self._pass(source, grid, hz, skip)
        finally:
            source.container.close()

    def _pass(
        self, source: StreamSource, grid: TimeGrid | None, hz: int | None, skip: bool
    ) -> Iterator[VideoFrame | AudioChunk]:
        chooser, decoder, line = None, None, None
        if grid is not None and self.media.picture is not None:
            shown = self.media.picture
            ticks = PtsGrid(grid, source.picture.time_base, source.zero)
            chooser, decoder = (
                FrameSampler(ticks, Orientation.of(shown.rotation, shown.mirrored)),
                decoder_for(source, ticks, skip),
            )
            self._reached["picture"] = StreamPosition(source, source.picture)
        if hz is not None:
            _one_thread(source.sound)
            line = AudioAssembler(hz, Fraction(source.sound.time_base), source.zero, self.media.duration_s)
            self._reached["sound"] = StreamPosition(source, source.sound)
        wanted = [s for s in (source.picture if decoder else None, source.sound if line else None) if s is not None]
        for packet in self._packets(source, wanted):
            if line is not None and packet.stream_index == source.sound.index:
                yield from self._hear(line, packet)
            elif chooser is not None and decoder is not None and not chooser.done:
                yield from self._look(chooser, decoder, packet)
            if chooser is not None and chooser.done:
                self._enough = True
                if line is None:
                    return
        if chooser is not None and decoder is not None and not chooser.done:
            yield from self._last_look(chooser, decoder, source)
        if line is not None:
            yield from line.end()

    def _packets(self, source: StreamSource, wanted: list[Any]) -> Iterator[Any]:
        """Packets with something in them; a file that breaks off ends there, and missing_s tells."""
        try:
            for packet in source.container.demux(wanted):
                if packet.size:
                    yield packet
        except av.error.FFmpegError:
            self.dropped += 1

    def _hear(self, line: AudioAssembler, packet: Any) -> Iterator[AudioChunk]:
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            self.dropped += 1
            return
        self._reached["sound"].advance(packet)
        for frame in frames:
            yield from line.take(frame)

    def _look(self, chooser: FrameSampler, decoder: Decoder, packet: Any) -> Iterator[VideoFrame]:
        self._reached["picture"].advance(packet)
        for frame in decoder.feed(packet):
            yield from chooser.push(frame)
        self._count(decoder)

    def _last_look(self, chooser: FrameSampler, decoder: Decoder, source: StreamSource) -> Iterator[VideoFrame]:
        for frame in decoder.end():
            yield from chooser.push(frame)
        self._count(decoder)
        if chooser.empty:
            raise NoPictureError(
                f"{source.path}: not one frame of its picture can be decoded. Copy or download it again"
            )
        yield from chooser.end()

    def _count(self, decoder: Decoder) -> None:
        self.dropped += decoder.dropped
        self._lost |= decoder.lost
        decoder.dropped = 0
        decoder.lost.clear()


def damage_lines(played: MediaReader) -> tuple[str, ...]:
    """What was wrong with a file, for people, one line each; known once playing has ended."""
    told = [
        f"cut off: its {name} ends after {end_s:.1f} s of {float(played.media.duration_s):.1f} s; the rest is not valid"
        for name, end_s in played.broke_off_s.items()
    ]
    if played.dropped:
        packets = f"{played.dropped} packet{'s' if played.dropped > 1 else ''}"
        told.append(f"damaged: {packets}{played.of_what} could not be decoded")
    return tuple(told)


class StreamPosition:
    """How far a stream has been read."""

    def __init__(self, source: StreamSource, stream: Any) -> None:
        self._base, self._zero = Fraction(stream.time_base), source.zero
        self._ticks: int | None = None

    def advance(self, packet: Any) -> None:
        """The next packet."""
        if packet.pts is not None:
            end = packet.pts + (packet.duration or 0)
            if self._ticks is None or end > self._ticks:
                self._ticks = end

    @property
    def end_s(self) -> Fraction:
        """The latest end of a packet, in seconds on the file's clock; 0 where none came."""
        return Fraction(0) if self._ticks is None else self._ticks * self._base - self._zero

    def second(self, pts: int) -> float:
        """A presentation time in seconds on the file's clock."""
        return float(pts * self._base - self._zero)


def prefetch(items: Iterator[T], depth: int = 8) -> Iterator[T]:
    """The same items, made in a thread of its own, at most `depth` ahead of the consumer.

    An exception in the thread is raised to the consumer in its place. When the consumer stops early
    (closes or drops the iterator), the thread ends, and with it the source is closed.

    Raises:
        ValueError: if depth is below 1.
    """
    if depth < 1:
        raise ValueError(f"depth must be at least 1, got {depth}")
    return _ahead(items, depth)


def _ahead(items: Iterator[T], depth: int) -> Iterator[T]:
    ready: Queue[tuple[str, Any]] = Queue(depth)
    stop = Event()

    def work() -> None:
        try:
            for item in items:
                ready.put(("item", item))
                if stop.is_set():
                    break
            ready.put(("end", None))
        except BaseException as error:
            ready.put(("error", error))
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()

    thread = Thread(target=work, name="play-ahead", daemon=True)
    thread.start()
    try:
        while True:
            kind, value = ready.get()
            if kind == "end":
                return
            if kind == "error":
                raise value
            yield value
    finally:
        stop.set()
        while thread.is_alive():  # make room, so that a thread waiting to put goes on and sees the stop
            try:
                ready.get(timeout=0.02)
            except Empty:
                continue
        thread.join()


def read_audio(path: Path, hz: int) -> NDArray[np.float32]:
    """The whole sound of a file, for short work: mono float32 at `hz` from second 0 of its clock, shape (n,).

    Raises:
        NoSoundError or another MediaError: as read_media.
    """
    return audio_of(read_media(path, audio_hz=hz))


def audio_of(played: MediaReader) -> NDArray[np.float32]:
    """All the sound of what is played, shape (n,); afterwards `damage_of` tells what was wrong with it."""
    chunks = [item.samples for item in played if isinstance(item, AudioChunk)]
    return np.concatenate(chunks) if chunks else np.zeros(0, dtype=np.float32)


def _one_thread(stream: Any) -> None:
    stream.codec_context.thread_count = 1
