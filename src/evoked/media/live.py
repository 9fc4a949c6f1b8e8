"""Read live media as they arrive: a pipe, or a file that is still being written.

Same clock, frames and audio as `read_media` gives of the finished file. Nothing is known in
advance: no length, no index, no second pass. So the container must be one that can be read from front to
back: MPEG-TS, Matroska, WebM, fragmented MP4.
"""

import hashlib
import io
import os
import sys
import time
from collections.abc import Generator, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
from av import Packet

from evoked.core.damage import Damage
from evoked.core.errors import MissingMedia, NoPictureError
from evoked.core.time_grid import TimeGrid
from evoked.media.audio_stream import AudioAssembler, AudioChunk
from evoked.media.container import StreamSource, first_stream, time_base_of
from evoked.media.damage_log import PassLog
from evoked.media.frame_sampler import FrameSampler, PtsGrid, VideoFrame
from evoked.media.gop_decoder import FullDecoder
from evoked.media.libav_reports import LibavReports
from evoked.media.orientation import Orientation, orientation_of
from evoked.media.packet_decoding import audio_chunks, packets_on_clock, sampled_frames
from evoked.media.pixel_aspect import FrameAspects, FrameShape, usable_aspect
from evoked.media.probe import used_track_notes

__all__ = ["GrowingFile", "LiveReader"]

LONGEST_S = 48 * 3600
"""Longest stream: the grid of instants is allocated in advance, 16 bytes a second."""
AHEAD_S = 3600
"""A timestamp of audio further ahead of what was read than this is broken, not a gap."""
ADVICE = "Send MPEG-TS, Matroska or fragmented MP4 (ffmpeg … -f mpegts -)"


