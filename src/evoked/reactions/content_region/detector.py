"""Where the film is shown inside a reaction's frame, and what lies on top of it.

The pictures of some thirty moments are compared as one block: the film's changes from moment to moment
must be the reaction's changes inside the film's rectangle. A wall does not change and a viewer changes
otherwise, so both drop out. The correlation is searched over place and size by FFT, then settled below
the pixel; cells of the rectangle that do not follow the film are an overlay, e.g. the viewer's picture.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len

from evoked.core.settings import setting
from evoked.reactions.alignment.offset_map import OffsetMap
from evoked.reactions.alignment.recording import Recording
from evoked.reactions.alignment.video.box_search import climb_box
from evoked.reactions.content_region.frame_pairs import FramePairs, Stack, frame_pairs

WIDTH = 480  # pixels across at which the rectangle is settled …
COARSE = 4  # … and this much smaller at which it is searched, …
SEARCHED = 16  # … in about so many of the moments
INNER = 0.1  # share of the film left out at each side: bars and logos, and a film cropped by the frame
SCALE_STEP = 1.04
SURE = 0.95  # settled correlation beyond which the mirrored film is not tried: a bright spot alone gives .89
MOST = 0.5  # … and where it accounts for so much of what changes in the frame
FOLLOWING = 0.4  # least share of the film's cells that follow it: films have .77 and more, others .68 at most …
EXPLAINED = 0.01  # … and of what changes in the frame: films .17 and more, others .08 at most, most below .005
STEPS = (2.0, 1.0, 0.5, 0.25, 0.1)  # pixels, after pooling to about one pixel a point
FURTHEST = 0.2  # how far, as a logarithm, a side may be stretched from the size that the search found
SWEEPS = 12  # rounds of moves at one step at most
CELLS = (18, 32)  # rows and columns of the overlay map
GRID = (54, 96)  # points of the film, rows and columns, at which pictures are compared
FLAT = 3.0  # grey levels: a cell of the film that changes less tells nothing


@dataclass(frozen=True)
class ContentRegionConfig:
    """How the film's rectangle is looked for."""

    frame_pairs: int = setting(32, "moments that are compared, spread over what the reaction shares with the content")
    min_score: float = setting(0.35, "least correlation, or the film is not visible; only heard .22, half hidden .48")
    min_width: float = setting(0.14, "narrowest film, as a share of the reaction's width")
    max_width: float = setting(1.25, "widest film, as a share of the reaction's width (above 1: cropped)")

    def __post_init__(self) -> None:
        if self.frame_pairs < 4:
            raise ValueError(f"frame_pairs must be at least 4, got {self.frame_pairs}")
        if not 0.05 <= self.min_width < self.max_width <= 2:
            raise ValueError(f"widths must be 0.05 <= min < max <= 2, got {self.min_width} and {self.max_width}")


