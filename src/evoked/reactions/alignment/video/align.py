"""Temporal alignment of a reaction with its content by video, where no sound is common.

A search over rectangles and moments proposes where in the frame the content is, and which part of it a few
seconds show. The changes in that rectangle are then compared with the whole content, block by block: if blocks
that do not overlap point at one line, each far more than at any other moment, the content is there.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from evoked.core.errors import AlignmentError
from evoked.reactions.alignment.chaining import (
    MIN_RUN_S,
    AlignedRun,
    best_chain,
    fill_gaps,
    merge_runs,
    overlap_refusal,
    run_to_segment,
)
from evoked.reactions.alignment.config import AlignConfig
from evoked.reactions.alignment.offset_map import OffsetMap, Segment
from evoked.reactions.alignment.video.block_matching import (
    BLOCK_FRAMES,
    HOP_FRAMES,
    MAX_DRIFT,
    SHAPE,
    BlockMatch,
    blocks_speed,
    fit_lines,
    informative,
    match_blocks,
    refine_box,
    runs_along,
)
from evoked.reactions.alignment.video.region_search import FRAME_STEP, RegionHypothesis, SearchedContent, search_region
from evoked.reactions.alignment.video.thumbnails import (
    CHUNK,
    HZ,
    Box,
    Cells,
    FrameThumbnails,
    content_changes,
    crop_box,
    mirror,
    pool_cells,
)

__all__ = ["FollowedRun", "align_by_video", "enough_motion", "follow_region", "map_runs", "region_hypotheses"]

SEARCHED_S = 12.0  # of a block that the rectangle is searched with
MAX_SEARCHED_BLOCKS = 6  # that are searched, spread over the reaction, …
MIN_PART_S = 12.0  # … at most one in a part so long
SEARCHED_SPEEDS = (0.955, 1.045)  # that are searched beside 1: each holds for 3 % either way
MAX_FOLLOWED = 3  # hypotheses of each speed that are compared with the whole content
MAX_PROBED_BLOCKS = (
    120  # blocks of a long reaction that a hypothesis is tested on: each is compared with the whole content
)
MIN_BLOCKS = 3  # blocks, none overlapping another, that must point at lines of two or more …
MIN_BLOCKS_CONFIRMED = 2  # … or so many, if the sound says the same: wrong contents had two in 3 of 8 trials
CLEAR_SHARE = 0.5  # share of all blocks on lines beyond which no other hypothesis is followed
MIN_MOTION = 0.5  # grey levels that some cell must change by from frame to frame, in the mean of the liveliest tenth
REWIND_COST = 100.0  # nats that a rewind must bring: blocks have shown that its line is there
FRAME_MS = 1000 / float(HZ)  # milliseconds of a frame: runs are counted in these


@dataclass(frozen=True, eq=False)
class FollowedRun:
    """A hypothesis that was compared with the whole content.

    Attributes:
        box: the content's rectangle in cells of the reaction.
        mirrored: whether it is shown left to right.
        speed: content seconds for each second of the reaction.
        ours: the changes in the rectangle.
        weight: how far each of its cells counts: what lies on top of the content does not.
        lines: matches that lie on one line each, most first.
        blocks: how many there are in all.
    """

    box: Box
    mirrored: bool
    speed: float
    ours: Cells
    weight: Cells
    lines: tuple[tuple[BlockMatch, ...], ...]
    blocks: int

    @property
    def proofs(self) -> int:
        """Blocks, none overlapping another, on lines of at least two such."""
        return sum(n for n in map(_disjoint_blocks, self.lines) if n >= 2)

    @property
    def rank(self) -> tuple[int, float]:
        """What hypotheses are ranked by."""
        return min(self.proofs, MIN_BLOCKS), self.evidence

    @property
    def clear(self) -> bool:
        """Whether so much is explained that no other hypothesis can be the true one."""
        return (
            self.proofs >= MIN_BLOCKS
            and sum(len(line) for line in self.lines if _disjoint_blocks(line) >= 2) > CLEAR_SHARE * self.blocks
        )

    @property
    def evidence(self) -> float:
        """By how much the matches on lines stand above their rivals, all together."""
        return sum(s.score - s.rival for line in self.lines if _disjoint_blocks(line) >= 2 for s in line)


def align_by_video(
    reaction: FrameThumbnails,
    content: FrameThumbnails,
    config: AlignConfig | None = None,
    confirmed: Callable[[list[Segment]], bool] | None = None,
) -> OffsetMap:
    """Map the content's time onto the reaction's by what is seen.

    Args:
        reaction, content: thumbnails of both.
        confirmed: whether another modality confirms the segments; asked where fewer than MIN_BLOCKS
            blocks match.
        config: `min_common_s`, `min_share`, `min_segment_s`, `max_bridge_s` and `max_speed_change`
            apply as for sound.

    Returns:
        Segments whose score is how many deviations their blocks stand above all other moments, all together.

    Raises:
        AlignmentError: if the content is not seen in the reaction beyond doubt, or too little of it.
    """
    config = config or AlignConfig()
    for name, frames in (("reaction", reaction), ("content", content)):
        if not _has_motion(frames):
            raise AlignmentError(f"the {name}'s picture hardly changes, so it cannot be aligned by picture")
    best = _best(reaction, content, config)
    segments = map_runs(reaction, content, best, config) if best else []
    if best is None or (best.proofs < MIN_BLOCKS and not (confirmed and segments and confirmed(segments))):
        raise AlignmentError(
            "the content is not clearly visible in the reaction. Check that they belong together and that the content "
            "keeps its position in the frame for a dozen seconds with motion"
        )
    return _checked_map(segments, config, min(reaction.seconds, content.seconds))


def _best(reaction: FrameThumbnails, content: FrameThumbnails, config: AlignConfig) -> FollowedRun | None:
    """The best hypothesis; None where each has fewer than MIN_BLOCKS_CONFIRMED matching blocks."""
    best: FollowedRun | None = None
    for hypothesis in region_hypotheses(reaction, content, config.max_speed_change):
        followed = follow_region(reaction, content, hypothesis, config.max_speed_change)
        if followed.proofs >= MIN_BLOCKS_CONFIRMED and (best is None or followed.rank > best.rank):
            best = followed
        if best is not None and best.clear:
            break
    return best


def region_hypotheses(
    reaction: FrameThumbnails, content: FrameThumbnails, max_speed_change: float
) -> Iterator[RegionHypothesis]:
    """What may be followed, the likeliest first; the content's own speed before others."""
    starts = enough_motion(reaction)
    block = min(round(SEARCHED_S * float(HZ)), len(reaction.cells) - 1) // FRAME_STEP
    for speeds in ((1.0,), SEARCHED_SPEEDS if max_speed_change > MAX_DRIFT else ()):
        hypotheses: list[RegionHypothesis] = []
        for speed in speeds:
            searched = SearchedContent(content, speed, block)
            hypotheses += [
                g for g in (search_region(reaction, start, searched, content.aspect) for start in starts) if g
            ]
        hypotheses.sort(key=lambda g: g.rival - g.score)
        yield from hypotheses[:MAX_FOLLOWED]


