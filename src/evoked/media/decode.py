"""Read a media file in one sequential pass: video frames on a time grid, and gapless audio."""

from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path
from queue import Empty, Queue
from threading import Event, Thread
from typing import Any, TypeVar

import av
import numpy as np
from av import Packet
from av.stream import Stream
from numpy.typing import NDArray

from evoked.core.damage import Damage, damage_texts
from evoked.core.errors import NoPictureError, NoSoundError
from evoked.core.time_grid import TimeGrid
from evoked.media.audio_stream import AudioAssembler, AudioChunk
from evoked.media.container import StreamSource, open_source, time_base_of
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
"""A stream that ends this long before its declared end was cut off; complete files differ by hundredths."""


def read_media(
    path: Path,
    *,
    frames: TimeGrid | None = None,
    audio_hz: int | None = None,
    skip: bool = True,
    media: Media | None = None,
) -> "MediaReader":
    """Read a file once from start to end.

    Args:
        path: a media file.
        frames: the instants at which a frame is wanted; None for no video. One VideoFrame is given for
            each step, in order: the frame with the largest presentation time <= the instant, before the
            first frame that one, and the last frame up to the end of the grid.
        audio_hz: samples per second of the mono audio; None for no audio. It covers second 0 to the
            end of the file, with silence where the file has none.
        skip: do not decode what no wanted frame depends on; the frames are the same either way.
        media: the result of probe, where it is known; else the file is probed, which opens it once more.

    Returns:
        An iterator over VideoFrame and AudioChunk, each in order, interleaved about as they are in the file.

    Raises:
        MediaError or a subclass: as probe.
        NoPictureError, NoSoundError: if the file has no video or audio although it is wanted; for video also
            at the end of the pass, if not one frame could be decoded.
        ValueError: if neither is wanted, or the rate is not above zero.
    """
    return MediaReader(path, frames, audio_hz, skip, media)


class MediaReader(Iterator[VideoFrame | AudioChunk]):
    """One pass over a media file, made by read_media; also reports damage.

    Attributes:
        media: the file's description.
        dropped: packets that could not be decoded, and wanted frames that are missing, so far.
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
        self._assembler: AudioAssembler | None = None
        self._items = self._run(path, frames, audio_hz, skip)

    def __iter__(self) -> Iterator[VideoFrame | AudioChunk]:
        return self

    def __next__(self) -> VideoFrame | AudioChunk:
        return next(self._items)

    def close(self) -> None:
        """Stop, and close the file; dropping the iterator does the same."""
        self._items.close()

    @property
    def ended_s(self) -> float:
        """The latest end of a packet so far, in seconds on the file's clock."""
        return float(max((r.end_s for r in self._reached.values()), default=Fraction(0)))

    @property
    def missing_s(self) -> float:
        """Seconds at the end that the file declares but does not hold; known at the end of the pass.

        The larger of video and audio, of those that were wanted. Video in these seconds repeats the
        last frame, audio is silence. A few hundredths are rounding; more is a file that was cut off.
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

        Known at the end of the pass; only of those that were wanted. Empty for a complete file.
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
        """Which stream was read: " of its sound" or " of its picture"; "" where both were."""
        return f" of its {next(iter(self._reached))}" if len(self._reached) == 1 else ""

    @property
    def lost_s(self) -> NDArray[np.float64]:
        """Presentation times of frames that could not be decoded, in seconds on the file's clock, ascending.

        Known at the end of the pass. The frame before them is shown until the next frame that can be decoded.
        """
        return np.array([self._reached["picture"].second(pts) for pts in sorted(self._lost)], dtype=np.float64)

    @property
    def lost_sound_s(self) -> tuple[tuple[float, float], ...]:
        """Spans (from, to) that are silence in place of damaged sound, in seconds on the file's clock."""
        return self._assembler.lost_s if self._assembler else ()

    @property
    def sound_damage(self) -> tuple[Damage, ...]:
        """What is wrong with the decoded sound itself; known at the end of the pass."""
        return self._assembler.damage if self._assembler else ()

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
        sampler, decoder, assembler = None, None, None
        if grid is not None and self.media.picture is not None:
            video = self.media.picture
            pts_grid = PtsGrid(grid, time_base_of(source.video), source.zero)
            sampler, decoder = (
                FrameSampler(pts_grid, Orientation.of(video.rotation, video.mirrored)),
                decoder_for(source, pts_grid, skip),
            )
            self._reached["picture"] = StreamPosition(source, source.video)
        if hz is not None:
            source.audio.codec_context.thread_count = 1
            assembler = AudioAssembler(hz, time_base_of(source.audio), source.zero, self.media.duration_s)
            self._assembler = assembler
            self._reached["sound"] = StreamPosition(source, source.audio)
        wanted = [source.video] if decoder else []
        streams: list[Stream] = [*wanted, source.audio] if assembler else [*wanted]
        for packet in self._packets(source, streams):
            if assembler is not None and packet.stream_index == source.audio.index:
                yield from self._decode_audio(assembler, packet)
            elif sampler is not None and decoder is not None and not sampler.done:
                yield from self._decode_video(sampler, decoder, packet)
            if sampler is not None and sampler.done:
                self._enough = True
                if assembler is None:
                    return
        if sampler is not None and decoder is not None and not sampler.done:
            yield from self._drain_video(sampler, decoder, source)
        if assembler is not None:
            yield from assembler.end()

    def _packets(self, source: StreamSource, streams: list[Stream]) -> Iterator[Packet]:
        """Packets that are not empty; where the file breaks off they end, and missing_s reports it."""
        try:
            for packet in source.container.demux(streams):
                if packet.size:
                    yield packet
        except av.error.FFmpegError:
            self.dropped += 1

    def _decode_audio(self, assembler: AudioAssembler, packet: Packet) -> Iterator[AudioChunk]:
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            self.dropped += 1
            assembler.lose(packet.pts, packet.duration)
            return
        self._reached["sound"].advance(packet)
        for frame in frames:
            assert isinstance(frame, av.AudioFrame)
            yield from assembler.take(frame)

    def _decode_video(self, sampler: FrameSampler, decoder: Decoder, packet: Packet) -> Iterator[VideoFrame]:
        self._reached["picture"].advance(packet)
        for frame in decoder.feed(packet):
            yield from sampler.push(frame)
        self._count(decoder)

    def _drain_video(self, sampler: FrameSampler, decoder: Decoder, source: StreamSource) -> Iterator[VideoFrame]:
        for frame in decoder.end():
            yield from sampler.push(frame)
        self._count(decoder)
        if sampler.empty:
            raise NoPictureError(
                f"{source.path}: not one frame of its picture can be decoded. Copy or download it again"
            )
        yield from sampler.end()

    def _count(self, decoder: Decoder) -> None:
        self.dropped += decoder.dropped
        self._lost |= decoder.lost
        decoder.dropped = 0
        decoder.lost.clear()


