"""Find where a reaction stands on its content's time by what is seen, where no sound is common.

A search over rectangles and moments guesses where in the frame the film is, and which part of it a few
seconds show. The changes in that rectangle are then compared with the whole film, block by block: if blocks
that do not overlap point at one line, each far more than at any other moment, the film is there.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from evoked.core.errors import AlignmentError
from evoked.reactions.alignment.chaining import (
    LEAST_S,
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
    BLOCK,
    DRIFT,
    HOP,
    SHAPE,
    BlockMatch,
    blocks_speed,
    fit_lines,
    informative,
    match_blocks,
    refine_box,
    runs_along,
)
from evoked.reactions.alignment.video.region_search import EVERY, RegionHypothesis, SearchedContent, search_region
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

SEARCHED_S = 12.0  # of a block that the rectangle is searched with
BLOCKS = 6  # that are searched, spread over the reaction, …
PART_S = 12.0  # … at most one in a part so long
SPEEDS = (0.955, 1.045)  # that are searched beside 1: each holds for 3 % either way
FOLLOWED = 3  # guesses of each speed that are held against the whole film
PROBED = 120  # blocks of a long reaction that a guess is held against: each is compared with the whole film
LEAST = 3  # blocks, none overlapping another, that must point at lines of two or more …
FEWER = 2  # … or so many, if the sound says the same: wrong films had two in 3 of 8 trials
PLAIN = 0.5  # share of all blocks on lines beyond which no other guess is followed
MOVES = 0.5  # grey levels that some cell must change by from look to look, in the mean of the liveliest tenth
STEP_BACK = 100.0  # nats that a rewind must bring: blocks have shown that its line is there
MS = 1000 / float(HZ)  # milliseconds of a look: runs are counted in these


@dataclass(frozen=True, eq=False)
class FollowedRun:
    """A guess that was held against the whole film.

    Attributes:
        box: the film's rectangle in cells of the reaction.
        mirrored: whether it is shown left to right.
        speed: film seconds for each second of the reaction.
        ours: the changes in the rectangle.
        weight: how far each of its cells counts: what lies on top of the film does not.
        lines: sightings that lie on one line each, most first.
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
        return sum(n for n in map(_apart, self.lines) if n >= 2)

    @property
    def weighs(self) -> tuple[int, float]:
        """What guesses are compared by."""
        return min(self.proofs, LEAST), self.evidence

    @property
    def plain(self) -> bool:
        """Whether so much is explained that no other guess can be the true one."""
        return self.proofs >= LEAST and sum(len(line) for line in self.lines if _apart(line) >= 2) > PLAIN * self.blocks

    @property
    def evidence(self) -> float:
        """By how much the sightings on lines stand above their rivals, all together."""
        return sum(s.score - s.rival for line in self.lines if _apart(line) >= 2 for s in line)


def align_by_video(
    reaction: FrameThumbnails,
    film: FrameThumbnails,
    config: AlignConfig | None = None,
    confirmed: Callable[[list[Segment]], bool] | None = None,
) -> OffsetMap:
    """Map the content's time onto the reaction's by what is seen.

    Args:
        reaction, film: looks at both.
        confirmed: whether another witness says the same; asked where fewer than LEAST blocks speak for the film.
        config: `min_common_s`, `min_share`, `min_segment_s`, `max_bridge_s` and `speed` hold here as for sound.

    Returns:
        Segments whose score is how many deviations their blocks stand above all other moments, all together.

    Raises:
        AlignmentError: if the film is not seen in the reaction beyond doubt, or too little of it.
    """
    config = config or AlignConfig()
    for name, looks in (("reaction", reaction), ("content", film)):
        if not _moves(looks):
            raise AlignmentError(f"the {name}'s picture hardly changes, so it cannot be aligned by picture")
    best = _best(reaction, film, config)
    segments = map_runs(reaction, film, best, config) if best else []
    if best is None or (best.proofs < LEAST and not (confirmed and segments and confirmed(segments))):
        raise AlignmentError(
            "the film is not seen in the reaction beyond doubt. Check that they belong together and that the film "
            "stands in one place of the frame for a dozen lively seconds"
        )
    return _judged(segments, config, min(reaction.seconds, film.seconds))


