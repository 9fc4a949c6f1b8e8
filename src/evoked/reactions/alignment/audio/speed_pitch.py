"""Speed and pitch at which a reaction plays its content.

Uploaders play a content some per cent faster (with its pitch or without), or shift its pitch, so that it is not
recognised. Each possible change is undone on the hashes of a few stretches; the change after which most hashes are
shared is the true one: it shares hundreds of times as many as a wrong one. The drift of the offset then gives the
speed to about ten parts per million.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evoked.reactions.alignment.audio.fingerprints import (
    HOPS,
    AudioFingerprint,
    peak_pairs,
    shared_hashes,
    spectral_peaks,
    stft_window,
)
from evoked.reactions.alignment.audio.gcc_phat import OffsetLine, Samples, gcc_phat_lags

__all__ = [
    "PITCH_STEP",
    "SpeedPitch",
    "StretchOffset",
    "StretchPeaks",
    "estimate_speed_pitch",
    "offset_drift",
    "refine_speed",
    "resample_speed",
    "sample_stretches",
    "speed_pitch_grid",
    "stretch_offsets",
    "stretch_peaks",
    "varispeed",
]

PITCH_STEP = 1.0075  # a third of a bin at 1.5 kHz: hashes tolerate so much
SPEED_STEP = 0.01  # a third of a frame over half a second
MAX_PROBES = 4  # stretches of the reaction on which changes are tried …
PROBE_S = 20.0  # … and the length of each
STRETCH_S = 10.0  # the offset is measured over stretches of this length …
MIN_HASHES = 12  # … that share so many hashes at one offset
MAX_DRIFT = 0.013  # largest error of the tried speed, as a share
SEARCH_S = 0.05  # distance from the offset of its hashes within which the recording is searched …
JITTER_S = 0.002  # … and within which its windows are on one line
WINDOW_STEP_S = 0.5


@dataclass(frozen=True)
class SpeedPitch:
    """A change of speed and pitch of a content.

    Attributes:
        speed: content seconds played in one second: 1.05 is 5 % faster.
        pitch: factor on every frequency.
    """

    speed: float = 1.0
    pitch: float = 1.0

    @property
    def is_varispeed(self) -> bool:
        """Whether speed and pitch changed together, so that resampling restores the recording."""
        return abs(self.speed / self.pitch - 1) < 0.6 * (PITCH_STEP - 1)


def speed_pitch_grid(speed: float, semitones: float) -> list[SpeedPitch]:
    """All changes that are tried: none, varispeed, speed alone, pitch alone, in this order.

    Args:
        speed: largest change of speed: 0.06 is 6 % either way.
        semitones: largest change of pitch.

    Returns:
        The changes; the unchanged content first.
    """
    joint = int(np.log1p(speed) / np.log(PITCH_STEP) + 1e-9)
    shift = int(semitones / 12 * np.log(2) / np.log(PITCH_STEP) + 1)
    alone = round(speed / SPEED_STEP)
    out = [SpeedPitch()]
    out += [SpeedPitch(PITCH_STEP**k, PITCH_STEP**k) for k in range(-joint, joint + 1) if k]
    out += [SpeedPitch(1 + SPEED_STEP * k) for k in range(-alone, alone + 1) if k]
    out += [SpeedPitch(1.0, PITCH_STEP**k) for k in range(-shift, shift + 1) if k and semitones > 0]
    return out


@dataclass(frozen=True, eq=False)
class StretchPeaks:
    """Spectral peaks of a sound after a change of pitch.

    Attributes:
        frames: float64, shape (n,): time of each, in hops on the sound's own time.
        pitch: int32, shape (n,): bin of each.
        total: length of the sound, in hops.
        hz: samples per second.
    """

    frames: NDArray[np.float64]
    pitch: NDArray[np.int32]
    total: float
    hz: int

    def fingerprint_at(self, speed: float) -> AudioFingerprint:
        """The hashes of the sound if it is played slower by the factor `speed`."""
        when = np.round(self.frames * speed).astype(np.int32)
        order = np.lexsort((self.pitch, when))
        return peak_pairs(when[order], self.pitch[order], self.hz, int(self.total * speed) + 2)


def stretch_peaks(sound: Samples, hz: int, pitch: float) -> StretchPeaks:
    """The spectral peaks of a sound after its frequencies are divided by `pitch`, on its own time.

    Args:
        sound: float32, shape (samples,), mono.
        hz: samples per second.
        pitch: factor on every frequency that is undone.

    Returns:
        The peaks.
    """
    when, bins = spectral_peaks(resample_speed(sound, 1 / pitch), hz)
    total = len(sound) / (stft_window(hz) // HOPS)
    return StretchPeaks(when / pitch, bins, total, hz)


def resample_speed(sound: Samples, speed: float) -> Samples:
    """The sound played `speed` times as fast, its pitch changed with it (varispeed).

    Args:
        sound: float32, shape (samples,), mono.
        speed: factor on the speed.

    Returns:
        float32, shape (samples / speed,); the sound itself for speed 1.
    """
    if speed == 1:
        return sound
    out = np.interp(np.arange(int(len(sound) / speed)) * speed, np.arange(len(sound)), sound)
    return np.asarray(out, dtype=np.float32)


def sample_stretches(sound: Samples, hz: int) -> Samples:
    """The sound; of a long one, stretches spread over it, one after another.

    Args:
        sound: float32, shape (samples,), mono.
        hz: samples per second.

    Returns:
        At most MAX_PROBES · PROBE_S seconds.
    """
    length = round(PROBE_S * hz)
    if len(sound) <= MAX_PROBES * length:
        return sound
    starts = np.linspace(0, len(sound) - length, MAX_PROBES + 2)[1:-1].astype(np.int64)
    return np.concatenate([sound[s : s + length] for s in starts])


def estimate_speed_pitch(
    reaction: Samples, content: AudioFingerprint, changes: list[SpeedPitch]
) -> tuple[SpeedPitch, int]:
    """The change after which most hashes are shared.

    Args:
        reaction: float32, shape (samples,), mono, at the content's hz.
        content: its fingerprint.
        changes: those that are tried.

    Returns:
        The change, and the number of shared hashes.
    """
    probe = sample_stretches(reaction, content.hz)
    peaks_at: dict[float, StretchPeaks] = {}
    best, most = SpeedPitch(), 0
    for change in changes:
        if change.pitch not in peaks_at:
            peaks_at[change.pitch] = stretch_peaks(probe, content.hz, change.pitch)
        votes = _votes(peaks_at[change.pitch], change, content)
        if votes > most:
            best, most = change, votes
    return (best, most) if best.is_varispeed else _refined_pitch(probe, content, best, most)


def _refined_pitch(probe: Samples, content: AudioFingerprint, change: SpeedPitch, most: int) -> tuple[SpeedPitch, int]:
    """The change with its pitch refined to a fifth of PITCH_STEP: pitch causes no drift that would refine it."""
    best = change
    for k in (-2, -1, 1, 2):
        near = SpeedPitch(change.speed, change.pitch * PITCH_STEP ** (k / 5))
        votes = _votes(stretch_peaks(probe, content.hz, near.pitch), near, content)
        if votes > most:
            best, most = near, votes
    return best, most


def _votes(peaks: StretchPeaks, change: SpeedPitch, content: AudioFingerprint) -> int:
    return sum(offset.hashes for offset in stretch_offsets(peaks.fingerprint_at(change.speed), content))


class StretchOffset(NamedTuple):
    """The offset of a stretch of the reaction.

    Attributes:
        middle: of the stretch, in frames of the reaction.
        offset: reaction time less content time, in frames.
        hashes: shared hashes at this offset.
    """

    middle: float
    offset: float
    hashes: int


def stretch_offsets(reaction: AudioFingerprint, content: AudioFingerprint) -> list[StretchOffset]:
    """The offset of each stretch of STRETCH_S whose hashes agree on one.

    Args:
        reaction, content: fingerprints of both, of one hz.

    Returns:
        In the order of the reaction.
    """
    length = round(STRETCH_S * reaction.hz / reaction.hop)
    out = []
    for start in range(0, reaction.frames_total, length):
        at, content_at = shared_hashes(reaction, content, (start, start + length))
        if len(at) < MIN_HASHES:
            continue
        apart = at - content_at
        counts = np.bincount(apart - apart.min())
        counts = np.convolve(counts, np.ones(5, int), "same")
        mode = int(np.argmax(counts))
        chance = len(at) * 5 / max(1, len(counts))
        near = np.abs(apart - apart.min() - mode) <= 2
        if counts[mode] >= MIN_HASHES and counts[mode] > chance + 6 * np.sqrt(chance + 1):
            out.append(StretchOffset(float(at[near].mean()), float(apart[near].mean()), int(near.sum())))
    return out


def refine_speed(peaks: StretchPeaks, content: AudioFingerprint, change: SpeedPitch) -> SpeedPitch:
    """The change with its speed refined by the drift of the offsets; unchanged where too few stretches match.

    Args:
        peaks: of the reaction, at the pitch of the change.
        content: its fingerprint.
        change: to be refined.

    Returns:
        The refined change.
    """
    speed = change.speed
    for _ in range(3):
        points = stretch_offsets(peaks.fingerprint_at(speed), content)
        slope = offset_drift(np.array([(x, y) for x, y, _ in points]).reshape(-1, 2), STRETCH_S * 2.1 * content.hz, 2.0)
        speed /= 1 + slope
    return SpeedPitch(speed, speed if change.is_varispeed else change.pitch)


def offset_drift(points: NDArray[np.float64], near: float, width: float) -> float:
    """The common slope of points (time, offset); pauses and skips between them do not matter.

    Args:
        points: shape (n, 2), in the order of time.
        near: time within which two points may belong to one stretch.
        width: distance from a line within which the offsets of a stretch lie.

    Returns:
        Change of the offset per unit of time; 0 where it cannot be measured or exceeds MAX_DRIFT.
    """
    if len(points) < 2:
        return 0.0
    steps = np.diff(points, axis=0)
    slopes = steps[:, 1] / np.maximum(steps[:, 0], 1e-9)
    likely = (np.abs(slopes) <= MAX_DRIFT) & (steps[:, 0] <= near)
    if not likely.any():
        return 0.0
    slope = float(np.median(slopes[likely]))
    for reach in (2 * width, width):
        level = points[:, 1] - slope * points[:, 0]
        strands = np.concatenate([[0], np.cumsum(np.abs(np.diff(level)) > reach)])
        x, y = points[:, 0].copy(), points[:, 1].copy()
        for strand in range(int(strands[-1]) + 1):
            x[strands == strand] -= x[strands == strand].mean()
            y[strands == strand] -= y[strands == strand].mean()
        slope = float((x * y).sum() / max(1e-9, (x * x).sum()))
    return slope if abs(slope) <= MAX_DRIFT else 0.0


def varispeed(reaction: Samples, content: Samples, hz: int, speed: float, points: Sequence[StretchOffset]) -> float:
    """The exact speed of a content whose speed and pitch changed together, from the phases of short windows.

    Args:
        reaction, content: float32, shape (samples,), mono; the reaction at its own speed.
        hz: samples per second of both.
        speed: estimate from hashes, good to some hundred parts per million.
        points: `stretch_offsets` of the reaction at this speed.

    Returns:
        The refined speed.
    """
    hop = stft_window(hz) // HOPS
    slower = resample_speed(reaction, 1 / speed)
    lags = []
    for middle, offset, _ in points:
        half, step = STRETCH_S / 2 * hz, round(WINDOW_STEP_S * hz)
        starts = np.arange(max(0, middle * hop - half), middle * hop + half, step).astype(np.int64)
        lags.append(gcc_phat_lags(slower, content, hz, OffsetLine(offset * hop), starts, round(SEARCH_S * hz)))
    if not lags:
        return speed
    windows = np.concatenate(lags)
    keep = np.array([np.sum(np.abs(windows[:, 1] - y) < JITTER_S * hz) >= 4 for y in windows[:, 1]], dtype=bool)
    return speed / (1 + offset_drift(windows[keep], 10 * WINDOW_STEP_S * hz, JITTER_S * hz))
