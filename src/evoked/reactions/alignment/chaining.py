"""Chaining of runs, stretches of the reaction that play the content at one offset, to one map."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evoked.reactions.alignment.config import AlignConfig
from evoked.reactions.alignment.offset_map import Segment
from evoked.reactions.alignment.viterbi import viterbi_path

__all__ = [
    "MIN_RUN_S",
    "SMEAR_S",
    "AlignedRun",
    "best_chain",
    "fill_gaps",
    "merge_runs",
    "overlap_refusal",
    "run_to_segment",
    "viterbi_segments",
]

SWITCH_COST = 10.0  # nats that a change between present and absent costs
OFFSET_CHANGE_COST = 40.0  # nats that a change of offset must gain: a content mostly runs on
REWIND_COST = 250.0  # nats that a rewind must gain: recurring bars of music point back too, with up to 140
MIN_NEW_LINE_GAIN = 25.0  # nats that a line known only by its spectrum must gain: recurring music gained 22
SAME_OFFSET_S = 0.04  # offsets nearer than this are one line, where one of them is known only to a frame of 16 ms
MIN_RUN_S = 0.25  # shortest run that fills a gap …
SMEAR_S = 1.3  # … and that continues a known one: spectra are blurred by a second either way, and a step of 0.26 s
MAX_OVERLAP_S = 1.0  # runs that overlap by less are both cut back


@dataclass(frozen=True)
class AlignedRun:
    """A stretch of the reaction that plays the content at one offset.

    Attributes:
        offset: reaction time less content time, in samples, with a fraction.
        start, end: half-open span in the reaction, in samples.
        weight: log likelihood ratio of present to absent, in nats.
        score: standard score of its mean coherence.
        level: its mean coherence.
    """

    offset: float
    start: float
    end: float
    weight: float
    score: float
    level: float


def viterbi_segments(gain: NDArray[np.float64], switch: float = SWITCH_COST) -> NDArray[np.bool_]:
    """Where the content is present: the best path through absent (0 a step) and present (`gain` a step).

    Args:
        gain: log likelihood ratio of present to absent, in nats, shape (steps,).
        switch: nats that a change of state costs, the last one back to absent included.

    Returns:
        bool, shape (steps,).
    """
    present: NDArray[np.bool_] = viterbi_path(gain[:, None], switch, switch, end_cost=switch) == 0
    return present


def best_chain(
    runs: list[AlignedRun], hz: int, new_line: float = OFFSET_CHANGE_COST, step_back: float = REWIND_COST
) -> list[AlignedRun]:
    """The runs of greatest total weight that follow each other in the reaction, but for a small overlap.

    Args:
        runs: stretches of any offsets, in any order; they may contradict each other.
        hz: samples per second.
        new_line: nats that a change of offset must gain.
        step_back: nats that a rewind must gain.

    Returns:
        In the order of the reaction.
    """
    order = sorted(runs, key=lambda r: (r.end, r.start, r.offset))
    overlap = MAX_OVERLAP_S * hz
    best: list[float] = []
    before: list[int] = []
    for i, run in enumerate(order):
        value, parent = run.weight - new_line, -1
        for j in range(i):
            earlier = order[j]
            if _follows(earlier, run, overlap):
                joined = best[j] + run.weight - _cost(earlier, run, hz, (new_line, step_back))
                value, parent = (joined, j) if joined > value else (value, parent)
        best.append(value)
        before.append(parent)
    if not best or max(best) <= 0:
        return []
    at, chain = int(np.argmax(best)), []
    while at >= 0:
        chain.append(order[at])
        at = before[at]
    return chain[::-1]


def fill_gaps(
    chain: list[AlignedRun], more: list[AlignedRun], hz: int, line_s: float = SAME_OFFSET_S, smear_s: float = SMEAR_S
) -> list[AlignedRun]:
    """A chain with more runs in the gaps that it leaves in the reaction.

    Args:
        chain: as `best_chain` returns it; its runs are not changed.
        more: runs that do not overlap in the reaction, with offsets known to `line_s`. A run on a line of the chain
            takes its offset; one on a new line must gain MIN_NEW_LINE_GAIN nats.
        hz: samples per second.
        line_s: offsets nearer than this are one line, in seconds.
        smear_s: least length beyond a known run of the same line, in seconds.

    Returns:
        In the order of the reaction.
    """
    filled = list(chain)
    for run in more:
        line = min(chain, key=lambda r: abs(r.offset - run.offset), default=run)
        on_line = abs(line.offset - run.offset) <= line_s * hz
        if not on_line and run.weight < MIN_NEW_LINE_GAIN:
            continue
        offset, long = line.offset if on_line else run.offset, run.end - run.start
        taken = [(r.start, r.end) for r in chain]  # on the reaction's clock, and then on the content's
        taken += [(r.start - r.offset + offset, r.end - r.offset + offset) for r in chain if r.offset != offset]
        for start, end in _without([(run.start, run.end)], taken):
            # a short run right beyond a known run of the same line may be that run, blurred
            beyond = on_line and (start > run.start or end < run.end)
            if end - start >= (smear_s if beyond else MIN_RUN_S) * hz:
                share = (end - start) / long
                filled.append(AlignedRun(offset, start, end, run.weight * share, run.score * share**0.5, run.level))
    return sorted(filled, key=lambda r: r.start)


def _without(spans: list[tuple[float, float]], removed: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Spans less the removed spans."""
    for low, high in removed:
        cuts = [((a, min(b, low)), (max(a, high), b)) for a, b in spans]
        spans = [span for pair in cuts for span in pair if span[1] > span[0]]
    return spans


