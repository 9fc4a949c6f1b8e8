"""Decoding only what wanted pictures need: the same pixels for less work (H.264 and HEVC).

Packets say when their frame is shown, so a whole group of pictures is read before any of it is
decoded. Two things are then left out: frames that no other frame refers to and nobody asked for, and
everything after the last wanted frame of a group where the next one starts anew (IDR). The wanted
frames and all that they refer to are decoded as ever. If one of them does not come out, the group is
decoded once more, in full. In a damaged file the frames of the damaged group may differ from those of
a plain decode, which fills holes with what it has at hand; the groups around it do not.

Other codecs are decoded in full: VP9 and AV1 gain nothing (and VP9 is inexact).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import av
import numpy as np

from evoked.media.container import StreamSource
from evoked.media.frame_sampler import PtsGrid
from evoked.media.nal_units import PacketKind, packet_kind_reader
from evoked.media.probe import no_timestamps_error

__all__ = ["DecodePlan", "Decoder", "FullDecoder", "PacketGroup", "SparseDecoder", "decoder_for"]

MOST_PACKETS = 600
MOST_BYTES = 32 << 20
"""A group longer than this is read in parts, so that memory stays bounded whatever the film."""


class Decoder(Protocol):
    """Packets in, frames out, in order of presentation.

    Attributes:
        dropped: packets that could not be decoded, and wanted frames that never came out, since it was
            last set to 0.
        lost: presentation times of these, where they are known, since it was last emptied; a frame that came
            out when its group was decoded again may stand there, too.
    """

    dropped: int

    @property
    def lost(self) -> set[int]:
        """See above."""
        ...

    def feed(self, packet: Any) -> Iterator[Any]:
        """The frames that are ready after this packet."""
        ...

    def end(self) -> Iterator[Any]:
        """The frames that are left after the last packet."""
        ...


def decoder_for(source: StreamSource, ticks: PtsGrid, skip: bool) -> Decoder:
    """The decoder for a file's picture: sparse where that is exact, else full."""
    context = source.picture.codec_context
    context.thread_count = 1  # measured: frame threads bring nothing when the nets use the other cores
    reader = packet_kind_reader(context.name, context.extradata) if skip else None
    full = FullDecoder(source)
    return full if reader is None else SparseDecoder(full, ticks, reader)


class FullDecoder:
    """Every packet is decoded."""

    def __init__(self, source: StreamSource) -> None:
        self.dropped = 0
        self.lost: set[int] = set()
        self._path = source.path
        self._context = source.picture.codec_context

    def feed(self, packet: Any) -> Iterator[Any]:
        """The frames that are ready after this packet."""
        yield from self._timed(packet)

    def end(self) -> Iterator[Any]:
        """Drains the decoder, and makes it ready to start anew."""
        yield from self._timed(None)
        self._context.flush_buffers()

    def restart(self) -> None:
        """Forget everything that was fed."""
        self._context.flush_buffers()

    def _timed(self, packet: Any) -> list[Any]:
        try:
            frames: list[Any] = self._context.decode(packet)
        except av.error.EOFError:
            return []
        except av.error.FFmpegError:
            self.dropped += 1
            if packet is not None and packet.pts is not None:
                self.lost.add(packet.pts)
            return []
        if any(f.pts is None for f in frames):
            raise no_timestamps_error(self._path)
        return frames


@dataclass(frozen=True, eq=False)
class PacketGroup:
    """Packets in order of decoding: a group of pictures, or a part of a long one."""

    packets: list[Any]
    natures: list[PacketKind]

    @property
    def closed(self) -> bool:
        """Whether nothing in it refers to what came before."""
        return bool(self.natures) and self.natures[0].starts_anew


@dataclass(frozen=True, eq=False)
class DecodePlan:
    """Which packets of a part to decode, and the pts of the frames that must come out (None: any)."""

    send: list[Any]
    due: set[int] | None


