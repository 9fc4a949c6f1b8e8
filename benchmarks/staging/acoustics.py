"""What the microphone of a grid's recording hears: the film at another speed or pitch, its echo, talk, noise.

Speed with the pitch ("tape") and speed or pitch alone ("stretched", "pitch") are made here in numpy, so
that every sample's true place is known: exactly for tape, within STRETCH_REACH_MS for the others, whose
grains are moved to where they join best.
"""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from evoked.sample.soundtrack import HZ, Sound, fade, viewer_murmur
from staging.conditions import ECHO, NOISE_DB
from staging.recording_plan import Part, Take

GRAIN = 1920  # samples: 40 ms
STRETCH_REACH_MS = 8
REACH = STRETCH_REACH_MS * HZ // 1000


def recorded(take: Take, content: Sound) -> Sound:
    """What a take's microphone hears.

    Args:
        take: its parts and condition.
        content: the content's sound at HZ, mono, from its second 0.

    Returns:
        float32, shape (duration_ms * 48,), in [-1, 1]; the film is silent between the parts.
    """
    rng = np.random.default_rng(take.seed)
    condition = take.condition
    film = np.zeros(take.duration_ms * HZ // 1000, dtype=np.float32)
    for part in take.parts:
        played = fade(played_part(part, condition.pitch, content))
        start = round(part.reaction_start_ms * HZ / 1000)
        film[start : start + len(played)] += played[: len(film) - start]
    out = np.float32(condition.gain) * echoed(film, *ECHO[condition.echo], rng)
    out += rng.normal(0, 10 ** (NOISE_DB[condition.noise] / 20), len(out)).astype(np.float32)
    for begin, end in take.talk_ms:
        start, past = begin * HZ // 1000, min(end * HZ // 1000, len(out))
        out[start:past] += fade(viewer_murmur(past - start, rng))
    heard: Sound = np.clip(out, -1, 1)
    return heard


def played_part(part: Part, pitch: Fraction, content: Sound) -> Sound:
    """A span of the content's sound as the reaction plays it: at the part's rate, its pitch multiplied."""
    first, past = (ms * HZ // 1000 for ms in (part.content_start_ms, part.content_end_ms))
    samples = round((part.reaction_end_ms - part.reaction_start_ms) * HZ / 1000)
    span = content[first:past]
    alone = part.rate / pitch  # what is left of the speed once the pitch took its share
    if alone != 1:
        span = stretched(span, float(alone))
    played: Sound = np.interp(np.arange(samples) * float(pitch), np.arange(len(span)), span).astype(np.float32)
    return played


def stretched(sound: Sound, rate: float) -> Sound:
    """The same pitch at another speed: overlapping grains, each moved to where it goes on from the last best.

    Waveform similarity overlap-add, after Verhelst and Roelands (1993). A sample at i of the result is from
    i * rate of the sound, within REACH samples.

    Args:
        sound: float32, shape (n,).
        rate: above 1 is faster.

    Returns:
        float32, shape (round(n / rate),).
    """
    hop, samples = GRAIN // 2, round(len(sound) / rate)
    window = np.hanning(GRAIN + 1)[:GRAIN].astype(np.float32)  # halves that overlap sum to one
    lead = GRAIN + REACH
    padded = np.pad(sound, (lead, 2 * lead + hop))
    out = np.zeros(samples + 2 * GRAIN, dtype=np.float32)
    at = lead - hop
    for k in range(samples // hop + 2):
        # grains start half a grain early, so that the middle of each is where its time says
        wanted = lead + round(k * hop * rate) - hop
        at = wanted + (_joint(padded, at + hop, wanted) if k else 0)
        out[k * hop : k * hop + GRAIN] += window * padded[at : at + GRAIN]
    return out[hop : hop + samples]


def _joint(padded: Sound, natural: int, wanted: int) -> int:
    """By how many samples to move a grain so that it is most like the one that would have followed."""
    size = 4096  # at least GRAIN + 2 * REACH: nothing wraps around
    span = padded[wanted - REACH : wanted + REACH + GRAIN]
    alike = np.fft.irfft(np.fft.rfft(span, size) * np.conj(np.fft.rfft(padded[natural : natural + GRAIN], size)), size)
    return int(np.argmax(alike[: 2 * REACH + 1])) - REACH


def echoed(sound: Sound, seconds: float, energy: float, rng: np.random.Generator) -> Sound:
    """With a room's echo: noise that falls by 60 dB in `seconds`, `energy` times the direct sound's energy.

    The direct sound stays at its very sample and level.
    """
    if energy == 0:
        return sound
    length = round(seconds * HZ)
    tail: NDArray[np.float64] = rng.standard_normal(length) * 10 ** (-3 * np.arange(length) / length)
    tail *= np.sqrt(energy / np.sum(tail**2))
    tail[0] = 1
    size = len(sound) + length
    heard = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(tail, size), size)
    return heard[: len(sound)].astype(np.float32)
