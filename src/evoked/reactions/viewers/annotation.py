"""The annotation of a reaction: its viewers, their scores and the boxes of their faces."""

from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from evoked.core.damage import Damage
from evoked.core.settings import setting, settings
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.media.decode import VideoFrame
from evoked.reactions.expressions.recogniser import PROTOTYPE
from evoked.reactions.viewers.face_detections import DetectionLog
from evoked.reactions.viewers.measures import MEASURES

__all__ = ["RECOGNISER_FIELDS", "AnnotateConfig", "Annotation", "ContentFaces", "LeftOutFace", "Viewer"]

RECOGNISER_FIELDS = ("recogniser", "allow_unvalidated")
"""Settings that no result depends on, apart from the recogniser's own description."""


@settings
class AnnotateConfig:
    """How viewers are found."""

    min_face_px: int = setting(24, "faces narrower than this, in pixels of the reaction, are left out", ge=1)
    detect_every: int = setting(3, "frames from one full-frame face detection to the next; 1: every frame", ge=1)
    min_mesh_score: float = setting(
        0.1, "faces with a lower score of the mesh model than this count as not visible", ge=0, le=1
    )
    min_tracked_score: float = setting(
        0.3, "lowest detector score of a face at a place where one was detected up to a second before", gt=0, lt=1
    )
    rotate: Literal["auto", "0", "90", "180", "270"] = setting(
        "auto", "turn the recording clockwise by so many degrees; auto: where its faces lie on their side or head"
    )
    recogniser: str = setting(PROTOTYPE, "prototype, or the folder of a recogniser that was trained")
    allow_unvalidated: bool = setting(
        False, "use a trained recogniser even if it failed, or never had, its check on moving faces"
    )
    max_content_overlap: float = setting(
        0.5,
        "people with a larger share of detections on the content's own picture than this are not viewers",
        gt=0,
        le=1,
    )
    keep_still_faces: bool = setting(
        False, "still faces (photographs, posters) are viewers, too, beside faces that move"
    )
    keep_uncertain_tracks: bool = setting(
        False, "tracks with a low mean score are viewers, too; the shorter a track, the higher a score it needs"
    )
    columns: tuple[str, ...] = setting(
        ("scores",),
        "columns of the table: scores, and aus (FACS action units), blendshapes, pose (of the head, degrees), "
        "box (of the face, pixels), detection (the detector's score)",
    )
    keep_copies: bool = setting(False, "a viewer who is shown twice, mirrored or not, counts as two viewers")

    def __post_init__(self) -> None:
        known = ("scores", *MEASURES)
        if unknown := [name for name in self.columns if name not in known]:
            raise ValueError(f"columns must be of {', '.join(known)}, got {unknown[0]!r}")


class ContentFaces(Protocol):
    """Decides which faces of a reaction belong to the content that it shows."""

    def is_content_face(self, picture: VideoFrame, rgb: NDArray[np.uint8], box: NDArray[np.float32]) -> bool | None:
        """Whether a face of a reaction frame belongs to the content.

        Args:
            picture: the frame, with its presentation time.
            rgb: its pixels, shape (height, width, 3).
            box: x, y, width, height of the face, in pixels of the reaction.

        Returns:
            True or False; None where it cannot be decided.
        """
        ...


@dataclass(frozen=True, eq=False)
class Viewer:
    """One viewer of a reaction video.

    Attributes:
        blendshapes: the 52 blendshapes, at 6 Hz on the reaction's time.
        boxes: x, y, width, height in pixels of the reaction, turned as it was, valid where the blendshapes are.
        scores: expressions in [0, 1], valid there too.
        poses: yaw, pitch, roll of the head in degrees and the detector's score, valid there too.
    """

    blendshapes: Track
    boxes: Track
    scores: Track
    poses: Track


@dataclass(frozen=True)
class LeftOutFace:
    """A face that is no viewer, although it does not belong to the content.

    Attributes:
        kind: "uncertain", "still" or "copy".
        text: one line for people: what, where, when, and the setting that keeps it.
        box: median x, y, width, height in pixels of the reaction.
        from_s, to_s: from the first to the last frame in which it is seen, seconds of the reaction.
    """

    kind: str
    text: str
    box: tuple[int, int, int, int]
    from_s: float
    to_s: float


@dataclass(frozen=True, eq=False)
class Annotation:
    """The viewers of a reaction video, and what they expressed.

    Attributes:
        grid: the reaction's 6 Hz grid.
        viewers: name (v1, v2, … by appearance) → Viewer; empty where no viewer was visible.
        content_faces: number of people left out because they belong to the content.
        dropped: packets of the video that could not be decoded.
        missing_s: seconds at the end that the file declares but does not have; nobody is visible there.
        damage: what was wrong with the file, one line each.
        defects: the same with kinds and seconds.
        left_out: faces that are no viewers: uncertain detections, still pictures, copies of a viewer.
        notes: on these, and on viewers who may be none, one line each.
        detections: every detected face, including the content's and those with too low a score or visible too briefly.
        turned: degrees clockwise by which the recording was turned, beyond what its file states.
    """

    grid: TimeGrid
    viewers: dict[str, Viewer]
    content_faces: int
    dropped: int
    missing_s: float
    damage: tuple[str, ...] = ()
    defects: tuple[Damage, ...] = ()
    detections: DetectionLog = field(default_factory=DetectionLog)
    turned: int = 0
    left_out: tuple[LeftOutFace, ...] = ()
    notes: tuple[str, ...] = ()
