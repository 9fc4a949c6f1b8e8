"""Every face that was detected in a reaction, viewers or not: what a preview draws and blurs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["CONTENT_FACE", "UNNAMED", "DetectionLog", "FaceDetection"]

CONTENT_FACE = "film"
UNNAMED = ""
"""Names of people who are not viewers: people of the content; faces with a low score or visible too briefly."""

BLUR_MARGIN_FRAMES = 3
"""A face detected from one frame on may have been present since the full-frame detection before it."""


@dataclass(frozen=True, eq=False)
class FaceDetection:
    """A face at a frame.

    Attributes:
        step: the frame.
        box: x, y, width, height in pixels of the reaction.
        track: number of the track, from the face tracker; −1 where the face was not tracked.
        name: a viewer's, CONTENT_FACE, the kind of a face that was left out ("still", …), or UNNAMED.
    """

    step: int
    box: NDArray[np.float32]
    track: int
    name: str = UNNAMED


@dataclass(eq=False)
class DetectionLog:
    """Detections of all frames, about 150 bytes each; names are added when the video has been read.

    Attributes:
        at: step → the faces of that frame.
    """

    at: dict[int, list[FaceDetection]] = field(default_factory=dict)

    def append(self, step: int, box: NDArray[np.float32], track: int) -> None:
        """Add a face of a frame.

        Args:
            step: index of the frame (6 Hz).
            box: x, y, width, height in pixels of the reaction.
            track: number of the track; −1 where the face was not tracked.
        """
        self.at.setdefault(step, []).append(FaceDetection(step, box, track))

    def with_identities(self, names: Mapping[int, str]) -> "DetectionLog":
        """The same detections with the name of each track number; UNNAMED for numbers without one."""
        return DetectionLog(
            {
                step: [FaceDetection(s.step, s.box, s.track, names.get(s.track, UNNAMED)) for s in faces]
                for step, faces in self.at.items()
            }
        )

    def between(self, frame: float) -> list[FaceDetection]:
        """Faces at a fractional frame index, with boxes interpolated linearly between the two frames around it."""
        before, after = int(np.floor(frame)), int(np.floor(frame)) + 1
        later = {s.track: s for s in self.at.get(after, ()) if s.track >= 0}
        faces = []
        for face in self.at.get(before, ()):
            following = later.get(face.track, face)
            box = face.box + np.float32(frame - before) * (following.box - face.box)
            faces.append(FaceDetection(before, box, face.track, face.name))
        return faces

    def boxes_to_blur(self, frame: float) -> Iterator[NDArray[np.float32]]:
        """Boxes to blur at a fractional frame index: faces around it, and tracks that start or end nearby.

        A face is detected up to two frames after it appears (see faces/video_detector.py). It is therefore blurred
        from BLUR_MARGIN_FRAMES frames before its first detection to as many frames after its last.
        """
        before = int(np.floor(frame))
        close = [s for step in (before, before + 1) for s in self.at.get(step, ())]
        yield from (s.box for s in close)
        present = {s.track for s in close if s.track >= 0}
        for step in range(before - BLUR_MARGIN_FRAMES, before + 2 + BLUR_MARGIN_FRAMES):
            yield from (
                s.box for s in self.at.get(step, ()) if step not in (before, before + 1) and s.track not in present
            )
