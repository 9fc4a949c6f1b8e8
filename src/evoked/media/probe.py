"""Describe a media file: its streams and their times, and the presentation times of its frames."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import MediaError, MissingMedia, NoPictureError
from evoked.core.time_grid import TimeGrid
from evoked.media.clock_repair import ClockRepair
from evoked.media.container import StreamSource, open_container, time_base_of
from evoked.media.orientation import orientation_of
from evoked.media.pixel_aspect import FrameAspects, FrameShape, usable_aspect
from evoked.media.stream_ends import (
    PacketEnds,
    ends_of_streams,
    no_timestamps_error,
    readable_packets,
    stated_end_of_played,
)

__all__ = [
    "AudioStream",
    "Media",
    "VideoStream",
    "frame_times",
    "no_video_error",
    "probe",
    "track_notes",
    "track_of_several",
    "used_track_notes",
]


@dataclass(frozen=True)
class VideoStream:
    """The video stream of a file.

    Attributes:
        codec: libav's name, e.g. "h264".
        width, height: as shown, upright, with square pixels.
        coded_width, coded_height: as stored.
        rotation: degrees clockwise from the stored to the upright frame: 0, 90, 180 or 270.
        pixel_format: libav's name, e.g. "yuv420p".
        average_rate: frames per second on average, or None where the file does not declare it.
        start_s: when the first frame is shown, in seconds on the file's clock.
        duration_s: from then to the end of the last frame, seconds.
        mirrored: whether the stored frame is flipped left to right before it is rotated.
        stated_aspect: width to height of a pixel of the stored frame, as the file states it; None where it does not.
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
    stated_aspect: Fraction | None = None

    def __post_init__(self) -> None:
        if self.rotation not in (0, 90, 180, 270):
            raise ValueError(f"rotation must be 0, 90, 180 or 270 degrees, got {self.rotation}")
        if min(self.width, self.height) < 1:
            raise ValueError(f"a picture must have pixels, got {self.width}x{self.height}")
        square = self.stored_shape.size
        if (self.width, self.height) != (square if self.rotation % 180 == 0 else square[::-1]):
            raise ValueError(f"{self.width}x{self.height} is not {square} turned by {self.rotation} degrees")
        _check_span(self.start_s, self.duration_s)

    @property
    def stored_shape(self) -> FrameShape:
        """The shape of the first stored frame; its pixels are square where no shape is stated that can be."""
        return FrameShape(self.coded_width, self.coded_height, usable_aspect(self.stated_aspect))

    @property
    def end_s(self) -> Fraction:
        """When the last frame ends, on the file's clock."""
        return self.start_s + self.duration_s


@dataclass(frozen=True)
class AudioStream:
    """The audio stream of a file.

    Attributes:
        codec: libav's name, e.g. "aac".
        sample_rate: samples per second.
        channels: number of channels.
        start_s: when the audio begins, in seconds on the file's clock.
        duration_s: from then to its end, seconds; exact to one codec frame.
        track: which of the file's audio streams it is, from 1.
    """

    codec: str
    sample_rate: int
    channels: int
    start_s: Fraction
    duration_s: Fraction
    track: int = 1

    def __post_init__(self) -> None:
        if self.sample_rate < 1 or self.channels < 1:
            raise ValueError(f"sound must have samples, got {self.sample_rate} Hz in {self.channels} channels")
        _check_span(self.start_s, self.duration_s)

    @property
    def end_s(self) -> Fraction:
        """When the audio ends, on the file's clock."""
        return self.start_s + self.duration_s


