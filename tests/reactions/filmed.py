"""Real film sound, and what happens to it on its way into a reaction: for the tests of alignment."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from evoked.media.decode import read_audio
from evoked.weights.cache import default_cache
from staged_media import staged_array

HZ = 8000
Samples = NDArray[np.float32]


@cache
def film() -> Samples:
    """The sound of the whole of Big Buck Bunny, 596 s at 8 kHz."""
    return staged_array("film-sound", __file__, lambda: read_audio(default_cache().clip("bbb.mp4"), HZ), HZ)


@cache
def room_noise() -> Samples:
    """Six seconds of a real room with someone handling a camera, again and again for three minutes."""
    return np.tile(read_audio(default_cache().clip("face_noface.mov"), HZ), 30)


def cut(start_s: float, end_s: float) -> Samples:
    """A stretch of the film."""
    return film()[round(start_s * HZ) : round(end_s * HZ)].copy()


def hush(seconds: float, seed: int = 0) -> Samples:
    """A quiet room."""
    return (0.003 * np.random.default_rng(seed).standard_normal(round(seconds * HZ))).astype(np.float32)


def joined(*parts: Samples) -> Samples:
    return np.concatenate(parts)


def under(film_sound: Samples, other: Samples, db: float) -> Samples:
    """The film at `db` decibels relative to another sound on top of it."""
    top = other[: len(film_sound)]
    return film_sound + top * np.float32(film_sound.std() / top.std() * 10 ** (-db / 20))


def delayed(sound_: Samples, samples: float) -> Samples:
    """Later by a number of samples that need not be whole: by the phases, in float64."""
    spectrum = np.fft.rfft(sound_.astype(np.float64), n=2 * len(sound_))
    turn = np.exp(-2j * np.pi * np.fft.rfftfreq(2 * len(sound_)) * samples)
    return np.fft.irfft(spectrum * turn)[: len(sound_)].astype(np.float32)


def echoed(sound_: Samples, seconds: float = 0.4, loud: float = 1.0, seed: int = 0) -> Samples:
    """In a room: exponential decay to −60 dB in `seconds`; the echo has `loud` times the direct sound's energy."""
    n = round(seconds * HZ)
    tail = np.random.default_rng(seed).standard_normal(n) * 10 ** (-3 * np.arange(n) / n)
    tail *= np.sqrt(loud / np.sum(tail**2))
    tail[0] = 1.0
    size = len(sound_) + n
    wet = np.fft.irfft(np.fft.rfft(sound_, n=size) * np.fft.rfft(tail, n=size), n=size)
    return wet[: len(sound_)].astype(np.float32)
