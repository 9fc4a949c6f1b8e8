"""Decoded audio frames to gapless mono audio at one sample rate, from second 0 of the file's clock."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

import av
import numpy as np
from numpy.typing import NDArray

from evoked.core.damage import Damage
from evoked.media.channel_mix import FULL_SCALE_LIMIT, ChannelMixer, Piece, mix_to_mono, piece_of
from evoked.media.sound_damage import FormatGuard, SoundSpans

__all__ = ["AudioAssembler", "AudioChunk", "mix_to_mono"]

SLACK_S = Fraction(1, 100)
"""A timestamp overrides the count of samples only where they differ by more than this: Matroska rounds
timestamps to a millisecond, some recorders jitter by a few; the shortest codec frame that can get lost is longer."""

TAIL_S = Fraction(1, 10)
"""Up to this, audio after the declared end is padding of the codec's last frame; more is audio beyond its header."""

Samples = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class AudioChunk:
    """A span of audio.

    Attributes:
        start: index of its first sample at the output rate, counted from second 0 of the clock; each
            chunk starts where the one before it ends.
        samples: float32, shape (n,), mean of the channels, in [-1, 1] for what is not overdriven.
    """

    start: int
    samples: Samples


class AudioAssembler:
    """Turns decoded frames into gapless audio chunks at one sample rate.

    Late starts and gaps (by timestamp) become silence, overlaps are trimmed, then the result is
    resampled as one signal. It ends at `end_s`: padded with silence, or without a codec's padding; only
    where there is much more audio than that does it continue.

    Args:
        hz: samples per second of the output.
        base: time base of the stream, seconds per unit of its timestamps.
        zero: the file's own time, in seconds, that is second 0.
        end_s: the end of the file on its clock, seconds.
    """

    def __init__(self, hz: int, base: Fraction, zero: Fraction, end_s: Fraction) -> None:
        self._hz, self._base, self._zero = hz, base, zero
        self._end_s = end_s
        self._wanted = round(end_s * hz)
        self._beyond: list[Samples] = []  # after the declared end: padding, unless there is much of it
        self._hidden = False
        self._rate = 0  # of the source; may change within a file
        self._resampler: av.AudioResampler | None = None
        self._taken = 0  # input samples at the source's rate, counted from second 0
        self._sent = 0  # output samples at hz
        self._batch: list[Piece] = []
        self._pending = 0  # samples in the batch
        self._sample_of: Callable[[int], int] = int  # timestamp → sample index at the source's rate
        self._slack = 0  # samples at the source's rate
        self._begun = False
        self._guard = FormatGuard()
        self._mixer = ChannelMixer()
        self._channels = 0  # of the last frame
        self._lost = SoundSpans()
        self._undecoded = SoundSpans()
        self._cancelled = SoundSpans()
        self._changed: list[Damage] = []

    def take(self, frame: av.AudioFrame) -> Iterator[AudioChunk]:
        """Add the next decoded frame; yields the chunks that are complete with it."""
        for decided, good in self._guard.add(frame):
            yield from self._add(decided, good)

    def lose(self, pts: int | None, duration: int | None) -> None:
        """Note a packet that could not be decoded; it becomes silence. The reader counts it and tells of it.

        Args:
            pts, duration: of the packet, in units of the time base; None where it does not say.
        """
        if pts is not None:
            from_s = float(pts * self._base - self._zero)
            self._undecoded.add(from_s, from_s + float((duration or 0) * self._base))

    @property
    def lost_s(self) -> tuple[tuple[float, float], ...]:
        """Spans (from, to) that are silence in place of damaged sound, in seconds on the file's clock."""
        return tuple(sorted((*self._lost.spans, *self._undecoded.spans)))

    @property
    def damage(self) -> tuple[Damage, ...]:
        """What is wrong with the sound so far."""
        lost = self._lost.damage("sound_damaged", "damaged: its sound cannot be used {where}; silence takes its place")
        text = "of opposite phase: its channels cancel each other {where}; the loudest channel alone is used there"
        cancelled = self._cancelled.damage("sound_cancels", text)
        lone = self._mixer.lone_channel
        if lone is None or cancelled:
            return (*lost, *self._changed, *cancelled)
        text = f"quiet: nearly all its sound is in channel {lone[0]} of {lone[1]}"
        quiet = Damage("one_channel", f"{text}; the mean of all is used, {lone[2]:.0f} dB below it")
        return (*lost, *self._changed, quiet)

    def _add(self, frame: av.AudioFrame, good: bool) -> Iterator[AudioChunk]:
        """Add a frame; silence takes its place where it is not good."""
        if good:
            yield from self._adapt(frame)
        if not self._rate:  # before the first good frame: silence comes with that one's timestamp
            at_s = 0.0 if frame.pts is None else float(frame.pts * self._base - self._zero)
            self._lost.add(at_s, at_s + frame.samples / frame.sample_rate)
            return
        piece = piece_of(frame) if good else None
        if piece is None or not _is_plausible(piece):
            piece = Piece(np.zeros(frame.samples, dtype=np.float32))
            at = self._taken if frame.pts is None else self._sample_of(frame.pts)
            self._lost.add(at / self._rate, (at + frame.samples) / self._rate)
        gap = 0
        if frame.pts is not None:
            gap = self._sample_of(frame.pts) - self._taken
            if self._begun and abs(gap) <= self._slack:
                gap = 0
            if gap > 0:  # a broken timestamp must not make days of silence
                gap = max(min(gap, round(self._end_s * self._rate) - self._taken), 0)
        self._begun = True
        yield from self._silence(gap)
        yield from self._push(_without_start(piece, max(-gap, 0)))

    def _adapt(self, frame: av.AudioFrame) -> Iterator[AudioChunk]:
        """Go over to the rate and the number of channels of the next frame."""
        before, after = (self._channels, self._rate), (int(frame.layout.nb_channels), int(frame.sample_rate))
        if after == before:
            return
        if after[1] != self._rate:
            yield from self._flush()
            self._rate = after[1]
            self._taken = round(Fraction(self._sent * self._rate, self._hz))
            self._sample_of = _sample_index(self._base * self._rate, self._zero * self._rate)
            self._slack = int(SLACK_S * self._rate)
        elif self._batch or self._mixer.waiting:
            yield from self._resample(self._joined_batch(is_last=True))
        self._channels = after[0]
        if before[0]:
            at_s = self._taken / self._rate
            (a, a_hz), (b, b_hz) = before, after
            text = (
                f"not of one kind: its sound changes from {a} channels at {a_hz} Hz to {b} at {b_hz} Hz at {at_s:.2f} s"
            )
            self._changed.append(Damage("sound_format", text, round(at_s, 6), round(at_s, 6)))

    def end(self) -> Iterator[AudioChunk]:
        """No more frames: pad with silence up to the end of the file."""
        for decided, good in self._guard.end():
            yield from self._add(decided, good)
        if not self._rate:
            self._rate = self._hz
        yield from self._silence(round(self._end_s * self._rate) - self._taken)
        yield from self._flush()
        while (missing := self._wanted - self._sent) > 0:
            yield from self._emit(np.zeros(min(missing, self._hz), dtype=np.float32))

    def finish(self, end_s: Fraction) -> Iterator[AudioChunk]:
        """No more frames, and the end of the file is known only now; otherwise as `end`."""
        for decided, good in self._guard.end():
            yield from self._add(decided, good)
        self._end_s, self._wanted = end_s, max(round(end_s * self._hz), self._sent)
        yield from self.end()

    def _silence(self, count: int) -> Iterator[AudioChunk]:
        while count > 0:  # in blocks, so that an hour of silence is not one array
            block = min(count, self._rate)
            yield from self._push(Piece(np.zeros(block, dtype=np.float32)))
            count -= block

    def _push(self, piece: Piece) -> Iterator[AudioChunk]:
        self._batch.append(piece)
        self._taken += len(piece.mono)
        self._pending += len(piece.mono)
        if 2 * self._pending >= self._rate:  # half a second
            yield from self._resample(self._joined_batch())

    def _flush(self) -> Iterator[AudioChunk]:
        if self._batch or self._mixer.waiting:
            yield from self._resample(self._joined_batch(is_last=True))
        if self._resampler is not None:
            yield from self._resampled(self._resampler.resample(None))
            self._resampler = None

    def _joined_batch(self, is_last: bool = False) -> Samples:
        first = self._taken - self._pending - self._mixer.waiting
        samples, chosen = self._mixer.mix(self._batch, self._rate, is_last=is_last)
        for start, end in chosen:
            self._cancelled.add((first + start) / self._rate, (first + end) / self._rate)
        self._batch, self._pending = [], 0
        return samples

    def _resample(self, mono: Samples) -> Iterator[AudioChunk]:
        if not len(mono):
            return
        if self._rate == self._hz:
            yield from self._emit(mono)
            return
        if self._resampler is None:
            self._resampler = av.AudioResampler("fltp", "mono", self._hz)
        frame = av.AudioFrame.from_ndarray(mono[None], format="fltp", layout="mono")
        frame.sample_rate = self._rate
        yield from self._resampled(self._resampler.resample(frame))

    def _resampled(self, frames: list[av.AudioFrame]) -> Iterator[AudioChunk]:
        for frame in frames:
            if frame.samples:
                yield from self._emit(frame.to_ndarray()[0].astype(np.float32, copy=True))

    def _emit(self, samples: Samples) -> Iterator[AudioChunk]:
        if not self._hidden:
            space = max(self._wanted - self._sent, 0)
            if len(samples) > space:
                self._beyond.append(samples[space:])
                samples = samples[:space]
            if sum(map(len, self._beyond)) > TAIL_S * self._hz:
                self._hidden = True
                samples = np.concatenate([samples, *self._beyond])
                self._beyond = []
        if len(samples):
            yield AudioChunk(self._sent, samples)
            self._sent += len(samples)


def _sample_index(samples_per_unit: Fraction, offset: Fraction) -> Callable[[int], int]:
    """A function pts → round(pts * samples_per_unit - offset), exact in integers, as it is called for every frame."""
    denominator = lcm(samples_per_unit.denominator, offset.denominator)
    factor, shift = int(samples_per_unit * denominator), int(offset * denominator)
    return lambda pts: (2 * (pts * factor - shift) + denominator) // (2 * denominator)


def _is_plausible(piece: Piece) -> bool:
    """Whether every value is finite and not far beyond full scale."""
    values = piece.mono if piece.channels is None else piece.channels
    return not len(piece.mono) or bool(np.abs(values).max() <= FULL_SCALE_LIMIT)  # false for NaN


def _without_start(piece: Piece, count: int) -> Piece:
    """A piece without its first samples."""
    if not count:
        return piece
    return Piece(piece.mono[count:], None if piece.channels is None else piece.channels[:, count:])
