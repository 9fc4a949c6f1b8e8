"""Whether a recording lies on its side or stands on its head, although the file does not say so.

Neither the detector's five points nor the mesh tell: both see an upright face in one that is upside down. The
detector's score does: on 18 faces it is .90 to .95 upright, and at most .89 at any other quarter turn, at least .03
below the same face upright. So where no face of a frame is certain, the frame is searched at the other three turns as
well; certain upright faces settle the matter without any search.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from evoked.core.damage import Damage
from evoked.faces.detect import Face, FaceDetector

__all__ = ["TURNS", "TurnCheck", "perhaps_turned", "turned_damage"]

TURNS = (90, 180, 270)
CERTAIN = 0.9  # score of a face from which it is upright
LEAST = {0: 0.7, 90: 0.85, 180: 0.85, 270: 0.85}
"""Least score of a face by which a frame votes: things are taken for faces at .6 to .8 in any direction."""
MARGIN = 0.03  # that its score is above those of the other turns
VOTES, SHARE = 4, 0.8  # that settle it: so many, and such a share of all
FEW = 2  # votes that are enough at the end of a short recording
INTERVAL, GROWTH = 3, 1.25  # frames from one search to the next; longer each time that no turn shows a face


class TurnCheck:
    """Votes of the frames of one recording on how it is turned.

    Args:
        detector: finds faces in an image.

    Attributes:
        votes: degrees by which the recording must be turned clockwise → number of frames that say so.
        settled: whether the matter is decided; further frames are not looked at.
    """

    def __init__(self, detector: FaceDetector) -> None:
        self._detector = detector
        self.votes = dict.fromkeys((0, *TURNS), 0)
        self.settled = False
        self._next, self._interval = 0, float(INTERVAL)

    def look(self, step: int, rgb: NDArray[np.uint8], faces: list[Face]) -> int:
        """Look at the next frame.

        Args:
            step: index of the frame.
            rgb: its pixels, (height, width, 3).
            faces: that were found in it as it is.

        Returns:
            Degrees by which the recording must be turned clockwise, once that is decided; else 0.
        """
        if self.settled or step < self._next:
            return 0
        scores = {0: max((face.score for face in faces), default=0.0)}
        if scores[0] < CERTAIN:
            scores |= {degrees: self._best(rgb, degrees) for degrees in TURNS}
        best = max(scores, key=lambda degrees: scores[degrees])
        second = max((score for degrees, score in scores.items() if degrees != best), default=0.0)
        shows_face = scores[best] >= LEAST[best]
        if shows_face and scores[best] - second >= MARGIN:
            self.votes[best] += 1
        self._interval = INTERVAL if shows_face else self._interval * GROWTH
        self._next = step + round(self._interval)
        return self._decided(VOTES)

    def end(self) -> int:
        """No more frames: as `look`, with fewer votes, as a short recording has."""
        return 0 if self.settled else self._decided(FEW)

    @property
    def undecided(self) -> dict[int, int]:
        """The votes, where some say that it is turned and fewer that it is not, but too few to settle it; else none."""
        turned = max(self.votes[degrees] for degrees in TURNS)
        return {} if self.settled or turned <= self.votes[0] else self.votes

    def _decided(self, least: int) -> int:
        best = max(self.votes, key=lambda degrees: self.votes[degrees])
        self.settled = self.votes[best] >= max(least, SHARE * sum(self.votes.values()))
        return best if self.settled else 0

    def _best(self, rgb: NDArray[np.uint8], degrees: int) -> float:
        turned = np.ascontiguousarray(np.rot90(rgb, -degrees // 90))
        return max((face.score for face in self._detector(turned)), default=0.0)


def turned_damage(degrees: int, why: str) -> tuple[Damage, ...]:
    """What to tell of a recording that was turned as a whole.

    Args:
        degrees: clockwise; 0: it was not turned.
        why: the reason, for people.

    Returns:
        One entry, or none.
    """
    if not degrees:
        return ()
    return (Damage("turned", f"picture: turned by {degrees}° clockwise, {why}"),)


def perhaps_turned(votes: Mapping[int, int]) -> tuple[Damage, ...]:
    """What to tell of a recording that may be turned, from the votes of a TurnCheck that settled nothing."""
    if not votes:
        return ()
    best = max(votes, key=lambda degrees: votes[degrees])
    frames = f"{votes[best]} of {sum(votes.values())} frames with faces show them upright when turned by {best}°"
    return (Damage("perhaps_turned", f"picture: {frames}; it is used as it is: see --rotate"),)