@dataclass(frozen=True)
class Media:
    """The description of a media file.

    Attributes:
        path: where it is.
        container: libav's name of the format, e.g. "matroska,webm".
        duration_s: from second 0 to the end of video and audio, whichever is later.
        picture: the video stream; None where there is none (cover art does not count).
        sound: the audio stream; None where there is none.
        stated_s: when the file says that it ends; None where it does not say so. Later than `duration_s` where it was
            cut off and has no index of what is missing.
        audio_tracks: a name of each of the file's audio streams for people, in order.
    """

    path: Path
    container: str
    duration_s: Fraction
    picture: VideoStream | None
    sound: AudioStream | None
    stated_s: Fraction | None = None
    audio_tracks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        ends = [s.end_s for s in (self.picture, self.sound) if s]
        if not ends:
            raise ValueError("media must have a picture or a sound")
        if self.duration_s != max(ends):
            raise ValueError(f"duration must be the latest end {max(ends)} s, got {self.duration_s} s")

    def turned(self, degrees: int) -> "Media":
        """The same file, whose frames are shown turned clockwise by 0, 90, 180 or 270 degrees more than it states."""
        video = self.picture
        if video is None or not degrees:
            return self
        size = (video.height, video.width) if degrees % 180 else (video.width, video.height)
        rotation = (video.rotation + degrees) % 360
        return replace(self, picture=replace(video, width=size[0], height=size[1], rotation=rotation))

    @property
    def seconds(self) -> TimeGrid:
        """Every whole second before the end of the video (of the audio where there is no video)."""
        return self.grid(Fraction(1))

    def grid(self, rate: Fraction) -> TimeGrid:
        """Every instant i / rate before the end of the video (of the audio where there is no video)."""
        stream = self.picture or self.sound
        assert stream is not None  # __post_init__ checks it
        return TimeGrid.covering(stream.end_s, rate)


def probe(path: Path, audio_track: int = 0) -> Media:
    """Describe a media file: reads its index or its tail, and decodes its first video and audio frame.

    Args:
        path: a media file.
        audio_track: which of its audio streams is described and read, from 1; 0: the one that a player plays.

    Returns:
        Its description.

    Raises:
        MissingMedia: if it is absent, a folder, empty, or no media file.
        NoPictureError: if it has a video stream of which not one frame can be decoded.
        MediaError: if it is damaged in another way, or has no such audio track.
    """
    with open_container(path, audio_track) as source:
        ends_read = PacketEnds(ClockRepair(source))
        firsts = _first_frames(source, ends_read)
        container = source.container.format.name
        if firsts.video is None and firsts.audio is None:
            raise MediaError(f"{path}: nothing of its picture or sound can be read. Copy or download it again")
        decodable = replace(
            source,
            picture=source.picture if firsts.video else None,
            sound=source.sound if firsts.audio else None,
        )
        ends = ends_of_streams(decodable, ends_read)
        picture = _video(decodable, firsts.video, firsts.aspect, ends) if firsts.video else None
        sound = _audio(decodable, firsts.audio, ends) if firsts.audio else None
        duration_s = max(s.end_s for s in (picture, sound) if s)
        stated_s = stated_end_of_played(decodable, duration_s)
        tracks = source.audio_tracks
    return Media(path, container, duration_s, picture, sound, stated_s, tracks)


def track_of_several(media: Media) -> int:
    """The audio track that is described, from 1; 0 where the file has one or none."""
    return media.sound.track if media.sound is not None and len(media.audio_tracks) > 1 else 0


def track_notes(media: Media) -> tuple[str, ...]:
    """A line for people on which of several audio tracks is used; none where there is one."""
    return used_track_notes(track_of_several(media), media.audio_tracks)


def used_track_notes(track: int, audio_tracks: Sequence[str]) -> tuple[str, ...]:
    """A line for people on which of several audio tracks is used; none where there is one.

    Args:
        track: from 1; 0: none is used.
        audio_tracks: a name of each.

    Returns:
        One line, or none.
    """
    if not track or len(audio_tracks) < 2:
        return ()
    names = list(audio_tracks)
    used = names.pop(track - 1)
    unused = " and ".join(names) if len(names) < 4 else f"the other {len(names)}"
    return (f"{len(names) + 1} audio tracks: {used} is used, not {unused}",)


def frame_times(path: Path) -> NDArray[np.float64]:
    """The presentation time of each frame, without decoding.

    Returns:
        Seconds on the file's clock, ascending, shape (frames,). Frames that an edit list hides are left out.

    Raises:
        NoPictureError: if there is no video stream.
        MediaError: as probe; also if the frames have no timestamps.
    """
    with open_container(path) as source:
        if source.picture is None:
            raise no_video_error(path)
        timestamps, clock = [], ClockRepair(source)
        for packet in readable_packets(source, source.streams):
            clock.apply(packet)
            if packet.stream_index != source.picture.index:
                continue
            if packet.size and not packet.is_discard:
                if packet.pts is None:
                    raise no_timestamps_error(path)
                timestamps.append(packet.pts)
        base, zero = time_base_of(source.picture), source.zero
        return np.array([float(pts * base - zero) for pts in sorted(timestamps)], dtype=np.float64)


