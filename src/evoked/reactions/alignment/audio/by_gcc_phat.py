"""Where a reaction holds the very recording of its content, whatever lies on top.

Shared landmarks point at offsets (fast, coarse: 16 ms); the phase transform settles each offset to the sample and
says, quarter second by quarter second, whether the film is heard there.
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

PIECE_S = 60.0  # the exact offset is settled anew over pieces this long: clocks drift …
REACH_S = 0.06  # … within this of where the landmarks point
STRONG = 10.0  # standard score at which a piece's own line is sure …
WEAK = 5.0  # … and below which a candidate is dropped
MARGIN_S = 15.0  # how far beyond its landmarks a line is followed
OBEYS = 0.15  # least obedience of a line: between .04, shared music, and .33, the film far under noise
PLAIN = 0.3  # coherence beyond which no other offset can be the true one …
SETTLED = 0.95  # … if the candidate's span is covered to this share


def by_gcc_phat(reaction: Samples, content: Samples, hz: int, marks: AudioFingerprint, most: int) -> list[AlignedRun]:
    """The chain of a reaction that holds the recording itself.

    Args:
        reaction, content: at a common loudness.
        marks: the content's landmarks.
        most: offsets that are looked into.
    """
    found = offset_candidates(fingerprint(reaction, hz), marks, most)
    return best_chain(_heard(reaction, content, hz, found), hz)


def _heard(reaction: Samples, content: Samples, hz: int, found: list[OffsetCandidate]) -> list[AlignedRun]:
    """The runs of all candidates, most votes first; where one is plain to hear, others are not looked into."""
    tick = hz // 10
    plain = np.zeros(len(reaction) // tick + 1, dtype=np.bool_)
    runs: list[AlignedRun] = []
    for one in found:
        if plain[one.start // tick : one.end // tick].mean() < SETTLED:
            new = _follow(reaction, content, hz, one)
            for run in new:
                plain[int(run.start) // tick : int(run.end) // tick] |= run.level > PLAIN
            runs += new
    return runs


def _follow(reaction: Samples, content: Samples, hz: int, one: OffsetCandidate) -> list[AlignedRun]:
    """The stretches along a candidate over which the content is heard, each at its exact offset."""
    edges = [*range(one.start, max(one.start + 1, one.end - round(PIECE_S * hz) // 2), round(PIECE_S * hz)), one.end]
    spans = list(pairwise(edges))
    lines = [refine_line(reaction, content, hz, one.offset, span, round(REACH_S * hz)) for span in spans]
    margin = round(MARGIN_S * hz)
    runs: list[AlignedRun] = []
    for line, (start, end) in _strands(lines, spans):
        span = start - margin * (start == one.start), end + margin * (end == one.end)
        heard = presence_runs(phat_coherence(reaction, content, hz, line, span), line)
        if loud_bin_coherence(reaction, content, hz, line, [(run.start, run.end) for run in heard]) >= OBEYS:
            runs += heard
    return runs


def _strands(
    lines: list[tuple[OffsetLine, float]], spans: list[tuple[int, int]]
) -> list[tuple[OffsetLine, tuple[int, int]]]:
    """A line for each piece, or for several that are on one; a piece too quiet to tell takes its neighbour's."""
    least = max(WEAK, min(STRONG, max(score for _, score in lines)))
    sure = [i for i, (_, score) in enumerate(lines) if score >= least]
    strands: list[tuple[OffsetLine, tuple[int, int]]] = []
    for i, span in enumerate(spans):
        if not sure:
            break
        line = lines[min(sure, key=lambda k: (abs(k - i), k))][0]
        last = strands[-1] if strands else None
        if last and line.slope == last[0].slope == 0 and abs(line.offset - last[0].offset) <= 0.5:
            strands[-1] = (last[0], (last[1][0], span[1]))
        else:
            strands.append((line, span))
    return strands
