"""Thumbnails of the frames of a video at a constant rate, and the changes of their cells from frame to frame.

The changes, and where in the frame they are, are what a content and a recording of it share: a cut changes all cells
at once in a way that no other cut does. Walls, borders and constant brightness cancel out.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.core.damage import Damage
from evoked.core.progress import Progress, silent
from evoked.core.time_grid import TimeGrid
from evoked.media.decode import VideoFrame, damage_lines, read_media
from evoked.media.images import to_grey
from evoked.media.probe import Media, VideoStream, no_video_error, probe

__all__ = [
    "CHUNK_FRAMES",
    "HZ",
    "Box",
    "Cells",
    "FrameThumbnails",
    "content_changes",
    "content_thumbnails",
    "crop_box",
    "frame_changes",
    "mirror",
    "pool_cells",
    "reaction_thumbnails",
]

Cells = NDArray[np.float32]
Box = tuple[float, float, float, float]
"""x, y, width, height in cells of the reaction."""

HZ = Fraction(25, 2)  # frames per second
COLUMNS = 48  # cells across a reaction: a content an eighth of it wide fills six by three
CONTENT_SHAPE = (12, 16)  # rows and columns of cells of a content
CELL_PIXELS = 4  # pixels of a side of a cell when a frame is scaled
NOISE_FLOOR = 0.7  # grey levels: a change of a cell below this is rounding and compression
CHUNK_FRAMES = 512  # frames processed at once: bounds memory


@dataclass(frozen=True, eq=False)
class FrameThumbnails:
    """Thumbnails of a video at HZ frames per second.

    Attributes:
        cells: uint8, shape (frames, rows, columns): mean brightness of each cell.
        hold_s: mean time from the presentation of a picture to the instant it was sampled at, in seconds.
        frame_s: duration of a frame of the file, in seconds; 0 where the file does not specify it.
        aspect: width to height of the picture.
        damage: damage of the video, one line each; empty for an intact one.
        defects: the same with kinds and seconds.
    """

    cells: NDArray[np.uint8]
    hold_s: float
    frame_s: float
    aspect: float
    damage: tuple[str, ...] = ()
    defects: tuple[Damage, ...] = ()

    @property
    def seconds(self) -> float:
        """Duration of the thumbnails, in seconds."""
        return len(self.cells) / float(HZ)


def reaction_thumbnails(path: Path, progress: Progress = silent, media: Media | None = None) -> FrameThumbnails:
    """The thumbnails of a reaction, COLUMNS square cells across: 58 MB for an hour of 16:9.

    Args:
        path: a video file.
        progress: is called with the number of thumbnails made and of all.
        media: the file's description, where it is known; otherwise the file is probed first.

    Returns:
        Cells of shape (frames, rows, COLUMNS).

    Raises:
        NoPictureError: if it has no picture, or none that can be decoded.
        MediaError: if it cannot be read.
    """
    media = media or probe(path)
    if media.picture is None:
        raise no_video_error(path)
    rows = int(np.clip(round(COLUMNS * media.picture.height / media.picture.width), 4, 4 * COLUMNS))
    return _thumbnails(media, media.picture, (rows, COLUMNS), progress)


def content_thumbnails(path: Path, progress: Progress = silent, media: Media | None = None) -> FrameThumbnails:
    """The thumbnails of a content, CONTENT_SHAPE cells whatever its aspect: 9 MB for an hour.

    Args:
        path: a video file.
        progress: is called with the number of thumbnails made and of all.
        media: the file's description, where it is known; otherwise the file is probed first.

    Returns:
        Cells of shape (frames, *CONTENT_SHAPE).

    Raises:
        NoPictureError: if it has no picture, or none that can be decoded.
        MediaError: if it cannot be read.
    """
    media = media or probe(path)
    if media.picture is None:
        raise no_video_error(path)
    return _thumbnails(media, media.picture, CONTENT_SHAPE, progress)


def _thumbnails(media: Media, stream: VideoStream, shape: tuple[int, int], progress: Progress) -> FrameThumbnails:
    grid = TimeGrid.covering(media.duration_s, HZ)
    cells = np.zeros((grid.steps, *shape), np.uint8)
    size = shape[1] * CELL_PIXELS, shape[0] * CELL_PIXELS
    last, hold = -1, 0.0
    reader = read_media(media.path, frames=grid, media=media)
    for picture in reader:
        assert isinstance(picture, VideoFrame)
        if picture.index != last:
            pixels = to_grey(picture.rgb(size)).reshape(shape[0], CELL_PIXELS, shape[1], CELL_PIXELS)
            mean = np.rint(pixels.mean(axis=(1, 3), dtype=np.float32)).astype(np.uint8)
            last = picture.index
        cells[picture.step] = mean
        hold += max(0.0, float(picture.time_s - picture.pts_s))
        progress(picture.step + 1, grid.steps)
    frame_s = 1 / float(stream.average_rate) if stream.average_rate else 0.0
    aspect = stream.width / stream.height
    return FrameThumbnails(cells, hold / max(1, grid.steps), frame_s, aspect, damage_lines(reader), reader.damage)


def frame_changes(cells: Cells) -> Cells:
    """Signed square roots of the changes of cells from frame to frame: float32, shape (frames − 1, …)."""
    step = np.diff(cells, axis=0)
    out: Cells = np.sign(step) * np.sqrt(np.maximum(np.abs(step) - NOISE_FLOOR, 0))
    return out


def _zero_mean(cells: Cells) -> Cells:
    """Rows of cells less the mean of each frame: a room that brightens with the content is not the content."""
    rows = cells.reshape(len(cells), -1)
    out: Cells = rows - rows.mean(axis=1, keepdims=True)
    return out


def content_changes(
    content: FrameThumbnails, speed: float, shape: tuple[int, int], every: int = 1, late: float = 0.0
) -> Cells:
    """A content's changes as a reaction shows them that plays it at a speed.

    Args:
        content: its thumbnails.
        speed: content seconds per second of the reaction.
        shape: rows and columns of the cells.
        every: frames from one row to the next.
        late: frames by which all are taken later.

    Returns:
        float32, shape (rows, cells); the mean of each row is 0.
    """
    steps = int((len(content.cells) - 1) / speed / every) + 1
    at = np.clip((np.arange(steps) * every + late) * speed, 0, len(content.cells) - 1)
    low = np.minimum(at.astype(np.int64), max(0, len(content.cells) - 2))
    fraction = (at - low).astype(np.float32)[:, None, None]
    pooled = pool_cells(content.cells, shape)
    high = np.minimum(low + 1, len(pooled) - 1)
    return _zero_mean(frame_changes(pooled[low] * (1 - fraction) + pooled[high] * fraction))


def mirror(rows: Cells, shape: tuple[int, int]) -> Cells:
    """Rows of cells mirrored left to right.

    Args:
        rows: shape (n, cells).
        shape: rows and columns of the cells.

    Returns:
        float32, shape (n, cells).
    """
    out: Cells = np.ascontiguousarray(rows.reshape(-1, *shape)[:, :, ::-1]).reshape(len(rows), -1)
    return out


def crop_box(cells: NDArray[np.uint8], box: Box, shape: tuple[int, int]) -> Cells:
    """The changes in a box.

    Args:
        cells: uint8, shape (frames, rows, columns).
        box: x, y, width, height in cells; it may reach beyond the frame.
        shape: rows and columns of cells that the box is divided into.

    Returns:
        float32, shape (frames − 1, cells of the box); the mean of each row is 0.
    """
    points = max(1, round(max(box[2] / shape[1], box[3] / shape[0])))
    down = _point_weights(cells.shape[1], box[1], box[3], shape[0], points)
    across = _point_weights(cells.shape[2], box[0], box[2], shape[1], points).T
    changes = []
    for start in range(0, max(1, len(cells) - 1), CHUNK_FRAMES):
        changes.append(frame_changes(down @ cells[start : start + CHUNK_FRAMES + 1].astype(np.float32) @ across))
    return _zero_mean(np.concatenate(changes))


def pool_cells(cells: NDArray[np.uint8] | Cells, shape: tuple[int, int]) -> Cells:
    """Cells at another size: the mean of the area of each, interpolated where that is less than one cell.

    Args:
        cells: shape (frames, rows, columns).
        shape: rows and columns of the result.

    Returns:
        float32, shape (frames, *shape).
    """
    rows, columns = _area_weights(cells.shape[1], shape[0]), _area_weights(cells.shape[2], shape[1])
    out: Cells = rows @ cells.astype(np.float32) @ columns.T
    return out


def _point_weights(size: int, start: float, length: float, count: int, points: int) -> Cells:
    """(count, size): each row the mean of `points` points of its share, interpolated between cells; 0 outside."""
    at = start + (np.arange(count * points) + 0.5) * length / (count * points) - 0.5
    low = np.clip(np.floor(at).astype(np.int64), 0, max(0, size - 2))
    fraction = np.clip(at - low, 0, 1)
    out = np.zeros((len(at), size), np.float32)
    out[np.arange(len(at)), low] = 1 - fraction
    out[np.arange(len(at)), np.minimum(low + 1, size - 1)] += fraction
    out[(at < -0.5) | (at > size - 0.5)] = 0
    mean: Cells = out.reshape(count, points, size).mean(axis=1)
    return mean


def _area_weights(size: int, count: int) -> Cells:
    """(count, size): each row the mean of its share of the cells."""
    if count > size:
        return _point_weights(size, 0.0, float(size), count, 1)
    edges = np.linspace(0, size, count + 1)
    low, high = np.maximum(edges[:-1, None], np.arange(size)), np.minimum(edges[1:, None], np.arange(1, size + 1))
    out: Cells = (np.maximum(high - low, 0) * count / size).astype(np.float32)
    return out
