"""What an annotation holds: the viewers of a reaction, their scores and where their faces were."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from evoked.core.settings import setting, settings
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.media.decode import VideoFrame
from evoked.reactions.expressions.recogniser import PROTOTYPE
from evoked.reactions.viewers.face_detections import DetectionLog

__all__ = ["AnnotateConfig", "Annotation", "ContentFaces", "Viewer"]


@settings
class AnnotateConfig:
    """How viewers are found."""

    min_face_px: int = setting(24, "faces narrower than this, in pixels of the reaction, are left out", ge=1)
    detect_every: int = setting(
        3, "frames from one search of the whole picture for faces to the next; 1: each frame", ge=1
    )
    min_mesh_score: float = setting(
        0.1, "faces of which the mesh model is less sure than this count as not seen", ge=0, le=1
    )
    min_tracked_score: float = setting(
        0.3, "detector's certainty down to which a face counts where one stood a second ago", gt=0, lt=1
    )
    recogniser: str = setting(PROTOTYPE, "prototype, or the folder of a recogniser that was trained")
    max_content_overlap: float = setting(
        0.5, "a person whose face is the film's own picture more often than this is no viewer", gt=0, le=1
    )


class ContentFaces(Protocol):
    """What knows the film that runs inside a reaction."""

    def is_content_face(self, picture: VideoFrame, rgb: NDArray[np.uint8], box: NDArray[np.float32]) -> bool | None:
        """Whether a face of the reaction's picture is the film's own; None where that cannot be told."""
        ...


@dataclass(frozen=True, eq=False)
class Viewer:
    """One person who watches.

    Attributes:
        blendshapes: the 52, at 6 Hz on the reaction's time.
        boxes: x, y, width, height in pixels of the reaction, valid where the blendshapes are.
        scores: expressions in [0, 1], valid there too.
    """

    blendshapes: Track
    boxes: Track
    scores: Track


@dataclass(frozen=True, eq=False)
class Annotation:
    """Who watched, and what they expressed.

    Attributes:
        grid: the reaction's 6 Hz grid.
        viewers: name (v1, v2, … by appearance) → Viewer; empty where nobody was seen.
        film_faces: how many people were left out because they belong to the film.
        dropped: packets of the video that could not be decoded.
        missing_s: seconds at the end that the file declares but does not have; nobody is seen there.
        damage: what was wrong with the file, one line each.
        sightings: every face that was found, also the film's and those that were too unsure or too brief.
    """

    grid: TimeGrid
    viewers: dict[str, Viewer]
    film_faces: int
    dropped: int
    missing_s: float
    damage: tuple[str, ...] = ()
    sightings: DetectionLog = field(default_factory=DetectionLog)
