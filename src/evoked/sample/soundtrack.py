"""The soundtrack of a staged reaction: the content's audio, synthetic talk, and noise.

None of the real viewers' clips has speech (the woman's and the talker's are silent, the man's is room
tone at -59 dB), so talk is synthesised: syllables of harmonics with a varying pitch, shaped by the formants of
vowels. It has no words, but pitch, pauses and spectrum of a voice, which disturb matching as speech does.
"""

import numpy as np
from numpy.typing import NDArray

from evoked.sample.plan import PlannedReaction

__all__ = ["HZ", "TALK_RMS", "Sound", "fade", "mix_sound", "viewer_murmur"]

Sound = NDArray[np.float32]
HZ = 48_000  # every millisecond is a whole number of samples
TALK_RMS = 0.05  # -26 dB: about the louder half of the source video
FADE_MS = 5  # so that a cut makes no click
# First three formants of five vowels in Hz, means of men (Peterson and Barney 1952), and their bandwidths.
VOWELS = ((270, 2290, 3010), (530, 1840, 2480), (730, 1090, 2440), (570, 840, 2410), (300, 870, 2240))
WIDTHS = (80.0, 120.0, 160.0)


def viewer_murmur(samples: int, rng: np.random.Generator) -> Sound:
    """Synthetic talk without words.

    Args:
        samples: length, at HZ.
        rng: random generator.

    Returns:
        float32, shape (samples,); root mean square TALK_RMS while it speaks.
    """
    out = np.zeros(samples, dtype=np.float64)
    at = 0
    base_hz = float(rng.uniform(100, 190))
    while at < samples:
        length = min(samples - at, int(rng.uniform(0.12, 0.32) * HZ))
        out[at : at + length] = _syllable(length, base_hz * float(rng.uniform(0.85, 1.25)), rng)
        at += length + int((0.25 if rng.random() < 0.2 else 0.015) * HZ)  # a breath after some syllables
    spoken = out[out != 0]
    scale = TALK_RMS / np.sqrt(np.mean(spoken**2)) if len(spoken) else 0.0
    return (out * scale).astype(np.float32)


def mix_sound(reaction: PlannedReaction, content: Sound) -> Sound:
    """Mix the soundtrack of a reaction.

    Args:
        reaction: the plan: segments, talk, gain and noise.
        content: the content's audio at HZ, mono, from its second 0.

    Returns:
        float32, shape (duration_ms * 48,), in [-1, 1]. The content starts at the exact sample of each
        segment; it is silent between segments.
    """
    rng = np.random.default_rng(reaction.seed)
    out = rng.normal(0, 10 ** (reaction.noise_db / 20), _samples(reaction.duration_ms)).astype(np.float32)
    for stretch in reaction.stretches:
        played = content[_samples(stretch.content_start_ms) : _samples(stretch.content_end_ms)]
        start = _samples(stretch.reaction_start_ms)
        out[start : start + len(played)] += np.float32(reaction.gain) * fade(played)
    for begin, end in reaction.talk_ms:
        start, past = _samples(begin), min(_samples(end), len(out))
        out[start:past] += fade(viewer_murmur(past - start, rng))
    return np.clip(out, -1, 1)


def fade(sound: Sound) -> Sound:
    """A copy with a linear fade of FADE_MS at both ends."""
    ramp = np.linspace(0, 1, min(len(sound) // 2, _samples(FADE_MS)), dtype=np.float32)
    out = sound.copy()
    out[: len(ramp)] *= ramp
    out[len(out) - len(ramp) :] *= ramp[::-1]
    return out


def _samples(ms: int) -> int:
    return ms * HZ // 1000


def _syllable(samples: int, pitch_hz: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Harmonics up to 4 kHz, weighted by the formants of a vowel, with a rising and falling envelope."""
    t = np.arange(samples) / HZ
    glide = 1 + float(rng.uniform(-0.15, 0.1)) * t / max(t[-1], 1e-3)
    phase = 2 * np.pi * np.cumsum(pitch_hz * glide) / HZ
    formants = VOWELS[int(rng.integers(len(VOWELS)))]
    out = np.zeros(samples)
    for k in range(1, int(4000 / pitch_hz)):
        hz = k * pitch_hz
        gain = sum(1 / (1 + ((hz - f) / w) ** 2) for f, w in zip(formants, WIDTHS, strict=True)) / k**0.5
        out += gain * np.sin(k * phase + float(rng.uniform(0, 6.28)))
    envelope: NDArray[np.float64] = np.sin(np.pi * np.linspace(0, 1, samples)) ** 0.7
    return out * envelope
