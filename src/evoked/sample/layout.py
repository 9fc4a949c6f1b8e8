"""Where the content and the viewer are in a reaction's frame.

Three common layouts of reaction videos: the viewer in a corner of the content, the two side by side,
and the viewer filling the frame with the content inset. Boxes are even, as 4:2:0 video requires.
"""

from dataclasses import dataclass

from evoked.sample.source_clips import Box, ViewerClip

__all__ = ["CORNER_BOXES", "FACE_MIN_PX", "FRAME", "MARGIN", "Layout", "corner", "inset", "side"]

FRAME = (1280, 720)
MARGIN = 16
FACE_MIN_PX = 90  # narrower faces are too small for a mesh of 478 points
CORNERS = ("top left", "top right", "bottom left", "bottom right")
CORNER_BOXES = ((320, 240), (384, 288), (272, 272), (448, 252), (352, 288))


@dataclass(frozen=True)
class Layout:
    """The boxes of content and viewer: x, y, width, height in pixels of the frame.

    Attributes:
        kind: "corner", "side" or "inset".
        content: the content's box.
        viewer: the viewer's box.
        over: which of the two is on top where they overlap: "content" or "viewer".
    """

    kind: str
    content: Box
    viewer: Box
    over: str


def corner(viewer: ViewerClip, place: int, box: int) -> Layout:
    """The content fills the frame, the viewer is in a corner.

    Args:
        viewer: who is shown.
        place: which corner, an index of CORNERS (modulo their number).
        box: which of CORNER_BOXES is tried first; the first that makes the face wide enough is used.

    Returns:
        The layout.

    Raises:
        ValueError: if the viewer's face is narrower than FACE_MIN_PX in every box.
    """
    sizes = CORNER_BOXES[box % len(CORNER_BOXES) :] + CORNER_BOXES[: box % len(CORNER_BOXES)]
    for size in sizes:
        if viewer.face_width(size) >= FACE_MIN_PX:
            x, y = _at(CORNERS[place % len(CORNERS)], size)
            return Layout("corner", (0, 0, *FRAME), (x, y, *size), "viewer")
    raise ValueError(f"the face of viewer {viewer.name!r} is narrower than {FACE_MIN_PX} px in every corner box")


def side(viewer_left: bool) -> Layout:
    """Content and viewer side by side on black."""
    content, person = (800, 450), (448, 448)
    content_x = FRAME[0] - content[0] if viewer_left else 0
    person_x = 8 if viewer_left else FRAME[0] - person[0] - 8
    return Layout(
        "side",
        (content_x, (FRAME[1] - content[1]) // 4 * 2, *content),
        (person_x, (FRAME[1] - person[1]) // 4 * 2, *person),
        "viewer",
    )


def inset(viewer: ViewerClip) -> Layout:
    """The viewer fills the frame, the content is inset at the top of the side away from the face.

    Raises:
        ValueError: if the space beside the face is narrower than a third of the frame.
    """
    x, _, w, _ = viewer.person(FRAME[0] / FRAME[1])
    scale = FRAME[0] / w
    left = (viewer.face[0] - x) * scale  # space left of the face, pixels of the frame
    right = FRAME[0] - (viewer.face[0] + viewer.face[2] - x) * scale
    space = max(left, right) - 3 * MARGIN
    width = min(528, int(space) // 16 * 16)
    if width < FRAME[0] // 3:
        raise ValueError(f"viewer {viewer.name!r} leaves {space:.0f} px beside the face: no space for the content")
    size = (width, width * 9 // 16 // 2 * 2)
    place = "top left" if left > right else "top right"
    return Layout("inset", (*_at(place, size), *size), (0, 0, *FRAME), "content")


def _at(place: str, size: tuple[int, int]) -> tuple[int, int]:
    x = MARGIN if "left" in place else FRAME[0] - size[0] - MARGIN
    y = MARGIN if "top" in place else FRAME[1] - size[1] - MARGIN
    return x, y
