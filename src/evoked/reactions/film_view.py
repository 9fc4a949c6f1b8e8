"""Is this patch of the reaction the film's own picture? Asked at a moment, with the film beside it.

Where the film fills the frame, a viewer's picture lies inside the film's rectangle, so the place alone does
not tell whose face it is. What is shown does: at the aligned moment the film has the same picture there, or
another one. No static map can be caught out by a viewer who moves, comes in late or leaves.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.core.timeline import Grid
from evoked.media.images import grey, resize
from evoked.media.play import Picture, play
from evoked.media.probe import no_picture, probe
from evoked.reactions.offsets import OffsetMap, Segment, exact
from evoked.reactions.window import Window, WindowConfig, find_window

Rgb = NDArray[np.uint8]
WIDTH = 480  # pixels across at which the film is looked at
PATCH = 32  # points across at which a face is compared
SHIFT = 2  # points that it may have moved: the rectangle and the moment are good to about that
AROUND = 0.15  # of the box, added at each side
SAME = 0.5  # correlation above which it is the film's picture (film faces .64 to 1.00, median .99) …
OTHER = 0.4  # … and below which it is another (viewers over film −.09 to .26); in between it cannot be told
FLAT = 2.0  # grey levels from point to point: a patch with less has nothing to compare
EVERY_S = Fraction(1, 6)  # the film is looked at this often: every tick of a viewer's Track


@dataclass(frozen=True, eq=False)
class FilmView:
    """The film as it stands in a reaction's frame.

    Attributes:
        window: its rectangle.
    """

    window: Window

    def owns(self, box: NDArray[np.floating], reaction_rgb: Rgb, content_rgb: Rgb) -> bool | None:
        """Whether a face belongs to the film.

        Args:
            box: x, y, width, height in pixels of the reaction.
            reaction_rgb: the reaction's picture.
            content_rgb: the content's picture of the same moment, at any size, whole.

        Returns:
            False outside the rectangle, and where the film shows something else; None where the patch
            is too flat or the likeness too middling to tell.
        """
        if not self.window.holds(float(box[0] + box[2] / 2), float(box[1] + box[3] / 2)):
            return False
        likeness = self.likeness(box, reaction_rgb, content_rgb)
        if likeness is None or OTHER <= likeness <= SAME:
            return None
        return likeness > SAME

    def likeness(self, box: NDArray[np.floating], reaction_rgb: Rgb, content_rgb: Rgb) -> float | None:
        """Correlation of the edges of a patch with the film's at the same place, in [−1, 1]; None if flat."""
        height, width = reaction_rgb.shape[:2]
        x, y, w, h = (float(v) for v in box)
        left, right = max(0.0, x - AROUND * w), min(float(width), x + (1 + AROUND) * w)
        top, bottom = max(0.0, y - AROUND * h), min(float(height), y + (1 + AROUND) * h)
        ours = _patch(reaction_rgb, (left, top, right, bottom), PATCH)
        margin = SHIFT / PATCH
        dx, dy = margin * (right - left), margin * (bottom - top)
        theirs = _patch(
            content_rgb,
            self._in_content((left - dx, top - dy, right + dx, bottom + dy), content_rgb),
            PATCH + 2 * SHIFT,
        )
        if ours is None or theirs is None:
            return None
        if self.window.mirrored:
            theirs = theirs[:, ::-1]
        return _best_likeness(ours, theirs)

    def _in_content(
        self, span: tuple[float, float, float, float], content_rgb: Rgb
    ) -> tuple[float, float, float, float]:
        """A span left, top, right, bottom of the reaction, in pixels of the content's picture."""
        x, y, width, height = self.window.box
        across, down = content_rgb.shape[1] / width, content_rgb.shape[0] / height
        left, right = (span[0] - x) * across, (span[2] - x) * across
        if self.window.mirrored:
            left, right = content_rgb.shape[1] - right, content_rgb.shape[1] - left
        return left, (span[1] - y) * down, right, (span[3] - y) * down


