"""Every face that was found in a reaction, whoever's it is: what a preview draws and blurs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

FILM = "film"
NOBODY = ""
"""Names of those who are no viewers: the film's own people, and faces that were unsure or seen too briefly."""

AROUND = 3  # ticks: a face found from one tick on may have been there since the whole look before


@dataclass(frozen=True, eq=False)
class FaceDetection:
    """A face at a tick.

    Attributes:
        step: the tick.
        box: x, y, width, height in pixels of the reaction.
        who: number of the person as the follower gave it; −1 where the face was not followed.
        name: a viewer's, FILM, or NOBODY.
    """

    step: int
    box: NDArray[np.float32]
    who: int
    name: str = NOBODY


@dataclass(eq=False)
class DetectionLog:
    """Noted tick by tick, some 150 bytes a face; named when all is seen.

    Attributes:
        at: step → the faces of that tick.
    """

    at: dict[int, list[FaceDetection]] = field(default_factory=dict)

    def note(self, step: int, box: NDArray[np.float32], who: int) -> None:
        """A face of a tick."""
        self.at.setdefault(step, []).append(FaceDetection(step, box, who))

    def named(self, names: Mapping[int, str]) -> "DetectionLog":
        """The same, with the name of each number; NOBODY for numbers that have none."""
        return DetectionLog(
            {
                step: [FaceDetection(s.step, s.box, s.who, names.get(s.who, NOBODY)) for s in faces]
                for step, faces in self.at.items()
            }
        )

    def between(self, tick: float) -> list[FaceDetection]:
        """Whom to draw at a moment, in ticks: where each is, moved evenly from one tick to the next."""
        before, after = int(np.floor(tick)), int(np.floor(tick)) + 1
        later = {s.who: s for s in self.at.get(after, ()) if s.who >= 0}
        out = []
        for one in self.at.get(before, ()):
            other = later.get(one.who, one)
            box = one.box + np.float32(tick - before) * (other.box - one.box)
            out.append(FaceDetection(before, box, one.who, one.name))
        return out

    def hidden(self, tick: float) -> Iterator[NDArray[np.float32]]:
        """Boxes to hide at a moment: of the tick before and after it, and of people who just came or went.

        A face is found up to two ticks after it came (see faces/video_detector.py), so that it is hidden for AROUND
        ticks before it is first seen, and as long after it is last seen.
        """
        before = int(np.floor(tick))
        close = [s for step in (before, before + 1) for s in self.at.get(step, ())]
        yield from (s.box for s in close)
        here = {s.who for s in close if s.who >= 0}
        for step in range(before - AROUND, before + 2 + AROUND):
            yield from (s.box for s in self.at.get(step, ()) if step not in (before, before + 1) and s.who not in here)
