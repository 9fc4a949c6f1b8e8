"""Channels of decoded audio frames to one: their mean, or the loudest channel where the mean cancels out."""

from collections.abc import Sequence
from dataclasses import dataclass

import av
import numpy as np
from av.audio.plane import AudioPlane
from numpy.typing import NDArray

from evoked.core.run_lengths import run_lengths

__all__ = ["FULL_SCALE_LIMIT", "ChannelMixer", "Piece", "channel_samples", "mix_to_mono", "piece_of"]

Samples = NDArray[np.float32]

FULL_SCALE_LIMIT = 32.0
"""Of full scale, 30 dB: float recorders are overdriven by less; damaged AAC decodes to a thousand and more."""

FAR_BELOW = 0.1
"""The mean is far below a channel where it has less than this share of its energy: 10 dB …"""
STILL_BELOW = 0.24
"""… and stays so up to this share; one silent channel of two gives .25."""
CANCELLED_SHARE = {2: 0.25}
CANCELLED_SHARE_OF_MANY = 0.1
"""Channels cancel where their mean has less than this share of the energy that unrelated channels would give it:
a mean of many channels that hardly one of which is heard is quiet, too, but nothing is lost in it."""
LOUDER = 4.0
"""Energy ratio above which another channel takes over from the chosen one."""
SILENCE = 1e-10
"""Mean square (of full scale 1) below which a block says nothing about its channels."""
FADE_S = 0.02
"""Length of the cross-fade where the choice changes."""
WINDOW_S = 0.01
"""Within a block whose mean is used, stretches that cancel are looked for in windows of this length …"""
LEAST_WINDOWS = 10
"""… of which so many are a stretch; fewer where it began in the block before."""
LONE_AMONG, LONE_SHARE = 3, 0.95
"""Nearly all sound is in one of at least so many channels where it has this share of their energy."""

DTYPES = {
    name: np.dtype(code)
    for name, code in {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}.items()
}
MAX_PLANES = 8


@dataclass(frozen=True, eq=False)
class Piece:
    """Consecutive samples of a stream.

    Attributes:
        mono: float32, shape (n,): the mean of the channels, full scale = 1.
        channels: float32, shape (channels, n), the same scale; None for silence and for mono.
    """

    mono: Samples
    channels: Samples | None = None


def channel_samples(frame: av.AudioFrame) -> NDArray[np.generic]:
    """A frame's samples as they are stored, shape (channels, samples).

    PyAV finds the end of a frame's planes by a null pointer, which libav does not put behind the eighth; so of
    eight and more, only as many are read as there are channels.
    """
    channels = frame.layout.nb_channels
    if not frame.format.is_planar:
        return frame.to_ndarray().reshape(-1, channels).T
    if channels < MAX_PLANES:
        return frame.to_ndarray()
    dtype = DTYPES[frame.format.name.removesuffix("p")]
    planes = [memoryview(AudioPlane(frame, i)) for i in range(channels)]
    rows = [np.frombuffer(plane, dtype)[: frame.samples] for plane in planes]
    return np.stack(rows)


def mix_to_mono(frame: av.AudioFrame) -> Samples:
    """The mean of a frame's channels, float32, shape (samples,), full scale = 1."""
    return piece_of(frame).mono


def piece_of(frame: av.AudioFrame) -> Piece:
    """A frame's mean and its channels; silence where a value is not finite or far beyond full scale is the caller's."""
    data = channel_samples(frame)
    dtype = data.dtype
    if dtype == np.uint8:
        data = data.astype(np.float32) - np.float32(128)
        scale = np.float32(1 / 128)
    elif dtype.kind == "i":
        scale = np.float32(1 / 2.0 ** (8 * dtype.itemsize - 1))
    else:
        scale = np.float32(1)
    with np.errstate(invalid="ignore", over="ignore"):  # of a damaged frame
        if len(data) == 1:
            return Piece(np.asarray(data[0].astype(np.float32) * scale, dtype=np.float32))
        mono = np.asarray(data.mean(axis=0, dtype=np.float32) * scale, dtype=np.float32)
        return Piece(mono, np.asarray(data.astype(np.float32) * scale, dtype=np.float32))


