"""Alignment by the shape of the spectrum, at every lag.

Hashes are pairs of peaks: where a voice or noise hides nine peaks in ten, one pair in a hundred is left. The full
spectrum loses less. Each frame of the reaction is compared with every frame of the content; along the true offset the
similarity exceeds that of all other lags, and the best path through lags and absence shows where the content runs.
Cost and memory grow with the product of both lengths, so it is for a minute or two (see MAX_LENGTH_S): a short
reaction in one piece, a long one gap by gap.
"""

import itertools
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from evoked.core.run_lengths import equal_runs
from evoked.reactions.alignment.audio.fingerprints import HOPS, stft_window
from evoked.reactions.alignment.audio.gcc_phat import Samples
from evoked.reactions.alignment.audio.speed_pitch import SpeedPitch, resample_speed
from evoked.reactions.alignment.chaining import AlignedRun
from evoked.reactions.alignment.peak_interpolation import parabolic_peak
from evoked.reactions.alignment.viterbi import viterbi_path

__all__ = [
    "ENTER_COST",
    "LEAVE_COST",
    "MAX_LENGTH_S",
    "STEP_FRAMES",
    "Spectrum",
    "affordable",
    "band_levels",
    "fill_gaps_by_spectrum",
    "map_gaps",
    "runs_by",
    "spectral_similarity",
    "spectrogram_shape",
    "spectrum_runs",
    "whitened",
]

BAND_HZ = (150.0, 3600.0)
MEAN_BINS = 31  # bins (480 Hz) whose mean is subtracted: other sound on top is broader or narrower …
MEAN_FRAMES = 125  # … and frames (2 s): hum and hiss are constant
LEVEL_BOUNDS = (-2.0, 4.0)  # nats relative to that mean: how quiet a quiet bin is carries no information
SMEAR_STEPS = 6  # steps beyond its ends in which that mean still contains the content
STEP_FRAMES = 16  # frames (0.26 s) of a step
PRESENCE_MIXTURE = (
    (0.3, 1.2),
    (0.3, 3.0),
)  # shares of steps and their mean standard scores where it is present; the remaining steps score as absence
MAX_STEP_GAIN = 5.0  # nats that one step can gain
ENTER_COST = 16.0  # nats that a new line costs: there are some thousand lags
LEAVE_COST = 5.0  # … and that its end costs
MAX_LENGTH_S = 90.0  # seconds: two sounds are compared if the product of their lengths is at most the square of this
MIN_GAP_S = 1.0  # shortest gap of a map that is searched …
GAP_MARGIN_S = 5.0  # … with this margin on either side, as a reference for chance

Spectrum = NDArray[np.float32]
Span = tuple[float, float]


def spectrogram_shape(sound: Samples, hz: int, change: SpeedPitch | None = None) -> Spectrum:
    """The shape of a sound's spectrum, on the content's clock.

    Args:
        sound: float32, shape (samples,), mono, at a common loudness.
        hz: samples per second.
        change: change of speed and pitch that is undone.

    Returns:
        float32, shape (frames, bins); each frame has about unit length.
    """
    loud = band_levels(sound, hz, change)
    if not len(loud):
        return loud
    shape = whitened(loud)
    shape = np.clip(shape, *LEVEL_BOUNDS)
    shape -= shape.mean(axis=1, keepdims=True)
    shape /= shape.std(axis=1, keepdims=True) + np.float32(0.3)
    return np.asarray(shape / np.sqrt(shape.shape[1]), dtype=np.float32)


def band_levels(sound: Samples, hz: int, change: SpeedPitch | None = None) -> Spectrum:
    """The log power of a sound in the band, on the content's clock.

    Args:
        sound: float32, shape (samples,), mono.
        hz: samples per second.
        change: change of speed and pitch that is undone.

    Returns:
        float32, nats, shape (frames, bins).
    """
    change = change or SpeedPitch()
    window = stft_window(hz)
    resampled = resample_speed(sound, 1 / change.pitch)
    hop = window // HOPS * change.pitch / change.speed  # samples of `resampled` in a frame of the content
    starts = (np.arange(max(0, int((len(resampled) - window) / hop) + 1)) * hop).astype(np.int64)
    if not len(starts):
        return np.zeros((0, 1), np.float32)
    view = np.lib.stride_tricks.sliding_window_view(resampled, window)[starts]
    band = slice(*(round(f * window / hz) for f in BAND_HZ))
    power = np.abs(np.fft.rfft(view * np.hanning(window).astype(np.float32), axis=1)[:, band]).astype(np.float32) ** 2
    return np.asarray(np.log(power + 1e-5), dtype=np.float32)


