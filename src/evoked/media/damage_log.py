"""What is wrong with a file, collected while it is read: entries for people, and which seconds are not valid."""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
from av import Packet
from av.stream import Stream
from numpy.typing import NDArray

from evoked.core.damage import Damage
from evoked.core.time_grid import TimeGrid
from evoked.media.audio_frames import bytes_from_before
from evoked.media.clock_repair import ClockRepair
from evoked.media.container import StreamSource, time_base_of
from evoked.media.libav_reports import LibavReports
from evoked.media.pixel_aspect import FrameShape, absurd_damage
from evoked.media.probe import Media
from evoked.media.stated_length import joined_files, surplus_bytes
from evoked.media.torn_end import torn_end

__all__ = ["CorruptFrames", "DamageLog", "PassLog", "StreamPosition"]

CUT_OFF_S = 0.5
"""A stream that ends this long before its declared end was cut off; complete files differ by hundredths."""
SPREADS_S = 2
"""An error in a frame spreads to the frames that are predicted from it: until the next key frame, at most so long."""
MOST_SPANS = 20
"""Spans that are listed one by one."""
SHORT_PACKETS = {"wav", "w64", "aiff", "au", "caf"}
"""Formats of which libav marks the last packet because it is shorter than the others, in whole files too."""


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


class CorruptFrames:
    """Spans of frames whose pixels are known to be wrong, in timestamps: from a corrupt frame to a key frame."""

    def __init__(self) -> None:
        self.count = 0
        self._spans: dict[int, int | None] = {}
        self._open: int | None = None

    def add(self, frame: av.VideoFrame) -> None:
        """Take the next decoded frame into account."""
        assert frame.pts is not None
        if self._open is not None and frame.pts < self._open:
            self._open = None  # its group is decoded again
        if frame.is_corrupt:
            self.count += frame.pts not in self._spans
            self._open = self._open if self._open is not None else frame.pts
            self._spans[frame.pts] = None
        elif self._open is not None and frame.key_frame:
            self._spans |= {pts: frame.pts for pts, end in self._spans.items() if end is None}
            self._open = None

    def spans_s(self, position: StreamPosition) -> list[tuple[float, float]]:
        """From and to, in seconds on the file's clock, ascending and apart from each other."""
        spans: list[tuple[float, float]] = []
        for pts, end_pts in sorted(self._spans.items()):
            from_s = position.second(pts)
            to_s = from_s + SPREADS_S
            to_s = to_s if end_pts is None else min(to_s, position.second(end_pts))
            if spans and from_s <= spans[-1][1]:
                spans[-1] = (spans[-1][0], max(spans[-1][1], to_s))
            else:
                spans.append((from_s, to_s))
        return spans


