"""Sound on the clock: mono, at one rate, without a gap from second 0 on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

__all__ = ["AudioAssembler", "AudioChunk", "mix_to_mono"]

SLACK_S = Fraction(1, 100)
"""Timestamps are believed against the count of samples only beyond this: Matroska rounds them to a
millisecond, some recorders jitter by a few; the shortest codec frame that can get lost is longer."""

TAIL_S = Fraction(1, 10)
"""Up to this, sound after the end is the padding of a codec's last frame; more is sound that the header hides."""

Samples = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class AudioChunk:
    """A stretch of sound.

    Attributes:
        start: number of its first sample at the wanted rate, counted from second 0 of the clock; each
            chunk starts where the one before it ends.
        samples: float32, shape (n,), mean of the channels, in [-1, 1] for what is not overdriven.
    """

    start: int
    samples: Samples


class AudioAssembler:
    """Decoded frames in, gapless Sound at one rate out.

    Late starts and gaps (by timestamp) become silence, overlaps are trimmed, then the whole line is
    resampled once, as one signal. It ends at `end_s`, with silence or without a codec's padding; only
    where there is much more sound than that does it go on.

    Args:
        hz: samples per second that come out.
        base: seconds per tick of the frames' timestamps.
        zero: the file's own time, in seconds, that is second 0.
        end_s: the end of the film.
    """

    def __init__(self, hz: int, base: Fraction, zero: Fraction, end_s: Fraction) -> None:
        self._hz, self._base, self._zero = hz, base, zero
        self._end_s = end_s
        self._want = round(end_s * hz)
        self._beyond: list[Samples] = []  # after the declared end: padding, unless there is much of it
        self._hidden = False
        self._rate = 0  # of the source; may change within a file
        self._resampler: Any = None
        self._taken = 0  # samples at the source's rate that went in, counted from second 0
        self._sent = 0  # samples at hz that came out
        self._batch: list[Samples] = []
        self._waiting = 0  # samples in the batch
        self._place: Callable[[int], int] = int  # a timestamp as a sample number at the source's rate
        self._slack = 0  # samples at the source's rate
        self._begun = False

    def take(self, frame: Any) -> Iterator[AudioChunk]:
        """The next av.AudioFrame."""
        if frame.sample_rate != self._rate:
            yield from self._flush()
            self._rate = frame.sample_rate
            self._taken = round(Fraction(self._sent * self._rate, self._hz))
            self._place = _placer(self._base * self._rate, self._zero * self._rate)
            self._slack = int(SLACK_S * self._rate)
        mono = mix_to_mono(frame)
        gap = 0
        if frame.pts is not None:
            gap = self._place(frame.pts) - self._taken
            if self._begun and abs(gap) <= self._slack:
                gap = 0
            if gap > 0:  # a broken stamp must not make days of silence
                gap = max(min(gap, round(self._end_s * self._rate) - self._taken), 0)
        self._begun = True
        yield from self._silence(gap)
        yield from self._push(mono[max(-gap, 0) :])

    def end(self) -> Iterator[AudioChunk]:
        """No more frames: silence up to the end of the film."""
        if not self._rate:
            self._rate = self._hz
        yield from self._silence(round(self._end_s * self._rate) - self._taken)
        yield from self._flush()
        while (left := self._want - self._sent) > 0:
            yield from self._give(np.zeros(min(left, self._hz), dtype=np.float32))

    def finish(self, end_s: Fraction) -> Iterator[AudioChunk]:
        """No more frames, and only now it is known where the film ends."""
        self._end_s, self._want = end_s, max(round(end_s * self._hz), self._sent)
        yield from self.end()

    def _silence(self, count: int) -> Iterator[AudioChunk]:
        while count > 0:  # in blocks: an hour of silence must not be one array
            block = min(count, self._rate)
            yield from self._push(np.zeros(block, dtype=np.float32))
            count -= block

    def _push(self, mono: Samples) -> Iterator[AudioChunk]:
        self._batch.append(mono)
        self._taken += len(mono)
        self._waiting += len(mono)
        if 2 * self._waiting >= self._rate:  # half a second
            yield from self._resample(self._gather())

    def _flush(self) -> Iterator[AudioChunk]:
        if self._batch:
            yield from self._resample(self._gather())
        if self._resampler is not None:
            yield from self._out(self._resampler.resample(None))
            self._resampler = None

    def _gather(self) -> Samples:
        samples = np.concatenate(self._batch)
        self._batch, self._waiting = [], 0
        return samples

    def _resample(self, mono: Samples) -> Iterator[AudioChunk]:
        if not len(mono):
            return
        if self._rate == self._hz:
            yield from self._give(mono)
            return
        if self._resampler is None:
            self._resampler = av.AudioResampler("fltp", "mono", self._hz)
        frame = av.AudioFrame.from_ndarray(mono[None], format="fltp", layout="mono")
        frame.sample_rate = self._rate
        yield from self._out(self._resampler.resample(frame))

    def _out(self, frames: list[Any]) -> Iterator[AudioChunk]:
        for frame in frames:
            if frame.samples:
                yield from self._give(frame.to_ndarray()[0].astype(np.float32, copy=True))

    def _give(self, samples: Samples) -> Iterator[AudioChunk]:
        if not self._hidden:
            room = max(self._want - self._sent, 0)
            if len(samples) > room:
                self._beyond.append(samples[room:])
                samples = samples[:room]
            if sum(map(len, self._beyond)) > TAIL_S * self._hz:
                self._hidden = True
                samples = np.concatenate([samples, *self._beyond])
                self._beyond = []
        if len(samples):
            yield AudioChunk(self._sent, samples)
            self._sent += len(samples)


def _placer(per_tick: Fraction, offset: Fraction) -> Callable[[int], int]:
    """round(ticks * per_tick - offset), exact, in whole numbers: it is asked for every frame."""
    below = lcm(per_tick.denominator, offset.denominator)
    up, away = int(per_tick * below), int(offset * below)
    return lambda ticks: (2 * (ticks * up - away) + below) // (2 * below)


def mix_to_mono(frame: Any) -> Samples:
    """The mean of an av.AudioFrame's channels, float32 (samples,), full scale = 1."""
    data = frame.to_ndarray()
    channels = frame.layout.nb_channels
    if not frame.format.is_planar:
        data = data.reshape(-1, channels).T
    kind = data.dtype
    if kind == np.uint8:
        data = data.astype(np.float32) - np.float32(128)
        scale = np.float32(1 / 128)
    elif kind.kind == "i":
        scale = np.float32(1 / 2.0 ** (8 * kind.itemsize - 1))
    else:
        scale = np.float32(1)
    mean = data[0].astype(np.float32) if channels == 1 else data.mean(axis=0, dtype=np.float32)
    return np.asarray(mean * scale, dtype=np.float32)
