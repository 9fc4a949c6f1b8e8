"""Block matching: which frames of a reaction show which frames of a content, given the content's rectangle.

Blocks of a few seconds are compared with the entire content; where one moment stands out, that is a match. Matches on
one line are a stretch that ran on. Its exact start and end are found frame by frame.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len

from evoked.core.run_lengths import run_lengths
from evoked.parallel.thread_map import thread_map
from evoked.reactions.alignment.chaining import AlignedRun, viterbi_segments
from evoked.reactions.alignment.peak_interpolation import parabolic_peak
from evoked.reactions.alignment.video.box_search import climb_box
from evoked.reactions.alignment.video.region_search import RegionHypothesis
from evoked.reactions.alignment.video.thumbnails import HZ, Box, Cells, FrameThumbnails, crop_box

__all__ = [
    "BLOCK_FRAMES",
    "HOP_FRAMES",
    "MAX_DRIFT",
    "SHAPE",
    "BlockMatch",
    "BlockMatcher",
    "MatchedSpan",
    "blocks_speed",
    "correlation",
    "fit_lines",
    "informative",
    "match_blocks",
    "refine_box",
    "runs_along",
]

SHAPE = (6, 8)  # cells of the content that are compared
BLOCK_FRAMES = 38  # frames of a block: 3 s …
HOP_FRAMES = 19  # … and from one block to the next: they overlap by half
ENERGY_FLOOR = 0.1  # added to the energy of each frame: calm stretches correlate with anything
SAME_MOMENT_FRAMES = 6  # frames within which a moment is the same
MIN_CORRELATION = 0.25  # least correlation of a match …
MIN_RIVAL_RATIO = 1.5  # … and its least ratio to that of the best other moment
SAME_LINE_FRAMES = 1.25  # frames within which matches are on one line: 0.1 s
MAX_DRIFT = 0.02  # largest change of speed that is searched around the best one …
SPEEDS = tuple(1 + n / 100 for n in range(-7, 8))  # … of these
MIN_SPEED_GAIN_S = 0.015  # seconds by which a speed must bring matches nearer to their lines than speed 1 does
BOX_STEPS = (0.08, 0.04, 0.02)  # shares of the content's width by which a rectangle is moved and stretched
FULL_WEIGHT_CORRELATION = (
    0.3  # correlation of a cell from which on it counts in full: a cell covered by something else has about 0
)
PRESENCE_CORRELATION = 0.3  # correlation of a frame's changes from which on it counts as present
MAX_FRAME_GAIN = 12.0  # nats of a frame of perfect correlation
NOISE_SHARE = 0.25  # share of the median energy that is subtracted as camera noise, which a paused content has too
SWITCH_COST = 3.0  # nats that a change between present and absent costs: the blocks have proven the line
CALM_ENERGY = 5.0  # energy of a frame's changes, summed over cells, below which it hardly counts


@dataclass(frozen=True)
class BlockMatch:
    """The moment of the content that a block of the reaction resembles most.

    Attributes:
        at: middle of the block, in frames of the reaction.
        content_at: the same moment in frames of the content, with a fraction.
        score: correlation of changes.
        rival: the best correlation at any other moment.
        above: robust standard score relative to all other moments.
    """

    at: float
    content_at: float
    score: float
    rival: float
    above: float

    @property
    def clear(self) -> bool:
        """Whether it stands out from all other moments."""
        return self.score >= max(MIN_CORRELATION, MIN_RIVAL_RATIO * self.rival)


def correlation(first: Cells, second: Cells) -> float:
    """Correlation of two blocks of changes, shrunk towards 0 where little changes.

    Args:
        first, second: changes, shape (rows, cells).

    Returns:
        In [−1, 1]; 0 for empty blocks.
    """
    energy = float((first**2).sum()) + ENERGY_FLOOR * len(first)
    energy *= float((second**2).sum()) + ENERGY_FLOOR * len(second)
    return float((first * second).sum()) / float(np.sqrt(energy)) if energy else 0.0


def refine_box(reaction: FrameThumbnails, content_rows: Cells, hypothesis: RegionHypothesis) -> Box:
    """Move and stretch a hypothesis's rectangle while the correlation of its block with the content grows.

    Args:
        reaction: its thumbnails.
        content_rows: the content's changes in SHAPE cells, at the hypothesis's speed, mirrored as it is.
        hypothesis: the rectangle and its block.

    Returns:
        The refined rectangle.
    """
    cells = reaction.cells[hypothesis.start : hypothesis.end + 1]

    def similarity(trial: NDArray[np.float64]) -> float:
        rows = crop_box(cells, (trial[0], trial[1], trial[2], trial[3]), SHAPE)
        return _correlation_near(rows, content_rows, hypothesis.start + hypothesis.lag)

    box, _ = climb_box(
        similarity,
        np.array(hypothesis.box),
        BOX_STEPS,
        allowed=lambda trial: bool(trial[2:].min() > 1),
        min_gain=1e-4,
        max_sweeps=4,
        relative=True,
    )
    return float(box[0]), float(box[1]), float(box[2]), float(box[3])


def _correlation_near(rows: Cells, content_rows: Cells, lag: int) -> float:
    """The best correlation at a lag and its two neighbours."""
    pairs = (_overlapping_rows(rows, content_rows, lag + shift) for shift in (-1, 0, 1))
    return max(correlation(*pair) for pair in pairs)


def _overlapping_rows(rows: Cells, content_rows: Cells, lag: int) -> tuple[Cells, Cells]:
    """Rows t and the content's rows t + lag, for every t that has both."""
    start, end = max(0, -lag), min(len(rows), len(content_rows) - lag)
    return rows[start : max(start, end)], content_rows[start + lag : max(start, end) + lag]


