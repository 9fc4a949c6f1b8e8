"""Boxes and blendshapes of each tracked face, collected while a reaction is read."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from evoked.faces.pose import POSE
from evoked.reactions.viewers.face_samples import FaceSample, FaceSamples

__all__ = ["POSE_SCORE", "FaceTrack", "overlapping_tracks"]

Row = NDArray[np.float32]
POSE_SCORE = (*POSE, "face_score")
"""Columns of a pose: the angles, and the detector's score of the face in [0, 1]."""


@dataclass(eq=False)
class FaceTrack:
    """One track of the face tracker; several tracks may turn out to be one person and are merged.

    Attributes:
        steps: frames (6 Hz) at which the face was visible and not on the content.
        shapes: descriptions of the face (the 52 blendshapes first) at each of these.
        boxes: x, y, width, height at each of these, in pixels of the reaction.
        poses: the head pose at each of these, degrees, and the detector's score of the face; NaN where not given.
        on_content: at every frame where it could be decided, whether the face was on the content's picture.
        samples: what the face looked like at some of these frames.
        descriptor: sum of the face descriptors that were computed of it, each of unit length; (1,) where none was.
    """

    steps: list[int] = field(default_factory=list)
    shapes: list[Row] = field(default_factory=list)
    boxes: list[Row] = field(default_factory=list)
    poses: list[Row] = field(default_factory=list)
    on_content: list[bool] = field(default_factory=list)
    samples: FaceSamples = field(default_factory=FaceSamples)
    descriptor: NDArray[np.float64] = field(default_factory=lambda: np.zeros(1))

    @property
    def content_overlap(self) -> float:
        """Share of the decided frames at which the face was on the content, in [0, 1]; 0 without such frames."""
        return sum(self.on_content) / len(self.on_content) if self.on_content else 0.0

    def append(
        self,
        step: int,
        box: Row,
        shapes: Row | None,
        on_content: bool | None,
        sample: FaceSample | None = None,
        pose: Row | None = None,
    ) -> None:
        """Add a frame.

        Args:
            step: index of the frame (6 Hz).
            box: x, y, width, height in pixels of the reaction.
            shapes: descriptions of the face, blendshapes first; None where it was not visible or is the content's.
            on_content: whether the face is on the content's picture; None where it cannot be decided.
            sample: what it looks like; None where the frame repeats the one before, or the face was not visible.
            pose: yaw, pitch, roll in degrees, and the detector's score; None where they are not known.
        """
        if on_content is not None:
            self.on_content.append(on_content)
        if shapes is not None:
            self.steps.append(step)
            self.shapes.append(shapes)
            self.boxes.append(box)
            self.poses.append(np.full(len(POSE_SCORE), np.nan, np.float32) if pose is None else pose)
            if sample is not None:
                self.samples.append(sample)

    def add_descriptor(self, descriptor: Row) -> None:
        """Add a descriptor of the face."""
        unit = np.asarray(descriptor, dtype=np.float64)
        self.descriptor = self.descriptor + unit / (float(np.linalg.norm(unit)) or 1.0)

    def masked(self, shown: NDArray[np.bool_]) -> "FaceTrack":
        """The track without frames for which a damaged file has no picture; `shown` has shape (frames,)."""
        indices = [i for i, step in enumerate(self.steps) if shown[step]]
        kept = FaceTrack([self.steps[i] for i in indices], on_content=self.on_content, descriptor=self.descriptor)
        kept.shapes, kept.boxes, kept.poses = (
            [values[i] for i in indices] for values in (self.shapes, self.boxes, self.poses)
        )
        kept.samples = self.samples.masked(shown)
        return kept

    def merge(self, track: "FaceTrack") -> None:
        """Add the frames of another track of the same person."""
        self.steps += track.steps
        self.shapes += track.shapes
        self.boxes += track.boxes
        self.poses += track.poses
        self.on_content += track.on_content
        self.samples.merge(track.samples)
        self.descriptor = self.descriptor + track.descriptor


def overlapping_tracks(tracks: Mapping[int, FaceTrack], identities: Mapping[int, int]) -> dict[int, FaceTrack]:
    """Merge the tracks of each person.

    Args:
        tracks: track number → track.
        identities: track number → number of the person, see FaceTracker.merged_tracks; others are left out.

    Returns:
        Number of the person → all frames of that person's tracks.
    """
    merged: dict[int, FaceTrack] = {}
    for number in sorted(tracks):
        if number in identities:
            merged.setdefault(identities[number], FaceTrack()).merge(tracks[number])
    return merged