def whitened(loud: Spectrum) -> Spectrum:
    """Levels less their mean over neighbouring bins, then over neighbouring frames."""
    return _less_mean(_less_mean(loud, MEAN_BINS, 1), MEAN_FRAMES, 0)


def fill_gaps_by_spectrum(
    reaction: Samples, content: Samples, hz: int, change: SpeedPitch, chain: list[AlignedRun]
) -> list[AlignedRun]:
    """The stretches that contain the content by their spectra, at least where a chain leaves the reaction open.

    Both sounds are compared in full where that is affordable. Otherwise each gap of the chain is compared with the
    content around what its neighbours play; a gap too long even for this stays open.

    Args:
        reaction, content: float32, shape (samples,), mono, at a common loudness.
        hz: samples per second of both.
        change: change of speed and pitch of the content.
        chain: known runs, in samples on the content's clock.

    Returns:
        Runs in samples on the content's clock.
    """
    lengths = len(reaction) * change.speed, float(len(content))
    if affordable(*lengths, hz):
        return spectrum_runs(reaction, content, hz, change)
    runs = []
    for (start, end), (low, high) in map_gaps(chain, *lengths, hz):
        if affordable(end - start, high - low, hz):
            gap = reaction[int(start / change.speed) : int(end / change.speed)]
            for run in spectrum_runs(gap, content[int(low) : int(high)], hz, change):
                offset = run.offset + int(start / change.speed) * change.speed - int(low)
                runs.append(replace(run, offset=offset, start=run.start + start, end=run.end + start))
    return runs


def map_gaps(chain: list[AlignedRun], reaction: float, content: float, hz: int) -> list[tuple[Span, Span]]:
    """The gaps that a chain leaves in the reaction, and for each the span of the content that it may play.

    Args:
        chain: at least one run.
        reaction, content: lengths of both, in samples on the content's clock.
        hz: samples per second.

    Returns:
        (gap with its margins, span of the content), in samples.
    """
    order = sorted(chain, key=lambda run: run.start)
    around, out = GAP_MARGIN_S * hz, []
    for a, b in itertools.pairwise([None, *order, None]):
        start, end = a.end if a else 0.0, b.start if b else reaction
        if end - start < MIN_GAP_S * hz:
            continue
        played = [a.end - a.offset] if a else []
        played += [b.start - b.offset] if b else []
        reach = end - start + 2 * around
        window = max(0.0, min(played) - reach), min(content, max(played) + reach)
        out.append(((max(0.0, start - around), min(reaction, end + around)), window))
    return out


def spectrum_runs(reaction: Samples, content: Samples, hz: int, change: SpeedPitch) -> list[AlignedRun]:
    """The stretches of a reaction that contain the content after a change is undone.

    Args:
        reaction, content: float32, shape (samples,), mono, at a common loudness.
        hz: samples per second of both.
        change: change of speed and pitch of the content.

    Returns:
        Runs in samples on the content's clock.
    """
    content_shape = spectrogram_shape(content, hz)
    scores = spectral_similarity(spectrogram_shape(reaction, hz, change), content_shape)
    return runs_by(scores, len(content_shape), hz)


def affordable(reaction: float, content: float, hz: int) -> bool:
    """Whether two sounds are short enough to be compared at every lag.

    Args:
        reaction, content: lengths of both, in samples.
        hz: samples per second.

    Returns:
        True if the product of the lengths is at most MAX_LENGTH_S squared.
    """
    return reaction / hz * content / hz <= MAX_LENGTH_S**2


