"""Offsets between two sounds that their shared hashes point at."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evoked.reactions.alignment.audio.fingerprints import AudioFingerprint, shared_hashes

__all__ = ["OffsetCandidate", "offset_candidates"]

BLOCK_S = 10.0  # hashes are counted over blocks of the reaction this long, half overlapping …
MAX_OFFSETS_PER_BLOCK = 6  # … and this many offsets of each are kept
MAX_SPREAD_FRAMES = 3  # frames on which one offset's hashes may lie


@dataclass(frozen=True)
class OffsetCandidate:
    """An offset that shared hashes point at: a span of the reaction, all in samples."""

    offset: int
    start: int
    end: int
    votes: int


def offset_candidates(
    reaction: AudioFingerprint, content: AudioFingerprint, max_candidates: int
) -> list[OffsetCandidate]:
    """Offsets with far more shared hashes than chance, those with most first.

    The hits of a block of the reaction are counted by offset; a count stands out where it is many
    deviations above the mean count of the offsets around it (a busy part of the content collects more).
    """
    block = round(BLOCK_S / 2 * reaction.hz / reaction.hop)
    size = reaction.frames_total + content.frames_total
    votes_at: dict[int, list[tuple[int, int]]] = {}
    last = np.zeros(size, np.int32)
    for start in range(0, reaction.frames_total, block):
        at, content_at = shared_hashes(reaction, content, (start, start + block))
        counts = np.bincount(at - content_at + content.frames_total, minlength=size).astype(np.int32)
        for lag, votes in _standing_out(last + counts):
            votes_at.setdefault(lag - content.frames_total, []).append((max(0, start - block), votes))
        last = counts
    return _joined(votes_at, 2 * block, block, reaction.hop, max_candidates)


def _standing_out(counts: NDArray[np.int32]) -> list[tuple[int, int]]:
    """(lag, votes) of the few lags whose count cannot be chance."""
    counts = np.pad(counts, MAX_SPREAD_FRAMES // 2)
    counts = counts[:-2] + counts[1:-1] + counts[2:]
    width = 251  # frames: four seconds
    sums = np.cumsum(np.pad(counts, (width // 2 + 1, width // 2)))
    usual = (sums[width:] - sums[:-width]) / np.float32(width)
    excess = (counts - usual) / np.sqrt(usual + 1)
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
    """Blocks that point at one offset become one candidate; a long silence between them parts it."""
    groups: list[list[int]] = []
    for distance in sorted(votes_at):
        if groups and distance - groups[-1][0] <= MAX_SPREAD_FRAMES:
            groups[-1].append(distance)
        else:
            groups.append([distance])
    out = []
    for group in groups:
        hits = sorted((start, votes, distance) for distance in group for start, votes in votes_at[distance])
        parts = [[hits[0]]]
        for hit in hits[1:]:
            if hit[0] - parts[-1][-1][0] > block + 8 * hop:
                parts.append([])
            parts[-1].append(hit)
        for part in parts:
            middle = max(part, key=lambda h: h[1])[2]
            votes = sum(h[1] for h in part)
            out.append(OffsetCandidate(middle * samples, part[0][0] * samples, (part[-1][0] + block) * samples, votes))
    return sorted(out, key=lambda c: (-c.votes, c.offset, c.start))[:max_candidates]