class SparseDecoder:
    """Only what the wanted pictures need is decoded."""

    def __init__(self, full: FullDecoder, ticks: PtsGrid, nature: Callable[[Any], PacketKind]) -> None:
        self._full = full
        self._ticks = ticks
        self._nature = nature
        self._part = PacketGroup([], [])
        self._bytes = 0
        self._layer = 0  # the highest temporal layer seen
        self._first = True
        self._open_run = False  # frames of earlier parts may still be in the decoder
        self.redone = 0  # groups decoded a second time

    @property
    def dropped(self) -> int:
        """Packets that could not be decoded since it was last set to 0."""
        return self._full.dropped

    @dropped.setter
    def dropped(self, count: int) -> None:
        self._full.dropped = count

    @property
    def lost(self) -> set[int]:
        """When what could not be decoded should have been shown, since it was last emptied."""
        return self._full.lost

    def feed(self, packet: Any) -> Iterator[Any]:
        """Frames come a group at a time."""
        nature = self._nature(packet)
        part = self._part
        long = len(part.packets) >= MOST_PACKETS or self._bytes >= MOST_BYTES
        if part.packets and (packet.is_keyframe or nature.starts_anew or long):
            yield from self._decode(packet, nature.starts_anew)
            self._part, self._bytes = PacketGroup([], []), 0
        self._part.packets.append(packet)
        self._part.natures.append(nature)
        self._layer = max(self._layer, nature.layer)
        self._bytes += packet.size

    def end(self) -> Iterator[Any]:
        """The last group."""
        if self._part.packets:
            yield from self._decode(None, True)
        yield from self._full.end()

    def _decode(self, following: Any, anew: bool) -> Iterator[Any]:
        part = self._part
        plan = self._plan(part, None if following is None else following.pts, anew)
        alone = part.closed and not self._open_run
        self._first = False
        if not anew:
            self._open_run = True
            for packet in plan.send:
                yield from self._full.feed(packet)
            return
        self._open_run = False
        if not alone:  # no way back to a clean start: what is missing here stays missing
            for packet in plan.send:
                yield from self._full.feed(packet)
            yield from self._full.end()
            return
        if plan.due is None:
            yield from self._run(plan.send)
        elif plan.send:
            yield from self._group(part, plan.send, plan.due)

    def _group(self, part: PacketGroup, send: list[Any], wanted: set[int]) -> Iterator[Any]:
        """A group that stands alone; decoded once more, in full, where a frame that is due does not come.

        That is noticed at the next frame. A packet that cannot be decoded counts, too: what is put in
        its place depends on all frames around.
        """
        before = self._full.dropped
        due, last = sorted(wanted, reverse=True), None
        for frame in self._run(send):
            if (due and due[-1] < frame.pts) or self._full.dropped > before:
                break
            if due and due[-1] == frame.pts:
                last = due.pop()
                yield frame
        if not due and self._full.dropped == before:
            return
        self._full.dropped = before  # the second round counts them
        self._full.restart()
        self.redone += 1
        for frame in self._run(part.packets):
            if last is None or frame.pts > last:
                wanted.discard(frame.pts)
                yield frame
        lost = [pts for pts in wanted if last is None or pts > last]
        self._full.dropped = max(self._full.dropped, before + len(lost))
        self._full.lost.update(lost)

    def _run(self, packets: list[Any]) -> Iterator[Any]:
        for packet in packets:
            yield from self._full.feed(packet)
        yield from self._full.end()

    def _plan(self, part: PacketGroup, until: int | None, anew: bool) -> DecodePlan:
        times = sorted({p.pts for p in part.packets if p.pts is not None and not p.is_discard})
        if any(p.pts is None or p.is_corrupt for p in part.packets):
            return DecodePlan(part.packets, None)
        pts = np.array(times, dtype=np.int64)
        if until is not None and times and until <= times[-1]:
            until = None  # cut within a group: a later part may show frames between these
        on = self._ticks.shown(pts, until)
        if self._first and len(pts):
            on[0] = True  # shown before its time where the grid starts before it
        due = {int(p) for p in pts[on]}
        return DecodePlan(self._needed(part, due, anew), due)

    def _needed(self, part: PacketGroup, due: set[int], anew: bool) -> list[Any]:
        keep = [
            p.pts in due or not (n.unreferenced and n.layer == self._layer)
            for p, n in zip(part.packets, part.natures, strict=True)
        ]
        if anew:
            last = max((i for i, p in enumerate(part.packets) if p.pts in due), default=-1)
            if not any(n.carries_settings for n in part.natures[last + 1 :] if not n.starts_anew):
                keep[last + 1 :] = [False] * (len(keep) - last - 1)
        return [p for p, k in zip(part.packets, keep, strict=True) if k]
