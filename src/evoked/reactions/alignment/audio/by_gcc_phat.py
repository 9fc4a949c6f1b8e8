"""Alignment by GCC-PHAT: where a reaction contains the content's own recording, whatever lies on top.

Shared hashes give candidate offsets (fast, coarse: 16 ms); GCC-PHAT refines each offset to the sample and measures,
every quarter second, whether the content is present.
"""

from itertools import pairwise

import numpy as np

from evoked.reactions.alignment.audio.fingerprints import AudioFingerprint, fingerprint
from evoked.reactions.alignment.audio.gcc_phat import (
    OffsetLine,
    Samples,
    loud_bin_coherence,
    phat_coherence,
    refine_line,
)
from evoked.reactions.alignment.audio.offset_candidates import OffsetCandidate, offset_candidates
from evoked.reactions.alignment.audio.presence_runs import presence_runs
from evoked.reactions.alignment.chaining import AlignedRun, best_chain

__all__ = ["by_gcc_phat"]

PIECE_S = 60.0  # the exact offset is refined for every piece of this length: clocks drift …
SEARCH_S = 0.06  # … within this distance of the candidate offset
CONFIDENT_SCORE = 10.0  # standard score from which on the line of a piece is certain …
MIN_LINE_SCORE = 5.0  # … and below which a candidate is dropped
MARGIN_S = 15.0  # how far beyond its hashes a line is followed
MIN_LOUD_BIN_COHERENCE = (
    0.15  # least coherence of a line: between 0.04 (shared music) and 0.33 (the content far under noise)
)
CLEAR_COHERENCE = 0.3  # coherence beyond which no other offset can be the true one …
CLEAR_SHARE = 0.95  # … if the candidate's span is covered to this share


def by_gcc_phat(
    reaction: Samples, content: Samples, hz: int, fingerprints: AudioFingerprint, max_candidates: int
) -> list[AlignedRun]:
    """The chain of a reaction that contains the content's own recording.

    Args:
        reaction, content: float32, shape (samples,), mono, at a common loudness.
        hz: samples per second of both.
        fingerprints: the content's hashes.
        max_candidates: most offsets that are examined.

    Returns:
        Runs in samples, in the order of the reaction.
    """
    candidates = offset_candidates(fingerprint(reaction, hz), fingerprints, max_candidates)
    return best_chain(_candidate_runs(reaction, content, hz, candidates), hz)


def _candidate_runs(
    reaction: Samples, content: Samples, hz: int, candidates: list[OffsetCandidate]
) -> list[AlignedRun]:
    """The runs of all candidates, most votes first; where one is clearly present, later ones are skipped."""
    tenth = hz // 10
    clear = np.zeros(len(reaction) // tenth + 1, dtype=np.bool_)
    runs: list[AlignedRun] = []
    for candidate in candidates:
        if clear[candidate.start // tenth : candidate.end // tenth].mean() < CLEAR_SHARE:
            new = _follow(reaction, content, hz, candidate)
            for run in new:
                clear[int(run.start) // tenth : int(run.end) // tenth] |= run.level > CLEAR_COHERENCE
            runs += new
    return runs


def _follow(reaction: Samples, content: Samples, hz: int, candidate: OffsetCandidate) -> list[AlignedRun]:
    """The stretches along a candidate over which the content is present, each at its exact offset."""
    edges = [
        *range(
            candidate.start, max(candidate.start + 1, candidate.end - round(PIECE_S * hz) // 2), round(PIECE_S * hz)
        ),
        candidate.end,
    ]
    spans = list(pairwise(edges))
    lines = [refine_line(reaction, content, hz, candidate.offset, span, round(SEARCH_S * hz)) for span in spans]
    margin = round(MARGIN_S * hz)
    runs: list[AlignedRun] = []
    for line, (start, end) in _strands(lines, spans):
        span = start - margin * (start == candidate.start), end + margin * (end == candidate.end)
        present = presence_runs(phat_coherence(reaction, content, hz, line, span), line)
        if (
            loud_bin_coherence(reaction, content, hz, line, [(run.start, run.end) for run in present])
            >= MIN_LOUD_BIN_COHERENCE
        ):
            runs += present
    return runs


def _strands(
    lines: list[tuple[OffsetLine, float]], spans: list[tuple[int, int]]
) -> list[tuple[OffsetLine, tuple[int, int]]]:
    """A line for each piece, or for several pieces on one line; an uncertain piece takes the nearest certain line."""
    threshold = max(MIN_LINE_SCORE, min(CONFIDENT_SCORE, max(score for _, score in lines)))
    confident = [i for i, (_, score) in enumerate(lines) if score >= threshold]
    strands: list[tuple[OffsetLine, tuple[int, int]]] = []
    for i, span in enumerate(spans):
        if not confident:
            break
        line = lines[min(confident, key=lambda k: (abs(k - i), k))][0]
        last = strands[-1] if strands else None
        if last and line.slope == last[0].slope == 0 and abs(line.offset - last[0].offset) <= 0.5:
            strands[-1] = (last[0], (last[1][0], span[1]))
        else:
            strands.append((line, span))
    return strands
