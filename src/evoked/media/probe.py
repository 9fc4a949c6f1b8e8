"""What a media file holds, and when: its frozen description, and the true times of its frames."""

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import MediaError, MissingMedia, NoPictureError
from evoked.core.time_grid import TimeGrid
from evoked.media.container import StreamSource, open_container
from evoked.media.orientation import orientation_of

MP4 = "mov,mp4,m4a,3gp,3g2,mj2"
# Their per-stream durations come from an index that covers the whole file.
DECLARED = {MP4}
# Their timestamps stay true after a seek, so that reading the tail is enough.
SEEKABLE = {MP4, "matroska,webm", "mpegts"}


@dataclass(frozen=True)
class VideoStream:
    """The moving picture of a file.

    Attributes:
        codec: libav's name of it, e.g. "h264".
        width, height: as shown, upright, in pixels (not corrected for pixels that are not square).
        coded_width, coded_height: as stored.
        rotation: degrees clockwise that turn the stored picture upright: 0, 90, 180 or 270.
        pixel_format: libav's name of it, e.g. "yuv420p".
        average_rate: frames per second on average, or None where the file does not say.
        start_s: when the first frame is shown, on the file's clock.
        duration_s: from then to the end of the last frame.
        mirrored: the stored picture is turned left to right before it is rotated.
    """

    codec: str
    width: int
    height: int
    coded_width: int
    coded_height: int
    rotation: int
    pixel_format: str
    average_rate: Fraction | None
    start_s: Fraction
    duration_s: Fraction
    mirrored: bool = False

    def __post_init__(self) -> None:
        if self.rotation not in (0, 90, 180, 270):
            raise ValueError(f"rotation must be 0, 90, 180 or 270 degrees, got {self.rotation}")
        if min(self.width, self.height) < 1:
            raise ValueError(f"a picture must have pixels, got {self.width}x{self.height}")
        stored = (self.coded_width, self.coded_height)
        if (self.width, self.height) != (stored if self.rotation % 180 == 0 else stored[::-1]):
            raise ValueError(f"{self.width}x{self.height} is not {stored} turned by {self.rotation} degrees")
        _check_span(self.start_s, self.duration_s)

    @property
    def end_s(self) -> Fraction:
        """When the last frame ends, on the file's clock."""
        return self.start_s + self.duration_s


@dataclass(frozen=True)
class AudioStream:
    """The sound of a file; times on the file's clock, the end good to one codec frame."""

    codec: str
    sample_rate: int
    channels: int
    start_s: Fraction
    duration_s: Fraction

    def __post_init__(self) -> None:
        if self.sample_rate < 1 or self.channels < 1:
            raise ValueError(f"sound must have samples, got {self.sample_rate} Hz in {self.channels} channels")
        _check_span(self.start_s, self.duration_s)

    @property
    def end_s(self) -> Fraction:
        """When the sound ends, on the file's clock."""
        return self.start_s + self.duration_s


@dataclass(frozen=True)
class Media:
    """What a file holds.

    Attributes:
        path: where it is.
        container: libav's name of the format, e.g. "matroska,webm".
        duration_s: from second 0 to the end of picture and sound, whichever is later.
        picture: None where there is no picture (cover art is none).
        sound: None where there is no sound.
    """

    path: Path
    container: str
    duration_s: Fraction
    picture: VideoStream | None
    sound: AudioStream | None

    def __post_init__(self) -> None:
        ends = [s.end_s for s in (self.picture, self.sound) if s]
        if not ends:
            raise ValueError("media must have a picture or a sound")
        if self.duration_s != max(ends):
            raise ValueError(f"duration must be the latest end {max(ends)} s, got {self.duration_s} s")

    @property
    def seconds(self) -> TimeGrid:
        """Every whole second before the end of the picture (of the sound where there is no picture)."""
        return self.grid(Fraction(1))

    def grid(self, rate: Fraction) -> TimeGrid:
        """Every instant i / rate before the end of the picture (of the sound where there is no picture)."""
        shown = self.picture or self.sound
        assert shown is not None  # held by __post_init__
        return TimeGrid.covering(shown.end_s, rate)


