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
from evoked.media.container import StreamSource, open_source, time_base_of, unreadable
from evoked.media.damage_log import DamageLog, StreamPosition
from evoked.media.frame_sampler import FrameSampler, PtsGrid, VideoFrame
from evoked.media.gop_decoder import Decoder, decoder_for
from evoked.media.libav_reports import LibavReports
from evoked.media.orientation import Orientation
from evoked.media.packet_decoding import audio_chunks, packets_on_clock, sampled_frames
from evoked.media.probe import Media, no_video_error, probe, track_notes
from evoked.media.stated_length import has_one_clock

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
        self._path = path
        self._log: DamageLog | None = None
        self._assembler: AudioAssembler | None = None
        self._items = self._run(path, frames, audio_hz, skip)

    def __iter__(self) -> Iterator[VideoFrame | AudioChunk]:
        return self

    def __next__(self) -> VideoFrame | AudioChunk:
        try:
            return next(self._items)
        except (av.error.FFmpegError, OSError, UnicodeError) as error:
            raise unreadable(self._path, error) from error

    def close(self) -> None:
        """Stop, and close the file; dropping the iterator does the same."""
        self._items.close()

    @property
    def dropped(self) -> int:
        """Packets that could not be decoded, and wanted frames that are missing, so far."""
        return self._log.dropped if self._log else 0

    @property
    def damage(self) -> tuple[Damage, ...]:
        """What is wrong with the file, one entry per defect; known at the end of the pass."""
        return (*(self._log.entries() if self._log else ()), *self.sound_damage)

    @property
    def ended_s(self) -> float:
        """The latest end of a packet so far, in seconds on the file's clock."""
        return self._log.read_to_s if self._log else 0.0

    @property
    def missing_s(self) -> float:
        """Seconds at the end that the file declares but does not hold; known at the end of the pass.

        The larger of video and audio, of those that were wanted. Video in these seconds repeats the
        last frame, audio is silence. A few hundredths are rounding; more is a file that was cut off.
        """
        media, missing = self.media, [Fraction(0)]
        if self._log and "picture" in self._positions and media.picture and not self._log.enough:
            missing.append(media.picture.end_s - self._positions["picture"].end_s)
        if "sound" in self._positions and media.sound:
            missing.append(media.sound.end_s - self._positions["sound"].end_s)
        return float(max(missing))

    @property
    def broke_off_s(self) -> dict[str, float]:
        """Which streams were cut off, and when: "picture", "sound" → the second on the file's clock.

        Known at the end of the pass; only of those that were wanted. Empty for a complete file.
        """
        return self._log.broke_off_s if self._log else {}

    def picture_valid(self, grid: TimeGrid, shown_s: NDArray[np.float64]) -> NDArray[np.bool_]:
        """At which steps the frame is the one that belongs there: not where it is missing, held, or corrupt.

        Known at the end of the pass. A frame that is held because nothing else was shown is valid.

        Args:
            grid: of the steps.
            shown_s: when the frame of each step was first shown (`VideoFrame.pts_s`), shape (steps,).

        Returns:
            bool, shape (steps,).
        """
        return self._log.picture_valid(grid, shown_s) if self._log else np.ones(grid.steps, dtype=np.bool_)

    @property
    def sound_gaps_s(self) -> list[tuple[float, float]]:
        """Stretches (from, to) in which the file has no sound although it has some before and after, in seconds."""
        return self._log.gaps_s("sound") if self._log else []

    @property
    def _positions(self) -> dict[str, StreamPosition]:
        return self._log.positions if self._log else {}

    @property
    def lost_sound_s(self) -> tuple[tuple[float, float], ...]:
        """Spans (from, to) that are silence in place of damaged sound, in seconds on the file's clock."""
        return self._assembler.lost_s if self._assembler else ()

    @property
    def reads_sound(self) -> bool:
        """Whether the sound is read, and the pass has begun."""
        return self._assembler is not None

    @property
    def sound_damage(self) -> tuple[Damage, ...]:
        """What is wrong with the decoded sound itself; known at the end of the pass."""
        return self._assembler.damage if self._assembler else ()

    def _run(
        self, path: Path, grid: TimeGrid | None, hz: int | None, skip: bool
    ) -> Generator[VideoFrame | AudioChunk, None, None]:
        reports, track = LibavReports(), self.media.sound.track if self.media.sound else 0
        source = reports.call(lambda: open_source(path, track), lambda: 0.0)
        try:
            yield from self._pass(source, grid, hz, skip, reports)
        finally:
            source.container.close()

    def _pass(
        self, source: StreamSource, grid: TimeGrid | None, hz: int | None, skip: bool, reports: LibavReports
    ) -> Iterator[VideoFrame | AudioChunk]:
        sampler, decoder, assembler = None, None, None
        wanted: dict[str, Stream] = {"picture": source.video} if grid is not None else {}
        wanted |= {"sound": source.audio} if hz is not None else {}
        log = self._log = DamageLog(self.media, source, wanted, reports)
        if grid is not None and self.media.picture is not None:
            video = self.media.picture
            pts_grid = PtsGrid(grid, time_base_of(source.video), source.zero)
            decoder = decoder_for(source, pts_grid, skip)
            orientation = Orientation.of(video.rotation, video.mirrored)
            sampler = FrameSampler(pts_grid, orientation, video.stored_shape, decoder.aspects)
            log.barred, log.from_s = sampler.barred, grid.start
            decoder.corrupt, decoder.reports = log.corrupt, log.reports
        if hz is not None:
            source.audio.codec_context.thread_count = 1
            assembler = AudioAssembler(hz, time_base_of(source.audio), source.zero, self.media.duration_s)
            self._assembler = assembler
        # where the clock may break, the packets of both streams are read even if one is wanted: only together they tell
        streams = list(wanted.values()) if has_one_clock(source) else source.streams
        for packet in packets_on_clock(source, streams, log):
            if assembler is not None and packet.stream_index == source.audio.index:
                yield from audio_chunks(assembler, packet, log)
            elif sampler is None or decoder is None or packet.stream_index != source.video.index:
                continue
            elif not sampler.done:
                yield from _decode_video(sampler, decoder, packet, log)
            if sampler is not None and sampler.done:
                log.enough = True
                if assembler is None:
                    return
        if sampler is not None and decoder is not None and not sampler.done:
            yield from _drain_video(sampler, decoder, source.path, log)
        if assembler is not None:
            yield from assembler.end()


def _decode_video(sampler: FrameSampler, decoder: Decoder, packet: Packet, log: DamageLog) -> Iterator[VideoFrame]:
    log.positions["picture"].advance(packet)
    yield from sampled_frames(decoder.feed(packet), decoder, lambda _: sampler, log)


def _drain_video(sampler: FrameSampler, decoder: Decoder, path: Path, log: DamageLog) -> Iterator[VideoFrame]:
    yield from sampled_frames(decoder.end(), decoder, lambda _: sampler, log)
    if sampler.empty:
        raise NoPictureError(f"{path}: not one frame of its picture can be decoded. Copy or download it again")
    yield from sampler.end()


def damage_lines(reader: MediaReader) -> tuple[str, ...]:
    """Messages at the end of the pass: one per defect of the file, and which of several audio tracks was read."""
    tracks = track_notes(reader.media) if reader.reads_sound else ()
    return (*damage_texts(reader.damage), *tracks)


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
