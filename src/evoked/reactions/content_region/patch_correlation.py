"""Whether a patch of a reaction's frame shows the content, by comparison with the content's frame of that moment.

Where the content fills the frame, the viewer's picture lies inside the content region, so the place alone does
not tell whose face it is. The pixels do: at the aligned moment the content shows the same there, or something
else. This holds also for a viewer who moves, comes in late or leaves, where a static map would fail.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evoked.media.images import resize, to_grey
from evoked.reactions.content_region.detector import ContentRegion

__all__ = ["ContentPatchMatcher", "Rgb"]

Rgb = NDArray[np.uint8]
PATCH = 32  # points across at which a face is compared
SHIFT = 2  # points by which it may be shifted: about the accuracy of the region and of the alignment
AROUND = 0.15  # of the box, added at each side
SAME = 0.5  # correlation above which it is the content (content faces .64 to 1.00, median .99) …
OTHER = 0.4  # … and below which it is not (viewers over content −.09 to .26); in between it is undecided
BLOCKS = 5  # blocks of the patch, across and down, that are compared separately
FLAT = 2.0  # root mean square difference from point to point, in grey levels, below which a patch is too flat


@dataclass(frozen=True, eq=False)
class ContentPatchMatcher:
    """Compares patches of a reaction's frame with the content.

    Attributes:
        region: where the content is in the reaction's frame.
    """

    region: ContentRegion

    def is_content_face(self, box: NDArray[np.floating], reaction_rgb: Rgb, content_rgb: Rgb) -> bool | None:
        """Whether a face is part of the content.

        Args:
            box: x, y, width, height in pixels of the reaction.
            reaction_rgb: the reaction's frame.
            content_rgb: the content's frame of the same moment, uncropped, at any size.

        Returns:
            False outside the region, and where the content shows something else; None where the patch
            is too flat or the correlation is between both thresholds.
        """
        if not self.region.contains(float(box[0] + box[2] / 2), float(box[1] + box[3] / 2)):
            return False
        correlation = self.correlation(box, reaction_rgb, content_rgb)
        if correlation is None or OTHER <= correlation <= SAME:
            return None
        return correlation > SAME

    def correlation(self, box: NDArray[np.floating], reaction_rgb: Rgb, content_rgb: Rgb) -> float | None:
        """Correlation of the edges of a patch with the content's at the same place.

        Args:
            box: x, y, width, height in pixels of the reaction.
            reaction_rgb: the reaction's frame.
            content_rgb: the content's frame of the same moment, uncropped, at any size.

        Returns:
            A value in [−1, 1]; None where the patch is too flat or outside the frame.
        """
        height, width = reaction_rgb.shape[:2]
        x, y, w, h = (float(v) for v in box)
        left, right = max(0.0, x - AROUND * w), min(float(width), x + (1 + AROUND) * w)
        top, bottom = max(0.0, y - AROUND * h), min(float(height), y + (1 + AROUND) * h)
        reaction_patch = _patch(reaction_rgb, (left, top, right, bottom), PATCH)
        margin = SHIFT / PATCH
        dx, dy = margin * (right - left), margin * (bottom - top)
        content_patch = _patch(
            content_rgb,
            self._in_content((left - dx, top - dy, right + dx, bottom + dy), content_rgb),
            PATCH + 2 * SHIFT,
        )
        if reaction_patch is None or content_patch is None:
            return None
        if self.region.mirrored:
            content_patch = content_patch[:, ::-1]
        return _best_correlation(reaction_patch, content_patch)

    def _in_content(
        self, span: tuple[float, float, float, float], content_rgb: Rgb
    ) -> tuple[float, float, float, float]:
        """A span left, top, right, bottom of the reaction, in pixels of the content's frame."""
        x, y, width, height = self.region.box
        across, down = content_rgb.shape[1] / width, content_rgb.shape[0] / height
        left, right = (span[0] - x) * across, (span[2] - x) * across
        if self.region.mirrored:
            left, right = content_rgb.shape[1] - right, content_rgb.shape[1] - left
        return left, (span[1] - y) * down, right, (span[3] - y) * down


def _patch(rgb: Rgb, span: tuple[float, float, float, float], points: int) -> NDArray[np.float32] | None:
    """A span left, top, right, bottom of a frame as grey points; the edge is repeated; None if outside."""
    left, top, right, bottom = (round(v) for v in span)
    height, width = rgb.shape[:2]
    if right - left < 4 or bottom - top < 4 or left >= width or top >= height or right <= 0 or bottom <= 0:
        return None
    inside = rgb[max(0, top) : min(height, bottom), max(0, left) : min(width, right)]
    beyond = ((max(0, -top), max(0, bottom - height)), (max(0, -left), max(0, right - width)), (0, 0))
    padded = np.ascontiguousarray(np.pad(inside, beyond, mode="edge"))
    return to_grey(resize(padded, (points, points))).astype(np.float32)


def _best_correlation(reaction_patch: NDArray[np.float32], content_patch: NDArray[np.float32]) -> float | None:
    """The best correlation of edges over small shifts, block by block.

    `content_patch` is larger by SHIFT on every side. A strip of the content in the patch, beside a viewer in low
    light, has most of the patch's edges: so each block has the same weight, however strong its edges are.
    """
    reaction, searched = _edges(reaction_patch), _edges(content_patch)
    if float(np.sqrt(np.mean(reaction**2))) < FLAT:
        return None
    best, points = -1.0, reaction.shape[1]
    floor = FLAT**2 * reaction.size / BLOCKS**2
    reaction_energy = _block_sums(reaction**2)
    for dy in range(2 * SHIFT + 1):
        for dx in range(2 * SHIFT + 1):
            content = searched[:, dy : dy + points, dx : dx + points]
            content_energy = _block_sums(content**2)
            usable = np.maximum(reaction_energy, content_energy) >= floor  # not the blocks that are flat in both
            scale = np.sqrt(np.maximum(reaction_energy, floor) * np.maximum(content_energy, floor))
            correlation = _block_sums(reaction * content) / scale
            best = max(best, float(correlation[usable].mean()))
    return best


def _block_sums(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sums over BLOCKS × BLOCKS blocks of a patch of edges."""
    _, rows, columns = values.shape
    out: NDArray[np.float32] = (
        values.sum(axis=0).reshape(BLOCKS, rows // BLOCKS, BLOCKS, columns // BLOCKS).sum(axis=(1, 3))
    )
    return out


def _edges(patch: NDArray[np.float32]) -> NDArray[np.float32]:
    """Differences across and down over two points, which remove slow changes of brightness."""
    across = patch[1:-1, 2:] - patch[1:-1, :-2]
    down = patch[2:, 1:-1] - patch[:-2, 1:-1]
    return np.stack([across, down])
