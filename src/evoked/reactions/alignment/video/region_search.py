"""Search for the rectangle of a reaction that shows the content, and for the moment of the content, without a prior.

A few seconds of the reaction are compared with the entire content in rectangles of every position and size, and at
every lag. The changes of three by four cells are enough; lags are compared by FFT.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len, rfft

from evoked.reactions.alignment.video.thumbnails import (
    Box,
    Cells,
    FrameThumbnails,
    content_changes,
    frame_changes,
    mirror,
    pool_cells,
)

__all__ = [
    "ENERGY_FLOOR",
    "ENERGY_PRIOR",
    "FRAME_STEP",
    "SHAPE",
    "RegionHypothesis",
    "SearchedContent",
    "search_region",
]

SHAPE = (3, 4)  # cells of the content that are compared
FRAME_STEP = 2  # every other frame is compared
WIDTH_RANGE = (0.14, 1.25)  # narrowest and widest content, as shares of the reaction's width
WIDTH_RATIO = 2**0.25  # of a width to the next smaller one
ENERGY_FLOOR = 0.1  # energy of changes per frame below which a rectangle is not searched; also added to energies
ENERGY_PRIOR = 0.15  # share of the median energy that is added to each: calm stretches correlate with anything
SAME_MOMENT_FRAMES = 5  # compared frames within which a moment is the same
CHUNK_NUMBERS = 2**18  # values of spectra that are multiplied at once: they fit in the processor's cache
MAX_KEPT = 400  # hypotheses of a block among which rivals are searched

Spectra = NDArray[np.complexfloating]


@dataclass(frozen=True)
class RegionHypothesis:
    """A rectangle and a moment at which a stretch of the reaction looks like the content.

    Attributes:
        score: correlation of changes.
        rival: the best score at another moment: the margin to it measures the hypothesis.
        start, end: frames of the reaction.
        lag: frame of the content less frame of the reaction, both on the reaction's clock.
        speed: content seconds per second of the reaction.
        box: x, y, width, height in cells of the reaction.
        mirrored: whether the content is mirrored left to right.
    """

    score: float
    rival: float
    start: int
    end: int
    lag: int
    speed: float
    box: Box
    mirrored: bool


class SearchedContent:
    """A content prepared for comparison with blocks of a reaction of one length.

    Args:
        content: its thumbnails.
        speed: content seconds per second of the reaction.
        block: compared frames of a block.
    """

    def __init__(self, content: FrameThumbnails, speed: float, block: int) -> None:
        rows = content_changes(content, speed, SHAPE, FRAME_STEP)
        self.speed, self.block = speed, block
        self.size = next_fast_len(len(rows) + block, real=True)
        self.lags = np.arange(-(block // 2), max(1, len(rows) - block // 2))
        energy = np.concatenate([[0.0], (rows**2).sum(axis=1, dtype=np.float64).cumsum()])
        ends = np.clip(self.lags + block, 0, len(rows))
        self.energy = energy[ends] - energy[np.clip(self.lags, 0, len(rows))]
        self.moves = bool((self.energy > ENERGY_FLOOR * block).any())
        self.energy += ENERGY_PRIOR * float(np.median(self.energy[self.energy > 0])) if self.moves else 1.0
        self.scale = (1 / np.sqrt(self.energy)).astype(np.float32)
        variants = np.stack([rows, mirror(rows, SHAPE)]).astype(np.float32)  # as it is, and mirrored
        self.spectra: Spectra = rfft(np.ascontiguousarray(variants.transpose(0, 2, 1)), self.size)


def search_region(
    reaction: FrameThumbnails, start: int, content: SearchedContent, aspect: float
) -> RegionHypothesis | None:
    """The rectangle and moment at which a block of the reaction looks most like the content.

    Args:
        reaction: its thumbnails.
        start: first frame of the block.
        content: the content.
        aspect: width to height of the content.

    Returns:
        The best hypothesis; None where nothing changes.
    """
    block = reaction.cells[start : start + content.block * FRAME_STEP + 1 : FRAME_STEP]
    candidates: list[tuple[float, int, Box, bool]] = []
    if len(block) < 2 or not content.moves:
        return None
    for boxes, energies, spectra in _rectangle_rows(block, content.size, aspect):
        scores, lags = _best_moments(spectra, content)
        for j in np.flatnonzero(energies >= ENERGY_FLOOR * content.block):
            scale = 1 / np.sqrt(energies[j] + ENERGY_FLOOR * content.block)
            for mirrored in (False, True):
                score, lag = scores[int(mirrored), j] * scale, lags[int(mirrored), j]
                candidates.append((float(score), int(lag), boxes[j], mirrored))
    if not candidates:
        return None
    candidates = sorted(candidates, key=lambda f: -f[0])[:MAX_KEPT]
    score, lag, box, mirrored = candidates[0]
    rival = max((f[0] for f in candidates if abs(f[1] - lag) > SAME_MOMENT_FRAMES), default=0.0)
    end = start + (len(block) - 1) * FRAME_STEP
    # The lag counts from the block's start, in compared frames; on the reaction's clock it is in frames
    return RegionHypothesis(score, rival, start, end, lag * FRAME_STEP - start, content.speed, box, mirrored)


def _best_moments(spectra: Spectra, content: SearchedContent) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The best score of each rectangle of a row, before division by its energy, and its lag.

    Args:
        spectra: shape (SHAPE[0], half columns, frequencies), of the changes of half cells.
        content: the content.

    Returns:
        Both of shape (2, rectangles): as it is, and mirrored.
    """
    count = spectra.shape[1] - 2 * SHAPE[1] + 2
    scores, lags = np.zeros((2, count), np.float32), np.zeros((2, count), np.int64)
    content_spectra = content.spectra.reshape(2, *SHAPE, -1)
    step = max(1, CHUNK_NUMBERS // spectra.shape[2])
    for first in range(0, count, step):
        chunk = slice(first, min(first + step, count))
        for variant in range(2):
            product = np.zeros((chunk.stop - first, spectra.shape[2]), spectra.dtype)
            # The mean of each row of the content is 0, so that of the reaction need not be subtracted
            for row, column in np.ndindex(*SHAPE):
                product += (
                    spectra[row, first + 2 * column : chunk.stop + 2 * column] * content_spectra[variant, row, column]
                )
            correlations = np.fft.irfft(product, content.size)[:, content.lags] * content.scale
            best = correlations.argmax(axis=1)
            scores[variant, chunk] = correlations[np.arange(len(correlations)), best]
            lags[variant, chunk] = content.lags[best]
    return scores, lags


def _rectangle_rows(block: NDArray[np.uint8], size: int, aspect: float) -> Iterator[tuple[list[Box], Cells, Spectra]]:
    """Every row of rectangles, half a cell of the content apart: boxes, energies of their changes, spectra.

    Spectra are of half cells, conjugate: (SHAPE[0], half columns, frequencies). Rectangle j takes every second from j.
    """
    _, high, wide = block.shape
    width = WIDTH_RANGE[0] * wide
    while width <= WIDTH_RANGE[1] * wide:
        across, down = width / SHAPE[1] / 2, width / aspect / SHAPE[0] / 2  # half a cell
        columns, rows = max(1, round(wide / across)), max(1, round(high / down))
        across, down = wide / columns, high / rows
        halves = pool_cells(block, (rows, columns))
        padding = [1 + max(0, 2 * n - k + 1) // 2 for n, k in ((SHAPE[0], rows), (SHAPE[1], columns))]
        halves = np.pad(halves, ((0, 0), (padding[0], padding[0]), (padding[1], padding[1])), mode="edge")
        corners = halves[:, 1:, 1:] + halves[:, 1:, :-1] + halves[:, :-1, 1:] + halves[:, :-1, :-1]
        cells: Cells = corners / np.float32(4)
        changes = frame_changes(cells)
        rows_of: dict[int, Spectra] = {}  # only those in use: of a long content they are large
        for i in range(changes.shape[1] - 2 * SHAPE[0] + 2):
            used_rows = range(i, i + 2 * SHAPE[0] - 1, 2)
            rows_of = {k: v for k, v in rows_of.items() if k >= i}
            for k in used_rows:
                if k not in rows_of:
                    rows_of[k] = rfft(np.ascontiguousarray(changes[:, k].T), size).conj()
            box = (i - padding[0]) * down, across * SHAPE[1] * 2, down * SHAPE[0] * 2
            count = changes.shape[2] - 2 * SHAPE[1] + 2
            boxes = [((j - padding[1]) * across, *box) for j in range(count)]
            yield boxes, _energies(changes[:, used_rows]), np.stack([rows_of[k] for k in used_rows])
        width *= WIDTH_RATIO


def _energies(cells: Cells) -> Cells:
    """Energies of the rectangles of a row less the mean of each frame; from (frames, SHAPE[0], half columns)."""
    count = cells.shape[2] - 2 * SHAPE[1] + 2

    def added(values: NDArray[np.float64]) -> NDArray[np.float64]:
        out: NDArray[np.float64] = sum(values[..., 2 * c : 2 * c + count] for c in range(SHAPE[1]))  # type: ignore[assignment]
        return out

    squares = added((cells.astype(np.float64) ** 2).sum(axis=(0, 1)))
    means = added(cells.sum(axis=1, dtype=np.float64))
    return np.asarray(squares - (means**2).sum(axis=0) / (SHAPE[0] * SHAPE[1]), dtype=np.float32)