def damage_lines(reader: MediaReader) -> tuple[str, ...]:
    """The damage of a file as messages, one per fault; known at the end of the pass."""
    lines = [
        f"cut off: its {name} ends after {end_s:.1f} s of {float(reader.media.duration_s):.1f} s; the rest is not valid"
        for name, end_s in reader.broke_off_s.items()
    ]
    if reader.dropped:
        packets = f"{reader.dropped} packet{'s' if reader.dropped > 1 else ''}"
        lines.append(f"damaged: {packets}{reader.of_what} could not be decoded")
    return (*lines, *damage_texts(reader.sound_damage))


class StreamPosition:
    """The presentation time up to which a stream has been read."""

    def __init__(self, source: StreamSource, stream: Stream) -> None:
        self._base, self._zero = time_base_of(stream), source.zero
        self._end_pts: int | None = None

    def advance(self, packet: Packet) -> None:
        """Take the next packet into account."""
        if packet.pts is not None:
            end = packet.pts + (packet.duration or 0)
            if self._end_pts is None or end > self._end_pts:
                self._end_pts = end

    @property
    def end_s(self) -> Fraction:
        """The latest end of a packet, in seconds on the file's clock; 0 before the first."""
        return Fraction(0) if self._end_pts is None else self._end_pts * self._base - self._zero

    def second(self, pts: int) -> float:
        """A presentation timestamp of the stream in seconds on the file's clock."""
        return float(pts * self._base - self._zero)


def prefetch(items: Iterator[T], depth: int = 8) -> Iterator[T]:
    """Produce items in a background thread, at most `depth` ahead of the consumer.

    An exception in the thread is raised in the consumer, after the items before it. When the consumer stops
    early (closes or drops the iterator), the thread ends and closes the source.

    Args:
        items: the iterator to run in the thread; closed at the end if it has `close`.
        depth: most items that wait for the consumer.

    Returns:
        An iterator over the same items.

    Raises:
        ValueError: if depth is below 1.
    """
    if depth < 1:
        raise ValueError(f"depth must be at least 1, got {depth}")
    return _prefetched(items, depth)


def _prefetched(items: Iterator[T], depth: int) -> Iterator[T]:
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

    thread = Thread(target=work, name="prefetch", daemon=True)
    thread.start()
    try:
        while True:
            tag, value = ready.get()
            if tag == "end":
                return
            if tag == "error":
                raise value
            yield value
    finally:
        stop.set()
        while thread.is_alive():  # drain the queue, so that a thread blocked in put continues and sees the stop
            try:
                ready.get(timeout=0.02)
            except Empty:
                continue
        thread.join()


def read_audio(path: Path, hz: int) -> NDArray[np.float32]:
    """Read the complete audio of a file into memory.

    Args:
        path: a media file with audio.
        hz: samples per second of the result.

    Returns:
        Mono float32 in [-1, 1], shape (n,), from second 0 of the file's clock.

    Raises:
        NoSoundError or another MediaError: as read_media.
    """
    return audio_of(read_media(path, audio_hz=hz))


def audio_of(reader: MediaReader) -> NDArray[np.float32]:
    """All audio that a reader gives, shape (n,); `damage_lines` then reports its damage."""
    chunks = [item.samples for item in reader if isinstance(item, AudioChunk)]
    return np.concatenate(chunks) if chunks else np.zeros(0, dtype=np.float32)