class PassLog:
    """Positions and losses of one pass over a medium, whether it is a file or still being written.

    Args:
        source: the medium, open.
        wanted: which streams are read: "picture", "sound" → the stream.
        reports: errors that libav has reported when the medium was opened; the others are added.

    Attributes:
        wanted: the streams, by name.
        reports: errors that libav reports.
        positions: how far each of them has been read.
        clock: every packet goes through it.
        dropped: packets that could not be decoded, and wanted frames that are missing.
        lost: presentation timestamps of these, where they are known.
        late: decoded frames that were left out, as their time is not after that of the frame before.
        first_pts: timestamp of the first frame that was decoded; None before it.
        corrupt: frames whose pixels are wrong.
    """

    consequence = ""
    """What wrong pixels lead to, for people."""

    def __init__(self, source: StreamSource, wanted: Mapping[str, Stream], reports: LibavReports) -> None:
        self.clock = ClockRepair(source)
        self.reports = reports
        read = {stream.codec_context.name for stream in wanted.values()}
        self._unread = {
            stream.codec_context.name for stream in source.container.streams if stream.codec_context is not None
        } - read
        self.corrupt = CorruptFrames()
        self._corrupt_packets = 0
        self._first_sound: bytes | None = None
        self._marks_packets = source.container.format.name not in SHORT_PACKETS
        self.dropped = 0
        self.lost: set[int] = set()
        self.late = 0
        self.first_pts: int | None = None
        self.wanted = wanted
        self.positions = {name: StreamPosition(source, stream) for name, stream in wanted.items()}

    @property
    def read_to_s(self) -> float:
        """The latest end of a packet so far, in seconds on the medium's clock."""
        return float(max((position.end_s for position in self.positions.values()), default=Fraction(0)))

    def note(self, packet: Packet) -> None:
        """Take the container's mark on the next packet into account, and the first of the sound."""
        if self._first_sound is None and packet.stream is self.wanted.get("sound"):
            self._first_sound = bytes(packet)
        if packet.is_corrupt and self._marks_packets and packet.stream in self.wanted.values():
            self._corrupt_packets += 1

    def reported(self) -> list[Damage]:
        """The entries for packets that the container marks as incomplete, and for errors that libav reports.

        Where the clock breaks, the packets of both streams are marked, too: these are no further damage.
        """
        entries, count = [], self._corrupt_packets
        if count > 2 * (len(self.clock.damage) + len(self.clock.gaps)):
            packets = "1 packet is" if count == 1 else f"{count} packets are"
            text = f"damaged: {packets} incomplete; what was read there may be wrong"
            entries.append(Damage("corrupt_packets", text))
        return [*entries, *self.reports.damage(self._unread)]

    def corrupt_frames(self) -> list[Damage]:
        """The entries for frames whose pixels are wrong."""
        if "picture" not in self.positions:
            return []
        spans = self.corrupt.spans_s(self.positions["picture"])
        entries = []
        for from_s, to_s in spans[:MOST_SPANS]:
            text = f"damaged: wrong pixels in its picture from {from_s:.1f} s to {to_s:.1f} s{self.consequence}"
            entries.append(Damage("corrupt_frames", text, from_s, to_s))
        if len(spans) > MOST_SPANS:
            more = len(spans) - MOST_SPANS
            text = f"damaged: wrong pixels in its picture in {more} more places{self.consequence}"
            entries.append(Damage("corrupt_frames", text, spans[MOST_SPANS][0], spans[-1][1]))
        return entries

    @property
    def lost_s(self) -> NDArray[np.float64]:
        """Presentation times of frames that could not be decoded, in seconds on the file's clock, ascending."""
        return np.array([self.positions["picture"].second(pts) for pts in sorted(self.lost)], dtype=np.float64)

    def undecodable(self) -> list[Damage]:
        """The entry for packets that could not be decoded, if there were any."""
        if not self.dropped:
            return []
        of_what = f" of its {next(iter(self.positions))}" if len(self.positions) == 1 else ""
        packets = f"{self.dropped} packet{'s' if self.dropped > 1 else ''}"
        lost_s = self.lost_s if "picture" in self.positions else np.zeros(0)
        span = (float(lost_s[0]), float(lost_s[-1])) if len(lost_s) else (None, None)
        return [Damage("undecodable", f"damaged: {packets}{of_what} could not be decoded", *span)]

    def late_frames(self) -> list[Damage]:
        """The entry for frames that were left out, if there were any."""
        if not self.late:
            return []
        frames = "1 frame has a time that is" if self.late == 1 else f"{self.late} frames have times that are"
        return [Damage("late_frames", f"clock: {frames} not after the frame before; left out")]


