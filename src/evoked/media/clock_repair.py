"""One continuous clock for a file whose timestamps restart, jump or have gaps.

Pieces joined byte by byte, joined VOBs, recorder and HLS files restart their timestamps; a damaged file has single
ones that are far off. A discontinuity is recognised in the timestamps of the packets, in order of decoding, and closed
by an offset for every stream, so that video and audio stay in step: as ffmpeg does when it transcodes. A gap that may
be real is kept.
"""

from dataclasses import dataclass, field
from fractions import Fraction

from av import Packet

from evoked.core.damage import Damage
from evoked.media.container import StreamSource, time_base_of

__all__ = ["ClockRepair", "Gap"]

SECOND = 1_000_000
"""The offsets are in microseconds, as ffmpeg's."""
MAY_RESTART = 0x200
"""AVFMT_TS_DISCONT: a format whose timestamps may be discontinuous (MPEG-TS, MPEG-PS, Ogg)."""
BACK = SECOND // 10
"""Further back than this is a restart, in a format that may have one (ffmpeg's value)."""
AHEAD = 10 * SECOND
"""Further ahead of every stream than this is a jump, in a format that may have one (ffmpeg's -dts_delta_threshold)."""
STRICT_BACK, STRICT_AHEAD = 2 * SECOND, 60 * SECOND
"""The same for formats whose timestamps are continuous: slides and screen recordings hold a frame for long."""
SPACINGS = 20
"""So many mean distances between packets is the least of these: frames may be reordered, or seconds apart."""
WRAP = (1 << 33) * SECOND // 90_000
"""MPEG timestamps begin again after this."""
OVERLAP = SECOND
"""Joined pieces may overlap or lie apart by this, where one stream of a piece is longer than another."""
GAP, SILENT_GAP = SECOND, 10 * SECOND
"""Longer without a packet is a gap: of one stream in a format of steady rate, of all streams in another; the last where
there is one stream only, whose frames may stay long on the screen."""
STEADY = {"mpegts", "mpeg", "avi"}
MOST_ENTRIES = 20
"""Entries of one kind that are listed one by one; a noisy file has thousands."""


@dataclass(frozen=True)
class Gap:
    """A stretch without packets, in seconds on the file's clock, of one stream."""

    stream_index: int
    from_s: float
    to_s: float


@dataclass(eq=False)
class _StreamClock:
    """Where a stream is on the continuous clock, in microseconds."""

    base: Fraction
    segment: int = 0
    first: int = 0  # presentation of its first packet
    next_at: int | None = None  # of decoding
    top: int = 0  # the latest timestamp
    shown_to: int = 0  # the latest end of presentation
    delay: int = 0  # from decoding to presentation, in units of the stream
    packets: int = 0
    ticked: int = 0  # microseconds over these packets

    def microseconds(self, units: int) -> int:
        return units * self.base.numerator * SECOND // self.base.denominator

    def units(self, microseconds: int) -> int:
        denominator = self.base.numerator * SECOND
        return (2 * microseconds * self.base.denominator + denominator) // (2 * denominator)

    @property
    def spacing(self) -> int:
        return self.ticked // self.packets if self.packets else 0