class ChannelMixer:
    """Mixes blocks of sound to mono: the mean of the channels; the loudest channel where the mean cancels out.

    Each block is decided by its energies; a choice is kept until the mean is clearly better, and changes by a
    cross-fade. Within a block whose mean is used, stretches in which the channels cancel are found to a hundredth of
    a second. Where nothing cancels, the result is the mean to the bit.
    """

    def __init__(self) -> None:
        self._chosen: int | None = None  # channel; None: the mean
        self._begun = False
        self._waiting: list[Piece] = []
        self._mean_energy, self._energies = 0.0, np.zeros(0)

    @property
    def lone_channel(self) -> tuple[int, int, float] | None:
        """(channel from 1, of how many, decibels of the mean below it) where nearly all sound is in one of several."""
        count, total = len(self._energies), float(self._energies.sum())
        if count < LONE_AMONG or self._mean_energy <= 0 or self._energies.max() < LONE_SHARE * total:
            return None
        loudest = int(self._energies.argmax())
        return loudest + 1, count, float(10 * np.log10(self._energies[loudest] / self._mean_energy))

    @property
    def waiting(self) -> int:
        """Samples at the end of the last block that are given with the next."""
        return sum(len(piece.mono) for piece in self._waiting)

    def mix(
        self, pieces: Sequence[Piece], rate: int, *, is_last: bool = False
    ) -> tuple[Samples, list[tuple[int, int]]]:
        """The next block in mono.

        The end of a block waits for the next one, which tells whether its channels cancel from there on.

        Args:
            pieces: of the block, in order; all with the same number of channels, or without any.
            rate: samples per second.
            is_last: no block of this number of channels comes after it: nothing waits.

        Returns:
            Samples, first those that waited, and the spans of them (from and to) in which one channel was chosen.
        """
        pieces = [*self._waiting, *pieces]
        mono = np.concatenate([piece.mono for piece in pieces])
        before, choice = self._chosen, self._choice(pieces, mono)
        stretches, keep = [(0, len(mono), choice)] if choice is not None else [], 0
        if choice is None:
            stretches, open_s = _cancelled_stretches(pieces, mono, rate, before)
            keep = 0 if is_last else min(round((open_s + WINDOW_S + FADE_S) * rate), len(mono))
        self._waiting = _tail(pieces, keep)
        self._chosen = stretches[-1][2] if stretches and stretches[-1][1] == len(mono) else None
        if not self._begun:  # there is nothing to fade from
            before, self._begun = stretches[0][2] if stretches and stretches[0][0] == 0 else None, True
        mixed = mono if before is None and not stretches else _faded(pieces, before, stretches, rate)
        return mixed[: len(mono) - keep], [(start, end) for start, end, _ in stretches]

    def _choice(self, pieces: Sequence[Piece], mono: Samples) -> int | None:
        counts = {len(piece.channels) for piece in pieces if piece.channels is not None}
        if not counts:
            return self._chosen
        (count,) = counts
        energies = np.sum([_energy(p.channels) for p in pieces if p.channels is not None], axis=0)
        mean_energy = float(_energy(mono[None])[0])
        if len(self._energies) != count:
            self._energies, self._mean_energy = np.zeros(count), 0.0
        self._energies, self._mean_energy = self._energies + energies, self._mean_energy + mean_energy
        loudest = int(energies.argmax())
        if energies[loudest] < SILENCE * len(mono):
            return self._chosen
        kept = self._chosen if self._chosen is not None and self._chosen < count else None
        if kept is not None and mean_energy < STILL_BELOW * energies[loudest]:
            return loudest if energies[loudest] > LOUDER * energies[kept] else kept
        return loudest if _cancels(np.float64(mean_energy), energies) else None


