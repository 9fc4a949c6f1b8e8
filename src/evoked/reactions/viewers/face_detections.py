"""Every face that was detected in a reaction, a viewer's or not: what a preview draws and blurs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["CONTENT_FACE", "UNNAMED", "DetectionLog", "FaceDetection"]

CONTENT_FACE = "film"
UNNAMED = ""
"""Names of those who are no viewers: the content's own people, and faces that were unsure or seen too briefly."""

BLUR_MARGIN_FRAMES = (
    3  # frames: a face found from one frame on may have been there since the full-frame detection before
)


@dataclass(frozen=True, eq=False)
class FaceDetection:
    """A face at a frame.

    Attributes:
        step: the frame.
        box: x, y, width, height in pixels of the reaction.
        track: number of the person as the tracker gave it; −1 where the face was not tracked.
        name: a viewer's, CONTENT_FACE, or UNNAMED.
    """

    step: int
    box: NDArray[np.float32]
    track: int
    name: str = UNNAMED


@dataclass(eq=False)
class DetectionLog:
    """Collected frame by frame, some 150 bytes a face; named when all is seen.

    Attributes:
        at: step → the faces of that frame.
    """

    at: dict[int, list[FaceDetection]] = field(default_factory=dict)

    def append(self, step: int, box: NDArray[np.float32], track: int) -> None:
        """A face of a frame."""
        self.at.setdefault(step, []).append(FaceDetection(step, box, track))

    def with_identities(self, names: Mapping[int, str]) -> "DetectionLog":
        """The same, with the name of each number; UNNAMED for numbers that have none."""
        return DetectionLog(
            {
                step: [FaceDetection(s.step, s.box, s.track, names.get(s.track, UNNAMED)) for s in faces]
                for step, faces in self.at.items()
            }
        )

    def between(self, frame: float) -> list[FaceDetection]:
        """Whom to draw at a moment, in frames: where each is, moved evenly from one frame to the next."""
        before, after = int(np.floor(frame)), int(np.floor(frame)) + 1
        later = {s.track: s for s in self.at.get(after, ()) if s.track >= 0}
        out = []
        for one in self.at.get(before, ()):
            other = later.get(one.track, one)
            box = one.box + np.float32(frame - before) * (other.box - one.box)
            out.append(FaceDetection(before, box, one.track, one.name))
        return out

    def boxes_to_blur(self, frame: float) -> Iterator[NDArray[np.float32]]:
        """Boxes to hide at a moment: of the frame before and after it, and of people who just came or went.

        A face is found up to two frames after it came (see faces/video_detector.py), so that it is hidden for
        BLUR_MARGIN_FRAMES frames before it is first seen, and as long after it is last seen.
        """
        before = int(np.floor(frame))
        close = [s for step in (before, before + 1) for s in self.at.get(step, ())]
        yield from (s.box for s in close)
        here = {s.track for s in close if s.track >= 0}
        for step in range(before - BLUR_MARGIN_FRAMES, before + 2 + BLUR_MARGIN_FRAMES):
            yield from (
                s.box for s in self.at.get(step, ()) if step not in (before, before + 1) and s.track not in here
            )
