"""Detection of the content region: the rectangle of a reaction's frame that shows the content, and its overlays.

Frames of some thirty moments are compared as one stack: the content's changes over time must correlate with the
reaction's changes inside the region. A wall does not change and a viewer changes differently, so both drop out.
The correlation is searched over position and size by FFT, then refined to sub-pixel accuracy; cells of the region
that do not correlate with the content are an overlay, e.g. the viewer's picture.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len

from evoked.core.settings import setting, settings
from evoked.reactions.alignment.offset_map import OffsetMap
from evoked.reactions.alignment.recording import Recording
from evoked.reactions.alignment.video.box_search import climb_box
from evoked.reactions.content_region.frame_pairs import FramePairs, Stack, frame_pairs

__all__ = ["CELLS", "ContentRegion", "ContentRegionConfig", "find_content_region", "region_in_frames"]

WIDTH = 480  # pixels: width of the frames in which the region is refined …
COARSE = 4  # … and the factor by which those are smaller in which it is searched, …
SEARCHED = 16  # … in about so many of the moments
INNER = 0.1  # share of the content left out at each side: bars and logos, and a content cropped by the frame
SCALE_STEP = 1.04
SURE = 0.95  # refined correlation above which the mirrored content is not tried: a bright spot alone gives .89
MOST = 0.5  # … if the region explains at least this share of the changes in the frame
CORRELATED = 0.35  # least correlation of a cell that shows the content
FOLLOWING = 0.4  # least share of such cells: contents have .77 and more, other regions .68 at most …
EXPLAINED = 0.01  # … and of the changes in the frame: contents .17 and more, others .08 at most, most below .005
STEPS = (2.0, 1.0, 0.5, 0.25, 0.1)  # pixels, after pooling to about one pixel per point
FURTHEST = 0.2  # how far, as a logarithm, a side may be stretched from the size that the search found
SWEEPS = 12  # rounds of moves at one step at most
CELLS = (18, 32)  # rows and columns of the overlay map
GRID = (54, 96)  # points of the content, rows and columns, at which frames are compared
FLAT = 3.0  # grey levels: a cell of the content that changes less is not used


@settings
class ContentRegionConfig:
    """How the content region is detected."""

    frame_pairs: int = setting(
        32, "moments that are compared, spread over what the reaction shares with the content", ge=4
    )
    min_score: float = setting(
        0.35, "least correlation, or the content is not visible; only audible .22, half hidden .48"
    )
    min_width: float = setting(0.14, "narrowest content region, as a share of the reaction's width", ge=0.05)
    max_width: float = setting(
        1.25, "widest content region, as a share of the reaction's width (above 1: cropped)", le=2
    )

    def __post_init__(self) -> None:
        if self.min_width >= self.max_width:
            raise ValueError(f"min_width must be below max_width, got {self.min_width} and {self.max_width}")


@dataclass(frozen=True, eq=False)
class ContentRegion:
    """The rectangle of a reaction's frame that shows the content.

    Attributes:
        box: x, y, width, height in pixels of the reaction; may reach beyond the frame where it is cropped.
        score: correlation of the content's changes with the reaction's there, in [−1, 1], overlays left out.
        mirrored: whether the reaction shows the content mirrored, left to right.
        cell_correlations: float32, shape (rows, columns) over the content as the reaction shows it: correlation of
            each cell's changes; NaN where the content does not change enough. Low values are overlays.
    """

    box: tuple[float, float, float, float]
    score: float
    mirrored: bool
    cell_correlations: NDArray[np.float32]

    def contains(self, x: float, y: float) -> bool:
        """Whether a point lies in the region.

        Args:
            x, y: in pixels of the reaction.

        Returns:
            Whether it does.
        """
        left, top, width, height = self.box
        return left <= x < left + width and top <= y < top + height

    def covered(self, x: float, y: float) -> bool:
        """Whether an overlay covers the content at a point, most of the time.

        Args:
            x, y: in pixels of the reaction.

        Returns:
            Whether it does; False outside the region.
        """
        if not self.contains(x, y):
            return False
        left, top, width, height = self.box
        rows, columns = self.cell_correlations.shape
        row = min(rows - 1, int((y - top) / height * rows))
        column = min(columns - 1, int((x - left) / width * columns))
        around = self.cell_correlations[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
        known = around[~np.isnan(around)]
        return bool(len(known)) and float(np.median(known)) < CORRELATED


def find_content_region(
    reaction: Path | Recording,
    content: Path | Recording,
    offsets: OffsetMap,
    config: ContentRegionConfig | None = None,
) -> ContentRegion | None:
    """Find the content region of a reaction.

    Args:
        reaction, content: video files.
        offsets: which moments are the same.
        config: how the region is detected.

    Returns:
        The region, or None where the content is not visible (only audible), or does not move.

    Raises:
        MediaError or a subclass: if one of the two has no video stream that can be decoded.
    """
    config = config or ContentRegionConfig()
    return region_in_frames(frame_pairs(reaction, content, offsets, config.frame_pairs, WIDTH), config)


def region_in_frames(pairs: FramePairs, config: ContentRegionConfig) -> ContentRegion | None:
    """Find the content region in decoded frames.

    Args:
        pairs: frames of the same moments; fewer than 4 are too few.
        config: how the region is detected.

    Returns:
        As `find_content_region`.
    """
    if len(pairs.content) < 4:
        return None
    inside = np.zeros(GRID, np.float32)
    rows, columns = round(GRID[0] * INNER), round(GRID[1] * INNER)
    inside[rows : GRID[0] - rows, columns : GRID[1] - columns] = 1
    best: _RefinedBox | None = None
    best_mirrored = False
    for mirrored in (False, True):
        frames = pairs.content[:, :, ::-1] if mirrored else pairs.content
        content = _sampled(frames, _full_box(frames), GRID)
        for box in _search_boxes(pairs.reaction, frames, config):
            # Few pixels of few moments can mislead: boxes and both orientations are compared after refinement
            refined = _refine(pairs.reaction, content, box, inside, config)
            if refined is not None and (best is None or refined.explained > best.explained):
                best, best_mirrored = refined, mirrored
        if best is not None and best.score >= SURE and best.explained >= MOST:
            break
    if best is None:
        return None
    sx, sy = pairs.scale
    x, y, width, height = (float(v) for v in best.box)
    return ContentRegion((x * sx, y * sy, width * sx, height * sy), best.score, best_mirrored, best.cell_correlations)


@dataclass(frozen=True, eq=False)
class _RefinedBox:
    """A rectangle after refinement.

    Attributes:
        box: x, y, width, height in pixels of the stack.
        score, cell_correlations: as in ContentRegion.
        explained: share of the changes in the reaction's frame that the content in the rectangle accounts for.
    """

    box: NDArray[np.float64]
    score: float
    cell_correlations: NDArray[np.float32]
    explained: float


def _refine(
    reaction: Stack, content: Stack, box: NDArray[np.float64], inside: NDArray[np.float32], config: ContentRegionConfig
) -> _RefinedBox | None:
    """Refine a box, then again without overlays; None where it does not show the content."""
    box, score = _climb_pooled(reaction, content, box, inside)
    if score < config.min_score:  # before the choice of cells by their correlation, which raises the score
        return None
    cells = _cell_correlations(reaction, content, box)
    weight = inside * np.kron(np.nan_to_num(cells, nan=1.0) >= CORRELATED, np.ones((3, 3), np.float32))
    if weight.sum() > 0.15 * inside.sum():
        box, score = _climb_pooled(reaction, content, box, weight)
        cells = _cell_correlations(reaction, content, box)
    known = cells[~np.isnan(cells)]
    if score < config.min_score or (known >= CORRELATED).sum() < FOLLOWING * len(known):
        return None
    sampled = _sampled(reaction, box, GRID)
    content_energy = float((content**2).sum())
    product = float((sampled * content).sum())
    share = box[2] * box[3] / (GRID[0] * GRID[1])
    explained = product**2 / content_energy * share / float((reaction**2).sum())
    return _RefinedBox(box, score, cells, explained) if explained >= EXPLAINED else None


def _search_boxes(reaction: Stack, content: Stack, config: ContentRegionConfig) -> list[NDArray[np.float64]]:
    """Candidate boxes x, y, width, height over all positions and sizes, at low resolution.

    One has the highest correlation, one explains most of the changes in the frame: with few pixels, many
    small boxes correlate by chance.
    """
    every = max(1, len(reaction) // SEARCHED)
    small = _pooled(reaction[::every], COARSE)
    _, height, width = small.shape
    pad = round(0.15 * width)  # the content may reach beyond the frame
    shape = (next_fast_len(height + 2 * pad, real=True), next_fast_len(width + 2 * pad, real=True))
    framed = np.pad(small, ((0, 0), (pad, pad), (pad, pad)))
    spectra = np.fft.rfft2(framed, s=shape)
    energy = np.pad((framed**2).sum(axis=0, dtype=np.float64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    full_box = _full_box(content)
    pooled: dict[int, Stack] = {}
    best: dict[str, tuple[float, NDArray[np.float64]]] = {}
    across = config.min_width * width
    while across <= config.max_width * width:
        high = max(2, round(across * full_box[3] / full_box[2] * (1 - 2 * INNER)))
        wide = max(2, round(across * (1 - 2 * INNER)))
        if high <= framed.shape[1] and wide <= framed.shape[2]:
            times = max(1, int(full_box[2] / across))
            if times not in pooled:
                pooled[times] = _pooled(content[::every], times)
            template = _interpolated(pooled[times], _inner(full_box) / times, (high, wide))
            template -= template.mean(axis=(1, 2), keepdims=True)  # a room that brightens is not the content
            full = wide / (1 - 2 * INNER), high / (1 - 2 * INNER)
            for criterion, (value, x, y) in _best_positions(spectra, energy, template, shape).items():
                if criterion not in best or value > best[criterion][0]:
                    best[criterion] = value, np.array([x - pad - full[0] * INNER, y - pad - full[1] * INNER, *full])
        across *= SCALE_STEP
    return [box * COARSE for _, box in best.values()]


def _best_positions(
    spectra: NDArray[np.complexfloating], energy: NDArray[np.floating], template: Stack, shape: tuple[int, int]
) -> dict[str, tuple[float, int, int]]:
    """The best positions of a stack of templates in a stack of frames: value, x, y by correlation and by energy."""
    high, wide = template.shape[1:]
    product = np.einsum("kij,kij->ij", spectra, np.fft.rfft2(template, s=shape).conj())
    rows, columns = energy.shape[0] - high, energy.shape[1] - wide
    dot = np.fft.irfft2(product, s=shape)[:rows, :columns]
    inside = energy[high:, wide:] - energy[:rows, wide:] - energy[high:, :columns] + energy[:rows, :columns]
    # A position with hardly any changes cannot be the content: it must hold a share of the changes in the frame
    least = 0.02 * energy[-1, -1] * high * wide / energy.size
    template_energy = float((template**2).sum()) + 1e-9
    out = {}
    for criterion, values in (
        ("correlation", dot / np.sqrt(np.maximum(inside, least) * template_energy + 1e-9)),
        ("energy", dot / np.sqrt(template_energy)),
    ):
        y, x = divmod(int(np.argmax(values)), columns)
        out[criterion] = (float(values[y, x]), x, y)
    return out


def _climb_pooled(
    reaction: Stack, content: Stack, box: NDArray[np.float64], weight: NDArray[np.float32]
) -> tuple[NDArray[np.float64], float]:
    """Move and stretch a box as long as the weighted correlation grows, in frames pooled to the grid of points."""
    times = max(1, int(min(box[3] / GRID[0], box[2] / GRID[1])))
    refined, score = _climb(_pooled(reaction, times), content, box / times, weight)
    return refined * times, score


def _climb(
    reaction: Stack,
    content: Stack,
    box: NDArray[np.float64],
    weight: NDArray[np.float32],
) -> tuple[NDArray[np.float64], float]:
    """Climb to the best box nearby, in pixels of the stack: its position, its size, then each side alone."""
    first = box
    return climb_box(
        lambda trial: _correlation(reaction, content, trial, weight),
        box,
        STEPS,
        allowed=lambda trial: bool((abs(np.log(trial[2:] / first[2:])) < FURTHEST).all()),
        min_gain=1e-5,
        max_sweeps=SWEEPS,
    )


def _correlation(reaction: Stack, content: Stack, box: NDArray[np.float64], weight: NDArray[np.float32]) -> float:
    """Correlation of all changes at all moments, over the points of weight 1.

    Each moment's mean is subtracted: a room that brightens with the content is not the content.
    """
    a, b = _centred(_interpolated(reaction, box, GRID), weight), _centred(content, weight)
    return float((a * b).sum()) / float(np.sqrt((a**2).sum() * (b**2).sum()) + 1e-9)


def _centred(stack: Stack, weight: NDArray[np.float32]) -> Stack:
    mean = (stack * weight).sum(axis=(1, 2), keepdims=True) / max(1.0, float(weight.sum()))
    out: Stack = (stack - mean) * weight
    return out


def _cell_correlations(reaction: Stack, content: Stack, box: NDArray[np.float64]) -> NDArray[np.float32]:
    """Correlation of each cell's changes with the content's, NaN where the content hardly changes."""
    sampled = _sampled(reaction, box, GRID)

    def cell_sums(values: Stack) -> Stack:
        rows, columns = CELLS
        out: Stack = values.sum(axis=0).reshape(rows, GRID[0] // rows, columns, GRID[1] // columns).sum(axis=(1, 3))
        return out

    reaction_energy, content_energy = cell_sums(sampled**2), cell_sums(content**2)
    points = len(content) * GRID[0] * GRID[1] / (CELLS[0] * CELLS[1])
    correlations = cell_sums(sampled * content) / np.sqrt(
        np.maximum(reaction_energy, 1e-6) * np.maximum(content_energy, 1e-6)
    )
    correlations[content_energy < FLAT**2 * points] = np.nan
    return np.asarray(correlations, dtype=np.float32)


def _sampled(stack: Stack, box: NDArray[np.float64], shape: tuple[int, int]) -> Stack:
    """A box sampled at (rows, columns) points; 0 outside the frames.

    Pixels are pooled first where points lie further apart than pixels, then interpolated bilinearly.
    """
    times = max(1, int(min(box[3] / shape[0], box[2] / shape[1])))
    return _interpolated(_pooled(stack, times), box / times, shape)


def _interpolated(stack: Stack, box: NDArray[np.float64], shape: tuple[int, int]) -> Stack:
    rows, columns = shape
    y = box[1] + (np.arange(rows) + 0.5) * box[3] / rows - 0.5
    x = box[0] + (np.arange(columns) + 0.5) * box[2] / columns - 0.5
    return _interpolated_along(_interpolated_along(stack, y, 1), x, 2)


def _interpolated_along(stack: Stack, at: NDArray[np.float64], axis: int) -> Stack:
    """Linear interpolation along an axis; 0 more than half a pixel outside."""
    size = stack.shape[axis]
    low = np.clip(np.floor(at).astype(np.int64), 0, max(0, size - 2))
    weight = (np.clip(at - low, 0, 1) * (size > 1)).astype(np.float32)
    inside = ((at >= -0.5) & (at <= size - 0.5)).astype(np.float32)
    shape = (1, -1, 1) if axis == 1 else (1, 1, -1)
    out: Stack = np.take(stack, low, axis) * ((1 - weight) * inside).reshape(shape)
    out += np.take(stack, np.minimum(low + 1, size - 1), axis) * (weight * inside).reshape(shape)
    return out


def _pooled(stack: Stack, times: int) -> Stack:
    """Mean of blocks of times × times pixels; the last row and column are repeated to fill a block."""
    if times == 1:
        return stack
    count, height, width = stack.shape
    full = np.pad(stack, ((0, 0), (0, -height % times), (0, -width % times)), mode="edge")
    out: Stack = full.reshape(count, full.shape[1] // times, times, full.shape[2] // times, times).mean(axis=(2, 4))
    return out


def _full_box(stack: Stack) -> NDArray[np.float64]:
    return np.array([0.0, 0.0, stack.shape[2], stack.shape[1]])


def _inner(box: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y, width, height = box
    return np.array([x + INNER * width, y + INNER * height, (1 - 2 * INNER) * width, (1 - 2 * INNER) * height])
