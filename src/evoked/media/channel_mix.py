"""Channels of decoded audio frames to one: their mean, or the loudest channel where the mean cancels out."""

from collections.abc import Sequence
from dataclasses import dataclass

import av
import numpy as np
from av.audio.plane import AudioPlane
from numpy.typing import NDArray

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
    cross-fade. Where nothing cancels, the result is the mean to the bit.
    """

    def __init__(self) -> None:
        self._chosen: int | None = None  # channel; None: the mean
        self._begun = False

    def mix(self, pieces: Sequence[Piece], rate: int) -> tuple[Samples, int | None]:
        """The next block in mono.

        Args:
            pieces: of the block, in order; all with the same number of channels, or without any.
            rate: samples per second.

        Returns:
            Its samples, and the channel that was chosen, from 0; None for the mean.
        """
        mono = np.concatenate([piece.mono for piece in pieces])
        before, self._chosen = self._chosen, self._choice(pieces, mono)
        if not self._begun:  # there is nothing to fade from
            before, self._begun = self._chosen, True
        if before is None and self._chosen is None:
            return mono, None
        mixed, faded = _picked(pieces, self._chosen), _picked(pieces, before)
        if self._chosen != before:
            count = min(round(FADE_S * rate), len(mono))
            weight = np.arange(1, count + 1, dtype=np.float32) / np.float32(count)
            mixed[:count] = faded[:count] * (1 - weight) + mixed[:count] * weight
        return mixed, self._chosen

    def _choice(self, pieces: Sequence[Piece], mono: Samples) -> int | None:
        counts = {len(piece.channels) for piece in pieces if piece.channels is not None}
        if not counts:
            return self._chosen
        (count,) = counts
        energies = np.sum([_energy(p.channels) for p in pieces if p.channels is not None], axis=0)
        mean_energy = float(_energy(mono[None])[0])
        loudest = int(energies.argmax())
        if energies[loudest] < SILENCE * len(mono):
            return self._chosen
        chosen = self._chosen if self._chosen is not None and self._chosen < count else None
        if chosen is not None and mean_energy < STILL_BELOW * energies[loudest]:
            return loudest if energies[loudest] > LOUDER * energies[chosen] else chosen
        share = CANCELLED_SHARE.get(count, CANCELLED_SHARE_OF_MANY)
        cancelled = mean_energy * count**2 < share * float(energies.sum())
        return loudest if cancelled and mean_energy < FAR_BELOW * energies[loudest] else None


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