def _cancels(mean_energy: NDArray[np.float64] | np.float64, energies: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether channels cancel each other, by the energy of their mean and of each of them (first axis)."""
    share = CANCELLED_SHARE.get(len(energies), CANCELLED_SHARE_OF_MANY)
    cancelled = mean_energy * len(energies) ** 2 < share * energies.sum(axis=0)
    return np.asarray(cancelled & (mean_energy < FAR_BELOW * energies.max(axis=0)))


def _cancelled_stretches(
    pieces: Sequence[Piece], mono: Samples, rate: int, before: int | None
) -> tuple[list[tuple[int, int, int]], float]:
    """Stretches of a block in which its channels cancel: from, to, and the loudest channel there.

    Args:
        pieces, mono: of the block, and its mean.
        rate: samples per second.
        before: the channel that was chosen at the end of the block before, which is kept if it is loud enough.

    Returns:
        Ascending, apart from each other; and the seconds at the end of the block that may begin another.
    """
    counts = {len(piece.channels) for piece in pieces if piece.channels is not None} or {1}
    step = max(round(WINDOW_S * rate), 1)
    if counts == {1} or len(mono) < step:
        return [], 0.0
    count = max(counts)
    filled = [np.zeros((count, len(p.mono)), np.float32) if p.channels is None else p.channels for p in pieces]
    channels = np.concatenate(filled, axis=1)
    starts = np.arange(0, len(mono) - step + 1, step)  # the last window takes what is left
    energies = np.add.reduceat(np.square(channels, dtype=np.float64), starts, axis=1)
    mean_energies = np.add.reduceat(np.square(mono, dtype=np.float64), starts)
    silent = energies.max(axis=0) < SILENCE * step
    cancelled = _cancels(mean_energies, energies) & ~silent
    stretches, open_s = [], 0.0
    for first, last in _filled_runs(cancelled, silent):
        goes_on = first == 0 and before is not None
        if last - first < LEAST_WINDOWS and not goes_on:
            open_s = (len(mono) - int(starts[first])) / rate if last == len(starts) else 0.0
            continue
        by_channel = energies[:, first:last].sum(axis=1)
        loudest = int(by_channel.argmax())
        if first == 0 and before is not None and before < count and by_channel[loudest] <= LOUDER * by_channel[before]:
            loudest = before
        start = int(starts[max(first - 1, 0)])  # the channels turned within the window before, and after
        stretches.append((start, len(mono) if last + 1 >= len(starts) else int(starts[last + 1]), loudest))
    return stretches, open_s


def _filled_runs(cancelled: NDArray[np.bool_], silent: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Runs of windows (first, and the one behind the last) that cancel; silent ones between these belong to them."""
    runs: list[tuple[int, int]] = []
    for first, last in zip(*(bounds.tolist() for bounds in run_lengths(cancelled)), strict=True):
        if runs and silent[runs[-1][1] : first].all():
            runs[-1] = (runs[-1][0], last)
        else:
            runs.append((first, last))
    return runs


def _faded(
    pieces: Sequence[Piece], before: int | None, stretches: Sequence[tuple[int, int, int]], rate: int
) -> Samples:
    """A block of which some stretches are one channel and the rest is the mean; cross-fades lie in the mean."""
    mean = _picked(pieces, None)
    edges = [0, *(edge for start, end, _ in stretches for edge in (start, end)), len(mean)]
    chosen = [None, *(part for _, _, channel in stretches for part in (channel, None))]
    mixed, now = mean.copy(), before
    for start, end, channel in zip(edges[:-1], edges[1:], chosen, strict=True):
        if start == end:
            continue
        samples = _picked(pieces, channel)
        mixed[start:end] = samples[start:end]
        if channel != now:
            length = round(FADE_S * rate)
            first = start - length if channel is not None and start >= length else start
            size = min(length, len(mixed) - first)
            weight = np.arange(1, size + 1, dtype=np.float32) / np.float32(size)
            fade = slice(first, first + size)
            mixed[fade] = _picked(pieces, now)[fade] * (1 - weight) + samples[fade] * weight
        now = channel
    return mixed


def _tail(pieces: Sequence[Piece], count: int) -> list[Piece]:
    """The last samples of some pieces."""
    tail: list[Piece] = []
    for piece in reversed(pieces):
        if count <= 0:
            break
        start = max(len(piece.mono) - count, 0)
        tail.insert(0, Piece(piece.mono[start:], None if piece.channels is None else piece.channels[:, start:]))
        count -= len(piece.mono) - start
    return tail


def _energy(channels: Samples) -> NDArray[np.float64]:
    """The energy of each channel."""
    energies: NDArray[np.float64] = np.einsum("ij,ij->i", channels, channels, dtype=np.float64)
    return energies


def _picked(pieces: Sequence[Piece], channel: int | None) -> Samples:
    """One channel of some pieces; the mean for None, and where a piece has no such channel."""
    return np.concatenate(
        [
            piece.mono
            if channel is None or piece.channels is None or channel >= len(piece.channels)
            else piece.channels[channel]
            for piece in pieces
        ]
    )