class GrowingFile:
    """Bytes of a pipe, or of a file that another process still writes.

    Args:
        path: the file; None for standard input.
        patience_s: seconds without growth after which a file counts as finished; a pipe reports its end.

    Raises:
        MissingMedia: if there is no such file.
    """

    def __init__(self, path: Path | None, patience_s: float) -> None:
        self.name = str(path or "-")
        self.interrupted = False
        self._digest = hashlib.sha256()
        if path is not None and path.is_dir():
            raise MissingMedia(f"{path} is a folder, not media: name a file in it, or - for standard input")
        self._follows = path is not None and path.is_file()
        self._patience_s = patience_s
        try:
            self._file = io.FileIO(path) if path is not None else io.FileIO(os.dup(sys.stdin.fileno()))
        except OSError as error:
            raise MissingMedia(f"no media at {self.name}: {error.strerror or error}. Check the name") from error

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, as soon as there are any; none at the end.

        libav calls this, and an interrupt that is raised into libav is lost (measured: the program kept
        waiting). So it ends the stream and is recorded in `interrupted`.
        """
        try:
            return self._read(size)
        except KeyboardInterrupt:
            self.interrupted = True
            return b""

    def _read(self, size: int) -> bytes:
        since = time.monotonic()
        while not self.interrupted:
            data = self._file.read(size) or b""
            if data or not self._follows or time.monotonic() - since > self._patience_s:
                self._digest.update(data)
                return data
            time.sleep(0.02)
        return b""

    @property
    def sha256(self) -> str:
        """SHA-256 of all bytes read so far, in hexadecimal."""
        return self._digest.hexdigest()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class LiveReader(Iterator[VideoFrame | AudioChunk]):
    """Reads live media: a VideoFrame for each whole second, and mono audio, as soon as they are known.

    The frame of second t is known with the first frame that is shown after t; audio is given in half seconds.

    Args:
        path: a file that grows, or a named pipe; None for standard input.
        audio_hz: samples per second of the audio.
        patience_s: see GrowingFile.
        audio_track: which of its audio tracks, from 1; 0: the one that a player plays.

    Attributes:
        notes: which of several audio tracks is read, one line.
        has_sound: whether there is an audio stream; its samples then start at second 0.
        sound_start_s: when the audio begins, in seconds on the clock.

    Raises:
        MissingMedia: if it is absent, or not media that can be read from front to back.
        NoPictureError: if it has no video, or at its end if no frame could be decoded.
    """

    def __init__(self, path: Path | None, audio_hz: int, patience_s: float = 10.0, audio_track: int = 0) -> None:
        self._audio_track = audio_track
        self._bytes = GrowingFile(path, patience_s)
        reports = LibavReports()
        try:
            self._source = reports.call(self._open, lambda: 0.0)
        except BaseException:
            self._bytes.close()
            raise
        self.has_sound = self._source.sound is not None
        self.notes = used_track_notes(self._source.audio_track, self._source.audio_tracks)
        # properties of a stream must be read before the container is closed: after that the memory is freed
        self.sound_start_s = float(self._source.start_s(self._source.audio)) if self.has_sound else 0.0
        context = self._source.video.codec_context
        stated = usable_aspect(FrameAspects(self._source).stated)
        self._shape = FrameShape(int(context.width), int(context.height), stated)
        self._hz = audio_hz
        wanted = {"picture": self._source.video} | ({"sound": self._source.audio} if self.has_sound else {})
        self._log = PassLog(self._source, wanted, reports)
        self._assembler: AudioAssembler | None = None
        self._sampler: FrameSampler | None = None
        self._orientation: Orientation | None = None
        self._items = self._read()

    def __iter__(self) -> Iterator[VideoFrame | AudioChunk]:
        return self

    def __next__(self) -> VideoFrame | AudioChunk:
        return next(self._items)

    def close(self) -> None:
        """Stop, and close the source; reading to the end does the same."""
        self._items.close()
        self._close_source()

    def _close_source(self) -> None:
        self._source.container.close()
        self._bytes.close()

    @property
    def reached_s(self) -> tuple[float, float]:
        """How far (video, audio) have been read, in seconds on the clock; 0 for audio where there is none."""
        positions = self._log.positions
        return float(positions["picture"].end_s), float(positions["sound"].end_s) if self.has_sound else 0.0

    @property
    def dropped(self) -> int:
        """Packets that could not be decoded, so far."""
        return self._log.dropped

    @property
    def damage(self) -> tuple[Damage, ...]:
        """What is wrong with it so far: packets and frames that are lost, breaks of the clock, unusable sound."""
        sound = self._assembler.damage if self._assembler else ()
        log = self._log
        lost = (*log.undecodable(), *log.clock.damage, *log.corrupt_frames(), *log.late_frames(), *log.reported())
        return (*lost, *sound)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) as shown, with square pixels; known with the first frame."""
        return self._orientation.size(*self._shape.size) if self._orientation else self._shape.size

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes read so far, in hexadecimal."""
        return self._bytes.sha256

    def _open(self) -> StreamSource:
        path = Path(self._bytes.name)
        try:  # libav reads up to 5 s to find the streams; with a smaller limit it finds other start times
            container = av.open(self._bytes, "r", metadata_errors="replace", options={"fflags": "+genpts"})
        except (av.error.FFmpegError, OSError) as error:
            if self._bytes.interrupted:
                raise KeyboardInterrupt from error
            raise MissingMedia(f"{path}: what comes is no media that can be read while it comes. {ADVICE}") from error
        source = first_stream(container, path, self._audio_track)
        if source.picture is None:
            container.close()
            raise NoPictureError(f"{path} has no picture: send a stream with video")
        return source

    def _read(self) -> Generator[VideoFrame | AudioChunk, None, None]:
        try:
            yield from self._pass()
        finally:
            self._close_source()

    def _pass(self) -> Iterator[VideoFrame | AudioChunk]:
        source = self._source
        grid = TimeGrid(Fraction(1), LONGEST_S)
        source.video.codec_context.thread_count = 1  # threads delay frames
        decoder, assembler, log = FullDecoder(source), None, self._log
        decoder.corrupt, decoder.reports = log.corrupt, log.reports
        if self.has_sound:
            source.audio.codec_context.thread_count = 1
            assembler = AudioAssembler(self._hz, time_base_of(source.audio), source.zero, Fraction(LONGEST_S))
            self._assembler = assembler
        sampler_for = partial(
            self._opened_sampler, PtsGrid(grid, time_base_of(source.video), source.zero), decoder.aspects
        )
        for packet in self._packets():
            if assembler is not None and packet.stream_index == source.audio.index:
                if not self._is_far_ahead(packet):
                    yield from audio_chunks(assembler, packet, log)
                continue
            log.positions["picture"].advance(packet)
            yield from sampled_frames(decoder.feed(packet), decoder, sampler_for, log)
        yield from sampled_frames(decoder.end(), decoder, sampler_for, log)
        yield from self._last_frames()
        if assembler is not None:
            yield from assembler.finish(max(position.end_s for position in log.positions.values()))

    def _opened_sampler(self, pts_grid: PtsGrid, aspects: FrameAspects, frame: av.VideoFrame) -> FrameSampler:
        """The sampler; opened with the first frame, which tells the orientation and the shape."""
        if self._sampler is None:
            self._orientation, self._shape = orientation_of(frame), aspects.shape(frame)
            self._sampler = FrameSampler(pts_grid, self._orientation, self._shape, aspects)
        return self._sampler

    def _packets(self) -> Iterator[Packet]:
        for packet in packets_on_clock(self._source, self._source.streams, self._log):
            if self._bytes.interrupted:
                break
            yield packet
        if self._bytes.interrupted:
            raise KeyboardInterrupt

    def _is_far_ahead(self, packet: Packet) -> bool:
        """Whether the timestamp of an audio packet is broken; the packet is then counted as lost."""
        if packet.pts is None:
            return False
        read_to_s = max(position.end_s for position in self._log.positions.values())
        is_far = self._source.on_clock(packet.stream, packet.pts) - read_to_s > AHEAD_S
        self._log.dropped += is_far
        return is_far

    def _last_frames(self) -> Iterator[VideoFrame]:
        """The last frame for each second up to the end of the video."""
        if self._sampler is None:
            raise NoPictureError(
                f"{self._source.path}: not one frame of its picture could be decoded. {ADVICE}; a plain MP4 has its "
                "index at the end"
            )
        for shown in self._sampler.end():
            if shown.time_s >= self._log.positions["picture"].end_s:
                return
            yield shown