def _best(reaction: FrameThumbnails, film: FrameThumbnails, config: AlignConfig) -> FollowedRun | None:
    """The guess that most speaks for; None where fewer than FEWER blocks do."""
    best: FollowedRun | None = None
    for found in region_hypotheses(reaction, film, config.speed):
        one = follow_region(reaction, film, found, config.speed)
        if one.proofs >= FEWER and (best is None or one.weighs > best.weighs):
            best = one
        if best is not None and best.plain:
            break
    return best


def region_hypotheses(
    reaction: FrameThumbnails, film: FrameThumbnails, most_speed: float
) -> Iterator[RegionHypothesis]:
    """What may be followed, the likeliest first; the film's own speed before others."""
    starts = enough_motion(reaction)
    block = min(round(SEARCHED_S * float(HZ)), len(reaction.cells) - 1) // EVERY
    for speeds in ((1.0,), SPEEDS if most_speed > DRIFT else ()):
        found: list[RegionHypothesis] = []
        for speed in speeds:
            searched = SearchedContent(film, speed, block)
            found += [g for g in (search_region(reaction, start, searched, film.aspect) for start in starts) if g]
        found.sort(key=lambda g: g.rival - g.score)
        yield from found[:FOLLOWED]


def follow_region(
    reaction: FrameThumbnails, film: FrameThumbnails, found: RegionHypothesis, most_speed: float
) -> FollowedRun:
    """Hold a guess against the whole film; `most_speed`: largest change of speed, as a share."""

    def shown(speed: float) -> Cells:
        return _turned(content_changes(film, speed, SHAPE), found.mirrored)

    def sighted(speed: float) -> list[BlockMatch]:
        return list(match_blocks(ours * weight, shown(speed) * weight, speed, hop))

    box = refine_box(reaction, shown(found.speed), found)
    ours, weight = crop_box(reaction.cells, box, SHAPE), np.ones(SHAPE[0] * SHAPE[1], np.float32)
    hop = max(HOP, len(ours) // PROBED)
    speed, seen = found.speed, sighted(found.speed)
    if most_speed > 0 and any(s.clear for s in seen):
        speed = blocks_speed(ours, [s for s in seen if s.clear], shown, most_speed)
        for drift in (DRIFT, DRIFT / 4):  # a block is plainer the nearer its speed is
            seen = sighted(speed)
            speed, _ = fit_lines([s for s in seen if s.clear], speed, drift)
        seen = sighted(speed)
    speed, lines = fit_lines([s for s in seen if s.clear], speed, 0.0)
    on = [s for line in lines if _apart(line) >= 2 for s in line]
    if on:  # what lies on top of the film is left out, and looked again
        weight = _weight(ours, shown(speed), on, speed)
        seen = sighted(speed)
        speed, lines = fit_lines([s for s in seen if s.clear], speed, DRIFT / 4 if most_speed > 0 else 0.0)
    return FollowedRun(box, found.mirrored, speed, ours, weight, tuple(map(tuple, lines)), len(seen))


def _weight(ours: Cells, theirs: Cells, seen: list[BlockMatch], speed: float) -> Cells:
    half = BLOCK / 2
    spans = [(round(s.at - half), round(s.at + half), round(s.there / speed - s.at)) for s in seen]
    out: Cells = np.sqrt(informative(ours, theirs, spans))
    return out


def map_runs(
    reaction: FrameThumbnails, film: FrameThumbnails, found: FollowedRun, config: AlignConfig
) -> list[Segment]:
    """The stretches that a guess's lines run through, in the order of the content."""
    runs: list[AlignedRun] = []
    for line in _all_lines(film, found):
        late = float(np.median([s.there / found.speed - s.at for s in line]))
        ours, beside, first = _laid(found, film, late)
        score = float(np.sqrt(sum(s.above**2 for s in line) / 2))  # blocks overlap by half
        runs += [_timed(run, first) for run in runs_along(ours, beside, -late, score)]
    # Looks show what was on the screen already; a film's frame stands for all of its time
    shift_s = reaction.hold_s, film.frame_s / 2 - film.hold_s if film.frame_s else 0.0
    chain = best_chain(runs, 1000, step_back=STEP_BACK)
    lines = {run.offset for run in chain}  # what runs on one of them before a rewind was not worth the step back
    chain = fill_gaps(chain, [r for r in runs if r.offset in lines and r not in chain], 1000, smear_s=LEAST_S)
    segments = [
        run_to_segment(run, 1000, 1 / found.speed, content_speed=found.speed, shift_s=shift_s)
        for run in merge_runs(chain, 1000, config.max_bridge_s)
    ]
    return [s for s in segments if s.content_end_s - s.content_start_s >= config.min_segment_s]


def _all_lines(film: FrameThumbnails, found: FollowedRun) -> list[list[BlockMatch]]:
    """The lines of every block, where a guess was held against some alone."""
    if found.blocks >= (len(found.ours) - BLOCK) // HOP:
        return [list(line) for line in found.lines]
    theirs = _turned(content_changes(film, found.speed, SHAPE), found.mirrored)
    seen = match_blocks(found.ours * found.weight, theirs * found.weight, found.speed)
    return fit_lines([s for s in seen if s.clear], found.speed, 0.0)[1]


def enough_motion(reaction: FrameThumbnails) -> list[int]:
    """First looks of blocks spread over the reaction, the liveliest of each part."""
    length = round(SEARCHED_S * float(HZ))
    last = len(reaction.cells) - 1 - length
    if last <= 0:
        return [0]
    count = int(np.clip(reaction.seconds / PART_S, 2, BLOCKS))
    moved = np.sqrt(_changing(reaction).mean(axis=1))
    lively = np.convolve(moved, np.ones(length), mode="valid")
    edges = np.linspace(0, last + 1, count + 1).astype(np.int64)
    return [int(a + np.argmax(lively[a : max(b, a + 1)])) for a, b in pairwise(edges)]


def _moves(looks: FrameThumbnails) -> bool:
    """Whether anything happens in a picture: a still one holds coding noise alone."""
    if len(looks.cells) < 2 * EVERY + 1:
        return False
    most = np.sort(_changing(looks).max(axis=1))
    return float(most[len(most) - len(most) // 10 - 1 :].mean()) > MOVES


def _changing(looks: FrameThumbnails) -> Cells:
    """By how many grey levels large cells change from look to look: (looks − 1, cells)."""
    starts = range(0, len(looks.cells) - 1, CHUNK)
    steps = [np.abs(np.diff(pool_cells(looks.cells[a : a + CHUNK + 1], SHAPE), axis=0)) for a in starts]
    out: Cells = np.concatenate(steps).reshape(len(looks.cells) - 1, -1)
    return out


def _turned(rows: Cells, mirrored: bool) -> Cells:
    return mirror(rows, SHAPE) if mirrored else rows


def _apart(line: Sequence[BlockMatch]) -> int:
    """How many of a line's blocks do not overlap."""
    count, end = 0, -float(BLOCK)
    for at in sorted(s.at for s in line):
        if at - end >= BLOCK:
            count, end = count + 1, at
    return count


def _laid(found: FollowedRun, film: FrameThumbnails, late: float) -> tuple[Cells, Cells, int]:
    """Ours and the film's changes row beside row along a line, and the look of the reaction that they begin at."""
    first = max(0, int(np.ceil(-late)))
    theirs = _turned(content_changes(film, found.speed, SHAPE, late=late + first), found.mirrored)
    count = min(len(found.ours) - first, len(theirs) - int(np.ceil(late + first)))
    ours = found.ours[first : first + max(0, count)] * found.weight
    return ours, theirs[: len(ours)] * found.weight, first


def _timed(run: AlignedRun, first: int) -> AlignedRun:
    return replace(run, offset=run.offset * MS, start=(run.start + first) * MS, end=(run.end + first) * MS)


def _judged(segments: list[Segment], config: AlignConfig, shorter_s: float) -> OffsetMap:
    if reason := overlap_refusal(segments, config, shorter_s, shared="picture"):
        raise AlignmentError(reason)
    return OffsetMap(max(s.score for s in segments), tuple(segments), "picture")
