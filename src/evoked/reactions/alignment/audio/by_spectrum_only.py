"""Contents that nothing but the shape of their spectrum tells: changed, and under a voice or noise as well.

Each change of speed and pitch is undone, and the content is compared with the reaction at every lag. Other
contents bring up to some 30 nats for their best stretch, the same music in another scene up to 115. A stretch
must bring as much, and the reaction must follow the content where that is loudest, which scenes with the same
music did up to .12 where they brought that many nats, and the content itself .16 to .36. That is no wide
margin: it is off by default. An unchanged content has phases, which tell more, so it is not looked for here.
Twenty seconds against twenty cost two seconds of CPU, and that grows with the product of both lengths, so it
is for less than a minute.
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

MAX_LENGTH_S = 50.0  # sounds are looked at whose lengths have at most the product of two such
MIN_BEST_GAIN = 90.0  # nats that the best stretch must bring
MIN_BAND_COHERENCE = (
    0.15  # of the content's loudest bins, how much of their height the reaction has: other scenes .06, or .2 at 65 nats
)
LOUD_QUANTILE = 0.95  # quantile above which a bin of the content counts as its loudest


def by_spectrum_only(
    reaction: Samples, content: Samples, hz: int, changes: list[SpeedPitch]
) -> tuple[SpeedPitch, list[AlignedRun]] | None:
    """What was done to a content and its chain, in samples on the content's clock; None where that is not beyond doubt.

    Args:
        reaction, content: at a common loudness.
        changes: those that are tried; the unchanged content is among them.
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
    """The change after which most is heard, by every second frame."""
    other = spectrogram_shape(content, hz)[::2]
    best, most = SpeedPitch(), 0.0
    for change in changes:
        scores = spectral_similarity(spectrogram_shape(reaction, hz, change)[::2], other, STEP_FRAMES // 2)
        weight = sum(run.weight for run in runs_by(scores, len(other), hz))
        best, most = (change, weight) if weight > most else (best, most)
    return best


def _refined(reaction: Samples, content: Samples, hz: int, change: SpeedPitch) -> SpeedPitch:
    """The change, between the steps of the grid of changes."""
    if change == SpeedPitch():
        return change
    best, most = change, 0.0
    for quarter in range(-2, 3):
        by = PITCH_STEP ** (quarter / 4)
        speed, pitch = (by, by) if change.is_varispeed else (by, 1.0) if change.pitch == 1 else (1.0, by)
        near = replace(change, speed=change.speed * speed, pitch=change.pitch * pitch)
        weight = sum(run.weight for run in spectrum_runs(reaction, content, hz, near))
        best, most = (near, weight) if weight > most else (best, most)
    return best


def band_coherence(reaction: Samples, content: Samples, hz: int, change: SpeedPitch, run: AlignedRun) -> float:
    """How far the reaction rises where the content is loudest, along a stretch, as a share of how the content does.

    Of the content's loudest bins, each against its own usual loudness, those count in which the content is strong
    beside the reaction: in the content itself that is where nothing lies on top; in another scene it is what that
    lacks.
    """
    ours, theirs = band_levels(reaction, hz, change), band_levels(content, hz)
    hop = stft_window(hz) // HOPS
    at = np.arange(int(run.start / hop), int(run.end / hop))
    content_at = np.round(at - run.offset / hop).astype(np.int64)
    inside = (at < len(ours)) & (content_at >= 0) & (content_at < len(theirs))
    at, content_at = at[inside], content_at[inside]
    if not len(at):
        return 0.0
    loud = _above(theirs[content_at])
    chosen = (loud >= np.quantile(loud, LOUD_QUANTILE)) & (_above(theirs[content_at] - ours[at]) >= 0)
    rise, height = whitened(ours)[at][chosen], whitened(theirs)[content_at][chosen]
    return float(rise.mean() / height.mean()) if chosen.any() and height.mean() > 0 else 0.0


def _above(values: Spectrum) -> Spectrum:
    """Values beside the median of their bin."""
    return np.asarray(values - np.median(values, axis=0), dtype=np.float32)
