"""Why a viewer is not seen in a frame between their first and last."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from evoked.faces.detect import iou
from evoked.reactions.viewers.annotation import Annotation
from evoked.reactions.viewers.face_detections import FaceDetection

__all__ = ["NO_FACE", "NO_PICTURE", "UNREADABLE", "not_seen_s", "unreadable_s"]

NO_FACE, UNREADABLE, NO_PICTURE = "no face", "face turned away or covered", "no new picture"
SAME = 0.1  # least overlap (intersection over union) of a face with the viewer's box before


def not_seen_s(annotation: Annotation, viewer: str) -> dict[str, float]:
    """Seconds in which a viewer is not seen, from the first to the last frame in which they are, by reason.

    Args:
        annotation: the reaction.
        viewer: name of one of its viewers.

    Returns:
        Reason → seconds above 0. NO_FACE: no face was detected where the viewer was before; UNREADABLE: one was, but
        the mesh is not sure of it (profiles, hands, blur); NO_PICTURE: the video has no frame of its own there.

    Raises:
        KeyError: for a viewer that it does not have.
    """
    boxes = annotation.viewers[viewer].boxes
    seen = np.flatnonzero(boxes.valid)
    reasons: dict[str, float] = {}
    last = None
    for step in range(int(seen[0]), int(seen[-1]) + 1) if len(seen) else ():
        if boxes.valid[step]:
            last = boxes.values[step]
            continue
        assert last is not None
        reason = _reason(annotation.detections.at.get(step, ()), viewer, last)
        reasons[reason] = reasons.get(reason, 0.0) + 1 / float(annotation.grid.rate)
    return reasons


def unreadable_s(annotation: Annotation) -> float:
    """Seconds of a reaction in which a face was detected that the mesh is not sure of, whoever it was."""
    frames = sum(any(face.track < 0 for face in faces) for faces in annotation.detections.at.values())
    return frames / float(annotation.grid.rate)


def _reason(faces: Iterable[FaceDetection], viewer: str, last: NDArray[np.float32]) -> str:
    faces = list(faces)
    if any(face.name == viewer for face in faces):
        return NO_PICTURE
    return UNREADABLE if any(face.track < 0 and iou(face.box, last) > SAME for face in faces) else NO_FACE