@dataclass(eq=False)
class ClockRepair:
    """Moves the timestamps of a file's packets onto one continuous clock.

    Every packet of the streams that are read must go through `apply`, from the first on, in order.

    Attributes:
        gaps: stretches without packets that were kept.
    """

    source: StreamSource
    gaps: list[Gap] = field(default_factory=list)

    def __post_init__(self) -> None:
        container = self.source.container.format
        self._may_restart = bool(int(container.flags) & MAY_RESTART)
        self._steady = container.name in STEADY
        self._zero = int(self.source.zero * SECOND)
        self._offsets = [0]
        self._clocks: dict[int, _StreamClock] = {}
        self._end: int | None = None  # the latest end of a packet of any stream
        self._entries: list[Damage] = []
        self._count = {"clock_restart": 0, "clock_jump": 0}

    @property
    def damage(self) -> tuple[Damage, ...]:
        """Discontinuities that were closed, in order; the text of the last says where more were."""
        more = sum(max(count - MOST_ENTRIES, 0) for count in self._count.values())
        summary = [Damage("clock_jump", f"clock: {more} more breaks in its timestamps were closed")] if more else []
        return (*self._entries, *summary)

    def apply(self, packet: Packet) -> Packet:
        """Move a packet's timestamps in place, and give the packet."""
        stamp = packet.dts if packet.dts is not None else packet.pts
        if stamp is None or not packet.size:
            return packet
        clock = self._clocks.get(packet.stream_index)
        if clock is None:
            newest = len(self._offsets) - 1
            clock = self._clocks[packet.stream_index] = _StreamClock(time_base_of(packet.stream), newest)
        at = clock.microseconds(stamp)
        if self._breaks(clock, at + self._offsets[clock.segment]):
            clock.segment = self._segment_for(clock, at, packet)
        if self.source.in_decoding_order:
            packet.pts = packet.dts
        if shift := clock.units(self._offsets[clock.segment]):
            packet.pts = None if packet.pts is None else packet.pts + shift
            packet.dts = None if packet.dts is None else packet.dts + shift
        self._mend_presentation(clock, packet)
        self._advance(clock, packet, at + self._offsets[clock.segment])
        return packet

    def _limits(self, clock: _StreamClock) -> tuple[int, int]:
        """How far back and ahead a timestamp may go."""
        if self._may_restart:
            return BACK, max(AHEAD, SPACINGS * clock.spacing)
        return max(STRICT_BACK, SPACINGS * clock.spacing), max(STRICT_AHEAD, SPACINGS * clock.spacing)

    def _breaks(self, clock: _StreamClock, at: int) -> bool:
        back, ahead = self._limits(clock)
        if self._end is None:  # the first packet of the file
            return at - self._zero > ahead or (self._may_restart and at - self._zero < -OVERLAP)
        if at - max(self._end, clock.next_at or self._end) > ahead:
            return True
        return clock.next_at is not None and at + back < clock.top

    def _segment_for(self, clock: _StreamClock, at: int, packet: Packet) -> int:
        """The offset, of those that are known, under which a timestamp follows its stream; else a new one."""
        back, ahead = self._limits(clock)
        end = self._zero if self._end is None else self._end
        follows = end if clock.next_at is None else clock.next_at
        for segment in range(len(self._offsets) - 1, -1, -1):
            moved = at + self._offsets[segment]
            near = follows - OVERLAP <= moved <= max(follows, end) + min(ahead, OVERLAP)
            if segment != clock.segment and near and self._end is not None:
                if segment > clock.segment and moved + back < clock.top:  # pieces overlap: all streams move on together
                    self._offsets[segment] += follows - moved
                return segment
        jump = at + self._offsets[clock.segment] - follows
        if jump > WRAP // 2:  # libav takes a restart for a wrap of MPEG's 33 bits
            jump -= WRAP
        self._offsets.append(max(follows - at, self._beside_others(clock, packet, jump)))
        self._note(follows + clock.microseconds(clock.delay), jump)
        return len(self._offsets) - 1

    def _beside_others(self, clock: _StreamClock, packet: Packet, jump: int) -> int:
        """The least offset under which no stream of a new piece overlaps its own end in the piece before.

        The streams of a piece are taken to begin as those of the file did: often not at the same instant.
        """
        is_new_piece = packet.is_keyframe and (jump < 0 or packet.stream.type == "video")
        if not is_new_piece or packet.pts is None or self._end is None:
            return -(1 << 62)
        shown = clock.microseconds(packet.pts)
        begun = [stream_clock for stream_clock in self._clocks.values() if stream_clock.packets]
        lags = (begun_clock.shown_to - shown + clock.first - begun_clock.first for begun_clock in begun)
        return max((lag for lag in lags if abs(lag + shown - self._end) < OVERLAP), default=-(1 << 62))

    def _note(self, at: int, jump: int) -> None:
        second = max((at - self._zero) / SECOND, 0.0)
        damage_kind = "clock_jump" if jump > 0 else "clock_restart"
        self._count[damage_kind] += 1
        if self._count[damage_kind] > MOST_ENTRIES:
            return
        direction = "jump ahead" if jump > 0 else "go back"
        text = f"clock: at {second:.1f} s its timestamps {direction} by {abs(jump) / SECOND:.1f} s"
        self._entries.append(Damage(damage_kind, f"{text}; the times after it are moved to follow", second, second))

    def _mend_presentation(self, clock: _StreamClock, packet: Packet) -> None:
        """Replace a presentation time that is far from the time of decoding."""
        if packet.pts is None or packet.dts is None:
            return
        delay = packet.pts - packet.dts
        if abs(clock.microseconds(delay)) > self._limits(clock)[1]:
            packet.pts = packet.dts + clock.delay
            self._note(clock.microseconds(packet.dts), clock.microseconds(delay))
        else:
            clock.delay = delay

    def _advance(self, clock: _StreamClock, packet: Packet, at: int) -> None:
        length = clock.microseconds(packet.duration or 0)
        shown = at if packet.pts is None else clock.microseconds(packet.pts)
        if clock.next_at is None:
            clock.first = shown
        else:
            self._keep_gap(clock, packet.stream_index, at, shown)
            clock.ticked += max(min(at - clock.top, AHEAD), 0)
            clock.packets += 1
            length = length or clock.spacing
        clock.next_at = at + length
        clock.top = at if clock.packets == 0 else max(at, clock.top)
        clock.shown_to = max(clock.shown_to, shown + length) if clock.packets else shown + length
        self._end = clock.next_at if self._end is None else max(self._end, clock.next_at)

    def _keep_gap(self, clock: _StreamClock, stream_index: int, at: int, shown: int) -> None:
        assert clock.next_at is not None
        assert self._end is not None
        if self._steady:
            indices, missing = [stream_index], at - clock.next_at > GAP
        else:
            indices = list(self._clocks)
            longest = GAP if len(indices) > 1 else SILENT_GAP
            missing = at - max(clock.next_at, self._end) > max(longest, SPACINGS * clock.spacing)
        if missing:
            to_s = (shown - self._zero) / SECOND
            for index in indices:
                from_s = (self._clocks[index].shown_to - self._zero) / SECOND
                if from_s < to_s:
                    self.gaps.append(Gap(index, from_s, to_s))
