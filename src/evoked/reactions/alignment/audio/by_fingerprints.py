"""Where a content is heard by its landmarks alone.

A film whose speed was changed without its pitch, or its pitch without its speed, has lost its phases: no
window of it is the same recording any more. Its peaks still stand where they stood, good to a frame of
16 ms; how many of the content's landmarks are found again, step by step, says where it runs.
"""

import numpy as np
from numpy.typing import NDArray

from evoked.core.run_lengths import run_lengths
from evoked.reactions.alignment.audio.fingerprints import AudioFingerprint, shared_hashes
from evoked.reactions.alignment.audio.offset_candidates import offset_candidates
from evoked.reactions.alignment.chaining import AlignedRun, best_chain, viterbi_segments

STEP_S = 0.25
NEAR = 3  # frames either way that a landmark may stand from its line: stretched sound is pasted up to 20 ms off …
FAR = (8, 125)  # … and how far away those stand that are there by chance
SHARE = 0.005  # of a content's landmarks, taken for "it is heard": a film in white noise as loud keeps about 2 %
KEPT = 0.25  # of what a line brings on the whole, taken for its weaker stretches
CROWDS = 4.0  # one peak that is found again brings several landmarks: a score counts them for one …
TOGETHER = 1.5  # … and a step's gain does less so: measured on films under a voice, in noise and across a room
NEW_LINE = 15.0  # nats that a change of offset must bring: few landmarks bring few
MARGIN_S = 15.0  # how far beyond its landmarks an offset is followed
LOUD = 3.0  # a step has this many landmarks at least, or it says nothing
FOUND_AGAIN = 0.008  # least share of the content's landmarks along an offset that has no phases: the hardest have .012


def by_fingerprints(reaction: AudioFingerprint, content: AudioFingerprint, most: int) -> list[AlignedRun]:
    """The chain of a reaction that holds the content's peaks, but not its phases.

    Args:
        reaction, content: landmarks of both, of one hz.
        most: offsets that are looked into.
    """
    runs: list[AlignedRun] = []
    for one in offset_candidates(reaction, content, most):
        span = one.start // reaction.hop, one.end // reaction.hop
        new = runs_at(reaction, content, one.offset // reaction.hop, span)
        weight = sum(run.end - run.start for run in new)
        if new and sum(run.level * (run.end - run.start) for run in new) >= FOUND_AGAIN * weight:
            runs += new
    return best_chain(runs, reaction.hz, NEW_LINE)


def runs_at(
    reaction: AudioFingerprint, content: AudioFingerprint, offset: int, span: tuple[int, int]
) -> list[AlignedRun]:
    """The stretches along an offset over which the content is heard.

    Args:
        reaction, content: landmarks of both, of one hz.
        offset: reaction time less content time, in frames.
        span: of the reaction, in frames; looked at with a margin.

    Returns:
        Runs in samples. A run's `level` is the share of the content's landmarks that are found again.
    """
    frames = reaction.hz / reaction.hop
    step, margin = round(STEP_S * frames), round(MARGIN_S * frames)
    low = max(span[0] - margin, 0, offset)
    high = min(span[1] + margin, reaction.frames_total, content.frames_total + offset)
    steps = (high - low) // step
    if steps < 4:
        return []
    at, there = shared_hashes(reaction, content, (low, low + steps * step))
    apart = np.abs(at - there - offset)
    of_step = (at - low) // step
    near, far = apart <= NEAR, (apart >= FAR[0]) & (apart <= FAR[1])
    hits = np.bincount(of_step[near], minlength=steps).astype(np.float64)
    lags = 2 * (FAR[1] - FAR[0] + 1)
    chance = _smooth(np.bincount(of_step[far], minlength=steps).astype(np.float64)) * (2 * NEAR + 1) / lags
    edges = np.searchsorted(content.frames, low - offset + step * np.arange(steps + 1))
    there_are = np.diff(edges).astype(np.float64)
    gain = _gain(hits, chance, there_are, SHARE)
    on_line = viterbi_segments(gain)
    if on_line.any():  # once more: a line that brings much where it is heard is not heard where it brings nothing
        usually = (hits - chance)[on_line].sum() / max(1.0, there_are[on_line].sum())
        gain = _gain(hits, chance, there_are, max(SHARE, KEPT * usually))
    runs = []
    for first, last in zip(*run_lengths(viterbi_segments(gain)), strict=True):
        inside = near & (of_step >= first) & (of_step < last)
        exact = float(np.median((at - there)[inside] + _ramp((at - there)[inside]))) if inside.any() else float(offset)
        found, usual, of = hits[first:last].sum(), chance[first:last].sum(), there_are[first:last].sum()
        score = (found - usual) / np.sqrt(CROWDS * (usual + 1))
        start, end = (low + first * step) * reaction.hop, (low + last * step) * reaction.hop
        level = float((found - usual) / max(1.0, of))
        runs.append(AlignedRun(exact * reaction.hop, start, end, float(gain[first:last].sum()), float(score), level))
    return runs


def _gain(
    hits: NDArray[np.float64], chance: NDArray[np.float64], there_are: NDArray[np.float64], share: float
) -> NDArray[np.float64]:
    """Log likelihood ratio of each step: Poisson with a share of the content's landmarks on top, to chance alone."""
    usual = chance + 0.5
    more = share * there_are
    gain = (hits * np.log1p(more / usual) - more) / TOGETHER
    return np.where(there_are >= LOUD, np.clip(gain, -6.0, 6.0), 0.0)


def _ramp(values: NDArray[np.int32]) -> NDArray[np.float64]:
    """Equal whole numbers spread evenly over one, so that their median has a fraction."""
    order = np.argsort(values, kind="stable")
    out = np.zeros(len(values))
    whole, first, count = np.unique(values[order], return_index=True, return_counts=True)
    for _, start, many in zip(whole, first, count, strict=True):
        out[order[start : start + many]] = (np.arange(many) + 0.5) / many - 0.5
    return out


def _smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean over four seconds around each step."""
    width = round(4 / STEP_S) + 1
    if len(values) < width:
        return np.full(len(values), values.mean())
    return np.convolve(np.pad(values, width // 2, mode="edge"), np.ones(width) / width, "valid")