class BlockMatcher:
    """A content's changes, prepared for correlation with blocks of a reaction at every lag.

    Args:
        content_rows: the content's changes, shape (rows, cells).
        block: rows of a block.
    """

    def __init__(self, content_rows: Cells, block: int = BLOCK_FRAMES) -> None:
        self.size = next_fast_len(len(content_rows) + block, real=True)
        self.spectra = np.fft.rfft(content_rows, self.size, axis=0)
        self.lags = np.arange(-(block // 2), max(1, len(content_rows) - block // 2))
        energy = np.concatenate([[0.0], (content_rows**2).sum(axis=1, dtype=np.float64).cumsum()])
        ends = np.clip(self.lags + block, 0, len(content_rows))
        self.energy = energy[ends] - energy[np.clip(self.lags, 0, len(content_rows))] + ENERGY_FLOOR * block

    def correlations(self, block: Cells) -> NDArray[np.float64]:
        """Correlation with a block at each of `lags`."""
        product = np.einsum("fk,fk->f", np.fft.rfft(block, self.size, axis=0).conj(), self.spectra)
        block_energy = float((block**2).sum()) + ENERGY_FLOOR * len(block)
        out: NDArray[np.float64] = np.fft.irfft(product, self.size)[self.lags] / np.sqrt(block_energy * self.energy)
        return out


def match_blocks(rows: Cells, content_rows: Cells, speed: float, hop: int = HOP_FRAMES) -> Iterator[BlockMatch]:
    """Blocks of the reaction, and the moment of the content that each resembles most.

    Args:
        rows: the reaction's changes, shape (rows, cells).
        content_rows: the content's changes, played at `speed`, of the same cells.
        speed: content seconds per second of the reaction.
        hop: frames from block to block.

    Yields:
        One match per block, in the order of the reaction.
    """
    block = min(BLOCK_FRAMES, len(rows))
    matcher = BlockMatcher(content_rows, block)

    def match(start: int) -> BlockMatch | None:
        score = matcher.correlations(rows[start : start + block])
        at = int(np.argmax(score))
        rivals = np.concatenate([score[: max(0, at - SAME_MOMENT_FRAMES)], score[at + SAME_MOMENT_FRAMES + 1 :]])
        middle = start + block / 2
        content_middle = float(matcher.lags[at]) + parabolic_peak(score, at) + block / 2
        if not len(rivals):
            return None  # no other moment to compare with
        median = float(np.median(rivals))
        above = (float(score[at]) - median) / (1.4826 * float(np.median(np.abs(rivals - median))) + 0.01)
        return BlockMatch(middle, content_middle * speed, float(score[at]), float(rivals.max()), above)

    yield from filter(None, thread_map(match, range(0, len(rows) - block + 1, hop)))


def blocks_speed(
    rows: Cells, matches: list[BlockMatch], content_rows_at: Callable[[float], Cells], max_change: float
) -> float:
    """The speed of the content at which blocks correlate most with the moments they were matched with.

    Args:
        rows: the reaction's changes.
        matches: matches of its blocks.
        content_rows_at: speed → the content's changes, played at it.
        max_change: largest change of speed, as a share.

    Returns:
        Content seconds per second of the reaction, one of SPEEDS.
    """
    half, best = BLOCK_FRAMES // 2, (-1.0, 1.0)
    for speed in (s for s in SPEEDS if abs(s - 1) <= max_change + 0.01):
        content_rows, total = content_rows_at(speed), 0.0
        for match in matches:
            start, lag = int(match.at) - half, round(match.content_at / speed - match.at)
            total += _correlation_near(rows[start : start + 2 * half], content_rows, start + lag)
        best = max(best, (total, speed), key=lambda b: (b[0], -abs(b[1] - 1)))
    return best[1]


def fit_lines(matches: list[BlockMatch], speed: float, drift: float) -> tuple[float, list[list[BlockMatch]]]:
    """The lines that matches lie on, and their common speed.

    Args:
        matches: matches of blocks.
        speed: content seconds per second of the reaction, as estimated so far.
        drift: range around it that is searched, as a share; 0: none.

    Returns:
        The speed that puts most matches on few lines, or 1 where that fits as well; and the lines, the one
        with most matches first.
    """
    if not matches:
        return speed, []
    at, content_at = np.array([m.at for m in matches]), np.array([m.content_at for m in matches])
    if drift:
        span = max(float(np.ptp(at)), float(BLOCK_FRAMES))
        steps = int(np.ceil(drift * span / (SAME_LINE_FRAMES / 2)))
        tried = speed * (1 + drift * np.arange(-steps, steps + 1) / max(1, steps))
        near_one = abs(speed - 1) <= drift
        if near_one:
            tried = np.append(tried, 1.0)
        speed = float(max(tried, key=lambda s: (sum(len(g) ** 2 for g in _groups(content_at / s - at)), -abs(s - 1))))
        for _ in range(2):  # refine it by least squares, each line with its own offset
            x, y = _from_middles(at, content_at, speed)
            speed = float(x @ y / (x @ x)) if x @ x > 0 else speed
        x, y = _from_middles(at, content_at, speed)
        error, error_at_one = (float(np.sqrt(np.mean((y - x * s) ** 2))) for s in (speed, 1.0))
        if near_one and error_at_one - error < MIN_SPEED_GAIN_S * float(HZ):
            speed = 1.0
    return speed, [[matches[i] for i in g] for g in _groups(content_at / speed - at)]


def _from_middles(
    at: NDArray[np.float64], content_at: NDArray[np.float64], speed: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frames of the reaction and of the content, each from the middle of its line."""
    groups = _groups(content_at / speed - at)
    return (
        np.concatenate([at[g] - at[g].mean() for g in groups]),
        np.concatenate([content_at[g] - content_at[g].mean() for g in groups]),
    )


def _groups(offsets: NDArray[np.float64]) -> list[NDArray[np.int64]]:
    """Indices of offsets within SAME_LINE_FRAMES of a middle one, the largest group first."""
    order = np.argsort(offsets, kind="stable")
    values = offsets[order]
    out = []
    while len(values):
        first = np.searchsorted(values, values - SAME_LINE_FRAMES, side="left")
        last = np.searchsorted(values, values + SAME_LINE_FRAMES, side="right")
        best = int(np.argmax(last - first))
        out.append(np.sort(order[first[best] : last[best]]))
        keep = np.ones(len(values), np.bool_)
        keep[first[best] : last[best]] = False
        order, values = order[keep], values[keep]
    return out


class MatchedSpan(NamedTuple):
    """Rows of a reaction that show the content.

    Attributes:
        start, end: half-open span of rows of the reaction.
        lag: row of the content less row of the reaction.
    """

    start: int
    end: int
    lag: int


def informative(rows: Cells, content_rows: Cells, spans: Sequence[MatchedSpan]) -> Cells:
    """Weights of the cells by how far they follow the content.

    Args:
        rows: the reaction's changes, shape (rows, cells).
        content_rows: the content's changes of the same cells.
        spans: where the reaction shows the content.

    Returns:
        float32 in [0, 1], shape (cells,).
    """
    product, energy, content_energy = (np.zeros(rows.shape[1]) for _ in range(3))
    for start, end, lag in spans:
        x, y = _overlapping_rows(rows[max(0, start) : end], content_rows, max(0, start) + lag)
        product, energy = product + (x * y).sum(0), energy + (x**2).sum(0)
        content_energy = content_energy + (y**2).sum(0)
    correlations = product / np.sqrt(energy * content_energy + 1e-6)
    weight: Cells = np.clip(correlations / FULL_WEIGHT_CORRELATION, 0, 1).astype(np.float32)
    return weight


def _best_stretch(gain: NDArray[np.float64], start: int, end: int) -> tuple[int, int]:
    """A stretch cut to its greatest total gain: at calm ends the content may have been paused."""
    end = start + int(np.argmax(np.cumsum(gain[start:end]))) + 1
    return end - int(np.argmax(np.cumsum(gain[start:end][::-1]))) - 1, end


def runs_along(rows: Cells, content_rows: Cells, offset: float, score: float) -> list[AlignedRun]:
    """The stretches over which the reaction shows the content along an offset.

    Args:
        rows, content_rows: changes of both, row t of one at the same time as row t of the other.
        offset: reaction less content, in frames; only copied to the runs.
        score: standard score of the line.

    Returns:
        Runs in frames, in the order of the reaction.
    """
    product, energy, content_energy = (rows * content_rows).sum(1), (rows**2).sum(1), (content_rows**2).sum(1)
    alike = product > 0.3 * np.maximum(energy, content_energy)
    scale = float(np.sqrt(content_energy[alike].sum() / max(float(energy[alike].sum()), 1e-6))) if alike.any() else 1.0
    energy = energy * scale**2
    if len(energy):
        energy = (np.maximum(energy - NOISE_SHARE * np.median(energy), 0) + content_energy) / 2
    # 1 where both change alike, 0 where they have nothing in common; a calm frame hardly counts
    same = np.minimum(product * scale / np.maximum(energy, 1e-6), 1)
    gain = MAX_FRAME_GAIN * (same - PRESENCE_CORRELATION) * energy / (energy + CALM_ENERGY)
    out = []
    for first, last in zip(*run_lengths(viterbi_segments(gain, SWITCH_COST)), strict=True):
        # Row t is the change from frame t to frame t + 1
        start, end = _best_stretch(gain, int(first), int(last))
        level = correlation(rows[start:end], content_rows[start:end])
        out.append(AlignedRun(offset, float(start), float(end + 1), float(gain[start:end].sum()), score, level))
    return out