class FollowedFilm:
    """A FilmView that plays the content along with the reaction; what `annotate` asks.

    Args:
        view: where the film stands.
        offsets: when it plays.
        content: its file; it is opened when the first face lies inside the rectangle.
    """

    def __init__(self, view: FilmView, offsets: OffsetMap, content: Path) -> None:
        self.view = view
        self._offsets = offsets
        self._content = content
        self._pictures: Iterator[Picture] = iter(())
        self._segment: Segment | None = None
        self._step = -1
        self._shown: Rgb | None = None

    def owns(self, picture: Picture, rgb: Rgb, box: NDArray[np.float32]) -> bool | None:
        """Whether a face of a reaction's picture is the film's own; pictures must come in order.

        Returns:
            False outside the rectangle; None where the film does not run on undisturbed, between the
            moments at which it is looked at, and where `FilmView.owns` cannot tell.
        """
        if not self.view.window.holds(float(box[0] + box[2] / 2), float(box[1] + box[3] / 2)):
            return False
        shown = self._at(picture.time_s)
        return None if shown is None else self.view.owns(box, rgb, shown)

    def _at(self, reaction_s: Fraction) -> Rgb | None:
        """The film's picture at a reaction's second, if that is one of the moments looked at."""
        segment = next((s for s in self._offsets.segments if _within(reaction_s, s)), None)
        if segment is None or reaction_s % EVERY_S:
            return None
        if segment is not self._segment:
            self._open(segment)
        first = ceil(exact(segment.reaction_start_s) / EVERY_S)
        wanted = int(reaction_s / EVERY_S) - first
        while self._step < wanted:
            item = next(self._pictures, None)
            if item is None:
                return None
            self._step = item.step
            if self._step == wanted:
                self._shown = item.rgb(self._size)
        return self._shown if self._step == wanted else None

    def _open(self, segment: Segment) -> None:
        """Play the content from where a segment begins, at the moments of the reaction's ticks."""
        first = ceil(exact(segment.reaction_start_s) / EVERY_S) * EVERY_S
        shift = exact(segment.content_start_s) - exact(segment.reaction_start_s)
        steps = max(0, ceil((exact(segment.content_end_s) - shift - first) / EVERY_S))
        media = probe(self._content)
        if media.picture is None:
            raise no_picture(self._content)
        shrink = min(1.0, WIDTH / media.picture.width)
        self._size = (round(media.picture.width * shrink), round(media.picture.height * shrink))
        grid = Grid(1 / EVERY_S, steps, first + shift)
        self._pictures = (item for item in play(self._content, pictures=grid) if isinstance(item, Picture))
        self._segment, self._step = segment, -1


def follow_film(
    reaction: Path, content: Path, offsets: OffsetMap, config: WindowConfig | None = None
) -> FollowedFilm | None:
    """Find the film in a reaction; None where it cannot be seen there, only heard.

    Raises:
        MediaError and its kin: if one of the two has no picture that can be decoded.
    """
    window = find_window(reaction, content, offsets, config)
    return FollowedFilm(FilmView(window), offsets, content) if window else None


def _within(reaction_s: Fraction, segment: Segment) -> bool:
    return exact(segment.reaction_start_s) <= reaction_s < exact(segment.reaction_end_s)


def _patch(rgb: Rgb, span: tuple[float, float, float, float], points: int) -> NDArray[np.float32] | None:
    """A span left, top, right, bottom of a picture as grey points; the edge is repeated; None if outside."""
    left, top, right, bottom = (round(v) for v in span)
    height, width = rgb.shape[:2]
    if right - left < 4 or bottom - top < 4 or left >= width or top >= height or right <= 0 or bottom <= 0:
        return None
    cut = rgb[max(0, top) : min(height, bottom), max(0, left) : min(width, right)]
    beyond = ((max(0, -top), max(0, bottom - height)), (max(0, -left), max(0, right - width)), (0, 0))
    whole = np.ascontiguousarray(np.pad(cut, beyond, mode="edge"))
    return grey(resize(whole, (points, points))).astype(np.float32)


def _best_likeness(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> float | None:
    """The best correlation of edges over small shifts; `theirs` is larger by SHIFT on every side."""
    mine, around = _edges(ours), _edges(theirs)
    if float(np.sqrt(np.mean(mine**2))) < FLAT:
        return None
    best, points = -1.0, mine.shape[1]
    for dy in range(2 * SHIFT + 1):
        for dx in range(2 * SHIFT + 1):
            other = around[:, dy : dy + points, dx : dx + points]
            size = float(np.sqrt((mine**2).sum() * (other**2).sum()))
            best = max(best, float((mine * other).sum()) / size if size > 0 else 0.0)
    return best


def _edges(patch: NDArray[np.float32]) -> NDArray[np.float32]:
    """Differences across and down over two points: light and shade that change slowly drop out."""
    across = patch[1:-1, 2:] - patch[1:-1, :-2]
    down = patch[2:, 1:-1] - patch[:-2, 1:-1]
    return np.stack([across, down])