def probe(path: Path) -> Media:
    """Describe a media file: reads its index or its tail, and decodes its first picture and sound.

    Raises:
        MissingMedia: if it is absent, a folder, empty, or no media file.
        NoPictureError: if it has a video stream of which not one frame can be decoded.
        MediaError: if it is damaged in another way.
    """
    with open_container(path) as source:
        ends_read = _PacketEnds()
        firsts = _first_frames(source, ends_read)
        container = source.container.format.name
        if not firsts:
            raise MissingMedia(f"{path} is no media file: it holds no picture and no sound. Name a video or sound file")
        live = replace(source, picture=_live(source.picture, firsts), sound=_live(source.sound, firsts))
        ends = _ends(live, ends_read)
        picture = _picture(live, firsts, ends) if live.picture else None
        sound = _sound(live, firsts, ends) if live.sound else None
    duration_s = max(s.end_s for s in (picture, sound) if s)
    return Media(path, container, duration_s, picture, sound)


def frame_times(path: Path) -> NDArray[np.float64]:
    """When each frame is shown, without decoding.

    Returns:
        Seconds on the file's clock, ascending, shape (frames,). Frames that an edit list hides are left out.

    Raises:
        NoPictureError: if there is no video stream.
        MediaError: as probe; also if the frames carry no times.
    """
    with open_container(path) as source:
        if source.picture is None:
            raise no_video_error(path)
        stamps = [p.pts for p in source.container.demux(source.picture) if p.size and not p.is_discard]
        if None in stamps:
            raise no_timestamps_error(path)
        base, zero = source.picture.time_base, source.zero
        return np.array([float(pts * base - zero) for pts in sorted(stamps)], dtype=np.float64)


def no_video_error(path: Path) -> NoPictureError:
    """The error for a file without a picture."""
    return NoPictureError(f"{path} has no picture: name a file with a video stream")


def no_timestamps_error(path: Path) -> MediaError:
    """The error for a raw stream, whose frames do not say when they are shown."""
    return MediaError(f"{path} does not say when its frames are shown: put it into a container (MP4, MKV) first")


def _check_span(start_s: Fraction, duration_s: Fraction) -> None:
    if start_s < 0 or duration_s < 0:
        raise ValueError(f"a stream must lie on the clock, got start {start_s} s, duration {duration_s} s")


def _live(stream: Any, firsts: dict[int, Any]) -> Any:
    return stream if stream is not None and stream.index in firsts else None


def _first_frames(source: StreamSource, ends: "_PacketEnds") -> dict[int, Any]:
    """The first frame of each stream that can be decoded, by stream index; empty streams are left out.

    Args:
        source: an open file, nothing of it read yet.
        ends: takes every packet that is read.
    """
    streams = [s for s in (source.picture, source.sound) if s is not None]
    firsts: dict[int, Any] = {}
    packets = dict.fromkeys((s.index for s in streams), 0)
    for packet in source.container.demux(streams):
        ends.add(packet)
        if packet.stream_index in firsts:
            continue
        packets[packet.stream_index] += bool(packet.size)
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            continue  # counted by the absence of any frame below; MediaReader counts each
        if frames:
            firsts[packet.stream_index] = frames[0]
            if len(firsts) == len(streams):
                break
    _check_decodable(source, firsts, packets)
    return firsts


def _check_decodable(source: StreamSource, firsts: dict[int, Any], packets: dict[int, int]) -> None:
    dead = [i for i, count in packets.items() if count and i not in firsts]
    if not dead:
        return
    if source.picture is not None and source.picture.index in dead:
        raise NoPictureError(f"{source.path}: not one frame of its picture can be decoded. Copy or download it again")
    if source.picture is None:  # noise is easily taken for MP3
        raise MissingMedia(f"{source.path} is no media file: nothing in it can be decoded. Name a video or sound file")
    raise MediaError(f"{source.path}: nothing of its sound can be decoded. Copy or download it again")


