"""Is this patch of the reaction the film's own picture? Asked at a moment, with the film beside it.

Where the film fills the frame, a viewer's picture lies inside the film's rectangle, so the place alone does
not tell whose face it is. What is shown does: at the aligned moment the film has the same picture there, or
another one. No static map can be caught out by a viewer who moves, comes in late or leaves.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evoked.media.images import resize, to_grey
from evoked.reactions.content_region.detector import ContentRegion

Rgb = NDArray[np.uint8]
PATCH = 32  # points across at which a face is compared
SHIFT = 2  # points that it may have moved: the rectangle and the moment are good to about that
AROUND = 0.15  # of the box, added at each side
SAME = 0.5  # correlation above which it is the film's picture (film faces .64 to 1.00, median .99) …
OTHER = 0.4  # … and below which it is another (viewers over film −.09 to .26); in between it cannot be told
PARTS = 5  # parts of the patch, across and down, that are compared each for itself
FLAT = 2.0  # grey levels from point to point: a patch with less has nothing to compare


@dataclass(frozen=True, eq=False)
class ContentPatchMatcher:
    """The film as shown in a reaction's frame.

    Attributes:
        window: its rectangle.
    """

    window: ContentRegion

    def is_content_face(self, box: NDArray[np.floating], reaction_rgb: Rgb, content_rgb: Rgb) -> bool | None:
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


def _patch(rgb: Rgb, span: tuple[float, float, float, float], points: int) -> NDArray[np.float32] | None:
    """A span left, top, right, bottom of a picture as grey points; the edge is repeated; None if outside."""
    left, top, right, bottom = (round(v) for v in span)
    height, width = rgb.shape[:2]
    if right - left < 4 or bottom - top < 4 or left >= width or top >= height or right <= 0 or bottom <= 0:
        return None
    cut = rgb[max(0, top) : min(height, bottom), max(0, left) : min(width, right)]
    beyond = ((max(0, -top), max(0, bottom - height)), (max(0, -left), max(0, right - width)), (0, 0))
    whole = np.ascontiguousarray(np.pad(cut, beyond, mode="edge"))
    return to_grey(resize(whole, (points, points))).astype(np.float32)


def _best_likeness(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> float | None:
    """The best correlation of edges over small shifts, part by part; `theirs` is larger by SHIFT on every side.

    A strip of the film in the patch, beside a viewer in low light, has most of the patch's edges: so each
    part counts the same, however strong its edges are.
    """
    mine, around = _edges(ours), _edges(theirs)
    if float(np.sqrt(np.mean(mine**2))) < FLAT:
        return None
    best, points = -1.0, mine.shape[1]
    floor = FLAT**2 * mine.size / PARTS**2
    own = _parts(mine**2)
    for dy in range(2 * SHIFT + 1):
        for dx in range(2 * SHIFT + 1):
            other = around[:, dy : dy + points, dx : dx + points]
            film = _parts(other**2)
            told = np.maximum(own, film) >= floor  # a part that is flat in both tells nothing
            likeness = _parts(mine * other) / np.sqrt(np.maximum(own, floor) * np.maximum(film, floor))
            best = max(best, float(likeness[told].mean()))
    return best


def _parts(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sums over PARTS × PARTS parts of a patch of edges."""
    _, rows, columns = values.shape
    out: NDArray[np.float32] = (
        values.sum(axis=0).reshape(PARTS, rows // PARTS, PARTS, columns // PARTS).sum(axis=(1, 3))
    )
    return out


def _edges(patch: NDArray[np.float32]) -> NDArray[np.float32]:
    """Differences across and down over two points: light and shade that change slowly drop out."""
    across = patch[1:-1, 2:] - patch[1:-1, :-2]
    down = patch[2:, 1:-1] - patch[:-2, 1:-1]
    return np.stack([across, down])
