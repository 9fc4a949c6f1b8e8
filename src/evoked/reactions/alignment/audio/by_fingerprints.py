"""Alignment by audio fingerprints alone.

A content whose speed was changed without its pitch, or its pitch without its speed, has lost its phases: GCC-PHAT
finds none of it. Its spectral peaks keep their places to a frame of 16 ms; the number of the content's hashes that are
found again, step by step, shows where it runs.
"""

import numpy as np
from numpy.typing import NDArray

from evoked.core.run_lengths import run_lengths
from evoked.reactions.alignment.audio.fingerprints import AudioFingerprint, shared_hashes
from evoked.reactions.alignment.audio.offset_candidates import offset_candidates
from evoked.reactions.alignment.chaining import AlignedRun, best_chain, viterbi_segments

__all__ = ["by_fingerprints", "runs_at"]

STEP_S = 0.25
MAX_DEVIATION_FRAMES = (
    3  # frames either way that a hash may be off its line: time stretching moves sound by up to 20 ms …
)
CHANCE_FRAMES = (8, 125)  # … and the distances from it, in frames, at which hashes are counted as chance
PRESENCE_SHARE = 0.005  # share of a content's hashes that counts as present: in white noise as loud about 2 % are left
WEAK_STRETCH_SHARE = 0.25  # of the share that a line has on average, assumed for its weaker stretches
SCORE_OVERDISPERSION = 4.0  # one shared peak gives several hashes: the score counts them as one …
GAIN_OVERDISPERSION = (
    1.5  # … and the gain of a step less so: measured on contents under a voice, in noise and across a room
)
OFFSET_CHANGE_COST = 15.0  # nats that a change of offset must gain: few hashes gain few
MARGIN_S = 15.0  # how far beyond its hashes an offset is followed
MIN_STEP_HASHES = 3.0  # hashes of the content below which a step is ignored
MIN_SHARED_SHARE = 0.008  # least share of the content's hashes along an offset: the hardest true ones have 0.012


def by_fingerprints(reaction: AudioFingerprint, content: AudioFingerprint, max_candidates: int) -> list[AlignedRun]:
    """The chain of a reaction that shares the content's spectral peaks, but not its phases.

    Args:
        reaction, content: hashes of both, of one hz.
        max_candidates: most offsets that are examined.

    Returns:
        Runs in samples, in the order of the reaction.
    """
    runs: list[AlignedRun] = []
    for candidate in offset_candidates(reaction, content, max_candidates):
        span = candidate.start // reaction.hop, candidate.end // reaction.hop
        new = runs_at(reaction, content, candidate.offset // reaction.hop, span)
        weight = sum(run.end - run.start for run in new)
        if new and sum(run.level * (run.end - run.start) for run in new) >= MIN_SHARED_SHARE * weight:
            runs += new
    return best_chain(runs, reaction.hz, OFFSET_CHANGE_COST)


def runs_at(
    reaction: AudioFingerprint, content: AudioFingerprint, offset: int, span: tuple[int, int]
) -> list[AlignedRun]:
    """The stretches along an offset over which the content is present.

    Args:
        reaction, content: hashes of both, of one hz.
        offset: reaction time less content time, in frames.
        span: of the reaction, in frames; extended by a margin.

    Returns:
        Runs in samples. A run's `level` is the share of the content's hashes that are shared.
    """
    frames = reaction.hz / reaction.hop
    step, margin = round(STEP_S * frames), round(MARGIN_S * frames)
    low = max(span[0] - margin, 0, offset)
    high = min(span[1] + margin, reaction.frames_total, content.frames_total + offset)
    steps = (high - low) // step
    if steps < 4:
        return []
    at, content_at = shared_hashes(reaction, content, (low, low + steps * step))
    apart = np.abs(at - content_at - offset)
    of_step = (at - low) // step
    near, far = apart <= MAX_DEVIATION_FRAMES, (apart >= CHANCE_FRAMES[0]) & (apart <= CHANCE_FRAMES[1])
    hits = np.bincount(of_step[near], minlength=steps).astype(np.float64)
    lags = 2 * (CHANCE_FRAMES[1] - CHANCE_FRAMES[0] + 1)
    chance = (
        _smooth(np.bincount(of_step[far], minlength=steps).astype(np.float64)) * (2 * MAX_DEVIATION_FRAMES + 1) / lags
    )
    edges = np.searchsorted(content.frames, low - offset + step * np.arange(steps + 1))
    content_hashes = np.diff(edges).astype(np.float64)
    gain = _gain(hits, chance, content_hashes, PRESENCE_SHARE)
    present = viterbi_segments(gain)
    if present.any():  # second pass: where the line is weak beside its own average, it is not present
        usual_share = (hits - chance)[present].sum() / max(1.0, content_hashes[present].sum())
        gain = _gain(hits, chance, content_hashes, max(PRESENCE_SHARE, WEAK_STRETCH_SHARE * usual_share))
    runs = []
    for first, last in zip(*run_lengths(viterbi_segments(gain)), strict=True):
        inside = near & (of_step >= first) & (of_step < last)
        exact = (
            float(np.median((at - content_at)[inside] + _ramp((at - content_at)[inside])))
            if inside.any()
            else float(offset)
        )
        hits_total, chance_total, hash_total = (
            hits[first:last].sum(),
            chance[first:last].sum(),
            content_hashes[first:last].sum(),
        )
        score = (hits_total - chance_total) / np.sqrt(SCORE_OVERDISPERSION * (chance_total + 1))
        start, end = (low + first * step) * reaction.hop, (low + last * step) * reaction.hop
        level = float((hits_total - chance_total) / max(1.0, hash_total))
        runs.append(AlignedRun(exact * reaction.hop, start, end, float(gain[first:last].sum()), float(score), level))
    return runs


def _gain(
    hits: NDArray[np.float64], chance: NDArray[np.float64], content_hashes: NDArray[np.float64], share: float
) -> NDArray[np.float64]:
    """Log likelihood ratio of each step: Poisson, chance and a share of the content's hashes to chance alone."""
    expected = chance + 0.5
    more = share * content_hashes
    gain = (hits * np.log1p(more / expected) - more) / GAIN_OVERDISPERSION
    return np.where(content_hashes >= MIN_STEP_HASHES, np.clip(gain, -6.0, 6.0), 0.0)


def _ramp(values: NDArray[np.int32]) -> NDArray[np.float64]:
    """Shifts that spread equal integers evenly over a width of 1, so that their median has a fraction."""
    order = np.argsort(values, kind="stable")
    out = np.zeros(len(values))
    distinct, first, count = np.unique(values[order], return_index=True, return_counts=True)
    for _, start, many in zip(distinct, first, count, strict=True):
        out[order[start : start + many]] = (np.arange(many) + 0.5) / many - 0.5
    return out


def _smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean over four seconds around each step."""
    width = round(4 / STEP_S) + 1
    if len(values) < width:
        return np.full(len(values), values.mean())
    return np.convolve(np.pad(values, width // 2, mode="edge"), np.ones(width) / width, "valid")
