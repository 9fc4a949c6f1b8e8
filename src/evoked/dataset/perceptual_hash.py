"""A 64-bit perceptual hash per second of a video: what its picture looks like, whatever its coding, size or borders.

The low frequencies of the picture's cosine transform, each above or below their median (pHash). Black borders are cut
off first. A mirrored and a cropped view are hashed too, for searching.
"""

from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn

from evoked.core.progress import Progress, silent
from evoked.core.time_grid import TimeGrid
from evoked.media.decode import VideoFrame, read_media
from evoked.media.images import to_grey
from evoked.media.probe import no_video_error, probe

__all__ = ["VIEWS", "hash_pictures", "perceptual_hashes"]

SIDE, LOW = 32, 8
SAMPLED = (96, 96)
"""Width and height that a frame is scaled to before borders are cut off."""
BLACK = 28
"""Grey level; a row or column that never exceeds it is a border."""
FLAT = 4.0
"""Standard deviation of grey levels below which a picture has nothing to be recognised by."""
CROPS = (1.0, 0.9, 0.8)
"""Share of each side that a view shows, from the middle."""
VIEWS = (*((crop, False) for crop in CROPS), *((crop, True) for crop in CROPS))
"""(crop, mirrored) of each hash of a second; the first is the whole picture."""


def hash_pictures(path: Path, progress: Progress = silent) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """Hash a video once a second.

    Args:
        path: a video file.
        progress: called with the seconds that are done.

    Returns:
        Hashes, shape (seconds, len(VIEWS)); and where there is a picture to be recognised by, shape (seconds,).

    Raises:
        MediaError: if it has no picture, or cannot be read.
    """
    media = probe(path)
    if media.picture is None:
        raise no_video_error(path)
    grid = TimeGrid.covering(media.duration_s, Fraction(1))
    grey = np.zeros((grid.steps, SAMPLED[1], SAMPLED[0]), np.uint8)
    for frame in read_media(path, frames=grid, media=media):
        assert isinstance(frame, VideoFrame)
        grey[frame.step] = to_grey(frame.rgb(SAMPLED))
        progress(frame.step + 1, grid.steps)
    return perceptual_hashes(grey)


def perceptual_hashes(grey: NDArray[np.uint8]) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """Hash pictures of one video.

    Args:
        grey: shape (n, rows, columns).

    Returns:
        Hashes, shape (n, len(VIEWS)); and which pictures are not flat, shape (n,).
    """
    if not len(grey):
        return np.zeros((0, len(VIEWS)), np.uint64), np.zeros(0, np.bool_)
    shown = grey.max(axis=0) > BLACK
    rows, columns = _span(shown.any(axis=1)), _span(shown.any(axis=0))
    picture = grey[:, rows[0] : rows[1], columns[0] : columns[1]].astype(np.float32)
    scaled = {crop: _scale(picture, crop) for crop in CROPS}
    views = [_bits(scaled[crop][:, :, ::-1] if mirrored else scaled[crop]) for crop, mirrored in VIEWS]
    return np.stack(views, axis=1), scaled[1.0].std(axis=(1, 2)) >= FLAT


def _span(shown: NDArray[np.bool_]) -> tuple[int, int]:
    """First index and the one past the last that is shown; all where none is, or almost nothing would be left."""
    at = np.flatnonzero(shown)
    if not len(at) or at[-1] + 1 - at[0] < len(shown) // 4:
        return 0, len(shown)
    return int(at[0]), int(at[-1]) + 1


def _scale(picture: NDArray[np.float32], crop: float) -> NDArray[np.float32]:
    """The middle of each picture, shape (n, SIDE, SIDE), by means over cells."""
    down, across = (_cells(size, crop) for size in picture.shape[1:])
    scaled: NDArray[np.float32] = np.einsum("ir,nrc,jc->nij", down, picture, across, optimize=True)
    return scaled


def _cells(size: int, crop: float) -> NDArray[np.float32]:
    """Weights of `size` pixels in each of SIDE cells over the middle of them, shape (SIDE, size); rows sum to 1."""
    edges = size * (0.5 + crop * (np.arange(SIDE + 1) / SIDE - 0.5))
    pixels = np.arange(size)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights = np.maximum(overlap, 0)
    shares: NDArray[np.float32] = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


def _bits(pictures: NDArray[np.float32]) -> NDArray[np.uint64]:
    low = dctn(pictures, axes=(1, 2))[:, :LOW, :LOW].reshape(len(pictures), -1)
    above = low > np.median(low, axis=1, keepdims=True)
    packed: NDArray[np.uint64] = np.packbits(above, axis=1).view(">u8")[:, 0].astype(np.uint64)
    return packed