def spectral_similarity(reaction: Spectrum, content: Spectrum, width: int = STEP_FRAMES) -> NDArray[np.float32]:
    """Standard score of the similarity of every step of the reaction at every lag.

    Args:
        reaction, content: spectra of both on one clock, shape (frames, bins).
        width: frames in a step.

    Returns:
        Shape (steps, lags); lag k is reaction frame less content frame, plus len(content) - 1. NaN where a step
        is not entirely inside the content. Scores are relative to the other lags of the same step.
    """
    steps, n = len(reaction) // width, len(content)
    out = np.full((steps, len(reaction) + n - 1), np.nan, np.float32)
    for step in range(steps if n > width else 0):
        first = step * width
        products = reaction[first : first + width] @ content.T
        line = products[0, : n - width + 1].copy()  # the step's first frame shows content frame c
        for i in range(1, width):
            line += products[i, i : n - width + 1 + i]
        line = (line - line.mean()) / (line.std() + np.float32(1e-9))
        low = first - (n - width) + n - 1
        out[step, low : low + len(line)] = line[::-1]
    return out


def runs_by(scores: NDArray[np.float32], content: int, hz: int) -> list[AlignedRun]:
    """The runs of the best path through all lags and absence.

    Args:
        scores: as `spectral_similarity` returns them.
        content: frames of the content.
        hz: samples per second.

    Returns:
        Runs in samples on the content's clock. A run's `level` is its mean score.
    """
    ratio = sum(
        share * np.exp(np.minimum(mean * scores - mean**2 / 2, 2 * MAX_STEP_GAIN)) for share, mean in PRESENCE_MIXTURE
    )
    gain = np.minimum(np.log(1 - sum(share for share, _ in PRESENCE_MIXTURE) + ratio), MAX_STEP_GAIN)
    path = viterbi_path(np.where(np.isnan(gain), -np.inf, gain), ENTER_COST, LEAVE_COST)
    hop, runs = stft_window(hz) // HOPS, []
    for first, last in zip(*equal_runs(path), strict=True):
        lag = int(path[first])
        if lag < 0:
            continue
        start_at, end_at = _trimmed(scores[:, lag], int(first), int(last))
        run_scores = scores[start_at:end_at, lag]
        offset = lag - (content - 1) + _peak_shift(scores[start_at:end_at], lag)
        weight = float(gain[start_at:end_at, lag].sum())
        score = float(run_scores.sum() / np.sqrt(len(run_scores)))
        start, end = float(start_at * STEP_FRAMES * hop), float(end_at * STEP_FRAMES * hop)
        runs.append(AlignedRun(offset * hop, start, end, weight, score, float(run_scores.mean())))
    return runs


def _trimmed(scores: NDArray[np.float32], first: int, last: int) -> tuple[int, int]:
    """The span without weak steps at either end, at most SMEAR_STEPS.

    The mean over MEAN_FRAMES frames spreads the content's shape half as far beyond its ends.
    """
    above = np.clip(scores[first:last] - scores[first:last].mean() / 3, -MAX_STEP_GAIN, MAX_STEP_GAIN)
    edge = min(SMEAR_STEPS, len(above) - 1)
    late = int(np.argmax(np.cumsum(above[::-1][:edge] * -1))) if edge else 0
    early = int(np.argmax(np.cumsum(above[:edge] * -1))) if edge else 0
    late = late + 1 if edge and above[::-1][: late + 1].sum() < 0 else 0
    early = early + 1 if edge and above[: early + 1].sum() < 0 else 0
    return (first + early, last - late) if early + late < len(above) else (first, last)


def _peak_shift(scores: NDArray[np.float32], lag: int) -> float:
    """Shift of the peak of the mean score from a lag, in frames."""
    if not 0 < lag < scores.shape[1] - 1:
        return 0.0
    return parabolic_peak(np.nan_to_num(scores[:, lag - 1 : lag + 2]).mean(axis=0), 1)


def _less_mean(values: Spectrum, width: int, axis: int) -> Spectrum:
    """Values less their moving mean over `width` values along an axis."""
    pad = [(0, 0), (0, 0)]
    pad[axis] = (width // 2 + 1, width // 2)
    sums = np.cumsum(np.pad(values, pad, mode="edge"), axis=axis, dtype=np.float64)
    high, low = (sums[width:], sums[:-width]) if axis == 0 else (sums[:, width:], sums[:, :-width])
    return np.asarray(values - (high - low) / width, dtype=np.float32)
