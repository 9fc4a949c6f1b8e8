"""Which looks of a reaction show which looks of a film, once it is known where in the frame the film is.

Blocks of a few seconds are laid beside the whole film; where one moment stands out, that is a sighting.
Sightings that lie on one line are a stretch that ran on. How exactly it starts and ends is said by its looks.
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

SHAPE = (6, 8)  # cells of the film that are compared
BLOCK = 38  # looks of a block: 3 s …
HOP = 19  # … that overlap by half
QUIET = 0.1  # kept below energies of a look: a calm stretch is like anything
NEAR = 6  # looks within which a moment is the same
CLEAR = 0.25  # least correlation of a sighting …
STANDS_OUT = 1.5  # … and how many times that of the next best moment
SAME = 1.25  # looks within which sightings are on one line: 0.1 s
DRIFT = 0.02  # largest change of speed that is looked for beside the one that blocks ask for …
SPEEDS = tuple(1 + n / 100 for n in range(-7, 8))  # … of these
STEADY_S = 0.015  # a speed must bring sightings nearer to their lines than the film's own, by this
MOVES = (0.08, 0.04, 0.02)  # of the film's width, by which a rectangle is moved and stretched
FOLLOWS = 0.3  # correlation of a cell from which on it counts in full: what lies on top of the film has about 0
ALIKE = 0.3  # correlation of a look's changes from which on it speaks for the film
MOST = 12.0  # nats of a look that is wholly alike
STILL = 0.25  # of the usual changes: less is the camera's noise, which a film that stands still has as well
SWITCH = 3.0  # nats that a line costs to come or go: blocks have shown that it is there
CALM = 5.0  # of a look's changes, all cells together: less hardly counts


@dataclass(frozen=True)
class BlockMatch:
    """A block of the reaction that is like one moment of the film.

    Attributes:
        at: its middle, in looks of the reaction.
        there: the same moment in looks of the film, with a fraction.
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
        return self.score >= max(CLEAR, STANDS_OUT * self.rival)


def correlation(ours: Cells, theirs: Cells) -> float:
    """Correlation of two rows of changes, drawn towards 0 where little changes."""
    both = (float((ours**2).sum()) + QUIET * len(ours)) * (float((theirs**2).sum()) + QUIET * len(theirs))
    return float((ours * theirs).sum()) / float(np.sqrt(both)) if both else 0.0


def refine_box(reaction: FrameThumbnails, theirs: Cells, found: RegionHypothesis) -> Box:
    """Move and stretch a guess's rectangle as long as its block grows more like the film.

    Args:
        reaction: its looks.
        theirs: the film's changes of SHAPE cells, at the guess's speed and way round.
        found: the guess.
    """
    cells = reaction.cells[found.start : found.end + 1]

    def like(trial: NDArray[np.float64]) -> float:
        ours = crop_box(cells, (trial[0], trial[1], trial[2], trial[3]), SHAPE)
        pairs = (_beside(ours, theirs, found.start + found.lag + more) for more in (-1, 0, 1))
        return max(correlation(*pair) for pair in pairs)

    box, _ = climb_box(
        like,
        np.array(found.box),
        MOVES,
        allowed=lambda trial: bool(trial[2:].min() > 1),
        min_gain=1e-4,
        max_sweeps=4,
        relative=True,
    )
    return float(box[0]), float(box[1]), float(box[2]), float(box[3])


def _beside(ours: Cells, theirs: Cells, lag: int) -> tuple[Cells, Cells]:
    """What is common where row t of ours stands beside row t + lag of theirs."""
    start, end = max(0, -lag), min(len(ours), len(theirs) - lag)
    return ours[start : max(start, end)], theirs[start + lag : max(start, end) + lag]


