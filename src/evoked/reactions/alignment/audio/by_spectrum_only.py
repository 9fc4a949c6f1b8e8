"""Films that nothing but the shape of their spectrum tells: changed, and under a voice or noise as well.

Each change of speed and pitch is undone, and the content is laid beside the reaction at every lag. Other films bring
up to some 30 nats for their best stretch, the same music in another scene up to 115. A stretch must bring as much,
and the reaction must follow the content where that is loudest, which scenes with the same music did up to .12 where
they brought that many nats, and films .16 to .36. That is no wide margin: it is off by default. A film that runs as
it is has phases, which tell more, so it is not looked for here. Twenty seconds against twenty cost two seconds of
CPU, and that grows with the product of both lengths, so it is for less than a minute.
"""

from dataclasses import replace

import numpy as np

from evoked.reactions.alignment.audio.by_spectrum import (
    STEP,
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

LARGEST_S = 50.0  # sounds are looked at whose lengths have at most the product of two such
FOUND = 90.0  # nats that the best stretch must bring
OBEYS = (
    0.15  # of the content's loudest bins, how much of their height the reaction has: other scenes .06, or .2 at 65 nats
)
LOUDEST = 0.95  # quantile above which a bin of the content counts as its loudest


def by_spectrum_only(
    reaction: Samples, content: Samples, hz: int, tried: list[SpeedPitch]
) -> tuple[SpeedPitch, list[AlignedRun]] | None:
    """What was done to a film and its chain, in samples on the content's clock; None where that is not beyond doubt.

    Args:
        reaction, content: at a common loudness.
        tried: changes; the film as it is among them.
    """
    if len(reaction) / hz * len(content) / hz > LARGEST_S**2:
        return None
    change = _refined(reaction, content, hz, _likeliest(reaction, content, hz, tried))
    if change == SpeedPitch():
        return None
    runs = spectrum_runs(reaction, content, hz, change)
    best = max(runs, key=lambda run: run.weight, default=None)
    if best is None or best.weight < FOUND or band_coherence(reaction, content, hz, change, best) < OBEYS:
        return None
    return change, fill_gaps([best], [run for run in runs if run is not best], hz)


def _likeliest(reaction: Samples, content: Samples, hz: int, tried: list[SpeedPitch]) -> SpeedPitch:
    """The change after which most is heard, by every second frame."""
    other = spectrogram_shape(content, hz)[::2]
    best, most = SpeedPitch(), 0.0
    for change in tried:
        scores = spectral_similarity(spectrogram_shape(reaction, hz, change)[::2], other, STEP // 2)
        weight = sum(run.weight for run in runs_by(scores, len(other), hz))
        best, most = (change, weight) if weight > most else (best, most)
    return best


def _refined(reaction: Samples, content: Samples, hz: int, change: SpeedPitch) -> SpeedPitch:
    """The change, between the steps in which changes are tried."""
    if change == SpeedPitch():
        return change
    best, most = change, 0.0
    for quarter in range(-2, 3):
        by = PITCH_STEP ** (quarter / 4)
        speed, pitch = (by, by) if change.as_tape else (by, 1.0) if change.pitch == 1 else (1.0, by)
        near = replace(change, speed=change.speed * speed, pitch=change.pitch * pitch)
        weight = sum(run.weight for run in spectrum_runs(reaction, content, hz, near))
        best, most = (near, weight) if weight > most else (best, most)
    return best


def band_coherence(reaction: Samples, content: Samples, hz: int, change: SpeedPitch, run: AlignedRun) -> float:
    """How far the reaction rises where the content is loudest, along a stretch, as a share of how the content does.

    Of the content's loudest bins, each against its own usual loudness, those count in which the content is strong
    beside the reaction: in the film itself that is where nothing lies on top; in another scene it is what that lacks.
    """
    ours, theirs = band_levels(reaction, hz, change), band_levels(content, hz)
    hop = stft_window(hz) // HOPS
    here = np.arange(int(run.start / hop), int(run.end / hop))
    there = np.round(here - run.offset / hop).astype(np.int64)
    inside = (here < len(ours)) & (there >= 0) & (there < len(theirs))
    here, there = here[inside], there[inside]
    if not len(here):
        return 0.0
    loud = _above(theirs[there])
    chosen = (loud >= np.quantile(loud, LOUDEST)) & (_above(theirs[there] - ours[here]) >= 0)
    rise, whole = whitened(ours)[here][chosen], whitened(theirs)[there][chosen]
    return float(rise.mean() / whole.mean()) if chosen.any() and whole.mean() > 0 else 0.0


def _above(values: Spectrum) -> Spectrum:
    """Values beside the median of their bin."""
    return np.asarray(values - np.median(values, axis=0), dtype=np.float32)