def follow_region(
    reaction: FrameThumbnails, content: FrameThumbnails, hypothesis: RegionHypothesis, max_speed_change: float
) -> FollowedRun:
    """Compare a hypothesis with the whole content; `max_speed_change`: largest change of speed, as a share."""

    def content_rows(speed: float) -> Cells:
        return _mirrored(content_changes(content, speed, SHAPE), hypothesis.mirrored)

    def matches_at(speed: float) -> list[BlockMatch]:
        return list(match_blocks(ours * weight, content_rows(speed) * weight, speed, hop))

    box = refine_box(reaction, content_rows(hypothesis.speed), hypothesis)
    ours, weight = crop_box(reaction.cells, box, SHAPE), np.ones(SHAPE[0] * SHAPE[1], np.float32)
    hop = max(HOP_FRAMES, len(ours) // MAX_PROBED_BLOCKS)
    speed, seen = hypothesis.speed, matches_at(hypothesis.speed)
    if max_speed_change > 0 and any(s.clear for s in seen):
        speed = blocks_speed(ours, [s for s in seen if s.clear], content_rows, max_speed_change)
        for drift in (MAX_DRIFT, MAX_DRIFT / 4):  # a block is clearer the nearer its speed is
            seen = matches_at(speed)
            speed, _ = fit_lines([s for s in seen if s.clear], speed, drift)
        seen = matches_at(speed)
    speed, lines = fit_lines([s for s in seen if s.clear], speed, 0.0)
    on_lines = [s for line in lines if _disjoint_blocks(line) >= 2 for s in line]
    if on_lines:  # what lies on top of the content is left out, and the blocks are matched again
        weight = _weight(ours, content_rows(speed), on_lines, speed)
        seen = matches_at(speed)
        speed, lines = fit_lines([s for s in seen if s.clear], speed, MAX_DRIFT / 4 if max_speed_change > 0 else 0.0)
    return FollowedRun(box, hypothesis.mirrored, speed, ours, weight, tuple(map(tuple, lines)), len(seen))


def _weight(ours: Cells, theirs: Cells, seen: list[BlockMatch], speed: float) -> Cells:
    half = BLOCK_FRAMES / 2
    spans = [(round(s.at - half), round(s.at + half), round(s.there / speed - s.at)) for s in seen]
    out: Cells = np.sqrt(informative(ours, theirs, spans))
    return out


def map_runs(
    reaction: FrameThumbnails, content: FrameThumbnails, followed: FollowedRun, config: AlignConfig
) -> list[Segment]:
    """The stretches that a hypothesis's lines run through, in the order of the content."""
    runs: list[AlignedRun] = []
    for line in _all_lines(content, followed):
        late = float(np.median([s.there / followed.speed - s.at for s in line]))
        ours, beside, first = _aligned_rows(followed, content, late)
        score = float(np.sqrt(sum(s.above**2 for s in line) / 2))  # blocks overlap by half
        runs += [_in_milliseconds(run, first) for run in runs_along(ours, beside, -late, score)]
    # Frames show what was on the screen already; a content's frame stands for all of its time
    shift_s = reaction.hold_s, content.frame_s / 2 - content.hold_s if content.frame_s else 0.0
    chain = best_chain(runs, 1000, step_back=REWIND_COST)
    lines = {run.offset for run in chain}  # what runs on one of them before a rewind was not worth the step back
    chain = fill_gaps(chain, [r for r in runs if r.offset in lines and r not in chain], 1000, smear_s=MIN_RUN_S)
    segments = [
        run_to_segment(run, 1000, 1 / followed.speed, content_speed=followed.speed, shift_s=shift_s)
        for run in merge_runs(chain, 1000, config.max_bridge_s)
    ]
    return [s for s in segments if s.content_end_s - s.content_start_s >= config.min_segment_s]


def _all_lines(content: FrameThumbnails, followed: FollowedRun) -> list[list[BlockMatch]]:
    """The lines of every block, where a hypothesis was tested on some alone."""
    if followed.blocks >= (len(followed.ours) - BLOCK_FRAMES) // HOP_FRAMES:
        return [list(line) for line in followed.lines]
    theirs = _mirrored(content_changes(content, followed.speed, SHAPE), followed.mirrored)
    seen = match_blocks(followed.ours * followed.weight, theirs * followed.weight, followed.speed)
    return fit_lines([s for s in seen if s.clear], followed.speed, 0.0)[1]


def enough_motion(reaction: FrameThumbnails) -> list[int]:
    """First frames of blocks spread over the reaction, the liveliest of each part."""
    length = round(SEARCHED_S * float(HZ))
    last = len(reaction.cells) - 1 - length
    if last <= 0:
        return [0]
    count = int(np.clip(reaction.seconds / MIN_PART_S, 2, MAX_SEARCHED_BLOCKS))
    moved = np.sqrt(_frame_differences(reaction).mean(axis=1))
    lively = np.convolve(moved, np.ones(length), mode="valid")
    edges = np.linspace(0, last + 1, count + 1).astype(np.int64)
    return [int(a + np.argmax(lively[a : max(b, a + 1)])) for a, b in pairwise(edges)]


def _has_motion(frames: FrameThumbnails) -> bool:
    """Whether anything happens in a picture: a still one holds coding noise alone."""
    if len(frames.cells) < 2 * FRAME_STEP + 1:
        return False
    most = np.sort(_frame_differences(frames).max(axis=1))
    return float(most[len(most) - len(most) // 10 - 1 :].mean()) > MIN_MOTION


def _frame_differences(frames: FrameThumbnails) -> Cells:
    """By how many grey levels large cells change from frame to frame: (frames − 1, cells)."""
    starts = range(0, len(frames.cells) - 1, CHUNK)
    steps = [np.abs(np.diff(pool_cells(frames.cells[a : a + CHUNK + 1], SHAPE), axis=0)) for a in starts]
    out: Cells = np.concatenate(steps).reshape(len(frames.cells) - 1, -1)
    return out


def _mirrored(rows: Cells, mirrored: bool) -> Cells:
    return mirror(rows, SHAPE) if mirrored else rows


def _disjoint_blocks(line: Sequence[BlockMatch]) -> int:
    """How many of a line's blocks do not overlap."""
    count, end = 0, -float(BLOCK_FRAMES)
    for at in sorted(s.at for s in line):
        if at - end >= BLOCK_FRAMES:
            count, end = count + 1, at
    return count


def _aligned_rows(followed: FollowedRun, content: FrameThumbnails, late: float) -> tuple[Cells, Cells, int]:
    """Ours and the content's changes row beside row along a line, and the frame of the reaction that they begin at."""
    first = max(0, int(np.ceil(-late)))
    theirs = _mirrored(content_changes(content, followed.speed, SHAPE, late=late + first), followed.mirrored)
    count = min(len(followed.ours) - first, len(theirs) - int(np.ceil(late + first)))
    ours = followed.ours[first : first + max(0, count)] * followed.weight
    return ours, theirs[: len(ours)] * followed.weight, first


def _in_milliseconds(run: AlignedRun, first: int) -> AlignedRun:
    return replace(
        run, offset=run.offset * FRAME_MS, start=(run.start + first) * FRAME_MS, end=(run.end + first) * FRAME_MS
    )


def _checked_map(segments: list[Segment], config: AlignConfig, shorter_s: float) -> OffsetMap:
    if reason := overlap_refusal(segments, config, shorter_s, shared="picture"):
        raise AlignmentError(reason)
    return OffsetMap(max(s.score for s in segments), tuple(segments), "picture")
