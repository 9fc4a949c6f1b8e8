"""Contents that only the shape of their spectrum reveals: changed in speed or pitch, and under a voice or noise.

Each change of speed and pitch is undone, and the content is compared with the reaction at every lag. The best run of
other contents gains up to about 30 nats, that of the same music in another scene up to 115. A run must gain
MIN_BEST_GAIN, and the reaction must follow the content where that is loudest (band coherence): scenes with the same
music reached 0.12 where they gained as much, the content itself 0.16 to 0.36. That margin is narrow: it is off by
default. An unchanged content is found by its phases, so it is not searched here. Twenty seconds against twenty cost
two seconds of CPU, and that grows with the product of both lengths, so it is for less than a minute.
"""

from dataclasses import replace

import numpy as np

from evoked.reactions.alignment.audio.by_spectrum import (
    STEP_FRAMES,
    Spectrum,
    band_levels,
    runs_by,
    spectral_similarity,
    spectrogram_shape,
    spectrum_runs,
    whitened,
)
from evoked.reactions.alignment.audio.fingerprints import HOPS, stft_window
from evoked.reactions.alignment.audio.gcc_phat import Samples
from evoked.reactions.alignment.audio.speed_pitch import PITCH_STEP, SpeedPitch
from evoked.reactions.alignment.chaining import AlignedRun, fill_gaps

__all__ = ["MIN_BAND_COHERENCE", "MIN_BEST_GAIN", "band_coherence", "by_spectrum_only"]

MAX_LENGTH_S = 50.0  # seconds: two sounds are compared if the product of their lengths is at most the square of this
MIN_BEST_GAIN = 90.0  # nats that the best run must gain
MIN_BAND_COHERENCE = (
    0.15  # share of the height of the content's loudest bins in the reaction: other scenes 0.06, or 0.2 at 65 nats
)
LOUD_QUANTILE = 0.95  # quantile above which a bin of the content counts as its loudest


def by_spectrum_only(
    reaction: Samples, content: Samples, hz: int, changes: list[SpeedPitch]
) -> tuple[SpeedPitch, list[AlignedRun]] | None:
    """The change of speed or pitch of a content, and its chain.

    Args:
        reaction, content: float32, shape (samples,), mono, at a common loudness.
        hz: samples per second of both.
        changes: those that are tried; the unchanged content is among them.

    Returns:
        The change, and runs in samples on the content's clock; None where the match is uncertain.
    """
    if len(reaction) / hz * len(content) / hz > MAX_LENGTH_S**2:
        return None
    change = _refined(reaction, content, hz, _likeliest(reaction, content, hz, changes))
    if change == SpeedPitch():
        return None
    runs = spectrum_runs(reaction, content, hz, change)
    best = max(runs, key=lambda run: run.weight, default=None)
    if (
        best is None
        or best.weight < MIN_BEST_GAIN
        or band_coherence(reaction, content, hz, change, best) < MIN_BAND_COHERENCE
    ):
        return None
    return change, fill_gaps([best], [run for run in runs if run is not best], hz)


def _likeliest(reaction: Samples, content: Samples, hz: int, changes: list[SpeedPitch]) -> SpeedPitch:
    """The change with the greatest total weight, from every second frame."""
    content_shape = spectrogram_shape(content, hz)[::2]
    best, most = SpeedPitch(), 0.0
    for change in changes:
        scores = spectral_similarity(spectrogram_shape(reaction, hz, change)[::2], content_shape, STEP_FRAMES // 2)
        weight = sum(run.weight for run in runs_by(scores, len(content_shape), hz))
        best, most = (change, weight) if weight > most else (best, most)
    return best


def _refined(reaction: Samples, content: Samples, hz: int, change: SpeedPitch) -> SpeedPitch:
    """The change, refined between the steps of the grid of changes."""
    if change == SpeedPitch():
        return change
    best, most = change, 0.0
    for quarter in range(-2, 3):
        factor = PITCH_STEP ** (quarter / 4)
        if change.is_varispeed:
            speed, pitch = factor, factor
        else:
            speed, pitch = (factor, 1.0) if change.pitch == 1 else (1.0, factor)
        near = replace(change, speed=change.speed * speed, pitch=change.pitch * pitch)
        weight = sum(run.weight for run in spectrum_runs(reaction, content, hz, near))
        best, most = (near, weight) if weight > most else (best, most)
    return best


def band_coherence(reaction: Samples, content: Samples, hz: int, change: SpeedPitch, run: AlignedRun) -> float:
    """How far the reaction rises where the content is loudest, along a run, as a share of the content's own rise.

    Of the content's loudest bins, each relative to its median loudness, those count in which the content is strong
    relative to the reaction: in a true match nothing lies on top of them; another scene lacks them.

    Args:
        reaction, content: float32, shape (samples,), mono, at a common loudness.
        hz: samples per second of both.
        change: change of speed and pitch of the content.
        run: in samples on the content's clock.

    Returns:
        About 1 for the undisturbed content, about 0 for an unrelated one; 0 where the run is empty.
    """
    reaction_levels, content_levels = band_levels(reaction, hz, change), band_levels(content, hz)
    hop = stft_window(hz) // HOPS
    at = np.arange(int(run.start / hop), int(run.end / hop))
    content_at = np.round(at - run.offset / hop).astype(np.int64)
    inside = (at < len(reaction_levels)) & (content_at >= 0) & (content_at < len(content_levels))
    at, content_at = at[inside], content_at[inside]
    if not len(at):
        return 0.0
    loud = _above_median(content_levels[content_at])
    ratio = _above_median(content_levels[content_at] - reaction_levels[at])
    chosen = (loud >= np.quantile(loud, LOUD_QUANTILE)) & (ratio >= 0)
    rise, height = whitened(reaction_levels)[at][chosen], whitened(content_levels)[content_at][chosen]
    return float(rise.mean() / height.mean()) if chosen.any() and height.mean() > 0 else 0.0


def _above_median(values: Spectrum) -> Spectrum:
    """Values less the median of their bin."""
    return np.asarray(values - np.median(values, axis=0), dtype=np.float32)
