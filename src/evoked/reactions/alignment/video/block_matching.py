"""Which frames of a reaction show which frames of a content, once it is known where in the frame the content is.

Blocks of a few seconds are compared with the whole content; where one moment stands out, that is a match.
Matches that lie on one line are a stretch that ran on. How exactly it starts and ends is said by its frames.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len

from evoked.core.run_lengths import run_lengths
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
HOP_FRAMES = 19  # … that overlap by half
ENERGY_FLOOR = 0.1  # kept below energies of a frame: a calm stretch is like anything
SAME_MOMENT_FRAMES = 6  # frames within which a moment is the same
MIN_CORRELATION = 0.25  # least correlation of a match …
MIN_RIVAL_RATIO = 1.5  # … and how many times that of the next best moment
SAME_LINE_FRAMES = 1.25  # frames within which matches are on one line: 0.1 s
MAX_DRIFT = 0.02  # largest change of speed that is looked for beside the one that blocks ask for …
SPEEDS = tuple(1 + n / 100 for n in range(-7, 8))  # … of these
MIN_SPEED_GAIN_S = 0.015  # a speed must bring matches nearer to their lines than the content's own, by this
BOX_STEPS = (0.08, 0.04, 0.02)  # of the content's width, by which a rectangle is moved and stretched
FULL_WEIGHT_CORRELATION = (
    0.3  # correlation of a cell from which on it counts in full: what lies on top of the content has about 0
)
PRESENCE_CORRELATION = 0.3  # correlation of a frame's changes from which on it speaks for the content
MAX_FRAME_GAIN = 12.0  # nats of a frame that is wholly alike
NOISE_SHARE = 0.25  # of the usual changes: less is the camera's noise, which a content that stands still has as well
SWITCH_COST = 3.0  # nats that a line costs to come or go: blocks have shown that it is there
CALM_ENERGY = 5.0  # of a frame's changes, all cells together: less hardly counts


@dataclass(frozen=True)
class BlockMatch:
    """A block of the reaction that is like one moment of the content.

    Attributes:
        at: its middle, in frames of the reaction.
        there: the same moment in frames of the content, with a fraction.
        score, rival: correlation of changes, and the best at any other moment.
        above: by how many deviations of all other moments the score is above their middle.
    """

    at: float
    there: float
    score: float
    rival: float
    above: float

    @property
    def clear(self) -> bool:
        """Whether it stands out from all other moments."""
        return self.score >= max(MIN_CORRELATION, MIN_RIVAL_RATIO * self.rival)


def correlation(ours: Cells, theirs: Cells) -> float:
    """Correlation of two rows of changes, drawn towards 0 where little changes."""
    both = (float((ours**2).sum()) + ENERGY_FLOOR * len(ours)) * (float((theirs**2).sum()) + ENERGY_FLOOR * len(theirs))
    return float((ours * theirs).sum()) / float(np.sqrt(both)) if both else 0.0


def refine_box(reaction: FrameThumbnails, theirs: Cells, hypothesis: RegionHypothesis) -> Box:
    """Move and stretch a hypothesis's rectangle as long as its block grows more like the content.

    Args:
        reaction: its frames.
        theirs: the content's changes of SHAPE cells, at the hypothesis's speed and way round.
        hypothesis: the rectangle and its block.
    """
    cells = reaction.cells[hypothesis.start : hypothesis.end + 1]

    def likeness(trial: NDArray[np.float64]) -> float:
        ours = crop_box(cells, (trial[0], trial[1], trial[2], trial[3]), SHAPE)
        pairs = (_overlapping_rows(ours, theirs, hypothesis.start + hypothesis.lag + more) for more in (-1, 0, 1))
        return max(correlation(*pair) for pair in pairs)

    box, _ = climb_box(
        likeness,
        np.array(hypothesis.box),
        BOX_STEPS,
        allowed=lambda trial: bool(trial[2:].min() > 1),
        min_gain=1e-4,
        max_sweeps=4,
        relative=True,
    )
    return float(box[0]), float(box[1]), float(box[2]), float(box[3])


def _overlapping_rows(ours: Cells, theirs: Cells, lag: int) -> tuple[Cells, Cells]:
    """What is common where row t of ours stands beside row t + lag of theirs."""
    start, end = max(0, -lag), min(len(ours), len(theirs) - lag)
    return ours[start : max(start, end)], theirs[start + lag : max(start, end) + lag]


class BlockMatcher:
    """A content's changes, to be asked at which moment a block of a reaction is like it."""

    def __init__(self, theirs: Cells, block: int = BLOCK_FRAMES) -> None:
        self.size = next_fast_len(len(theirs) + block, real=True)
        self.spectra = np.fft.rfft(theirs, self.size, axis=0)
        self.lags = np.arange(-(block // 2), max(1, len(theirs) - block // 2))
        energy = np.concatenate([[0.0], (theirs**2).sum(axis=1, dtype=np.float64).cumsum()])
        ends = np.clip(self.lags + block, 0, len(theirs))
        self.energy = energy[ends] - energy[np.clip(self.lags, 0, len(theirs))] + ENERGY_FLOOR * block

    def correlations(self, block: Cells) -> NDArray[np.float64]:
        """Correlation with a block at each of `lags`."""
        product = np.einsum("fk,fk->f", np.fft.rfft(block, self.size, axis=0).conj(), self.spectra)
        own = float((block**2).sum()) + ENERGY_FLOOR * len(block)
        out: NDArray[np.float64] = np.fft.irfft(product, self.size)[self.lags] / np.sqrt(own * self.energy)
        return out


def match_blocks(ours: Cells, theirs: Cells, speed: float, hop: int = HOP_FRAMES) -> Iterator[BlockMatch]:
    """Blocks of the reaction, `hop` frames apart, and the moment of the content that each is most like at a speed."""
    block = min(BLOCK_FRAMES, len(ours))
    matcher = BlockMatcher(theirs, block)
    for start in range(0, len(ours) - block + 1, hop):
        score = matcher.correlations(ours[start : start + block])
        at = int(np.argmax(score))
        others = np.concatenate([score[: max(0, at - SAME_MOMENT_FRAMES)], score[at + SAME_MOMENT_FRAMES + 1 :]])
        middle = start + block / 2
        there = float(matcher.lags[at]) + parabolic_peak(score, at) + block / 2
        if not len(others):
            continue  # there is no other moment to stand out from
        usual = float(np.median(others))
        above = (float(score[at]) - usual) / (1.4826 * float(np.median(np.abs(others - usual))) + 0.01)
        yield BlockMatch(middle, there * speed, float(score[at]), float(others.max()), above)


def blocks_speed(ours: Cells, seen: list[BlockMatch], content: Callable[[float], Cells], most: float) -> float:
    """The speed of the content at which blocks are most like the moments that they were match_at at.

    Args:
        ours: the reaction's changes.
        seen: matches.
        content: the content's changes, played at a speed.
        most: largest change of speed, as a share.
    """
    half, best = BLOCK_FRAMES // 2, (-1.0, 1.0)
    for speed in (s for s in SPEEDS if abs(s - 1) <= most + 0.01):
        theirs, total = content(speed), 0.0
        for one in seen:
            start, lag = int(one.at) - half, round(one.there / speed - one.at)
            block = ours[start : start + 2 * half]
            total += max(correlation(*_overlapping_rows(block, theirs, start + lag + more)) for more in (-1, 0, 1))
        best = max(best, (total, speed), key=lambda b: (b[0], -abs(b[1] - 1)))
    return best[1]


def fit_lines(seen: list[BlockMatch], speed: float, drift: float) -> tuple[float, list[list[BlockMatch]]]:
    """The lines that matches lie on, and their common speed.

    Args:
        seen: matches.
        speed: content seconds for each second of the reaction, as taken so far.
        drift: how far from it is looked, as a share; 0: not at all.

    Returns:
        The speed that puts most matches on few lines, 1 where that explains them as well; the lines, the one
        with most matches first.
    """
    if not seen:
        return speed, []
    at, there = np.array([s.at for s in seen]), np.array([s.there for s in seen])
    if drift:
        span = max(float(np.ptp(at)), float(BLOCK_FRAMES))
        steps = int(np.ceil(drift * span / (SAME_LINE_FRAMES / 2)))
        tried = speed * (1 + drift * np.arange(-steps, steps + 1) / max(1, steps))
        near_one = abs(speed - 1) <= drift
        if near_one:
            tried = np.append(tried, 1.0)
        speed = float(max(tried, key=lambda s: (sum(len(g) ** 2 for g in _groups(there / s - at)), -abs(s - 1))))
        for _ in range(2):  # settle it by least squares, each line with its own offset
            x, y = _from_middles(at, there, speed)
            speed = float(x @ y / (x @ x)) if x @ x > 0 else speed
        x, y = _from_middles(at, there, speed)
        off, off_one = (float(np.sqrt(np.mean((y - x * s) ** 2))) for s in (speed, 1.0))
        if near_one and off_one - off < MIN_SPEED_GAIN_S * float(HZ):
            speed = 1.0
    return speed, [[seen[i] for i in g] for g in _groups(there / speed - at)]


def _from_middles(
    at: NDArray[np.float64], there: NDArray[np.float64], speed: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frames of the reaction and of the content, each from the middle of its line."""
    groups = _groups(there / speed - at)
    return (
        np.concatenate([at[g] - at[g].mean() for g in groups]),
        np.concatenate([there[g] - there[g].mean() for g in groups]),
    )


def _groups(offsets: NDArray[np.float64]) -> list[NDArray[np.int64]]:
    """Numbers of those that lie within SAME_LINE_FRAMES of a middle, the largest groups first."""
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


def informative(ours: Cells, theirs: Cells, spans: list[tuple[int, int, int]]) -> Cells:
    """Which cells follow the content: weights in [0, 1], shape (cells,), from spans (start, end, lag) that show it."""
    product, own, content = (np.zeros(ours.shape[1]) for _ in range(3))
    for start, end, lag in spans:
        x, y = _overlapping_rows(ours[max(0, start) : end], theirs, max(0, start) + lag)
        product, own, content = product + (x * y).sum(0), own + (x**2).sum(0), content + (y**2).sum(0)
    follow = product / np.sqrt(own * content + 1e-6)
    weight: Cells = np.clip(follow / FULL_WEIGHT_CORRELATION, 0, 1).astype(np.float32)
    return weight


def _best_stretch(gain: NDArray[np.float64], start: int, end: int) -> tuple[int, int]:
    """A stretch without what tells nothing at either end: there a content that stands still may have been paused."""
    end = start + int(np.argmax(np.cumsum(gain[start:end]))) + 1
    return end - int(np.argmax(np.cumsum(gain[start:end][::-1]))) - 1, end


def runs_along(ours: Cells, theirs: Cells, offset: float, score: float) -> list[AlignedRun]:
    """The stretches over which the reaction shows the content along an offset.

    Args:
        ours, theirs: changes, row t of the one beside row t of the other.
        offset: reaction less content, in frames; only passed on.
        score: the line's standard score.
    """
    product, own, content = (ours * theirs).sum(1), (ours**2).sum(1), (theirs**2).sum(1)
    alike = product > 0.3 * np.maximum(own, content)
    scale = float(np.sqrt(content[alike].sum() / max(float(own[alike].sum()), 1e-6))) if alike.any() else 1.0
    own = own * scale**2
    energy = (np.maximum(own - NOISE_SHARE * np.median(own), 0) + content) / 2 if len(own) else own
    # +1 where both change alike, 0 where they have nothing in common; a calm frame says nothing
    same = np.minimum(product * scale / np.maximum(energy, 1e-6), 1)
    gain = MAX_FRAME_GAIN * (same - PRESENCE_CORRELATION) * energy / (energy + CALM_ENERGY)
    out = []
    for first, last in zip(*run_lengths(viterbi_segments(gain, SWITCH_COST)), strict=True):
        # Row t is the change from frame t to frame t + 1
        start, end = _best_stretch(gain, int(first), int(last))
        level = correlation(ours[start:end], theirs[start:end])
        out.append(AlignedRun(offset, float(start), float(end + 1), float(gain[start:end].sum()), score, level))
    return out
