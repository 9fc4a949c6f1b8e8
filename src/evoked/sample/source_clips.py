"""The viewers' clips: spans of real videos that show a smile, a neutral face, and no face.

Determined by inspection of the frames and by the blendshapes of the face landmarker (mean of mouthSmile left
and right), 2026-11:

man     single_face.mp4: 0.00-0.55 s mouthSmile 0.00; 0.75-2.25 s 0.85-0.89, teeth visible. Same take as
        in face_noface.mov and noface_face.mov.
woman   WolfgangLanger_Pexels.mp4: solemn with open eyes 6.80-9.25 s, 0.00-0.02 (one hand at her chin; the face
        is detected with 0.93 and above). Before 6 s she weeps with closed eyes and drawn lips, which scores as a
        smile (up to 0.93): not used. Laughs 12.75-18.25 s, 0.65-0.92. 11.4-12.1 s she speaks, 0.2: not used.
talker  carphone_pristine.mp4: talks for 4.0 s, 0.00-0.10 throughout, and never smiles.

"No face" is a still wall or window beside the person in the same footage: the chair is empty.
"""

from dataclasses import dataclass

__all__ = ["MAN", "SOURCE_VIDEO", "TALKER", "VIEWERS", "WOMAN", "Box", "ViewerClip"]

Box = tuple[int, int, int, int]  # x, y, width, height in pixels


@dataclass(frozen=True)
class ViewerClip:
    """A clip of one real person, with spans and boxes.

    Attributes:
        name: as used in file names and in truth.json.
        clip: name in the catalogue of clips.
        size: width and height of the clip's frames as stored, pixels; the pixels of TALKER's are not square.
        face: typical box of the face in the clip, pixels.
        tall: height of the crop that shows the person, pixels.
        neutral_s: first and past-last second of the neutral face.
        smile_s: the same for the smile; None where the person never smiles.
        empty: an area of the frame that the person never enters.
    """

    name: str
    clip: str
    size: tuple[int, int]
    face: Box
    tall: int
    neutral_s: tuple[float, float]
    smile_s: tuple[float, float] | None
    empty: Box

    def person(self, aspect: float) -> Box:
        """The crop with this aspect ratio (width / height) around the face, inside the frame."""
        return _within(self.size, self.face, self.tall, aspect)

    def nobody(self, aspect: float) -> Box:
        """The largest crop with this aspect ratio (width / height) inside the empty area."""
        x, y, w, h = self.empty
        width = min(w, round(h * aspect))
        return x, y, width, min(h, max(1, round(width / aspect)))

    def face_width(self, box: tuple[int, int]) -> float:
        """Width of the face in pixels when the person is shown in a box of this width and height."""
        return self.face[2] * box[1] / self.person(box[0] / box[1])[3]


MAN = ViewerClip(
    "man", "single_face.mp4", (640, 360), (218, 74, 148, 220), 340, (0.0, 0.55), (0.75, 2.25), (0, 0, 204, 260)
)
WOMAN = ViewerClip(
    "woman",
    "WolfgangLanger_Pexels.mp4",
    (640, 360),
    (335, 25, 212, 300),
    360,
    (6.8, 9.25),
    (12.75, 18.25),
    (0, 0, 240, 360),
)
TALKER = ViewerClip(
    "talker", "carphone_pristine.mp4", (176, 144), (48, 32, 50, 64), 144, (0.0, 3.95), None, (126, 0, 50, 84)
)

VIEWERS: dict[str, ViewerClip] = {viewer.name: viewer for viewer in (MAN, WOMAN, TALKER)}
SOURCE_VIDEO = "bbb.mp4"


def _within(size: tuple[int, int], face: Box, tall: int, aspect: float) -> Box:
    width, height = size
    h = min(tall, height, int(width / aspect))
    w = min(width, round(h * aspect))
    x = min(max(0, round(face[0] + face[2] / 2 - w / 2)), width - w)
    y = min(max(0, round(face[1] + face[3] / 2 - h / 2)), height - h)
    return x, y, w, h
