"""At what speed and pitch a reaction plays its content.

Uploaders play a content some per cent faster (with its pitch or without), or shift its pitch, so that it is not
recognised. Each change that may have been made is undone on the hashes of a few stretches, and the change
after which most of them are shared is the one: right beside wrong are hundreds to one. Then the speed is
settled by how the offset drifts: to some ten parts per million.
"""

from dataclasses import dataclass

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

PITCH_STEP = 1.0075  # a third of a bin at 1.5 kHz: what a hash bears
SPEED_STEP = 0.01  # a third of a frame over half a second
MAX_PROBES = 4  # stretches of the reaction on which changes are tried …
PROBE_S = 20.0  # … and how long each is
STRETCH_S = 10.0  # the offset is looked at over stretches this long …
MIN_HASHES = 12  # … that share so many hashes at one offset
MAX_DRIFT = 0.013  # most that the tried speed can be off
SEARCH_S = 0.05  # how far from its hashes the same recording is looked for …
JITTER_S = 0.002  # … and how far from one line its moments may lie
WINDOW_STEP_S = 0.5


@dataclass(frozen=True)
class SpeedPitch:
    """What was done to a content before it was heard.

    Attributes:
        speed: content seconds played in one second: 1.05 is 5 % faster.
        pitch: factor on every frequency.
    """

    speed: float = 1.0
    pitch: float = 1.0

    @property
    def is_varispeed(self) -> bool:
        """Whether speed and pitch went together, so that playing it slower gives the recording back."""
        return abs(self.speed / self.pitch - 1) < 0.6 * (PITCH_STEP - 1)


def speed_pitch_grid(speed: float, semitones: float) -> list[SpeedPitch]:
    """All that may have been done: the speed as on a tape, the speed alone, the pitch alone; nothing first.

    Args:
        speed: largest change of speed: 0.06 is 6 % either way.
        semitones: largest change of pitch.
    """
    tape = int(np.log1p(speed) / np.log(PITCH_STEP) + 1e-9)
    shift = int(semitones / 12 * np.log(2) / np.log(PITCH_STEP) + 1)
    alone = round(speed / SPEED_STEP)
    out = [SpeedPitch()]
    out += [SpeedPitch(PITCH_STEP**k, PITCH_STEP**k) for k in range(-tape, tape + 1) if k]
    out += [SpeedPitch(1 + SPEED_STEP * k) for k in range(-alone, alone + 1) if k]
    out += [SpeedPitch(1.0, PITCH_STEP**k) for k in range(-shift, shift + 1) if k and semitones > 0]
    return out


@dataclass(frozen=True, eq=False)
class StretchPeaks:
    """Peaks of a sound brought to another pitch.

    Attributes:
        frames: float64, shape (n,): when each is, in hops on the sound's own time.
        pitch: int32, shape (n,): its bin.
        total: hops that the sound is long.
        hz: samples per second.
    """

    frames: NDArray[np.float64]
    pitch: NDArray[np.int32]
    total: float
    hz: int

    def fingerprint_at(self, speed: float) -> AudioFingerprint:
        """The hashes of the sound if it is played so much slower."""
        when = np.round(self.frames * speed).astype(np.int32)
        order = np.lexsort((self.pitch, when))
        return peak_pairs(when[order], self.pitch[order], self.hz, int(self.total * speed) + 2)