class DamageLog(PassLog):
    """Collects the damage of a file during one pass.

    Args:
        media: the file's description.
        source: the file, open.
        wanted: which streams are read: "picture", "sound" → the stream.
        reports: as for PassLog.

    Attributes:
        from_s: second of the first wanted frame, on the file's clock.
        barred: stretches of frames of another shape than the first, see FrameSampler.
        enough: whether the pass ended before the video did, as no more of it was wanted.
    """

    consequence = "; not valid there"

    def __init__(self, media: Media, source: StreamSource, wanted: Mapping[str, Stream], reports: LibavReports) -> None:
        super().__init__(source, wanted, reports)
        self.from_s = Fraction(0)
        self.barred: list[tuple[FrameShape, int, int | None]] = []
        self.enough = False
        self._media = media
        self._structure = [entry for entry in (joined_files(source), surplus_bytes(source)) if entry is not None]
        self._torn = torn_end(source)
        self._indices = {name: stream.index for name, stream in wanted.items()}
        self._is_raw_mp3 = source.container.format.name == "mp3"

    @property
    def broke_off_s(self) -> dict[str, float]:
        """Which streams were cut off, and when: "picture", "sound" → the second on the file's clock."""
        ends = {}
        for name, stream in (("picture", self._media.picture), ("sound", self._media.sound)):
            if name in self.positions and stream and not (name == "picture" and self.enough):
                end_s = self.positions[name].end_s
                if stream.end_s - end_s > CUT_OFF_S:
                    ends[name] = float(end_s)
        return ends

    def gaps_s(self, name: str) -> list[tuple[float, float]]:
        """Stretches without packets of "picture" or "sound", in seconds on the file's clock."""
        return [(gap.from_s, gap.to_s) for gap in self.clock.gaps if gap.stream_index == self._indices.get(name)]

    def picture_valid(self, grid: TimeGrid, shown_s: NDArray[np.float64]) -> NDArray[np.bool_]:
        """At which steps the frame is the one that belongs there: not where it is missing, held, or corrupt.

        Args:
            grid: of the steps.
            shown_s: when the frame of each step was first shown, shape (steps,).

        Returns:
            bool, shape (steps,).
        """
        step_s, lost = grid.seconds, self.lost_s
        missed = np.searchsorted(lost, step_s, side="right") > np.searchsorted(lost, shown_s, side="right")
        missed |= step_s >= self.broke_off_s.get("picture", np.inf)
        missed |= step_s < self._undecodable_to_s
        for from_s, to_s in (*self.gaps_s("picture"), *self.corrupt.spans_s(self.positions["picture"])):
            missed |= (step_s >= from_s) & (step_s < to_s)
        return ~missed

    def entries(self) -> tuple[Damage, ...]:
        """Every defect, the gravest first; known at the end of the pass."""
        entries = (*self._structure, *self._begin(), *self._cut_off(), *self.undecodable(), *self.clock.damage)
        entries = (*entries, *self._gaps())
        return (*entries, *self.corrupt_frames(), *self._shapes(), *self.late_frames(), *self.reported())

    def _shapes(self) -> list[Damage]:
        """Shapes of pixels that are not believed, and frames of another shape than the first."""
        video = self._media.picture
        if "picture" not in self.positions or video is None:
            return []
        second, entries = self.positions["picture"].second, list(absurd_damage(video.stated_aspect))
        for shape, from_pts, to_pts in self.barred[:MOST_SPANS]:
            to_s = None if to_pts is None else second(to_pts)
            until = "" if to_s is None else f" to {to_s:.1f} s"
            span = f"from {second(from_pts):.1f} s{until}"
            text = f"picture: {span} it is {shape}, not {video.stored_shape}; shown with black bars"
            entries.append(Damage("shape_change", text, second(from_pts), to_s))
        return entries

    @property
    def _undecodable_to_s(self) -> float:
        """When the first frame is shown, where the picture's packets begin earlier and no frame comes of them; else 0.

        A recording that begins between two key frames, or in a stream that refreshes its picture by stripes.
        """
        video = self._media.picture
        if video is None or self.first_pts is None:
            return 0.0
        first_s = self.positions["picture"].second(self.first_pts)
        return first_s if first_s > float(max(video.start_s, self.from_s)) + CUT_OFF_S else 0.0

    def _begin(self) -> list[Damage]:
        entries = []
        if first_s := self._undecodable_to_s:
            text = f"cut off: no frame of its picture can be decoded before {first_s:.1f} s; not valid there"
            entries.append(Damage("late_begin", text, 0.0, first_s))
        if self._is_raw_mp3 and self._first_sound and bytes_from_before(self._first_sound):
            text = "cut off: its first frame needs sound from earlier ones; what came before is missing"
            entries.append(Damage("late_begin", text, 0.0, 0.0))
        return entries

    def _cut_off(self) -> list[Damage]:
        duration_s, stated_s = float(self._media.duration_s), self._media.stated_s
        entries = [
            Damage(
                "cut_off",
                f"cut off: its {name} ends after {end_s:.1f} s of {duration_s:.1f} s; the rest is not valid",
                end_s,
                duration_s,
            )
            for name, end_s in self.broke_off_s.items()
        ]
        if stated_s is not None and float(stated_s) - duration_s > CUT_OFF_S:
            text = f"cut off: it ends after {duration_s:.1f} s of the {float(stated_s):.1f} s that it states"
            entries.append(Damage("cut_off", text, duration_s, float(stated_s)))
        if self._torn is not None and not entries:
            entries.append(replace(self._torn, from_s=duration_s))
        return entries

    def _gaps(self) -> list[Damage]:
        entries = []
        for name in self.positions:
            for from_s, to_s in self.gaps_s(name)[:MOST_SPANS]:
                text = f"gap: nothing of its {name} from {from_s:.1f} s to {to_s:.1f} s; not valid there"
                entries.append(Damage("gap", text, from_s, to_s))
        return entries
