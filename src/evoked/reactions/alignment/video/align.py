"""Temporal alignment of a reaction with its content by video.

A search over rectangles and moments proposes where in the frame the content is, and which moment of it a few seconds
show. The changes in that rectangle are then compared with the entire content, block by block: if blocks that do not
overlap match on one line, each far better than at any other moment, the content is shown.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from evoked.core.errors import AlignmentError
from evoked.parallel.thread_map import thread_map
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
    MatchedSpan,
    blocks_speed,
    fit_lines,
    informative,
    match_blocks,
    refine_box,
    runs_along,
)
from evoked.reactions.alignment.video.region_search import FRAME_STEP, RegionHypothesis, SearchedContent, search_region
from evoked.reactions.alignment.video.thumbnails import (
    CHUNK_FRAMES,
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

SEARCHED_S = 12.0  # seconds of a block that the rectangle is searched with
MAX_SEARCHED_BLOCKS = 6  # blocks that are searched, spread over the reaction, …
MIN_SEARCH_SPACING_S = 12.0  # … at most one in so many seconds
SEARCHED_SPEEDS = (0.955, 1.045)  # speeds that are searched besides 1: each covers 3 % either way
MAX_FOLLOWED = 3  # hypotheses of each group of speeds that are compared with the entire content
MAX_PROBED_BLOCKS = (
    120  # blocks of a long reaction that a hypothesis is tested on: each is compared with the entire content
)
MIN_BLOCKS = 3  # disjoint blocks that must match on lines of two or more …
MIN_BLOCKS_CONFIRMED = 2  # … or so many, if the audio confirms: wrong contents had two in 3 of 8 trials
CLEAR_SHARE = 0.5  # share of all blocks on lines beyond which no further hypothesis is tested
MIN_MOTION = 0.5  # grey levels that some cell must change by per frame, in the mean of the liveliest tenth
REWIND_COST = 100.0  # nats that a rewind must gain: the blocks have proven its line
FRAME_MS = 1000 / float(HZ)  # milliseconds of a frame: runs are in milliseconds


@dataclass(frozen=True, eq=False)
class FollowedRun:
    """A hypothesis that was compared with the entire content.

    Attributes:
        box: the content's rectangle in cells of the reaction.
        mirrored: whether it is mirrored left to right.
        speed: content seconds per second of the reaction.
        rows: the reaction's changes in the rectangle, shape (rows, cells).
        weight: weights of its cells, shape (cells,): those covered by something else have none.
        lines: the matches of each line, the line with most first.
        blocks: number of blocks that were matched.
    """

    box: Box
    mirrored: bool
    speed: float
    rows: Cells
    weight: Cells
    lines: tuple[tuple[BlockMatch, ...], ...]
    blocks: int

    @property
    def proofs(self) -> int:
        """Disjoint blocks on lines of at least two."""
        return sum(n for n in map(_disjoint_blocks, self.lines) if n >= 2)

    @property
    def rank(self) -> tuple[int, float]:
        """Sort key of hypotheses: the larger, the better."""
        return min(self.proofs, MIN_BLOCKS), self.evidence

    @property
    def clear(self) -> bool:
        """Whether it explains so many blocks that no other hypothesis can be true."""
        return (
            self.proofs >= MIN_BLOCKS
            and sum(len(line) for line in self.lines if _disjoint_blocks(line) >= 2) > CLEAR_SHARE * self.blocks
        )

    @property
    def evidence(self) -> float:
        """Total margin of the matches on lines over their rivals."""
        return sum(s.score - s.rival for line in self.lines if _disjoint_blocks(line) >= 2 for s in line)


def align_by_video(
    reaction: FrameThumbnails,
    content: FrameThumbnails,
    config: AlignConfig | None = None,
    confirmed: Callable[[list[Segment]], bool] | None = None,
) -> OffsetMap:
    """Map the content's time onto the reaction's by video.

    Args:
        reaction, content: thumbnails of both.
        confirmed: whether another modality confirms the segments; asked where fewer than MIN_BLOCKS
            blocks match.
        config: `min_common_s`, `min_share`, `min_segment_s`, `max_bridge_s` and `max_speed_change`
            apply as for audio.

    Returns:
        The map; the score of a segment is the joint standard score of its blocks.

    Raises:
        AlignmentError: if the content is not clearly visible in the reaction, or too little of it.
    """
    config = config or AlignConfig()
    for name, frames in (("reaction", reaction), ("content", content)):
        if not _has_motion(frames):
            raise AlignmentError(f"the {name}'s picture hardly changes, so it cannot be aligned by video")
    best = _best(reaction, content, config)
    segments = map_runs(reaction, content, best, config) if best else []
    if best is None or (best.proofs < MIN_BLOCKS and not (confirmed and segments and confirmed(segments))):
        raise AlignmentError(
            "the content is not clearly visible in the reaction. Check that they belong together and that the content "
            "keeps its position in the frame for a dozen seconds with motion; if it is known when the content began, "
            "give that second: --offset-s, or the column offset_s of pairs.csv"
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
    """Hypotheses to be compared with the entire content, the content's own speed before others.

    Args:
        reaction, content: thumbnails of both.
        max_speed_change: largest change of speed that is searched, as a share.

    Yields:
        At most MAX_FOLLOWED per group of speeds, the best first.
    """
    starts = enough_motion(reaction)
    block = min(round(SEARCHED_S * float(HZ)), len(reaction.cells) - 1) // FRAME_STEP
    for speeds in ((1.0,), SEARCHED_SPEEDS if max_speed_change > MAX_DRIFT else ()):
        hypotheses: list[RegionHypothesis] = []
        for speed in speeds:
            searched = SearchedContent(content, speed, block)
            search = partial(search_region, reaction, content=searched, aspect=content.aspect)
            hypotheses += [result for result in thread_map(search, starts) if result]
        hypotheses.sort(key=lambda hypothesis: hypothesis.rival - hypothesis.score)
        yield from hypotheses[:MAX_FOLLOWED]


def follow_region(
    reaction: FrameThumbnails, content: FrameThumbnails, hypothesis: RegionHypothesis, max_speed_change: float
) -> FollowedRun:
    """Compare a hypothesis with the entire content.

    Args:
        reaction, content: thumbnails of both.
        hypothesis: from `search_region`.
        max_speed_change: largest change of speed, as a share; 0: the hypothesis's speed holds.

    Returns:
        The hypothesis with its refined rectangle and speed, and the matches of its blocks.
    """

    def content_rows(speed: float) -> Cells:
        return _mirrored(content_changes(content, speed, SHAPE), hypothesis.mirrored)

    def matches_at(speed: float) -> list[BlockMatch]:
        if speed not in known:
            known[speed] = list(match_blocks(rows * weight, content_rows(speed) * weight, speed, hop))
        return known[speed]

    known: dict[float, list[BlockMatch]] = {}  # speed → matches, as long as the weight is the same
    box = refine_box(reaction, content_rows(hypothesis.speed), hypothesis)
    rows, weight = crop_box(reaction.cells, box, SHAPE), np.ones(SHAPE[0] * SHAPE[1], np.float32)
    hop = max(HOP_FRAMES, len(rows) // MAX_PROBED_BLOCKS)
    speed, matches = hypothesis.speed, matches_at(hypothesis.speed)
    if max_speed_change > 0 and any(m.clear for m in matches):
        speed = blocks_speed(rows, _clear(matches), content_rows, max_speed_change)
        for drift in (MAX_DRIFT, MAX_DRIFT / 4):  # a block is clearer the nearer its speed is
            matches = matches_at(speed)
            speed, _ = fit_lines(_clear(matches), speed, drift)
        matches = matches_at(speed)
    speed, lines = fit_lines(_clear(matches), speed, 0.0)
    on_lines = [m for line in lines if _disjoint_blocks(line) >= 2 for m in line]
    if on_lines:  # the blocks are matched again without the cells that something else covers
        weight = _weight(rows, content_rows(speed), on_lines, speed)
        known.clear()
        matches = matches_at(speed)
        speed, lines = fit_lines(_clear(matches), speed, MAX_DRIFT / 4 if max_speed_change > 0 else 0.0)
    return FollowedRun(box, hypothesis.mirrored, speed, rows, weight, tuple(map(tuple, lines)), len(matches))


def _clear(matches: list[BlockMatch]) -> list[BlockMatch]:
    return [match for match in matches if match.clear]


def _weight(rows: Cells, content_rows: Cells, matches: list[BlockMatch], speed: float) -> Cells:
    half = BLOCK_FRAMES / 2
    spans = [MatchedSpan(round(m.at - half), round(m.at + half), round(m.content_at / speed - m.at)) for m in matches]
    out: Cells = np.sqrt(informative(rows, content_rows, spans))
    return out


def map_runs(
    reaction: FrameThumbnails, content: FrameThumbnails, followed: FollowedRun, config: AlignConfig
) -> list[Segment]:
    """The segments along a hypothesis's lines.

    Args:
        reaction, content: thumbnails of both.
        followed: the hypothesis.
        config: `min_segment_s` and `max_bridge_s` apply.

    Returns:
        In the order of the content.
    """
    runs: list[AlignedRun] = []
    for line in _all_lines(content, followed):
        late = float(np.median([s.content_at / followed.speed - s.at for s in line]))
        aligned = _aligned_rows(followed, content, late)
        score = float(np.sqrt(sum(s.above**2 for s in line) / 2))  # blocks overlap by half
        line_runs = runs_along(aligned.rows, aligned.content_rows, -late, score)
        runs += [_in_milliseconds(run, aligned.first) for run in line_runs]
    # A sampled picture was on the screen for a while already; a frame of the content covers all of its duration
    shift_s = reaction.hold_s, content.frame_s / 2 - content.hold_s if content.frame_s else 0.0
    chain = best_chain(runs, 1000, step_back=REWIND_COST)
    lines = {run.offset for run in chain}  # runs on them that did not pay for a rewind are added
    chain = fill_gaps(chain, [r for r in runs if r.offset in lines and r not in chain], 1000, smear_s=MIN_RUN_S)
    segments = [
        run_to_segment(run, 1000, 1 / followed.speed, content_speed=followed.speed, shift_s=shift_s)
        for run in merge_runs(chain, 1000, config.max_bridge_s)
    ]
    return [s for s in segments if s.content_end_s - s.content_start_s >= config.min_segment_s]


def _all_lines(content: FrameThumbnails, followed: FollowedRun) -> list[list[BlockMatch]]:
    """The lines of all blocks, where the hypothesis was tested on some only."""
    if followed.blocks >= (len(followed.rows) - BLOCK_FRAMES) // HOP_FRAMES:
        return [list(line) for line in followed.lines]
    content_rows = _mirrored(content_changes(content, followed.speed, SHAPE), followed.mirrored)
    matches = match_blocks(followed.rows * followed.weight, content_rows * followed.weight, followed.speed)
    return fit_lines([match for match in matches if match.clear], followed.speed, 0.0)[1]


def enough_motion(reaction: FrameThumbnails) -> list[int]:
    """First frames of blocks spread over the reaction, the one with most motion of each stretch."""
    length = round(SEARCHED_S * float(HZ))
    last = len(reaction.cells) - 1 - length
    if last <= 0:
        return [0]
    count = int(np.clip(reaction.seconds / MIN_SEARCH_SPACING_S, 2, MAX_SEARCHED_BLOCKS))
    motion = np.sqrt(_frame_differences(reaction).mean(axis=1))
    block_motion = np.convolve(motion, np.ones(length), mode="valid")
    edges = np.linspace(0, last + 1, count + 1).astype(np.int64)
    return [int(a + np.argmax(block_motion[a : max(b, a + 1)])) for a, b in pairwise(edges)]


def _has_motion(frames: FrameThumbnails) -> bool:
    """Whether anything moves in a video: a still one contains only coding noise."""
    if len(frames.cells) < 2 * FRAME_STEP + 1:
        return False
    most = np.sort(_frame_differences(frames).max(axis=1))
    return float(most[len(most) - len(most) // 10 - 1 :].mean()) > MIN_MOTION


def _frame_differences(frames: FrameThumbnails) -> Cells:
    """Absolute changes of SHAPE cells from frame to frame, in grey levels: (frames − 1, cells)."""
    starts = range(0, len(frames.cells) - 1, CHUNK_FRAMES)
    steps = [np.abs(np.diff(pool_cells(frames.cells[a : a + CHUNK_FRAMES + 1], SHAPE), axis=0)) for a in starts]
    out: Cells = np.concatenate(steps).reshape(len(frames.cells) - 1, -1)
    return out


def _mirrored(rows: Cells, mirrored: bool) -> Cells:
    return mirror(rows, SHAPE) if mirrored else rows


def _disjoint_blocks(line: Sequence[BlockMatch]) -> int:
    """Number of blocks of a line that do not overlap each other."""
    count, end = 0, -float(BLOCK_FRAMES)
    for at in sorted(s.at for s in line):
        if at - end >= BLOCK_FRAMES:
            count, end = count + 1, at
    return count


class _AlignedRows(NamedTuple):
    """Changes of reaction and content, row by row along a line, and the frame of the reaction that they begin at."""

    rows: Cells
    content_rows: Cells
    first: int


def _aligned_rows(followed: FollowedRun, content: FrameThumbnails, late: float) -> _AlignedRows:
    first = max(0, int(np.ceil(-late)))
    content_rows = _mirrored(content_changes(content, followed.speed, SHAPE, late=late + first), followed.mirrored)
    count = min(len(followed.rows) - first, len(content_rows) - int(np.ceil(late + first)))
    rows = followed.rows[first : first + max(0, count)] * followed.weight
    return _AlignedRows(rows, content_rows[: len(rows)] * followed.weight, first)


def _in_milliseconds(run: AlignedRun, first: int) -> AlignedRun:
    return replace(
        run, offset=run.offset * FRAME_MS, start=(run.start + first) * FRAME_MS, end=(run.end + first) * FRAME_MS
    )


def _checked_map(segments: list[Segment], config: AlignConfig, shorter_s: float) -> OffsetMap:
    if reason := overlap_refusal(segments, config, shorter_s, shared="video"):
        raise AlignmentError(reason)
    return OffsetMap(max(s.score for s in segments), tuple(segments), "video")