def _picture(source: StreamSource, firsts: dict[int, Any], ends: dict[int, Fraction]) -> VideoStream:
    stream, frame = source.picture, firsts[source.picture.index]
    turn = orientation_of(frame)
    start_s = source.start_s(stream)
    width, height = turn.size(frame.width, frame.height)
    return VideoStream(
        codec=stream.codec_context.name,
        width=width,
        height=height,
        coded_width=frame.width,
        coded_height=frame.height,
        rotation=turn.clockwise,
        pixel_format=frame.format.name,
        average_rate=Fraction(stream.average_rate) if stream.average_rate else None,
        start_s=start_s,
        duration_s=max(ends[stream.index] - start_s, Fraction(0)),
        mirrored=turn.mirrored,
    )


def _sound(source: StreamSource, firsts: dict[int, Any], ends: dict[int, Fraction]) -> AudioStream:
    stream, frame = source.sound, firsts[source.sound.index]
    start_s = source.start_s(stream)
    return AudioStream(
        codec=stream.codec_context.name,
        sample_rate=int(frame.sample_rate),
        channels=int(frame.layout.nb_channels),
        start_s=start_s,
        duration_s=max(ends[stream.index] - start_s, Fraction(0)),
    )


class _PacketEnds:
    """The latest end of each stream among the packets that were read."""

    def __init__(self) -> None:
        self._ticks: dict[int, int] = {}

    def add(self, packet: Any) -> None:
        """Take the next packet; one that is empty, has no time, or is hidden by an edit list counts for nothing."""
        at = packet.pts if packet.pts is not None else packet.dts
        if packet.size and at is not None and not packet.is_discard:
            end = at + (packet.duration or _usual_ticks(packet.stream))
            self._ticks[packet.stream_index] = max(end, self._ticks.get(packet.stream_index, end))

    def on_clock(self, source: StreamSource, streams: list[Any]) -> dict[int, Fraction]:
        """The ends of some streams in seconds on the file's clock, by stream index."""
        return {s.index: source.on_clock(s, self._ticks[s.index]) for s in streams if s.index in self._ticks}


def _ends(source: StreamSource, read: _PacketEnds) -> dict[int, Fraction]:
    """When each stream ends, in seconds on the clock, by stream index.

    An index that covers the whole file is believed where it says more than the packets: they may be cut
    off. It may also say less (measured: slides with B-frames, 0.6 s), so the packets are looked at, too.

    Args:
        source: an open file, read as far as `read` says.
        read: the packets from its beginning on that were read already.
    """
    streams = [s for s in (source.picture, source.sound) if s is not None]
    container = source.container.format.name
    declared = {s.index: source.start_s(s) + s.duration * s.time_base for s in streams if s.duration}
    if container not in SEEKABLE or not source.container.duration:
        return _ends_of_all(source, streams, read)
    if container not in DECLARED or len(declared) < len(streams):
        for back_s in (10, 60):
            found = _ends_of_tail(source, streams, back_s)
            if len(found) == len(streams):
                return found
        source.container.seek(source.container.start_time or 0)
        return _ends_of_all(source, streams, _PacketEnds())
    if source.picture is not None:
        index = source.picture.index
        found = _ends_of_tail(source, [source.picture], 10)
        declared[index] = max(declared[index], found.get(index, declared[index]))
    return declared


def _ends_of_tail(source: StreamSource, streams: list[Any], back_s: int) -> dict[int, Fraction]:
    """The latest end of each stream in the last `back_s` seconds and a bit more; a stream without packets has none."""
    start = source.container.start_time or 0
    source.container.seek(max(start, start + source.container.duration - back_s * av.time_base))
    ends = _PacketEnds()
    for packet in source.container.demux(streams):
        ends.add(packet)
    return ends.on_clock(source, streams)


def _ends_of_all(source: StreamSource, streams: list[Any], read: _PacketEnds) -> dict[int, Fraction]:
    """The latest end of each stream in the whole file: what was read already, and the rest."""
    for packet in source.container.demux(streams):
        read.add(packet)
    found = read.on_clock(source, streams)
    if len(found) < len(streams):
        raise no_timestamps_error(source.path)
    return found


def _usual_ticks(stream: Any) -> int:
    """How long a frame of unknown duration is taken to last, in the stream's ticks."""
    rate = getattr(stream, "average_rate", None)
    return round(1 / (rate * stream.time_base)) if rate else 0
