"""When the streams of a media file end: by its index, by its packets, and by what the file states."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
from av import Packet
from av.stream import Stream

from evoked.core.errors import MediaError
from evoked.media.clock_repair import ClockRepair
from evoked.media.container import READ_ERRORS, StreamSource, open_container, time_base_of
from evoked.media.stated_length import has_one_clock, stated_end_s

__all__ = ["PacketEnds", "ends_of_streams", "no_timestamps_error", "readable_packets", "stated_end_of_played"]

MISSING_S = Fraction(1, 2)
"""A file that ends this long before the end that it states was cut off; whole files differ by hundredths."""


class PacketEnds:
    """The latest end of each stream among the packets that were read.

    Args:
        clock: makes their timestamps continuous; None where packets of the tail alone are read.
    """

    def __init__(self, clock: ClockRepair | None = None) -> None:
        self._clock = clock
        self._end_pts: dict[int, int] = {}

    def add(self, packet: Packet) -> None:
        """Add the next packet; one that is empty, has no timestamp, or is hidden by an edit list is ignored."""
        if self._clock is not None:
            self._clock.apply(packet)
        pts = packet.pts if packet.pts is not None else packet.dts
        if packet.size and pts is not None and not packet.is_discard:
            end = pts + (packet.duration or _frame_duration(packet.stream))
            self._end_pts[packet.stream_index] = max(end, self._end_pts.get(packet.stream_index, end))

    def on_clock(self, source: StreamSource, streams: Sequence[Stream]) -> dict[int, Fraction]:
        """The ends of some streams.

        Args:
            source: the open file of the packets.
            streams: those whose ends are wanted.

        Returns:
            Seconds on the file's clock, by stream index; without those that had no packet.
        """
        return {s.index: source.on_clock(s, self._end_pts[s.index]) for s in streams if s.index in self._end_pts}


def ends_of_streams(source: StreamSource, ends_read: PacketEnds) -> dict[int, Fraction]:
    """When each stream ends, on the file's clock.

    An index that covers the complete file is used where it declares a later end than the packets, which may be
    cut off. It may also declare an earlier one (measured: slides with B-frames, 0.6 s), so the packets are read, too.

    Args:
        source: an open file.
        ends_read: the ends of the packets, from its beginning on, that were read already.

    Returns:
        Seconds by stream index.

    Raises:
        MediaError: if the file is read to its end and its frames have no timestamps.
    """
    streams = source.streams
    declared = {s.index: source.start_s(s) + s.duration * time_base_of(s) for s in streams if s.duration}
    if len(declared) < len(streams) or not has_one_clock(source):
        return _ends_of_all(source, streams, ends_read)
    if source.picture is not None:
        index = source.picture.index
        tail_ends = _ends_of_tail(source, source.picture, 10)
        declared[index] = max(declared[index], tail_ends.get(index, declared[index]))
    return declared


def stated_end_of_played(source: StreamSource, duration_s: Fraction) -> Fraction | None:
    """What the file states of its end, unless a stream that is not played (subtitles, a commentary) lasts that long.

    Args:
        source: an open file, read to its end.
        duration_s: when its video and audio end.

    Returns:
        Seconds on the file's clock; None where it states no end, or another stream explains it.
    """
    stated_s = stated_end_s(source)
    unplayed = [
        s for s in source.container.streams if s.index not in {p.index for p in (source.picture, source.sound) if p}
    ]
    if stated_s is None or stated_s - duration_s < MISSING_S or not unplayed:
        return stated_s
    with open_container(source.path) as again, suppress(*READ_ERRORS):
        for packet in again.container.demux():
            if packet.pts is not None and packet.size:
                end_pts = packet.pts + (packet.duration or 0)
                duration_s = max(duration_s, again.on_clock(packet.stream, end_pts))
    return stated_s if stated_s - duration_s >= MISSING_S else None


def readable_packets(source: StreamSource, streams: Sequence[Stream]) -> Iterator[Packet]:
    """The packets of some streams, up to where the file cannot be read any further.

    Args:
        source: an open file.
        streams: those whose packets are wanted.

    Returns:
        An iterator over the packets.
    """
    with suppress(*READ_ERRORS):
        yield from source.container.demux(streams)


def no_timestamps_error(path: Path) -> MediaError:
    """The error for a raw stream, whose frames have no presentation times."""
    return MediaError(f"{path} does not say when its frames are shown: put it into a container (MP4, MKV) first")


def _ends_of_tail(source: StreamSource, stream: Stream, back_s: int) -> dict[int, Fraction]:
    """The latest end of a stream in the last `back_s` seconds or slightly more, where it has packets."""
    start, duration = source.container.start_time or 0, source.container.duration or 0
    ends = PacketEnds()
    try:
        source.container.seek(max(start, start + duration - back_s * av.time_base))
        for packet in source.container.demux(stream):
            ends.add(packet)
    except av.error.FFmpegError:
        return {}  # the tail is missing or damaged: what the index declares is left
    return ends.on_clock(source, [stream])


def _ends_of_all(source: StreamSource, streams: Sequence[Stream], ends: PacketEnds) -> dict[int, Fraction]:
    """The latest end of each stream in the complete file: reads what was not read yet, as far as it can be read."""
    for packet in readable_packets(source, streams):
        ends.add(packet)
    end_s = ends.on_clock(source, streams)
    if len(end_s) < len(streams):
        raise no_timestamps_error(source.path)
    return end_s


def _frame_duration(stream: Stream) -> int:
    """The duration of a frame that has none of its own, in units of the stream's time base."""
    rate = getattr(stream, "average_rate", None)
    return round(1 / (rate * time_base_of(stream))) if rate else 0
