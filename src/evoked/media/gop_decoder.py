"""Decode only what wanted frames depend on: the same pixels for less work (H.264 and HEVC).

Packets carry the presentation time of their frame, so a complete group of pictures (GOP) is read before
any of it is decoded. Two things are then skipped: frames that are neither wanted nor referenced, and
everything after the last wanted frame of a group where the next one starts with an IDR picture. The
wanted frames and all that they refer to are decoded as usual. If one of them is missing from the output, the
group is decoded again, in full. In a damaged file the frames of the damaged group may differ from those of
a plain decode, which conceals errors with the data at hand; the groups around it do not.

Other codecs are decoded in full: VP9 and AV1 gain nothing (and VP9 is inexact).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Protocol

import av
import numpy as np
from av import Packet

from evoked.media.container import StreamSource, time_base_of
from evoked.media.damage_log import CorruptFrames, StreamPosition
from evoked.media.frame_sampler import PtsGrid
from evoked.media.libav_reports import LibavReports
from evoked.media.nal_units import PacketKind, packet_kind_reader
from evoked.media.pixel_aspect import FrameAspects
from evoked.media.stream_ends import no_timestamps_error

__all__ = ["DecodePlan", "Decoder", "FullDecoder", "PacketGroup", "SparseDecoder", "decoder_for"]

MOST_PACKETS = 600
MOST_BYTES = 32 << 20
"""A group larger than either is split, so that memory is bounded for every file."""


class Decoder(Protocol):
    """Packets in, frames out, in order of presentation.

    Attributes:
        dropped: packets that could not be decoded, and wanted frames that are missing, since it was
            last set to 0.
        lost: presentation times of these, where they are known, since it was last cleared; may include a frame
            that was obtained when its group was decoded again.
        corrupt: gets every frame that was decoded.
        reports: collects what libav reports.
        aspects: knows the shape of the pixels of each frame that comes out.
    """

    dropped: int
    corrupt: CorruptFrames
    reports: LibavReports

    @property
    def aspects(self) -> FrameAspects:
        """See above."""
        ...

    @property
    def lost(self) -> set[int]:
        """See above."""
        ...

    def feed(self, packet: Packet) -> Iterator[av.VideoFrame]:
        """The frames that are ready after this packet."""
        ...

    def end(self) -> Iterator[av.VideoFrame]:
        """The frames that are left after the last packet."""
        ...


def decoder_for(source: StreamSource, pts_grid: PtsGrid, skip: bool) -> Decoder:
    """The decoder for a file's video: sparse where that is exact, else full.

    Args:
        source: an open file with a video stream.
        pts_grid: the instants at which frames are wanted.
        skip: False to decode every packet.

    Returns:
        The decoder; it uses one thread.
    """
    context = source.video.codec_context
    context.thread_count = 1  # measured: frame threads do not help when the networks use the other cores
    skip = skip and not source.in_decoding_order
    reader = packet_kind_reader(context.name, context.extradata) if skip else None
    full = FullDecoder(source)
    return full if reader is None else SparseDecoder(full, pts_grid, reader)


class FullDecoder:
    """Decodes every packet."""

    def __init__(self, source: StreamSource) -> None:
        self.dropped = 0
        self.lost: set[int] = set()
        self.corrupt = CorruptFrames()
        self.reports = LibavReports()
        self._second = StreamPosition(source, source.video).second
        self._read_to_s = 0.0  # of the packet that was decoded last
        self._path = source.path
        self._context = source.video.codec_context
        self.aspects = FrameAspects(source)
        self._in_decoding_order = source.in_decoding_order
        self._waiting: list[int] = []  # times of packets whose frame is not out yet, where they carry no other
        self._has_guesses = source.container.format.name == "mpeg"  # most packets of MPEG-PS carry no time
        self._last_pts: int | None = None
        rate = source.video.average_rate
        self._spacing = max(round(1 / (rate * time_base_of(source.video))), 1) if rate else 1

    def feed(self, packet: Packet) -> Iterator[av.VideoFrame]:
        """The frames that are ready after this packet."""
        yield from self._timed(packet)

    def end(self) -> Iterator[av.VideoFrame]:
        """Drain the decoder, and reset it."""
        yield from self._timed(None)
        self._context.flush_buffers()

    def restart(self) -> None:
        """Discard everything that was fed."""
        self._last_pts = None
        self._context.flush_buffers()

    def _decoded(self, packet: Packet | None) -> list[av.VideoFrame]:
        """The frames that come out after a packet; a packet that cannot be decoded is counted."""
        if self._in_decoding_order and packet is not None and packet.dts is not None:
            heappush(self._waiting, packet.dts)
        if packet is not None and packet.pts is not None:
            self._read_to_s = self._second(packet.pts)
        try:
            frames = self.reports.call(lambda: self._context.decode(packet), lambda: self._read_to_s)
        except av.error.EOFError:
            return []
        except av.error.FFmpegError:
            self.dropped += 1
            if packet is not None and packet.pts is not None:
                self.lost.add(packet.pts)
                if packet.pts in self._waiting:
                    self._waiting.remove(packet.pts)
                    heapify(self._waiting)
            return []
        self.aspects.note(packet)
        return frames

    def _timed(self, packet: Packet | None) -> list[av.VideoFrame]:
        frames = self._decoded(packet)
        if self._in_decoding_order:
            for frame in frames:  # the earliest time that is left is that of the next frame in order of presentation
                frame.pts = heappop(self._waiting) if self._waiting else frame.pts
        if any(f.pts is None for f in frames):
            raise no_timestamps_error(self._path)
        if self._has_guesses:
            self._mend_guesses(frames)
        for frame in frames:
            self.corrupt.add(frame)
        return frames

    def _mend_guesses(self, frames: Sequence[av.VideoFrame]) -> None:
        """Move a presentation time that goes back to follow the frame before it, as ffmpeg does.

        libav's guess of the time of a key frame and of those around it may be up to as many frames early as are
        reordered. In order of presentation, the times of decoding of what comes out are those of presentation; where
        they go back, too, the frame follows by the frame rate.
        """
        for frame in frames:
            assert frame.pts is not None
            if self._last_pts is not None and frame.pts <= self._last_pts:
                decoded_at = frame.dts if frame.dts is not None else frame.pts
                frame.pts = decoded_at if decoded_at > self._last_pts else self._last_pts + self._spacing
            self._last_pts = frame.pts


@dataclass(frozen=True, eq=False)
class PacketGroup:
    """Packets in order of decoding: a group of pictures, or a section of a long one."""

    packets: list[Packet]
    packet_kinds: list[PacketKind]

    @property
    def closed(self) -> bool:
        """Whether nothing in it refers to earlier packets."""
        return bool(self.packet_kinds) and self.packet_kinds[0].starts_anew


@dataclass(frozen=True, eq=False)
class DecodePlan:
    """Which packets of a group to decode, and the pts of the frames that must result (None: any)."""

    send: list[Packet]
    due: set[int] | None


class SparseDecoder:
    """Decodes only what the wanted frames depend on.

    Args:
        full: decodes the packets that are not skipped.
        pts_grid: the instants at which frames are wanted.
        kind_of: reads a packet's kind from its header.
    """

    def __init__(self, full: FullDecoder, pts_grid: PtsGrid, kind_of: Callable[[Packet], PacketKind]) -> None:
        self._full = full
        self._pts_grid = pts_grid
        self._kind_of = kind_of
        self._group = PacketGroup([], [])
        self._bytes = 0
        self._layer = 0  # the highest temporal layer seen
        self._first = True
        self._open_run = False  # frames of earlier groups may still be in the decoder
        self.redone = 0  # groups that were decoded twice

    @property
    def dropped(self) -> int:
        """Packets that could not be decoded since it was last set to 0."""
        return self._full.dropped

    @dropped.setter
    def dropped(self, count: int) -> None:
        self._full.dropped = count

    @property
    def corrupt(self) -> CorruptFrames:
        """Gets every frame that was decoded."""
        return self._full.corrupt

    @corrupt.setter
    def corrupt(self, frames: CorruptFrames) -> None:
        self._full.corrupt = frames

    @property
    def aspects(self) -> FrameAspects:
        """Knows the shape of the pixels of each frame that comes out."""
        return self._full.aspects

    @property
    def reports(self) -> LibavReports:
        """Collects what libav reports."""
        return self._full.reports

    @reports.setter
    def reports(self, reports: LibavReports) -> None:
        self._full.reports = reports

    @property
    def lost(self) -> set[int]:
        """Presentation times of frames that could not be decoded, since it was last cleared."""
        return self._full.lost

    def feed(self, packet: Packet) -> Iterator[av.VideoFrame]:
        """The frames of the group before, where this packet starts the next one."""
        packet_kind = self._kind_of(packet)
        group = self._group
        too_long = len(group.packets) >= MOST_PACKETS or self._bytes >= MOST_BYTES
        if group.packets and (packet.is_keyframe or packet_kind.starts_anew or too_long):
            yield from self._decode(packet, packet_kind.starts_anew)
            self._group, self._bytes = PacketGroup([], []), 0
        self._group.packets.append(packet)
        self._group.packet_kinds.append(packet_kind)
        self._layer = max(self._layer, packet_kind.layer)
        self._bytes += packet.size

    def end(self) -> Iterator[av.VideoFrame]:
        """The frames of the last group."""
        if self._group.packets:
            yield from self._decode(None, True)
        yield from self._full.end()

    def _decode(self, following: Packet | None, idr_follows: bool) -> Iterator[av.VideoFrame]:
        group = self._group
        plan = self._plan(group, None if following is None else following.pts, idr_follows)
        independent = group.closed and not self._open_run
        self._first = False
        if not idr_follows:
            self._open_run = True
            for packet in plan.send:
                yield from self._full.feed(packet)
            return
        self._open_run = False
        if not independent:  # cannot be decoded again from a clean start: a missing frame stays missing
            for packet in plan.send:
                yield from self._full.feed(packet)
            yield from self._full.end()
            return
        if plan.due is None:
            yield from self._run(plan.send)
        elif plan.send:
            yield from self._decode_independent(group, plan.send, plan.due)

    def _decode_independent(self, group: PacketGroup, send: list[Packet], wanted: set[int]) -> Iterator[av.VideoFrame]:
        """Decode an independent group; decode it again, in full, where a frame that is due is missing.

        That is detected at the next frame. A packet that cannot be decoded counts, too: its concealment
        depends on all frames around.
        """
        before = self._full.dropped
        due, last = sorted(wanted, reverse=True), None
        for frame in self._run(send):
            pts = _pts(frame)
            if (due and due[-1] < pts) or self._full.dropped > before:
                break
            if due and due[-1] == pts:
                last = due.pop()
                yield frame
        if not due and self._full.dropped == before:
            return
        self._full.dropped = before  # the second pass counts them
        self._full.restart()
        self.redone += 1
        for frame in self._run(group.packets):
            pts = _pts(frame)
            if last is None or pts > last:
                wanted.discard(pts)
                yield frame
        lost = [pts for pts in wanted if last is None or pts > last]
        self._full.dropped = max(self._full.dropped, before + len(lost))
        self._full.lost.update(lost)

    def _run(self, packets: list[Packet]) -> Iterator[av.VideoFrame]:
        for packet in packets:
            yield from self._full.feed(packet)
        yield from self._full.end()

    def _plan(self, group: PacketGroup, until: int | None, idr_follows: bool) -> DecodePlan:
        times = sorted({p.pts for p in group.packets if p.pts is not None and not p.is_discard})
        if any(p.pts is None or p.is_corrupt for p in group.packets):
            return DecodePlan(group.packets, None)
        pts = np.array(times, dtype=np.int64)
        if until is not None and times and until <= times[-1]:
            until = None  # split within a group: a later section may have frames between these
        is_shown = self._pts_grid.shown(pts, until)
        if self._first and len(pts):
            is_shown[0] = True  # the first frame is shown before its time where the grid starts earlier
        due = {int(p) for p in pts[is_shown]}
        return DecodePlan(self._needed(group, due, idr_follows), due)

    def _needed(self, group: PacketGroup, due: set[int], idr_follows: bool) -> list[Packet]:
        keep = [
            p.pts in due or not (n.unreferenced and n.layer == self._layer)
            for p, n in zip(group.packets, group.packet_kinds, strict=True)
        ]
        if idr_follows:
            last = max((i for i, p in enumerate(group.packets) if p.pts in due), default=-1)
            if not any(n.carries_settings for n in group.packet_kinds[last + 1 :] if not n.starts_anew):
                keep[last + 1 :] = [False] * (len(keep) - last - 1)
        return [p for p, k in zip(group.packets, keep, strict=True) if k]


def _pts(frame: av.VideoFrame) -> int:
    assert frame.pts is not None  # FullDecoder refuses frames without one
    return frame.pts
