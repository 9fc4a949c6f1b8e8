"""What is noted of each person of a reaction while it is looked at: constant in size per frame they are seen."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["FaceTrack", "overlapping_tracks"]

Row = NDArray[np.float32]


@dataclass(eq=False)
class FaceTrack:
    """One person, or one number of the follower's that may turn out to be another person's.

    Attributes:
        steps: frames at which the face was sure and not the film's.
        shapes: the 52 blendshapes at each of these.
        boxes: x, y, width, height at each of these, in pixels of the reaction.
        film: at every frame where it could be told, whether the face was the film's own.
    """

    steps: list[int] = field(default_factory=list)
    shapes: list[Row] = field(default_factory=list)
    boxes: list[Row] = field(default_factory=list)
    film: list[bool] = field(default_factory=list)

    @property
    def content_overlap(self) -> float:
        """At how many of the frames where it could be told the face was the film's, in [0, 1]; 0 where never."""
        return sum(self.film) / len(self.film) if self.film else 0.0

    def append(self, step: int, box: Row, shapes: Row | None, film: bool | None) -> None:
        """What was seen at a frame; no blendshapes where the face was not sure or is the film's."""
        if film is not None:
            self.film.append(film)
        if shapes is not None:
            self.steps.append(step)
            self.shapes.append(shapes)
            self.boxes.append(box)

    def masked(self, shown: NDArray[np.bool_]) -> "FaceTrack":
        """Without the frames (shape (frames,)) at which the screen only held a frame because the file is damaged."""
        indices = [i for i, step in enumerate(self.steps) if shown[step]]
        steps, shapes, boxes = ([values[i] for i in indices] for values in (self.steps, self.shapes, self.boxes))
        return FaceTrack(steps, shapes, boxes, self.film)  # type: ignore[arg-type]

    def merge(self, other: "FaceTrack") -> None:
        """Add what was noted of the same person under another number."""
        self.steps += other.steps
        self.shapes += other.shapes
        self.boxes += other.boxes
        self.film += other.film


def overlapping_tracks(tracks: Mapping[int, FaceTrack], identities: Mapping[int, int]) -> dict[int, FaceTrack]:
    """Person → all that was noted under any of their numbers (FaceTracker.people); other numbers are left out."""
    merged: dict[int, FaceTrack] = {}
    for number in sorted(tracks):
        if number in identities:
            merged.setdefault(identities[number], FaceTrack()).merge(tracks[number])
    return merged