def stretch_peaks(sound: Samples, hz: int, pitch: float) -> StretchPeaks:
    """The peaks of a sound after its frequencies are divided by `pitch`, on its own time."""
    when, bins = spectral_peaks(resample_speed(sound, 1 / pitch), hz)
    total = len(sound) / (stft_window(hz) // HOPS)
    return StretchPeaks(when / pitch, bins, total, hz)


def resample_speed(sound: Samples, speed: float) -> Samples:
    """The sound as on a tape that runs `speed` times as fast."""
    if speed == 1:
        return sound
    out = np.interp(np.arange(int(len(sound) / speed)) * speed, np.arange(len(sound)), sound)
    return np.asarray(out, dtype=np.float32)


def sample_stretches(sound: Samples, hz: int) -> Samples:
    """The sound, or where it is long stretches spread over it, one after another."""
    length = round(PROBE_S * hz)
    if len(sound) <= MAX_PROBES * length:
        return sound
    starts = np.linspace(0, len(sound) - length, MAX_PROBES + 2)[1:-1].astype(np.int64)
    return np.concatenate([sound[s : s + length] for s in starts])


def estimate_speed_pitch(
    reaction: Samples, content: AudioFingerprint, changes: list[SpeedPitch]
) -> tuple[SpeedPitch, int]:
    """The change after which most hashes are shared, and how many those are."""
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
    """The change with its pitch to a fifth of PITCH_STEP: there is no drift that would settle it."""
    best = change
    for k in (-2, -1, 1, 2):
        near = SpeedPitch(change.speed, change.pitch * PITCH_STEP ** (k / 5))
        votes = _votes(stretch_peaks(probe, content.hz, near.pitch), near, content)
        if votes > most:
            best, most = near, votes
    return best, most


def _votes(heard: StretchPeaks, change: SpeedPitch, content: AudioFingerprint) -> int:
    return sum(n for _, _, n in stretch_offsets(heard.fingerprint_at(change.speed), content))


def stretch_offsets(reaction: AudioFingerprint, content: AudioFingerprint) -> list[tuple[float, float, int]]:
    """(middle, offset, hashes) of each stretch whose hashes agree on one offset, in frames."""
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
        usual = len(at) * 5 / max(1, len(counts))
        near = np.abs(apart - apart.min() - mode) <= 2
        if counts[mode] >= MIN_HASHES and counts[mode] > usual + 6 * np.sqrt(usual + 1):
            out.append((float(at[near].mean()), float(apart[near].mean()), int(near.sum())))
    return out


def refine_speed(peaks: StretchPeaks, content: AudioFingerprint, change: SpeedPitch) -> SpeedPitch:
    """The change with its speed as the drift of the offsets says; as it was where too little is heard to tell."""
    speed = change.speed
    for _ in range(3):
        points = stretch_offsets(peaks.fingerprint_at(speed), content)
        slope = offset_drift(np.array([(x, y) for x, y, _ in points]).reshape(-1, 2), STRETCH_S * 2.1 * content.hz, 2.0)
        speed /= 1 + slope
    return SpeedPitch(speed, speed if change.is_varispeed else change.pitch)


def offset_drift(points: NDArray[np.float64], near: float, width: float) -> float:
    """The slope that most stretches of (time, offset) share; pauses and skips between them do not matter.

    Args:
        points: shape (n, 2), in the order of time.
        near: time within which two points may be of one stretch.
        width: how far from one line the offsets of a stretch may lie.
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
        parts = np.concatenate([[0], np.cumsum(np.abs(np.diff(level)) > reach)])
        x, y = points[:, 0].copy(), points[:, 1].copy()
        for part in range(int(parts[-1]) + 1):
            x[parts == part] -= x[parts == part].mean()
            y[parts == part] -= y[parts == part].mean()
        slope = float((x * y).sum() / max(1e-9, (x * x).sum()))
    return slope if abs(slope) <= MAX_DRIFT else 0.0


def varispeed(
    reaction: Samples, content: Samples, hz: int, speed: float, points: list[tuple[float, float, int]]
) -> float:
    """The exact speed of a content that ran as on a tape, from the phases of short windows.

    Args:
        reaction: the sound as it is.
        speed: what hashes say, good to some hundred parts per million.
        points: `stretch_offsets` of the reaction at this speed.
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
    spots = np.concatenate(lags)
    keep = np.array([np.sum(np.abs(spots[:, 1] - y) < JITTER_S * hz) >= 4 for y in spots[:, 1]], dtype=bool)
    return speed / (1 + offset_drift(spots[keep], 10 * WINDOW_STEP_S * hz, JITTER_S * hz))