def no_video_error(path: Path) -> NoPictureError:
    """The error for a file without video."""
    return NoPictureError(f"{path} has no picture: name a file with a video stream")


def _check_span(start_s: Fraction, duration_s: Fraction) -> None:
    if start_s < 0 or duration_s < 0:
        raise ValueError(f"a stream must lie on the clock, got start {start_s} s, duration {duration_s} s")


@dataclass(frozen=True, eq=False)
class _FirstFrames:
    """The first decoded frame of each stream; None for a stream that is absent or empty."""

    video: av.VideoFrame | None
    audio: av.AudioFrame | None
    aspect: Fraction | None  # of the video frame's pixels, as stated


def _first_frames(source: StreamSource, ends: PacketEnds) -> _FirstFrames:
    """Decode the first frame of each stream.

    Args:
        source: an open file, not read yet.
        ends: gets every packet that is read.
    """
    streams = source.streams
    firsts: dict[int, object] = {}
    for stream in (source.picture, source.sound):
        if stream is not None:
            stream.codec_context.thread_count = 1  # one frame is decoded; see also LibavReports
    packets = dict.fromkeys((s.index for s in streams), 0)
    aspects = FrameAspects(source) if source.picture is not None else None
    for packet in readable_packets(source, streams):
        ends.add(packet)
        if packet.stream_index in firsts:
            continue
        packets[packet.stream_index] += bool(packet.size)
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            continue  # a stream without any frame is reported below; MediaReader counts each packet
        if aspects is not None and packet.stream is source.picture:
            aspects.note(packet)
        if frames:
            firsts[packet.stream_index] = frames[0]
            if len(firsts) == len(streams):
                break
    _check_decodable(source, firsts, packets)
    video = firsts.get(source.picture.index) if source.picture else None
    audio = firsts.get(source.sound.index) if source.sound else None
    assert isinstance(video, av.VideoFrame | None)
    assert isinstance(audio, av.AudioFrame | None)
    return _FirstFrames(video, audio, aspects.of(video) if aspects is not None and video is not None else None)


def _check_decodable(source: StreamSource, firsts: dict[int, object], packets: dict[int, int]) -> None:
    undecodable = [i for i, count in packets.items() if count and i not in firsts]
    if not undecodable:
        return
    if source.picture is not None and source.picture.index in undecodable:
        raise NoPictureError(f"{source.path}: not one frame of its picture can be decoded. Copy or download it again")
    if source.picture is None:  # libav easily detects noise as MP3
        raise MissingMedia(f"{source.path} is no media file: nothing in it can be decoded. Name a video or sound file")
    raise MediaError(f"{source.path}: nothing of its sound can be decoded. Copy or download it again")


def _video(
    source: StreamSource, frame: av.VideoFrame, aspect: Fraction | None, ends: dict[int, Fraction]
) -> VideoStream:
    stream = source.video
    orientation = orientation_of(frame)
    start_s = source.start_s(stream)
    width, height = orientation.size(*FrameShape(frame.width, frame.height, usable_aspect(aspect)).size)
    return VideoStream(
        codec=stream.codec_context.name,
        width=width,
        height=height,
        coded_width=frame.width,
        coded_height=frame.height,
        rotation=orientation.clockwise,
        pixel_format=frame.format.name,
        average_rate=Fraction(stream.average_rate) if stream.average_rate else None,
        start_s=start_s,
        duration_s=max(ends[stream.index] - start_s, Fraction(0)),
        mirrored=orientation.mirrored,
        stated_aspect=aspect,
    )


def _audio(source: StreamSource, frame: av.AudioFrame, ends: dict[int, Fraction]) -> AudioStream:
    stream = source.audio
    start_s = source.start_s(stream)
    return AudioStream(
        codec=stream.codec_context.name,
        sample_rate=int(frame.sample_rate),
        channels=int(frame.layout.nb_channels),
        start_s=start_s,
        duration_s=max(ends[stream.index] - start_s, Fraction(0)),
        track=source.audio_track,
    )