@dataclass(frozen=True, eq=False)
class ContentRegion:
    """The film's rectangle.

    Attributes:
        box: x, y, width, height in pixels of the reaction; may reach beyond the frame where it is cropped.
        score: correlation of the film's changes with the reaction's there, in [−1, 1], overlays left out.
        mirrored: whether the reaction shows the film left to right.
        follows: float32, shape (rows, columns) over the film as the reaction shows it: correlation of each
            cell's changes; NaN where the film does not change enough to tell. Low cells are overlays.
    """

    box: tuple[float, float, float, float]
    score: float
    mirrored: bool
    follows: NDArray[np.float32]

    def holds(self, x: float, y: float) -> bool:
        """Whether a point of the reaction's frame, in pixels, lies in the rectangle."""
        left, top, width, height = self.box
        return left <= x < left + width and top <= y < top + height

    def covered(self, x: float, y: float) -> bool:
        """Whether something else lies on top of the film at a point, most of the time."""
        if not self.holds(x, y):
            return False
        left, top, width, height = self.box
        rows, columns = self.follows.shape
        row = min(rows - 1, int((y - top) / height * rows))
        column = min(columns - 1, int((x - left) / width * columns))
        around = self.follows[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
        known = around[~np.isnan(around)]
        return bool(len(known)) and float(np.median(known)) < 0.35


def find_content_region(
    reaction: Path | Recording,
    content: Path | Recording,
    offsets: OffsetMap,
    config: ContentRegionConfig | None = None,
) -> ContentRegion | None:
    """Find the film's rectangle in a reaction's frame.

    Args:
        reaction, content: video files.
        offsets: which moments are the same.
        config: how to look.

    Returns:
        The rectangle, or None where the film cannot be seen (only heard), or does not move.

    Raises:
        MediaError or a subclass: if one of the two has no picture that can be decoded.
    """
    config = config or ContentRegionConfig()
    return region_in_frames(frame_pairs(reaction, content, offsets, config.frame_pairs, WIDTH), config)


def region_in_frames(seen: FramePairs, config: ContentRegionConfig) -> ContentRegion | None:
    """The same, from pictures that were looked at already."""
    if len(seen.content) < 4:
        return None
    inside = np.zeros(GRID, np.float32)
    rows, columns = round(GRID[0] * INNER), round(GRID[1] * INNER)
    inside[rows : GRID[0] - rows, columns : GRID[1] - columns] = 1
    best: _Place | None = None
    turned = False
    for mirrored in (False, True):
        shown = seen.content[:, :, ::-1] if mirrored else seen.content
        content = _sampled(shown, _whole(shown), GRID)
        for box in _searched(seen.reaction, shown, config):
            # Few pixels of few moments can mislead: places and both ways round are compared when they are settled
            place = _place(seen.reaction, content, box, inside, config)
            if place is not None and (best is None or place.explained > best.explained):
                best, turned = place, mirrored
        if best is not None and best.score >= SURE and best.explained >= MOST:
            break
    if best is None:
        return None
    sx, sy = seen.scale
    x, y, width, height = (float(v) for v in best.box)
    return ContentRegion((x * sx, y * sy, width * sx, height * sy), best.score, turned, best.follows)


@dataclass(frozen=True, eq=False)
class _Place:
    """A rectangle that was settled.

    Attributes:
        box: x, y, width, height in pixels of the stack.
        score, follows: as in Window.
        explained: share of all that changes in the reaction's frame that the film there accounts for.
    """

    box: NDArray[np.float64]
    score: float
    follows: NDArray[np.float32]
    explained: float


def _place(
    reaction: Stack, content: Stack, box: NDArray[np.float64], inside: NDArray[np.float32], config: ContentRegionConfig
) -> _Place | None:
    """Settle a box, then once more without what lies on top; None where it is not the film's."""
    box, score = _settled(reaction, content, box, inside)
    if score < config.min_score:  # before cells are chosen by how well they follow: that flatters
        return None
    follows = _following(reaction, content, box)
    weight = inside * np.kron(np.nan_to_num(follows, nan=1.0) >= 0.35, np.ones((3, 3), np.float32))
    if weight.sum() > 0.15 * inside.sum():
        box, score = _settled(reaction, content, box, weight)
        follows = _following(reaction, content, box)
    known = follows[~np.isnan(follows)]
    if score < config.min_score or (known >= 0.35).sum() < FOLLOWING * len(known):
        return None
    seen = _sampled(reaction, box, GRID)
    points = float((content**2).sum())
    both = float((seen * content).sum())
    share = box[2] * box[3] / (GRID[0] * GRID[1])
    explained = both**2 / points * share / float((reaction**2).sum())
    return _Place(box, score, follows, explained) if explained >= EXPLAINED else None


def _searched(reaction: Stack, content: Stack, config: ContentRegionConfig) -> list[NDArray[np.float64]]:
    """Boxes x, y, width, height to look into: of all places and sizes, at low resolution, the most alike one,
    and the one that accounts for most of what changes in the frame: of few pixels many are alike by chance."""
    every = max(1, len(reaction) // SEARCHED)
    small = _pooled(reaction[::every], COARSE)
    _, height, width = small.shape
    pad = round(0.15 * width)  # the film may reach beyond the frame
    shape = (next_fast_len(height + 2 * pad, real=True), next_fast_len(width + 2 * pad, real=True))
    framed = np.pad(small, ((0, 0), (pad, pad), (pad, pad)))
    spectra = np.fft.rfft2(framed, s=shape)
    energy = np.pad((framed**2).sum(axis=0, dtype=np.float64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    whole = _whole(content)
    pooled: dict[int, Stack] = {}
    found: dict[str, tuple[float, NDArray[np.float64]]] = {}
    across = config.min_width * width
    while across <= config.max_width * width:
        high = max(2, round(across * whole[3] / whole[2] * (1 - 2 * INNER)))
        wide = max(2, round(across * (1 - 2 * INNER)))
        if high <= framed.shape[1] and wide <= framed.shape[2]:
            times = max(1, int(whole[2] / across))
            if times not in pooled:
                pooled[times] = _pooled(content[::every], times)
            template = _read(pooled[times], _inner(whole) / times, (high, wide))
            template -= template.mean(axis=(1, 2), keepdims=True)  # a room that brightens is not the film
            full = wide / (1 - 2 * INNER), high / (1 - 2 * INNER)
            for kind, (value, x, y) in _matched(spectra, energy, template, shape).items():
                if kind not in found or value > found[kind][0]:
                    found[kind] = value, np.array([x - pad - full[0] * INNER, y - pad - full[1] * INNER, *full])
        across *= SCALE_STEP
    return [box * COARSE for _, box in found.values()]


def _matched(
    spectra: NDArray[np.complexfloating], energy: NDArray[np.floating], template: Stack, shape: tuple[int, int]
) -> dict[str, tuple[float, int, int]]:
    """The best places of a stack of templates in a stack of pictures: value, x, y by correlation and by energy."""
    high, wide = template.shape[1:]
    product = np.einsum("kij,kij->ij", spectra, np.fft.rfft2(template, s=shape).conj())
    rows, columns = energy.shape[0] - high, energy.shape[1] - wide
    dot = np.fft.irfft2(product, s=shape)[:rows, :columns]
    inside = energy[high:, wide:] - energy[:rows, wide:] - energy[high:, :columns] + energy[:rows, :columns]
    # A place that hardly changes cannot be the film: it must hold some of what changes in the frame
    least = 0.02 * energy[-1, -1] * high * wide / energy.size
    own = float((template**2).sum()) + 1e-9
    out = {}
    for kind, values in (
        ("alike", dot / np.sqrt(np.maximum(inside, least) * own + 1e-9)),
        ("most", dot / np.sqrt(own)),
    ):
        y, x = divmod(int(np.argmax(values)), columns)
        out[kind] = (float(values[y, x]), x, y)
    return out


def _settled(
    reaction: Stack, content: Stack, box: NDArray[np.float64], weight: NDArray[np.float32]
) -> tuple[NDArray[np.float64], float]:
    """Move and stretch a box as long as the weighted correlation grows."""
    times = max(1, int(min(box[3] / GRID[0], box[2] / GRID[1])))
    near, score = _climbed(_pooled(reaction, times), content, box / times, weight)
    return near * times, score


def _climbed(
    reaction: Stack,
    content: Stack,
    box: NDArray[np.float64],
    weight: NDArray[np.float32],
) -> tuple[NDArray[np.float64], float]:
    """Climb to the best box nearby, in pixels of the stack: its place, its size, then each side alone."""
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

    Each moment's mean is taken off: a room that brightens with the film is not the film.
    """
    seen, shown = _level(_read(reaction, box, GRID), weight), _level(content, weight)
    return float((seen * shown).sum()) / float(np.sqrt((seen**2).sum() * (shown**2).sum()) + 1e-9)


def _level(stack: Stack, weight: NDArray[np.float32]) -> Stack:
    mean = (stack * weight).sum(axis=(1, 2), keepdims=True) / max(1.0, float(weight.sum()))
    out: Stack = (stack - mean) * weight
    return out


def _following(reaction: Stack, content: Stack, box: NDArray[np.float64]) -> NDArray[np.float32]:
    """Correlation of each cell's changes with the film's, NaN where the film hardly changes."""
    seen = _sampled(reaction, box, GRID)

    def cells(values: Stack) -> Stack:
        rows, columns = CELLS
        out: Stack = values.sum(axis=0).reshape(rows, GRID[0] // rows, columns, GRID[1] // columns).sum(axis=(1, 3))
        return out

    both, ours, theirs = cells(seen * content), cells(seen**2), cells(content**2)
    points = len(content) * GRID[0] * GRID[1] / (CELLS[0] * CELLS[1])
    out = both / np.sqrt(np.maximum(ours, 1e-6) * np.maximum(theirs, 1e-6))
    out[theirs < FLAT**2 * points] = np.nan
    cells_: NDArray[np.float32] = out.astype(np.float32)
    return cells_


def _sampled(stack: Stack, box: NDArray[np.float64], shape: tuple[int, int]) -> Stack:
    """A box seen at (rows, columns) points; 0 outside the pictures.

    Pixels are pooled first where points lie further apart than pixels, then read bilinearly.
    """
    times = max(1, int(min(box[3] / shape[0], box[2] / shape[1])))
    return _read(_pooled(stack, times), box / times, shape)


def _read(stack: Stack, box: NDArray[np.float64], shape: tuple[int, int]) -> Stack:
    rows, columns = shape
    y = box[1] + (np.arange(rows) + 0.5) * box[3] / rows - 0.5
    x = box[0] + (np.arange(columns) + 0.5) * box[2] / columns - 0.5
    return _along(_along(stack, y, 1), x, 2)


def _along(stack: Stack, at: NDArray[np.float64], axis: int) -> Stack:
    """Linear interpolation along an axis; 0 more than half a pixel outside."""
    size = stack.shape[axis]
    low = np.clip(np.floor(at).astype(np.int64), 0, max(0, size - 2))
    part = (np.clip(at - low, 0, 1) * (size > 1)).astype(np.float32)
    inside = ((at >= -0.5) & (at <= size - 0.5)).astype(np.float32)
    shape = (1, -1, 1) if axis == 1 else (1, 1, -1)
    near: Stack = np.take(stack, low, axis) * ((1 - part) * inside).reshape(shape)
    near += np.take(stack, np.minimum(low + 1, size - 1), axis) * (part * inside).reshape(shape)
    return near


def _pooled(stack: Stack, times: int) -> Stack:
    """Mean of blocks of times × times pixels; the last row and column are repeated to fill a block."""
    if times == 1:
        return stack
    count, height, width = stack.shape
    full = np.pad(stack, ((0, 0), (0, -height % times), (0, -width % times)), mode="edge")
    out: Stack = full.reshape(count, full.shape[1] // times, times, full.shape[2] // times, times).mean(axis=(2, 4))
    return out


def _whole(stack: Stack) -> NDArray[np.float64]:
    return np.array([0.0, 0.0, stack.shape[2], stack.shape[1]])


def _inner(box: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y, width, height = box
    return np.array([x + INNER * width, y + INNER * height, (1 - 2 * INNER) * width, (1 - 2 * INNER) * height])
