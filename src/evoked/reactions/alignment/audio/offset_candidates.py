"""Candidate offsets between two sounds, from their shared hashes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evoked.reactions.alignment.audio.fingerprints import AudioFingerprint, shared_hashes

__all__ = ["OffsetCandidate", "offset_candidates"]

BLOCK_S = 10.0  # hashes are counted over blocks of the reaction of this length that overlap by half …
MAX_OFFSETS_PER_BLOCK = 6  # … and so many offsets of each are examined
MAX_SPREAD_FRAMES = 3  # frames over which the hashes of one offset may spread


@dataclass(frozen=True)
class OffsetCandidate:
    """A candidate offset over a span of the reaction.

    Attributes:
        offset: reaction time less content time, in samples.
        start, end: half-open span in the reaction, in samples.
        votes: shared hashes.
    """

    offset: int
    start: int
    end: int
    votes: int


def offset_candidates(
    reaction: AudioFingerprint, content: AudioFingerprint, max_candidates: int
) -> list[OffsetCandidate]:
    """Offsets with far more shared hashes than chance, those with most first.

    The hits of a block of the reaction are counted by offset; a count is a candidate where it is many
    deviations above the mean count of the offsets around it (a busy stretch of the content collects more).

    Args:
        reaction, content: fingerprints of both, of one hz.
        max_candidates: most candidates that are returned.

    Returns:
        Candidates, those with most votes first.
    """
    block = round(BLOCK_S / 2 * reaction.hz / reaction.hop)
    size = reaction.frames_total + content.frames_total
    votes_at: dict[int, list[tuple[int, int]]] = {}
    last = np.zeros(size, np.int32)
    for start in range(0, reaction.frames_total, block):
        at, content_at = shared_hashes(reaction, content, (start, start + block))
        counts = np.bincount(at - content_at + content.frames_total, minlength=size).astype(np.int32)
        for lag, votes in _count_peaks(last + counts):
            votes_at.setdefault(lag - content.frames_total, []).append((max(0, start - block), votes))
        last = counts
    return _joined(votes_at, 2 * block, block, reaction.hop, max_candidates)


def _count_peaks(counts: NDArray[np.int32]) -> list[tuple[int, int]]:
    """(lag, votes) of the few lags whose count exceeds chance."""
    counts = np.pad(counts, MAX_SPREAD_FRAMES // 2)
    counts = counts[:-2] + counts[1:-1] + counts[2:]
    width = 251  # frames: four seconds
    sums = np.cumsum(np.pad(counts, (width // 2 + 1, width // 2)))
    local_mean = (sums[width:] - sums[:-width]) / np.float32(width)
    excess = (counts - local_mean) / np.sqrt(local_mean + 1)
    peaks = []
    for _ in range(MAX_OFFSETS_PER_BLOCK):
        best = int(np.argmax(excess))
        if excess[best] < 5 or counts[best] < 6:
            break
        peaks.append((best, int(counts[best])))
        excess[max(0, best - MAX_SPREAD_FRAMES) : best + MAX_SPREAD_FRAMES + 1] = -1
    return peaks


def _joined(
    votes_at: dict[int, list[tuple[int, int]]], block: int, hop: int, samples: int, max_candidates: int
) -> list[OffsetCandidate]:
    """Joins blocks of one offset to candidates; a gap of more than a block separates two."""
    groups: list[list[int]] = []
    for lag in sorted(votes_at):
        if groups and lag - groups[-1][0] <= MAX_SPREAD_FRAMES:
            groups[-1].append(lag)
        else:
            groups.append([lag])
    out = []
    for group in groups:
        hits = sorted((start, votes, lag) for lag in group for start, votes in votes_at[lag])
        strands = [[hits[0]]]
        for hit in hits[1:]:
            if hit[0] - strands[-1][-1][0] > block + 8 * hop:
                strands.append([])
            strands[-1].append(hit)
        for strand in strands:
            offset = max(strand, key=lambda h: h[1])[2] * samples
            votes = sum(h[1] for h in strand)
            out.append(OffsetCandidate(offset, strand[0][0] * samples, (strand[-1][0] + block) * samples, votes))
    return sorted(out, key=lambda c: (-c.votes, c.offset, c.start))[:max_candidates]
