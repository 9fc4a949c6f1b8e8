"""Offsets between two sounds that their shared landmarks point at."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evoked.reactions.alignment.audio.fingerprints import AudioFingerprint, shared_hashes

BLOCK_S = 10.0  # landmarks are counted over blocks of the reaction this long, half overlapping …
LINES = 6  # … and this many offsets of each are kept
WIDE = 3  # frames on which one offset's landmarks may lie


@dataclass(frozen=True)
class OffsetCandidate:
    """An offset that shared landmarks point at: a span of the reaction, all in samples."""

    offset: int
    start: int
    end: int
    votes: int


def offset_candidates(reaction: AudioFingerprint, content: AudioFingerprint, most: int) -> list[OffsetCandidate]:
    """Offsets with far more shared landmarks than chance, those with most first.

    The hits of a block of the reaction are counted by offset; a count stands out where it is many
    deviations above the mean count of the offsets around it (a busy part of the film collects more).
    """
    block = round(BLOCK_S / 2 * reaction.hz / reaction.hop)
    size = reaction.frames_total + content.frames_total
    found: dict[int, list[tuple[int, int]]] = {}
    last = np.zeros(size, np.int32)
    for start in range(0, reaction.frames_total, block):
        at, there = shared_hashes(reaction, content, (start, start + block))
        counts = np.bincount(at - there + content.frames_total, minlength=size).astype(np.int32)
        for place, votes in _standing_out(last + counts):
            found.setdefault(place - content.frames_total, []).append((max(0, start - block), votes))
        last = counts
    return _joined(found, 2 * block, block, reaction.hop, most)


def _standing_out(counts: NDArray[np.int32]) -> list[tuple[int, int]]:
    """(place, votes) of the few places whose count cannot be chance."""
    counts = np.pad(counts, WIDE // 2)
    counts = counts[:-2] + counts[1:-1] + counts[2:]
    width = 251  # frames: four seconds
    sums = np.cumsum(np.pad(counts, (width // 2 + 1, width // 2)))
    usual = (sums[width:] - sums[:-width]) / np.float32(width)
    excess = (counts - usual) / np.sqrt(usual + 1)
    found = []
    for _ in range(LINES):
        best = int(np.argmax(excess))
        if excess[best] < 5 or counts[best] < 6:
            break
        found.append((best, int(counts[best])))
        excess[max(0, best - WIDE) : best + WIDE + 1] = -1
    return found


def _joined(
    found: dict[int, list[tuple[int, int]]], block: int, hop: int, samples: int, most: int
) -> list[OffsetCandidate]:
    """Blocks that point at one offset become one candidate; a long silence between them parts it."""
    groups: list[list[int]] = []
    for distance in sorted(found):
        if groups and distance - groups[-1][0] <= WIDE:
            groups[-1].append(distance)
        else:
            groups.append([distance])
    out = []
    for group in groups:
        hits = sorted((start, votes, distance) for distance in group for start, votes in found[distance])
        parts = [[hits[0]]]
        for hit in hits[1:]:
            if hit[0] - parts[-1][-1][0] > block + 8 * hop:
                parts.append([])
            parts[-1].append(hit)
        for part in parts:
            middle = max(part, key=lambda h: h[1])[2]
            votes = sum(h[1] for h in part)
            out.append(OffsetCandidate(middle * samples, part[0][0] * samples, (part[-1][0] + block) * samples, votes))
    return sorted(out, key=lambda c: (-c.votes, c.offset, c.start))[:most]
