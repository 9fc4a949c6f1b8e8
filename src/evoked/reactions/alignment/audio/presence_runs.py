"""Runs of a reaction in which the content is present, from its coherence over time."""

import numpy as np
from numpy.typing import NDArray

from evoked.core.run_lengths import run_lengths
from evoked.reactions.alignment.audio.gcc_phat import OVERLAP, OffsetLine, PhatCoherence
from evoked.reactions.alignment.chaining import AlignedRun, viterbi_segments

__all__ = ["presence_runs"]

PRESENCE_COHERENCE = 0.10  # coherence that counts as present: a content 12 dB under a voice has about 0.15


def presence_runs(measured: PhatCoherence, line: OffsetLine) -> list[AlignedRun]:
    """Cut a line into the stretches over which the content is present: a two-state Viterbi path.

    The ends are moved in by a quarter window, because a window that is half content counts as content, but
    not where a sound itself ends.

    Args:
        measured: coherence along the line.
        line: offset of the content.

    Returns:
        Runs in samples, in the order of the reaction.
    """
    if not len(measured.coherence):
        return []
    gain = _gain(measured)
    hop, runs = measured.length // OVERLAP, []
    for first, last in zip(*run_lengths(viterbi_segments(gain)), strict=True):
        start = float(measured.starts[first] + hop)
        end = float(measured.starts[last - 1] + measured.length - hop)
        if measured.starts[first] == measured.common[0]:
            start -= hop
        if end + 2 * hop > measured.common[1]:
            end = float(measured.common[1])
        coherence = measured.coherence[first:last]
        independent = max(1.0, len(coherence) / OVERLAP * 1.5)
        level = float(coherence.mean())
        score = level / measured.spread * float(np.sqrt(independent))
        offset = float(line.at(np.array((start + end) / 2)))
        runs.append(AlignedRun(offset, start, end, float(gain[first:last].sum()), score, level))
    return runs


def _gain(measured: PhatCoherence) -> NDArray[np.float64]:
    """Log likelihood ratio of each window: coherence PRESENCE_COHERENCE to 0; windows overlap OVERLAP times.

    The gain of a window is bounded, so that one loud click decides nothing.
    """
    ratio = (PRESENCE_COHERENCE * measured.coherence - PRESENCE_COHERENCE**2 / 2) / measured.spread**2
    return np.clip(ratio / (OVERLAP / 1.5), -6.0, 6.0)