def merge_runs(chain: list[AlignedRun], hz: int, max_bridge_s: float) -> list[AlignedRun]:
    """A chain as a map: consecutive runs of one offset are merged, overlapping runs are cut back.

    Args:
        chain: in the order of the reaction.
        hz: samples per second.
        max_bridge_s: longest gap, in seconds, between two runs of one offset that are merged: the content ran on
            unheard.

    Returns:
        In the order of the content, without overlap on either clock: content that the reaction plays again, after a
        rewind, is mapped to where it was played first.
    """
    if not chain:
        return []
    out = [chain[0]]
    for run in chain[1:]:
        last = out[-1]
        if _same(last, run, hz) and run.start - last.end <= max_bridge_s * hz:
            score = float(np.hypot(last.score, run.score))
            out[-1] = replace(last, end=run.end, weight=last.weight + run.weight, score=score)
        else:
            out.append(run)
    for i in range(1, len(out)):  # a pair uses the ends that the pair before it has cut
        a, b = out[i - 1], out[i]
        back = _back(a, b)
        over = max(a.end - b.start, back if back <= MAX_OVERLAP_S * hz else 0.0, 0.0)
        out[i - 1], out[i] = replace(a, end=a.end - over / 2), replace(b, start=b.start + over / 2)
    return _first_played([run for run in out if run.end > run.start])


def _first_played(chain: list[AlignedRun]) -> list[AlignedRun]:
    """The content of each run that no earlier run has played, in the order of the content."""
    fresh_spans: list[tuple[float, float, AlignedRun]] = []  # spans of the content, apart
    for run in chain:
        fresh = _without(
            [(run.start - run.offset, run.end - run.offset)], [(low, high) for low, high, _ in fresh_spans]
        )
        fresh_spans += [(a, b, run) for a, b in fresh]
    return [replace(r, start=a + r.offset, end=b + r.offset) for a, b, r in sorted(fresh_spans, key=lambda p: p[:2])]


def _follows(a: AlignedRun, b: AlignedRun, overlap: float) -> bool:
    """Whether b comes after a in the reaction, but for a small overlap, in samples."""
    return b.start > a.start and a.end - b.start <= min(overlap, (a.end - a.start) / 2, (b.end - b.start) / 2)


def _cost(a: AlignedRun, b: AlignedRun, hz: int, costs: tuple[float, float]) -> float:
    """Nats that going from a to b costs; `costs`: of a new line, and of a step back."""
    if _same(a, b, hz):
        return 0.0
    return costs[0] if _back(a, b) <= MAX_OVERLAP_S * hz else costs[1]


def _back(a: AlignedRun, b: AlignedRun) -> float:
    """Samples by which b begins before a ends, in the content; negative where it begins after."""
    return (a.end - a.offset) - (b.start - b.offset)


def _same(a: AlignedRun, b: AlignedRun, hz: int) -> bool:
    return abs(a.offset - b.offset) <= 0.002 * hz


def run_to_segment(
    run: AlignedRun,
    hz: float,
    rate: float,
    *,
    content_speed: float | None = None,
    shift_s: tuple[float, float] = (0.0, 0.0),
) -> Segment:
    """A run as a segment in seconds.

    Args:
        run: on one clock, of `hz` counts a second.
        hz: counts of the run per second.
        rate: reaction seconds per content second.
        content_speed: content seconds per second of the run where the run is on the reaction's clock; None where
            it is on the content's, so that reaction times are scaled by `rate`.
        shift_s: seconds by which the reaction's clock is early, and the content's late.

    Returns:
        The segment, cut at second 0 of both.
    """
    speed, stretch = (1.0, rate) if content_speed is None else (content_speed, 1.0)
    content, end = (max(0.0, (at - run.offset) / hz * speed + shift_s[1]) for at in (run.start, run.end))
    start = content / speed + run.offset / hz - shift_s[1] / speed - shift_s[0]
    if start < 0:
        content, start = content - start * speed, 0.0
    return Segment(content, end, start * stretch, run.score, rate)


def overlap_refusal(
    segments: list[Segment], config: AlignConfig, shorter_s: float, *, shared: str, min_score: float | None = None
) -> str:
    """Why segments are not enough for an offset map.

    Args:
        segments: of one map.
        config: `min_common_s` and `min_share` apply.
        shorter_s: length of the shorter of the two recordings, in seconds.
        shared: what the two have in common, for the message: "sound".
        min_score: score that the best segment needs; None where the score does not decide.

    Returns:
        The reason; "" where they are enough.
    """
    best = max((s.score for s in segments), default=0.0)
    common = sum(s.content_end_s - s.content_start_s for s in segments)
    needed = max(config.min_common_s, config.min_share * shorter_s)
    if common >= needed and (min_score is None or best >= min_score):
        return ""
    scored, score = ("", "") if min_score is None else (f" at a score of {best:.1f}", f" and {min_score:g}")
    return (
        f"too little {shared} in common: {common:.1f} s{scored}; needed: {needed:.1f} s{score}. "
        "Check that reaction and content belong together"
    )
