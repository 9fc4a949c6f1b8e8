"""Faces in a recording that are no viewers: a poster on the wall behind a viewer, and a viewer shown a second time.

A poster stands in the viewer's own picture, beside the face, and moves with that picture where the camera moves. A copy
is the viewer's picture once more, smaller, in a corner of the frame.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.faces.detect import FaceDetector
from evoked.media.images import read_image, resize
from evoked.sample.plan import NEUTRAL
from evoked.sample.source_clips import VIEWERS, Box
from staging.conditions import Condition
from staging.face_placement import Boxes, Placed
from staging.layout import Scene

Rgb = NDArray[np.uint8]
POSTERS = ("0-f1-su-ph.jpg", "0-f15-hao-ph.jpg", "15-f13-anc-ph.jpg", "45-m7-di-ph.jpg")
POSTER_CROP: Box = (28, 84, 400, 400)  # of these pictures, 512x512: the face fills some .7 of it
ROOM, TALL = 0.85, 0.45  # a poster's side: at most these shares of the room beside the face, of the seat's height
COPIES = (0.45, 0.4, 0.35, 0.3)  # a copy's share of the seat: the first that hides at most HIDES of a face
COPY_FACE, HIDES = 40, 0.08  # the least width of a copy's face at a frame of 640x360
SWAY = 0.03  # of the seat's height: how far a camera in the hand moves


@dataclass(frozen=True)
class FalseFace:
    """A face that is no viewer.

    Attributes:
        kind: "poster" or "copy".
        source: name of the picture; "" for a copy.
        viewer: number of the viewer in whose picture the poster is, or who is copied.
        box: pixels of the frame.
        mirrored: whether a copy is turned over against the viewer it is of.
    """

    kind: str
    source: str
    viewer: int
    box: Box
    mirrored: bool = False

    def placed(self, seat: Placed) -> Placed:
        """From the poster's picture, or from the viewer's clip, into the frame; `seat` is where the viewer is put."""
        if self.kind == "poster":
            return Placed(POSTER_CROP, self.box, False)
        return Placed(seat.crop, self.box, seat.mirrored != self.mirrored)


def plan_false_face(
    condition: Condition, viewers: Sequence[str], scene: Scene, seats: Sequence[Placed], seed: int
) -> FalseFace | None:
    """The face of a condition that is no viewer; None where there is none.

    Args:
        condition: its `false_viewer`, and the layout.
        viewers: names.
        scene: boxes of film and viewers.
        seats: where each viewer is put.
        seed: chooses the poster.
    """
    faces = [seat.box([float(v) for v in VIEWERS[name].face]) for name, seat in zip(viewers, seats, strict=True)]
    if condition.false_viewer in ("poster", "poster, camera moves"):
        tall = max(seat.seat[3] for seat in seats)
        margin = 2 if condition.false_viewer == "poster" else round(2 * SWAY * tall)
        return _poster(scene, seats, faces, POSTERS[seed % len(POSTERS)], margin)
    if condition.false_viewer in ("copy", "mirrored copy"):
        return _copy(scene, seats, faces, condition.false_viewer == "mirrored copy")
    return None


def sway(condition: Condition, tick: int, tall: int) -> tuple[int, int]:
    """By how many pixels, across and down, a viewer's picture is moved by the camera in a hand.

    Args:
        condition: whether the camera moves.
        tick: frame of the recording.
        tall: height of the viewer's seat, pixels.
    """
    if condition.false_viewer != "poster, camera moves":
        return 0, 0
    across = np.sin(tick / 11) + 0.6 * np.sin(tick / 4.3 + 1)
    down = np.sin(tick / 13 + 2) + 0.6 * np.sin(tick / 5.1)
    return round(SWAY * tall * across), round(SWAY * tall * down)


def moved(rgb: Rgb, by: tuple[int, int]) -> Rgb:
    """A picture moved to the right and down; what comes in at the edges is the edge."""
    (dx, dy), (height, width) = by, rgb.shape[:2]
    rows, columns = (np.clip(np.arange(n) - d, 0, n - 1) for n, d in ((height, dy), (width, dx)))
    return rgb[rows][:, columns]


def poster_boxes(pictures: Mapping[str, Path], detect: FaceDetector) -> Boxes:
    """The box of the face of each poster's picture."""
    out: Boxes = {}
    for name, path in pictures.items():
        out[name] = {NEUTRAL: [[round(float(v), 2) for v in detect(read_image(path))[0].box]]}
    return out


def poster(picture: Path, size: tuple[int, int]) -> Rgb:
    """A poster's picture, as large as it hangs there."""
    x, y, w, h = POSTER_CROP
    return resize(np.ascontiguousarray(read_image(picture)[y : y + h, x : x + w]), size)


def _poster(scene: Scene, seats: Sequence[Placed], faces: Sequence[list[float]], source: str, margin: int) -> FalseFace:
    """Beside the face that has most room, at the top; under a film that lies there, at the bottom."""
    rooms = []
    for number, (seat, face) in enumerate(zip(seats, faces, strict=True)):
        x, _, w, _ = seat.seat
        rooms += [(face[0] - x, number, True), (x + w - face[0] - face[2], number, False)]
    room, number, at_left = max(rooms)
    x, y, w, h = seats[number].seat
    side = int(min(ROOM * room - margin, TALL * h)) // 2 * 2
    left = x + margin if at_left else x + w - side - margin
    box = (left, y + margin, side, side)
    if scene.film and scene.film_on_top and _share(box, scene.film) > 0:
        box = (left, y + h - side - margin, side, side)
    return FalseFace("poster", source, number, box)


def _copy(scene: Scene, seats: Sequence[Placed], faces: Sequence[list[float]], mirrored: bool) -> FalseFace:
    """In the corner of the frame where it hides least of the faces and seats; smaller where it would hide a face."""
    whole: list[Box] = [(round(x), round(y), round(w), round(h)) for x, y, w, h in faces]
    least = COPY_FACE * scene.frame[1] / 360 / faces[0][2]
    for share in COPIES:
        share = min(0.9, max(share, least))
        w, h = (int(share * v) // 2 * 2 for v in seats[0].seat[2:])
        w, h = min(w, scene.frame[0] // 3 // 2 * 2), min(h, round(h * min(1.0, scene.frame[0] / 3 / w)) // 2 * 2)
        corners = [(x, y, w, h) for x in (4, scene.frame[0] - w - 4) for y in (4, scene.frame[1] - h - 4)]
        hidden = {box: max(_share(face, box) for face in whole) for box in corners}
        seated = {
            c: sum(_share(c, s.seat) for s in seats) + (_share(c, scene.film) if scene.film else 0) for c in corners
        }
        box = min(corners, key=lambda corner: (hidden[corner], seated[corner]))
        if hidden[box] <= HIDES:
            break
    return FalseFace("copy", "", 0, box, mirrored)


def _share(box: Box, over: Box) -> float:
    """Share of a box that another covers."""
    w = min(box[0] + box[2], over[0] + over[2]) - max(box[0], over[0])
    h = min(box[1] + box[3], over[1] + over[3]) - max(box[1], over[1])
    return max(0, w) * max(0, h) / (box[2] * box[3])