class BlockMatcher:
    """A film's changes, to be asked at which moment a block of a reaction is like it."""

    def __init__(self, theirs: Cells, block: int = BLOCK) -> None:
        self.size = next_fast_len(len(theirs) + block, real=True)
        self.spectra = np.fft.rfft(theirs, self.size, axis=0)
        self.lags = np.arange(-(block // 2), max(1, len(theirs) - block // 2))
        energy = np.concatenate([[0.0], (theirs**2).sum(axis=1, dtype=np.float64).cumsum()])
        ends = np.clip(self.lags + block, 0, len(theirs))
        self.energy = energy[ends] - energy[np.clip(self.lags, 0, len(theirs))] + QUIET * block

    def like(self, block: Cells) -> NDArray[np.float64]:
        """Correlation with a block at each of `lags`."""
        product = np.einsum("fk,fk->f", np.fft.rfft(block, self.size, axis=0).conj(), self.spectra)
        own = float((block**2).sum()) + QUIET * len(block)
        out: NDArray[np.float64] = np.fft.irfft(product, self.size)[self.lags] / np.sqrt(own * self.energy)
        return out


def match_blocks(ours: Cells, theirs: Cells, speed: float, hop: int = HOP) -> Iterator[BlockMatch]:
    """Blocks of the reaction, `hop` looks apart, and the moment of the film that each is most like at a speed."""
    block = min(BLOCK, len(ours))
    moments = BlockMatcher(theirs, block)
    for start in range(0, len(ours) - block + 1, hop):
        score = moments.like(ours[start : start + block])
        at = int(np.argmax(score))
        others = np.concatenate([score[: max(0, at - NEAR)], score[at + NEAR + 1 :]])
        middle = start + block / 2
        there = float(moments.lags[at]) + parabolic_peak(score, at) + block / 2
        if not len(others):
            continue  # there is no other moment to stand out from
        usual = float(np.median(others))
        above = (float(score[at]) - usual) / (1.4826 * float(np.median(np.abs(others - usual))) + 0.01)
        yield BlockMatch(middle, there * speed, float(score[at]), float(others.max()), above)


def blocks_speed(ours: Cells, seen: list[BlockMatch], film: Callable[[float], Cells], most: float) -> float:
    """The speed of the film at which blocks are most like the moments that they were sighted at.

    Args:
        ours: the reaction's changes.
        seen: sightings.
        film: the film's changes, played at a speed.
        most: largest change of speed, as a share.
    """
    half, best = BLOCK // 2, (-1.0, 1.0)
    for speed in (s for s in SPEEDS if abs(s - 1) <= most + 0.01):
        theirs, total = film(speed), 0.0
        for one in seen:
            start, lag = int(one.at) - half, round(one.there / speed - one.at)
            block = ours[start : start + 2 * half]
            total += max(correlation(*_beside(block, theirs, start + lag + more)) for more in (-1, 0, 1))
        best = max(best, (total, speed), key=lambda b: (b[0], -abs(b[1] - 1)))
    return best[1]


def fit_lines(seen: list[BlockMatch], speed: float, drift: float) -> tuple[float, list[list[BlockMatch]]]:
    """The lines that sightings lie on, and their common speed.

    Args:
        seen: sightings.
        speed: film seconds for each second of the reaction, as taken so far.
        drift: how far from it is looked, as a share; 0: not at all.

    Returns:
        The speed that puts most sightings on few lines, 1 where that explains them as well; the lines, the one
        with most sightings first.
    """
    if not seen:
        return speed, []
    at, there = np.array([s.at for s in seen]), np.array([s.there for s in seen])
    if drift:
        span = max(float(np.ptp(at)), float(BLOCK))
        steps = int(np.ceil(drift * span / (SAME / 2)))
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
        if near_one and off_one - off < STEADY_S * float(HZ):
            speed = 1.0
    return speed, [[seen[i] for i in g] for g in _groups(there / speed - at)]


def _from_middles(
    at: NDArray[np.float64], there: NDArray[np.float64], speed: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Looks of the reaction and of the film, each from the middle of its line."""
    groups = _groups(there / speed - at)
    return (
        np.concatenate([at[g] - at[g].mean() for g in groups]),
        np.concatenate([there[g] - there[g].mean() for g in groups]),
    )


def _groups(offsets: NDArray[np.float64]) -> list[NDArray[np.int64]]:
    """Numbers of those that lie within SAME of a middle, the largest groups first."""
    order = np.argsort(offsets, kind="stable")
    values = offsets[order]
    out = []
    while len(values):
        first = np.searchsorted(values, values - SAME, side="left")
        last = np.searchsorted(values, values + SAME, side="right")
        best = int(np.argmax(last - first))
        out.append(np.sort(order[first[best] : last[best]]))
        keep = np.ones(len(values), np.bool_)
        keep[first[best] : last[best]] = False
        order, values = order[keep], values[keep]
    return out


def informative(ours: Cells, theirs: Cells, spans: list[tuple[int, int, int]]) -> Cells:
    """Which cells follow the film: weights in [0, 1], shape (cells,), from spans (start, end, lag) known to show it."""
    product, own, film = (np.zeros(ours.shape[1]) for _ in range(3))
    for start, end, lag in spans:
        x, y = _beside(ours[max(0, start) : end], theirs, max(0, start) + lag)
        product, own, film = product + (x * y).sum(0), own + (x**2).sum(0), film + (y**2).sum(0)
    follow = product / np.sqrt(own * film + 1e-6)
    weight: Cells = np.clip(follow / FOLLOWS, 0, 1).astype(np.float32)
    return weight


def _best_part(gain: NDArray[np.float64], start: int, end: int) -> tuple[int, int]:
    """A stretch without what tells nothing at either end: there a film that stands still may have been paused."""
    end = start + int(np.argmax(np.cumsum(gain[start:end]))) + 1
    return end - int(np.argmax(np.cumsum(gain[start:end][::-1]))) - 1, end


def runs_along(ours: Cells, theirs: Cells, offset: float, score: float) -> list[AlignedRun]:
    """The stretches over which the reaction shows the film along an offset.

    Args:
        ours, theirs: changes, row t of the one beside row t of the other.
        offset: reaction less film, in looks; only passed on.
        score: the line's standard score.
    """
    product, own, film = (ours * theirs).sum(1), (ours**2).sum(1), (theirs**2).sum(1)
    on = product > 0.3 * np.maximum(own, film)
    scale = float(np.sqrt(film[on].sum() / max(float(own[on].sum()), 1e-6))) if on.any() else 1.0
    own = own * scale**2
    energy = (np.maximum(own - STILL * np.median(own), 0) + film) / 2 if len(own) else own
    # +1 where both change alike, 0 where they have nothing in common; a calm look says nothing
    same = np.minimum(product * scale / np.maximum(energy, 1e-6), 1)
    gain = MOST * (same - ALIKE) * energy / (energy + CALM)
    out = []
    for first, last in zip(*run_lengths(viterbi_segments(gain, SWITCH)), strict=True):
        # Row t is the change from look t to look t + 1
        start, end = _best_part(gain, int(first), int(last))
        level = correlation(ours[start:end], theirs[start:end])
        out.append(AlignedRun(offset, float(start), float(end + 1), float(gain[start:end].sum()), score, level))
    return out
