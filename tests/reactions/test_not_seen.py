"""Why a viewer is not seen between two frames in which they are; a real one who goes away or turns the back."""

import numpy as np
import pytest

from evoked.core.time_grid import ANNOTATION_FPS, TimeGrid
from evoked.core.track import Track
from evoked.faces.landmarks import BLENDSHAPES
from evoked.reactions.viewers.annotation import Annotation, Viewer
from evoked.reactions.viewers.face_detections import DetectionLog
from evoked.reactions.viewers.not_seen import NO_FACE, NO_PICTURE, UNREADABLE, not_seen_s, unreadable_s

HERE, ELSEWHERE = np.array([10, 10, 50, 60], np.float32), np.array([300, 10, 50, 60], np.float32)


def annotation(valid: list[int], faces: dict[int, tuple[np.ndarray, int]]) -> Annotation:
    """12 frames of v1, whose face number is 7, visible in `valid`; further detections: step → box, number."""
    grid = TimeGrid(ANNOTATION_FPS, 12)
    mask = np.isin(np.arange(12), valid)
    boxes = Track.masked(grid, ("x", "y", "width", "height"), np.tile(HERE, (12, 1)), mask)
    shapes = Track.masked(grid, BLENDSHAPES, np.zeros((12, len(BLENDSHAPES))), mask)
    log = DetectionLog()
    for step in valid:
        log.append(step, HERE, 7)
    for step, (box, number) in faces.items():
        log.append(step, box, number)
    return Annotation(
        grid,
        {"v1": Viewer(blendshapes=shapes, boxes=boxes, scores=shapes, poses=boxes)},
        0,
        0,
        0.0,
        detections=log.with_identities({7: "v1"}),
    )


def test_each_gap_has_its_reason() -> None:
    seen = annotation([2, 3, 4, 11], {5: (HERE, -1), 6: (HERE, -1), 7: (ELSEWHERE, -1), 8: (HERE, 9), 9: (HERE, 7)})

    assert not_seen_s(seen, "v1") == {
        UNREADABLE: pytest.approx(2 / 6),
        NO_FACE: pytest.approx(3 / 6),  # 7: somebody elsewhere; 8: another person; 10: nobody
        NO_PICTURE: pytest.approx(1 / 6),
    }
    assert unreadable_s(seen) == pytest.approx(3 / 6)


def test_who_is_always_seen_has_no_gaps() -> None:
    assert not_seen_s(annotation([3, 4, 5], {0: (HERE, -1)}), "v1") == {}
    with pytest.raises(KeyError):
        not_seen_s(annotation([3], {}), "v2")
