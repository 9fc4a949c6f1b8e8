"""What was measured of each face beside its expressions: action units, blendshapes, pose of the head, box of the face.

Names are those of other tools: `AU12` after FACS, `mouthSmileLeft` after ARKit. Two units that the blendshapes cannot
tell apart share a column, such as `AU06_07`. Intensities of action units are about 0 for a neutral and 1 for a full
action (`expressions/action_units.py`); they are not the letters A to E of a FACS coder.
"""

import re

import numpy as np
from numpy.typing import NDArray

from evoked.core.track import Track
from evoked.faces.landmarks import BLENDSHAPES
from evoked.faces.pose import POSE
from evoked.reactions.expressions.action_units import ACTIONS, au_intensities

__all__ = ["AU_COLUMNS", "BOX_COLUMNS", "MEASURES", "MEASURE_COLUMNS", "measured"]

MEASURES = ("aus", "blendshapes", "pose", "box", "detection")
AU_COLUMNS = tuple("AU" + "_".join(f"{int(unit):02}" for unit in re.findall(r"\d+", a.units)) for a in ACTIONS)
BOX_COLUMNS = ("face_x", "face_y", "face_width", "face_height")
DETECTION = "face_score"
MEASURE_COLUMNS = frozenset((*AU_COLUMNS, *BLENDSHAPES, *POSE, *BOX_COLUMNS, DETECTION))
"""Columns of an annotation that are no expressions."""


def measured(
    blendshapes: Track, boxes: Track, poses: Track, measures: tuple[str, ...]
) -> dict[str, NDArray[np.float32]]:
    """The columns of one viewer.

    Args:
        blendshapes: the 52 blendshapes of the viewer.
        boxes: x, y, width, height of the face in pixels of the recording, top left corner first.
        poses: yaw, pitch, roll in degrees (`faces/pose.py` says in which direction), and the detector's score.
        measures: of MEASURES.

    Returns:
        Column → float32 (steps,), NaN where the face is not visible; in the order of MEASURES.
    """
    columns: dict[str, NDArray[np.float32]] = {}
    if "aus" in measures:
        columns |= dict(zip(AU_COLUMNS, au_intensities(blendshapes).values.T, strict=True))
    if "blendshapes" in measures:
        columns |= dict(zip(BLENDSHAPES, blendshapes.values.T, strict=True))
    if "pose" in measures:
        columns |= {name: poses[name] for name in POSE}
    if "box" in measures:
        columns |= dict(zip(BOX_COLUMNS, boxes.values.T, strict=True))
    if "detection" in measures:
        columns[DETECTION] = poses[DETECTION]
    return columns
