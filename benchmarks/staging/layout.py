"""Where the film and one or two viewers stand in the frame of a grid's recording.

Given for a frame of 640x360, and multiplied where it is larger. Boxes are even, as 4:2:0 pictures want them.
"""

from dataclasses import dataclass

from evoked.sample.source_clips import VIEWERS, Box
from staging.conditions import Condition

FRAME = (640, 360)
MARGIN = 8
CORNER = (240, 180)  # a viewer in a corner; of two each has a corner at the same side
PANE = (320, 240)  # each of two viewers above an inset film


@dataclass(frozen=True)
class Scene:
    """Boxes x, y, width, height in pixels of the frame.

    Attributes:
        frame: width and height.
        film: where the film is shown; None where it is only heard.
        seats: where each viewer is shown.
        film_on_top: whether the film lies over the viewers.
    """

    frame: tuple[int, int]
    film: Box | None
    seats: tuple[Box, ...]
    film_on_top: bool


def scene(condition: Condition, viewers: tuple[str, ...], place: int, scale: int) -> Scene:
    """The boxes of a condition.

    Args:
        condition: layout, and whether the viewers are mirrored.
        viewers: one or two names.
        place: 0 … 3, chooses the corner or the side.
        scale: pixels per pixel of FRAME.
    """
    make = {"corner": _corner, "side": _side, "inset": _inset, "unseen": _unseen}[condition.layout]
    film, seats, on_top = make(viewers, place, condition.viewer_mirrored)
    return Scene(
        (FRAME[0] * scale, FRAME[1] * scale),
        _times(film, scale) if film else None,
        tuple(_times(seat, scale) for seat in seats),
        on_top,
    )


Boxes = tuple[Box | None, list[Box], bool]


def _corner(viewers: tuple[str, ...], place: int, _: bool) -> Boxes:
    w, h = CORNER if len(viewers) == 1 else (200, 160)
    left, right = MARGIN, FRAME[0] - w - MARGIN
    y = MARGIN if place < 2 else FRAME[1] - h - MARGIN
    xs = (left, right) if place % 2 == 0 else (right, left)
    return (0, 0, *FRAME), [(x, y, w, h) for x, _ in zip(xs, viewers, strict=False)], False


def _side(viewers: tuple[str, ...], place: int, _: bool) -> Boxes:
    film_w, film_h = 400, 224
    film_x, seat_x = (0, film_w + 8) if place % 2 == 0 else (FRAME[0] - film_w, 8)
    size = (224, 224) if len(viewers) == 1 else (224, 176)
    ys = [68] if len(viewers) == 1 else [2, 182]
    return (film_x, 68, film_w, film_h), [(seat_x, y, *size) for y in ys], False


def _inset(viewers: tuple[str, ...], place: int, mirrored: bool) -> Boxes:
    if len(viewers) == 2:
        return (200, 242, 208, 116), [(0, 0, *PANE), (PANE[0], 0, *PANE)], True
    viewer = VIEWERS[viewers[0]]
    x, _, w, _ = viewer.person(FRAME[0] / FRAME[1])
    left = (viewer.face[0] - x) * FRAME[0] / w  # room beside the face
    right = FRAME[0] - left - viewer.face[2] * FRAME[0] / w
    width = min(264, int(max(left, right) - 2 * MARGIN) // 16 * 16)
    at_left = (left > right) != mirrored
    film_x = MARGIN if at_left else FRAME[0] - width - MARGIN
    return (film_x, MARGIN, width, width * 9 // 16 // 2 * 2), [(0, 0, *FRAME)], True


def _unseen(viewers: tuple[str, ...], place: int, _: bool) -> Boxes:
    width = FRAME[0] // len(viewers)
    return None, [(i * width, 0, width, FRAME[1]) for i in range(len(viewers))], False


def _times(box: Box, scale: int) -> Box:
    x, y, w, h = box
    return x * scale, y * scale, w * scale, h * scale
