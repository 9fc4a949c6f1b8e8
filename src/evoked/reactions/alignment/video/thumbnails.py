"""Small grey looks at a video at a steady rate, and how its cells change from look to look.

What changes, and where in the picture, is what a film and a recording of it share: a cut changes all cells at
once in a way that no other cut does. Walls, frames and brightness fall out.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.core.progress import Progress, silent
from evoked.core.time_grid import TimeGrid
from evoked.media.decode import VideoFrame, damage_lines, read_media
from evoked.media.images import to_grey
from evoked.media.probe import Media, VideoStream, no_video_error, probe

Cells = NDArray[np.float32]
Box = tuple[float, float, float, float]

HZ = Fraction(25, 2)  # looks a second
COLUMNS = 48  # cells across a reaction: a film an eighth of it wide fills six by three
FILM = (12, 16)  # rows and columns of cells of a film
FINER = 4  # pixels to a cell when a film is looked at
STILL = 0.7  # grey levels: a change of a cell below this is rounding and compression
CHUNK = 512  # looks that are worked on at once: memory


@dataclass(frozen=True, eq=False)
class FrameThumbnails:
    """A video, looked at HZ times a second.

    Attributes:
        cells: uint8, shape (looks, rows, columns): mean brightness of each cell.
        hold_s: by how long the pictures were on the screen already when they were looked at, in the mean.
        frame_s: how long one stays on the screen; 0 where the file does not say.
        aspect: width to height of the picture.
        damage: what was wrong with it, one line each: empty for a whole one.
    """

    cells: NDArray[np.uint8]
    hold_s: float
    frame_s: float
    aspect: float
    damage: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """How long was looked."""
        return len(self.cells) / float(HZ)


def reaction_thumbnails(path: Path, progress: Progress = silent, media: Media | None = None) -> FrameThumbnails:
    """The thumbnails of a reaction, COLUMNS square cells across: 58 MB for an hour of 16:9.

    Args:
        path: a video file.
        progress: is called with the number of thumbnails made and of all.
        media: the file's description, where it is known; else the file is probed first.

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
    """The thumbnails of a content, FILM cells whatever its shape: 9 MB for an hour.

    Args, Raises: as `reaction_thumbnails`.
    """
    media = media or probe(path)
    if media.picture is None:
        raise no_video_error(path)
    return _thumbnails(media, media.picture, FILM, progress)


def _thumbnails(media: Media, stream: VideoStream, shape: tuple[int, int], progress: Progress) -> FrameThumbnails:
    grid = TimeGrid.covering(media.duration_s, HZ)
    cells = np.zeros((grid.steps, *shape), np.uint8)
    size = shape[1] * FINER, shape[0] * FINER
    last, hold = -1, 0.0
    reader = read_media(media.path, frames=grid, media=media)
    for picture in reader:
        assert isinstance(picture, VideoFrame)
        if picture.index != last:
            shown = to_grey(picture.rgb(size)).reshape(shape[0], FINER, shape[1], FINER)
            mean = np.rint(shown.mean(axis=(1, 3), dtype=np.float32)).astype(np.uint8)
            last = picture.index
        cells[picture.step] = mean
        hold += max(0.0, float(picture.time_s - picture.pts_s))
        progress(picture.step + 1, grid.steps)
    frame_s = 1 / float(stream.average_rate) if stream.average_rate else 0.0
    aspect = stream.width / stream.height
    return FrameThumbnails(cells, hold / max(1, grid.steps), frame_s, aspect, damage_lines(reader))


def frame_changes(cells: Cells) -> Cells:
    """How cells change from look to look, large changes bounded: float32, shape (looks − 1, …)."""
    step = np.diff(cells, axis=0)
    out: Cells = np.sign(step) * np.sqrt(np.maximum(np.abs(step) - STILL, 0))
    return out


def zero_mean(cells: Cells) -> Cells:
    """Rows of cells, each look's mean taken off: a room that brightens with the film is not the film."""
    rows = cells.reshape(len(cells), -1)
    out: Cells = rows - rows.mean(axis=1, keepdims=True)
    return out


def content_changes(
    film: FrameThumbnails, speed: float, shape: tuple[int, int], every: int = 1, late: float = 0.0
) -> Cells:
    """A film's changes as a reaction shows them that plays it at a speed: float32, shape (looks − 1, cells).

    Args:
        film: as `look_at_film` gives it.
        speed: film seconds for each second of the reaction.
        shape: rows and columns of the cells.
        every: how many looks lie from one to the next.
        late: looks by which all are taken later.
    """
    steps = int((len(film.cells) - 1) / speed / every) + 1
    at = np.clip((np.arange(steps) * every + late) * speed, 0, len(film.cells) - 1)
    low = np.minimum(at.astype(np.int64), max(0, len(film.cells) - 2))
    part = (at - low).astype(np.float32)[:, None, None]
    there = pool_cells(film.cells, shape)
    high = np.minimum(low + 1, len(there) - 1)
    return zero_mean(frame_changes(there[low] * (1 - part) + there[high] * part))


def mirror(rows: Cells, shape: tuple[int, int]) -> Cells:
    """Rows of cells turned left to right."""
    out: Cells = np.ascontiguousarray(rows.reshape(-1, *shape)[:, :, ::-1]).reshape(len(rows), -1)
    return out


def crop_box(cells: NDArray[np.uint8], box: Box, shape: tuple[int, int]) -> Cells:
    """The changes in a box (x, y, width, height in cells; it may reach beyond): float32, shape (looks − 1, cells)."""
    finer = max(1, round(max(box[2] / shape[1], box[3] / shape[0])))
    down = _points(cells.shape[1], box[1], box[3], shape[0], finer)
    across = _points(cells.shape[2], box[0], box[2], shape[1], finer).T
    parts = []
    for start in range(0, max(1, len(cells) - 1), CHUNK):
        parts.append(frame_changes(down @ cells[start : start + CHUNK + 1].astype(np.float32) @ across))
    return zero_mean(np.concatenate(parts))


def pool_cells(cells: NDArray[np.uint8] | Cells, shape: tuple[int, int]) -> Cells:
    """Cells at another size: means of what each covers, read between cells where it covers less than one."""
    out: Cells = _areas(cells.shape[1], shape[0]) @ cells.astype(np.float32) @ _areas(cells.shape[2], shape[1]).T
    return out


def _points(size: int, start: float, length: float, count: int, finer: int) -> Cells:
    """(count, size): each row the mean of `finer` points of its share, read between cells; 0 outside."""
    at = start + (np.arange(count * finer) + 0.5) * length / (count * finer) - 0.5
    low = np.clip(np.floor(at).astype(np.int64), 0, max(0, size - 2))
    part = np.clip(at - low, 0, 1)
    out = np.zeros((len(at), size), np.float32)
    out[np.arange(len(at)), low] = 1 - part
    out[np.arange(len(at)), np.minimum(low + 1, size - 1)] += part
    out[(at < -0.5) | (at > size - 0.5)] = 0
    mean: Cells = out.reshape(count, finer, size).mean(axis=1)
    return mean


def _areas(size: int, count: int) -> Cells:
    """(count, size): each row the mean of its share of the cells."""
    if count > size:
        return _points(size, 0.0, float(size), count, 1)
    edges = np.linspace(0, size, count + 1)
    low, high = np.maximum(edges[:-1, None], np.arange(size)), np.minimum(edges[1:, None], np.arange(1, size + 1))
    out: Cells = (np.maximum(high - low, 0) * count / size).astype(np.float32)
    return out
