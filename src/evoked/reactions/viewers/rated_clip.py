"""Describe the face of a rated clip as `annotate` does: the training data of a recogniser.

A clip shows one face for about 3 s. The largest face is followed by position; a still image is a clip with one
description that is repeated (spec §5).
"""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evoked.core.damage import Damage, damage_texts
from evoked.core.errors import DatasetError
from evoked.core.time_grid import ANNOTATION_FPS, TimeGrid
from evoked.core.track import Track
from evoked.faces.descriptors import column_names, open_descriptors, registered_descriptors
from evoked.faces.detect import DetectConfig, Face, FaceDetector, iou
from evoked.faces.mesh import FaceMesh, Mesh
from evoked.media.decode import VideoFrame, read_media
from evoked.media.images import read_image
from evoked.media.probe import probe
from evoked.reactions.viewers.annotation import AnnotateConfig
from evoked.reactions.viewers.annotator import SAME_FACE_IOU
from evoked.weights.cache import Cache

__all__ = ["CODE_VERSION", "IMAGE_FRAMES", "IMAGE_SUFFIXES", "ClipFaceDescriber", "DescribedClip"]

CODE_VERSION = 4
"""Raised whenever the descriptions of a clip change, so that cached ones are computed again."""
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
IMAGE_FRAMES = 18
MIN_FACE_SHARE = Fraction(1, 2)
"""Share of a clip's frames that must show a face: with fewer, the ratings of the clip do not describe it."""


class DescribedClip(NamedTuple):
    """The face of a clip.

    Attributes:
        track: descriptions at 6 Hz, valid where the face was visible.
        damage: defects of the file within the clip.
    """

    track: Track
    damage: tuple[Damage, ...] = ()


class ClipFaceDescriber:
    """Describe the face of any number of clips; the models are loaded once.

    Args:
        describes: names of face descriptors, see `faces/descriptors.py`, in order.
        cache: where the models are.

    Raises:
        ValueError: for names that are not registered.
    """

    def __init__(self, describes: Sequence[str], cache: Cache | None = None) -> None:
        self.names = column_names(describes)
        self._widths = [
            (name, row.width) for name, row in zip(describes, registered_descriptors(describes), strict=True)
        ]
        self._config = AnnotateConfig()
        self._detect = FaceDetector(DetectConfig(), cache)
        self._mesh = FaceMesh(cache)
        further = [name for name, _ in self._widths if name != "blendshapes"]
        self._describe_further = open_descriptors(further, cache) if further else None

    def __call__(self, path: Path, start_s: float = 0.0, end_s: float = 0.0) -> DescribedClip:
        """Describe one clip.

        Args:
            path: a video or a still image.
            start_s, end_s: the span in seconds; both 0 for the entire clip.

        Returns:
            Descriptions, for a still image 18 equal rows; not valid where the file is damaged.

        Raises:
            MediaError or a subclass: if the file cannot be used.
            DatasetError: if the span lies beyond the end, or a face is seen in fewer than half of its frames.
        """
        if path.suffix.lower() in IMAGE_SUFFIXES:
            row = self._row(read_image(path), None)
            if row is None:
                raise DatasetError(f"no face is seen in {path}. Leave it out, or rate a picture that shows one")
            still = np.repeat(row[0][None], IMAGE_FRAMES, axis=0)
            always = np.ones(IMAGE_FRAMES, dtype=np.bool_)
            return DescribedClip(Track(TimeGrid(ANNOTATION_FPS, IMAGE_FRAMES), self.names, still, always))
        grid = self._grid(path, start_s, end_s)
        values = np.zeros((grid.steps, len(self.names)), dtype=np.float32)
        valid = np.zeros(grid.steps, dtype=np.bool_)
        before: tuple[Face, Mesh] | None = None
        last, row = -1, None
        shown_s = np.zeros(grid.steps)
        reader = read_media(path, frames=grid)
        for picture in reader:
            assert isinstance(picture, VideoFrame)
            shown_s[picture.step] = picture.pts_s
            if picture.index != last:  # a repeated frame is computed once
                row, last = self._row(picture.rgb(), before), picture.index
                before = row[1] if row is not None else None
            if row is not None:
                values[picture.step], valid[picture.step] = row[0], True
        valid &= reader.picture_valid(grid, shown_s)
        damage = tuple(entry for entry in reader.damage if _touches(entry, grid))
        if valid.sum() < MIN_FACE_SHARE * grid.steps:
            where = f"{path} {start_s:g}-{end_s:g} s" if end_s else str(path)
            why = "".join(f" ({text})" for text in damage_texts(damage))
            raise DatasetError(
                f"a face is seen in {int(valid.sum())} of the {grid.steps} frames of {where}{why}. Leave the clip out"
            )
        return DescribedClip(Track.masked(grid, self.names, values, valid), damage)

    def _grid(self, path: Path, start_s: float, end_s: float) -> TimeGrid:
        grid = probe(path).grid(ANNOTATION_FPS)
        if not end_s:
            return grid
        length_s = float(grid.second(grid.steps))
        if end_s > length_s + 1 / float(ANNOTATION_FPS):
            raise DatasetError(f"{path} ends at {length_s:.2f} s, the span {start_s:g}-{end_s:g} s lies beyond it")
        start = Fraction(start_s).limit_denominator(1000)
        return TimeGrid(
            ANNOTATION_FPS, max(1, round((Fraction(end_s) - start) * ANNOTATION_FPS)), max(Fraction(0), start)
        )

    def _row(
        self, rgb: NDArray[np.uint8], before: tuple[Face, Mesh] | None
    ) -> tuple[NDArray[np.float32], tuple[Face, Mesh]] | None:
        """Description of the face, and the face with its mesh; None where no face is visible."""
        faces = [f for f in self._detect(rgb) if f.box[2] >= self._config.min_face_px and f.area > 0]
        if not faces:
            return None
        face = faces[0]
        same = None
        if before is not None:
            face = max(faces, key=lambda f: (iou(f.box, before[0].box), f.area))
            same = before if iou(face.box, before[0].box) > SAME_FACE_IOU else None
        mesh = self._mesh(rgb, face, same)
        if mesh.presence < self._config.min_mesh_score:
            return None
        return self._joined(rgb, face, mesh), (face, mesh)

    def _joined(self, rgb: NDArray[np.uint8], face: Face, mesh: Mesh) -> NDArray[np.float32]:
        """The descriptions concatenated in the order of their names."""
        values = self._describe_further(rgb, [face])[0] if self._describe_further else np.zeros(0, dtype=np.float32)
        columns, at = [], 0
        for name, width in self._widths:
            if name == "blendshapes":
                columns.append(mesh.blendshapes)
            else:
                columns.append(values[at : at + width])
                at += width
        return np.concatenate(columns)


def _touches(damage: Damage, grid: TimeGrid) -> bool:
    """Whether a defect, or one whose seconds are not known, may lie within a clip."""
    begins = damage.from_s is None or damage.from_s <= float(grid.second(grid.steps))
    return begins and (damage.to_s is None or damage.to_s >= float(grid.start))
