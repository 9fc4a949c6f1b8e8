"""Damage of decoded sound: frames of another format than those around them, and values that no recording holds."""

from collections.abc import Iterator, Sequence

import av

from evoked.core.damage import Damage

__all__ = ["FormatGuard", "SoundSpans"]

LASTING_S = 0.25
"""A number of channels or a rate that holds for less than this, between others, is damage and no change."""
APART_S = 1.0
"""Spans nearer than this are reported as one."""
MAX_REPORTED = 3
"""More spans than this are reported in one line."""


class FormatGuard:
    """Holds frames back whose number of channels or rate is new, until it has lasted.

    Attributes:
        changes: formats that lasted, in order: (channels, rate).
    """

    def __init__(self) -> None:
        self.changes: list[tuple[int, int]] = []
        self._waiting: list[av.AudioFrame] = []

    def add(self, frame: av.AudioFrame) -> Iterator[tuple[av.AudioFrame, bool]]:
        """Frames that are decided with the next one, in order, and whether they are good."""
        if self._waiting and _format(frame) != _format(self._waiting[0]):
            yield from self._decided(False)
        if self.changes and _format(frame) == self.changes[-1]:
            yield frame, True
            return
        self._waiting.append(frame)
        if sum(waiting.samples for waiting in self._waiting) >= LASTING_S * frame.sample_rate:
            self.changes.append(_format(frame))
            yield from self._decided(True)

    def end(self) -> Iterator[tuple[av.AudioFrame, bool]]:
        """The frames that still wait: good where there was no other format before them."""
        yield from self._decided(not self.changes)

    def _decided(self, good: bool) -> Iterator[tuple[av.AudioFrame, bool]]:
        waiting, self._waiting = self._waiting, []
        for frame in waiting:
            yield frame, good


def _format(frame: av.AudioFrame) -> tuple[int, int]:
    return int(frame.layout.nb_channels), int(frame.sample_rate)


class SoundSpans:
    """Spans of a sound that have one fault, merged where they are near each other."""

    def __init__(self) -> None:
        self.spans: list[tuple[float, float]] = []

    def add(self, from_s: float, to_s: float) -> None:
        """Add a span.

        Args:
            from_s, to_s: its begin and end, in seconds on the file's clock.
        """
        from_s = max(from_s, 0.0)
        to_s = max(to_s, from_s)
        if self.spans and from_s - self.spans[-1][1] < APART_S:
            first_s, last_s = self.spans[-1]
            self.spans[-1] = (min(first_s, from_s), max(last_s, to_s))
        else:
            self.spans.append((from_s, to_s))

    def damage(self, kind: str, text: str) -> tuple[Damage, ...]:
        """The spans as damage.

        Args:
            kind: short identifier.
            text: a line for people with a place `{where}` for the span's times.

        Returns:
            An entry per span; one for all where there are many.
        """
        reported: Sequence[tuple[float, float]] = self.spans
        if len(reported) > MAX_REPORTED:
            first_s, last_s = reported[0][0], max(to_s for _, to_s in reported)
            where = f"in {len(reported)} places between {first_s:.1f} and {last_s:.1f} s"
            return (Damage(kind, text.format(where=where), first_s, last_s),)
        return tuple(
            Damage(kind, text.format(where=f"from {a:.2f} to {b:.2f} s"), round(a, 6), round(b, 6)) for a, b in reported
        )
