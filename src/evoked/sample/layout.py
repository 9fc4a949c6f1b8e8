"""Where the content and the viewer are in a reaction's frame.

Three ways that reaction videos are cut: the viewer in a corner of the film, the two side by side,
and the viewer filling the frame with the film inset. Boxes are even, as 4:2:0 pictures want them.
"""

from dataclasses import dataclass

from evoked.sample.source_clips import Box, ViewerClip

__all__ = ["CORNER_BOXES", "FACE_MIN_PX", "FRAME", "MARGIN", "Layout", "corner", "inset", "side"]

FRAME = (1280, 720)
MARGIN = 16
FACE_MIN_PX = 90  # narrower faces are no fair trial for a mesh of 478 points
CORNERS = ("top left", "top right", "bottom left", "bottom right")
CORNER_BOXES = ((320, 240), (384, 288), (272, 272), (448, 252), (352, 288))


@dataclass(frozen=True)
class Layout:
    """What is where: boxes x, y, width, height in pixels of the frame.

    Attributes:
        kind: "corner", "side" or "inset".
        film: where the film is shown.
        viewer: where the viewer is shown.
        over: which of the two lies on top where they meet: "film" or "viewer".
    """

    kind: str
    film: Box
    viewer: Box
    over: str


def corner(viewer: ViewerClip, place: int, box: int) -> Layout:
    """The film fills the frame, the viewer sits in a corner; `box` picks the nearest size that is wide enough.

    Raises:
        ValueError: if in no size the viewer's face would be FACE_MIN_PX wide.
    """
    order = CORNER_BOXES[box % len(CORNER_BOXES) :] + CORNER_BOXES[: box % len(CORNER_BOXES)]
    for size in order:
        if viewer.face_width(size) >= FACE_MIN_PX:
            x, y = _at(CORNERS[place % len(CORNERS)], size)
            return Layout("corner", (0, 0, *FRAME), (x, y, *size), "viewer")
    raise ValueError(f"the face of viewer {viewer.name!r} is narrower than {FACE_MIN_PX} px in every corner box")


def side(viewer_left: bool) -> Layout:
    """Film and viewer side by side on black."""
    film, person = (800, 450), (448, 448)
    film_x = FRAME[0] - film[0] if viewer_left else 0
    person_x = 8 if viewer_left else FRAME[0] - person[0] - 8
    return Layout(
        "side",
        (film_x, (FRAME[1] - film[1]) // 4 * 2, *film),
        (person_x, (FRAME[1] - person[1]) // 4 * 2, *person),
        "viewer",
    )


def inset(viewer: ViewerClip) -> Layout:
    """The viewer fills the frame, the film is inset at the top of the side away from the face.

    Raises:
        ValueError: if there is no room beside the face for a film of a third of the frame's width.
    """
    x, _, w, _ = viewer.person(FRAME[0] / FRAME[1])
    scale = FRAME[0] / w
    left = (viewer.face[0] - x) * scale  # room left of the face, pixels of the frame
    right = FRAME[0] - (viewer.face[0] + viewer.face[2] - x) * scale
    room = max(left, right) - 3 * MARGIN
    width = min(528, int(room) // 16 * 16)
    if width < FRAME[0] // 3:
        raise ValueError(f"viewer {viewer.name!r} leaves {room:.0f} px beside the face: no room for the film")
    size = (width, width * 9 // 16 // 2 * 2)
    place = "top left" if left > right else "top right"
    return Layout("inset", (*_at(place, size), *size), (0, 0, *FRAME), "film")


def _at(place: str, size: tuple[int, int]) -> tuple[int, int]:
    x = MARGIN if "left" in place else FRAME[0] - size[0] - MARGIN
    y = MARGIN if "top" in place else FRAME[1] - size[1] - MARGIN
    return x, y
