"""Audio fingerprints: hashes of pairs of spectral peaks, and where two sounds share them.

A peak of the spectrogram survives noise, echo and speech on top; a pair of peaks (the bin of the first, the distance
of the second in bins and in frames) is rare enough to be looked up. Shared pairs that agree on one time difference
give an offset. Source of the idea: Wang 2003, "An industrial-strength audio search algorithm", ISMIR;
sizes as in dpwe/audfprint, denser, because a content under a voice keeps few peaks.

Cost grows with the length of the sounds (and chance hits with their product, at about one in a million pairs), so an
hour against an hour takes seconds.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "HOPS",
    "AudioFingerprint",
    "fingerprint",
    "key_limit",
    "peak_pairs",
    "shared_hashes",
    "spectral_peaks",
    "stft_window",
]

WINDOW_S = 0.064
HOPS = 4  # windows overlap by three quarters
CHUNK_FRAMES = 4096  # frames processed at once: bounds memory, about 8 MB a chunk
PEAK_REACH = (4, 6)  # a peak is the largest within ± frames and ± bins: at most about 130 a second
LOWEST_HZ = 150  # below: hum, and too few cycles in a window
PAIR_FRAMES = (2, 33)  # frames from the first peak of a pair to its second, half open: up to 0.5 s
MAX_PAIR_BINS = 31  # bins between them at most, either way
MAX_LATER_PEAKS = 48  # peaks after the first that are paired with it
MAX_PER_TEN_MINUTES = 64  # a hash that occurs more often than this per ten minutes of a sound is ignored


@dataclass(frozen=True, eq=False)
class AudioFingerprint:
    """Pairs of peaks of one sound, ordered by time, and by key for look-up.

    Attributes:
        keys: int32, shape (n,): bin of the first peak, and distance to the second in bins and frames.
        frames: int32, shape (n,), ascending: frame of the first peak.
        index, index_frames: the same two, ascending by key.
        hop: samples from frame to frame.
        hz: samples per second.
        frames_total: how many frames the sound has.
    """

    keys: NDArray[np.int32]
    frames: NDArray[np.int32]
    index: NDArray[np.int32]
    index_frames: NDArray[np.int32]
    hop: int
    hz: int
    frames_total: int


def stft_window(hz: int) -> int:
    """Samples in a window: the power of two nearest to 64 ms."""
    return int(2 ** round(np.log2(WINDOW_S * hz)))


def fingerprint(sound: NDArray[np.float32], hz: int) -> AudioFingerprint:
    """The hashes of a sound.

    Args:
        sound: float32, shape (samples,), mono. Silence has none.
        hz: samples per second.

    Returns:
        Its fingerprint, in frames of about 16 ms.
    """
    when, pitch = spectral_peaks(sound, hz)
    hop = stft_window(hz) // HOPS
    return peak_pairs(when, pitch, hz, len(sound) // hop + 1)


def peak_pairs(when: NDArray[np.int32], pitch: NDArray[np.int32], hz: int, frames_total: int) -> AudioFingerprint:
    """The hashes of known peaks.

    Args:
        when, pitch: int32, shape (n,): frame and bin of each peak, in order of time, then pitch.
        hz: samples per second of their sound.
        frames_total: how many frames it has.

    Returns:
        The fingerprint.
    """
    keys, frames = [], []
    for k in range(1, min(MAX_LATER_PEAKS, len(when))):
        later, higher = when[k:] - when[:-k], pitch[k:] - pitch[:-k]
        near = (later >= PAIR_FRAMES[0]) & (later < PAIR_FRAMES[1]) & (np.abs(higher) <= MAX_PAIR_BINS)
        key = (pitch[:-k][near] * (2 * MAX_PAIR_BINS + 1) + higher[near] + MAX_PAIR_BINS) * PAIR_FRAMES[1] + later[near]
        keys.append(key.astype(np.int32))
        frames.append(when[:-k][near])
    key = np.concatenate(keys) if keys else np.zeros(0, np.int32)
    frame = np.concatenate(frames) if frames else np.zeros(0, np.int32)
    order = np.lexsort((key, frame))
    key, frame = key[order], frame[order].astype(np.int32)
    index = np.argsort(key, kind="stable")
    return AudioFingerprint(key, frame, key[index], frame[index], stft_window(hz) // HOPS, hz, frames_total)


def key_limit(hz: int) -> int:
    """One more than the largest possible key of a hash."""
    return (stft_window(hz) // 2 + 1) * (2 * MAX_PAIR_BINS + 1) * PAIR_FRAMES[1]


def spectral_peaks(sound: NDArray[np.float32], hz: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Frame and bin of every spectral peak, in order of time, then pitch.

    A peak is the maximum of its neighbourhood (± 64 ms, ± 94 Hz) in the log power spectrum, so a quiet high band has
    peaks too.

    Args:
        sound: float32, shape (samples,), mono.
        hz: samples per second.

    Returns:
        (frames, bins), int32, shape (n,) each.
    """
    window = stft_window(hz)
    hop = window // HOPS
    total = max(0, (len(sound) - window) // hop + 1)
    shape = np.hanning(window + 1)[:-1].astype(np.float32)
    lowest = round(LOWEST_HZ * window / hz)
    margin = PEAK_REACH[0]
    times, pitches = [], []
    for first in range(0, total, CHUNK_FRAMES):
        start, end = max(0, first - margin), min(total, first + CHUNK_FRAMES + margin)
        view = np.lib.stride_tricks.sliding_window_view(sound[start * hop : (end - 1) * hop + window], window)[::hop]
        power = np.abs(np.fft.rfft(view * shape, axis=1)).astype(np.float32) ** 2
        loud = np.log(power[:, lowest:] + 1e-10)
        peak = (loud == _largest(_largest(loud, PEAK_REACH[0], 0), PEAK_REACH[1], 1)) & (loud > np.log(1e-7))
        peak[: first - start] = False
        peak[first - start + CHUNK_FRAMES :] = False
        at = np.argwhere(peak)
        times.append((at[:, 0] + start).astype(np.int32))
        pitches.append(at[:, 1].astype(np.int32))
    if not times:
        return np.zeros(0, np.int32), np.zeros(0, np.int32)
    return np.concatenate(times), np.concatenate(pitches)


def shared_hashes(
    reaction: AudioFingerprint, content: AudioFingerprint, span: tuple[int, int]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Frames of the hashes that two sounds share.

    A hash that is frequent in the content is left out: it points everywhere.

    Args:
        reaction, content: fingerprints of both, of one hz.
        span: half-open span of frames of the reaction.

    Returns:
        (frames of the reaction, frames of the content), int32, shape (n,) each.
    """
    limit = MAX_PER_TEN_MINUTES * max(1.0, content.frames_total * content.hop / content.hz / 600)
    low, high = np.searchsorted(reaction.frames, np.array(span, dtype=np.int32))
    keys, frames = reaction.keys[low:high], reaction.frames[low:high]
    left = np.searchsorted(content.index, keys, side="left")
    count = np.searchsorted(content.index, keys, side="right") - left
    count[count > limit] = 0
    row = np.repeat(np.arange(len(keys)), count)
    step = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    return frames[row], content.index_frames[left[row] + step]


def _largest(values: NDArray[np.float32], reach: int, axis: int) -> NDArray[np.float32]:
    """The maximum within ± reach along an axis; the width of the window doubles in each pass."""
    pad = [(0, 0), (0, 0)]
    pad[axis] = (reach, reach)
    out = np.pad(values, pad, constant_values=-np.inf)
    width, done = 2 * reach + 1, 1
    while done < width:
        step = min(done, width - done)
        a, b = (out[:-step], out[step:]) if axis == 0 else (out[:, :-step], out[:, step:])
        out = np.maximum(a, b)
        done += step
    return out
